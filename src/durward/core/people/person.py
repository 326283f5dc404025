"""A person, and the class of people whom a policy can distinguish only by their ids."""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Self

import msgspec

from durward.core.difference import printable
from durward.core.people.identifier import (
    IdentifierKind,
    canonical,
    canonical_email,
    mixes_scripts,
)
from durward.core.values import Instant, TenantId, UserId

OWN_PREFIX: Final = "p_"
"""The prefix of generated ids: no client may have it (AS-32)."""
ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,127}\Z")
"""The form of a declared id."""
MAX_TEXT: Final = 200
"""The maximum length of a name of a person or a group."""
HIDDEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line separators and marks that change the direction of text."""
LOCALE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}\Z")
"""A language tag (RFC 5646 §2.1), without private use."""
MAX_IDENTIFIERS: Final = 20
"""The maximum number of login names and addresses of one person."""
MAX_GROUPS: Final = 100
"""The maximum number of groups of one person: each token names all of them."""


@dataclass(frozen=True, slots=True)
class Email:
    """An address as written; a verified one signs its person in."""

    address: str
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Entitlements:
    """What policies read of a person beside the id; people with equal ones are one class."""

    tenant: TenantId
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    boundary: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        tenant: str,
        roles: Iterable[str] = (),
        groups: Iterable[str] = (),
        policies: Iterable[str] = (),
        boundary: Iterable[str] = (),
    ) -> Self:
        """The entitlements with each name once, sorted: the order of lists has no meaning."""
        listed = (tuple(sorted(set(names))) for names in (roles, groups, policies, boundary))
        return cls(TenantId(tenant), *listed)

    @property
    def key(self) -> str:
        """The name of the class: a hash of its entitlements."""
        digest = hashlib.sha256(msgspec.json.encode(self)).digest()
        return base64.b32encode(digest[:20]).decode().lower()


@dataclass(frozen=True, slots=True)
class PeopleClass:
    """People with the same entitlements, and one of them."""

    entitlements: Entitlements
    at_least: int
    """The number of people in it, counted up to the number that is checked one by one."""
    example: UserId


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can sign in. `id` is the subject of their tokens; it is never given again."""

    id: UserId
    entitlements: Entitlements
    logins: tuple[str, ...] = ()
    emails: tuple[Email, ...] = ()
    name: str = ""
    locale: str = ""
    disabled: bool = False
    declared: str | None = None
    """The name in the file that declares the person; None if no file manages the person."""
    made_at: Instant = field(default=Instant(0), compare=False)
    made_by: str = field(default="", compare=False)
    changed_at: Instant = field(default=Instant(0), compare=False)
    revision: int = field(default=0, compare=False)
    """It grows with each change."""

    @property
    def class_key(self) -> str:
        """The name of their class."""
        return self.entitlements.key

    @property
    def tenant(self) -> TenantId:
        """The home tenant."""
        return self.entitlements.tenant

    @property
    def roles(self) -> tuple[str, ...]:
        """The names of their roles."""
        return self.entitlements.roles

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that they are in."""
        return self.entitlements.groups

    @property
    def policies(self) -> tuple[str, ...]:
        """The names of their own policies."""
        return self.entitlements.policies

    @property
    def boundary(self) -> tuple[str, ...]:
        """The names of the policies of their boundary."""
        return self.entitlements.boundary

    @property
    def email(self) -> str:
        """The first address; empty where there is none."""
        return self.emails[0].address if self.emails else ""

    @property
    def email_verified(self) -> bool:
        """Whether the first address was verified."""
        return bool(self.emails) and self.emails[0].verified

    @property
    def login(self) -> str:
        """The display name: the first login name, else the address, else the id."""
        return next(iter(self.logins), "") or self.email or self.id

    def identifiers(self) -> Iterator["Identifier"]:
        """Their login names and addresses. Raises ValueError for one without a canonical form."""
        for spelled in self.logins:
            yield Identifier(IdentifierKind.LOGIN, canonical(spelled), spelled, verified=True)
        for email in self.emails:
            form = canonical_email(email.address)
            yield Identifier(IdentifierKind.EMAIL, form, email.address, verified=email.verified)

    def problems(self) -> Iterator[str]:
        """The problems of the person alone, without regard to other declarations and people."""
        if not ID.match(self.id):
            yield "an id is made of letters, digits, `_.@+-`"
        if len(self.logins) + len(self.emails) > MAX_IDENTIFIERS:
            yield f"more than {MAX_IDENTIFIERS} login names and addresses"
        if len(self.groups) > MAX_GROUPS:
            yield f"in more than {MAX_GROUPS} groups"
        yield from self._problems_of_texts()
        yield from self._problems_of_identifiers()

    def _problems_of_texts(self) -> Iterator[str]:
        for what, text in (("name", self.name), *(("group", group) for group in self.groups)):
            yield from text_problems(what, text)
        if "" in self.groups:
            yield "a group without a name"
        if self.locale and not LOCALE.match(self.locale):
            yield "the locale is not a language tag, such as `de-CH`"

    def _problems_of_identifiers(self) -> Iterator[str]:
        try:
            found = list(self.identifiers())
        except ValueError as error:
            yield printable(str(error))
            return
        for each in found:
            if mixes_scripts(each.spelled):
                yield f"`{each.spelled}` has letters of two scripts that look alike"
        forms = [(each.kind, each.canonical) for each in found]
        if len(set(forms)) < len(forms):
            yield "a login name or an address occurs twice"


def text_problems(what: str, text: str) -> Iterator[str]:
    """Why a text is not a valid name."""
    if len(text) > MAX_TEXT:
        yield f"a {what} of more than {MAX_TEXT} characters"
    if HIDDEN.search(text):
        yield f"a {what} with a control character"


@dataclass(frozen=True, slots=True)
class Identifier:
    """A login name or an address, in both forms."""

    kind: IdentifierKind
    canonical: str
    spelled: str
    verified: bool
    """Of an address: whether it was verified. A login name always counts as verified."""

    @property
    def signs_in(self) -> bool:
        """Whether the person signs in with it."""
        return self.verified
