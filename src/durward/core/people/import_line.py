"""A line of an import: a person from the export of another server, with their password hash."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec

from durward.core.difference import printable
from durward.core.people.password_hash import (
    PasswordHash,
    parse_keycloak_credential,
    parse_password_hash,
)
from durward.core.people.person import HIDDEN, MAX_TEXT, Email, Entitlements, Person
from durward.core.values import UserId

UNMADE: Final = UserId("new")
"""Placeholder for the id of a line without one."""
_SEPARATORS: Final = re.compile(r"[;\s]+")
_YES: Final = frozenset({"true", "yes", "1"})
_NO: Final = frozenset({"false", "no", "0", ""})
_FORMULAS: Final = ("=", "+", "-", "@")
"""A spreadsheet evaluates text that begins so."""
Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
Texts = Annotated[tuple[Text, ...], msgspec.Meta(max_length=1_000)]


class KeycloakCredential(msgspec.Struct, frozen=True):
    """A credential of a Keycloak export; other members are ignored."""

    secretData: str = ""  # noqa: N815 - as it is there
    credentialData: str = ""  # noqa: N815
    type: str = "password"

    def __repr__(self) -> str:
        """Nothing of the hash."""
        return "KeycloakCredential()"


class ImportLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The members of a line; without an `id` one is generated."""

    id: Text = ""
    login: Text | Texts = ()
    email: Text | Texts = ()
    email_verified: bool = False
    name: Text = ""
    locale: Text = ""
    tenant: Text = ""
    roles: Texts = ()
    groups: Texts = ()
    disabled: bool = False
    password_hash: str | KeycloakCredential = ""

    def __repr__(self) -> str:
        """Nothing of the hash."""
        return f"ImportLine({self.id or self.login or self.email!r})"


COLUMNS: Final = ImportLine.__struct_fields__
_LISTS: Final = frozenset({"login", "email", "roles", "groups"})
_TRUTHS: Final = frozenset({"email_verified", "disabled"})


@dataclass(frozen=True, slots=True)
class ImportedPerson:
    """The person of a valid line."""

    person: Person
    """With the id of the line, or with `UNMADE`."""
    password_hash: PasswordHash | None = None
    forms: tuple[str, ...] = ()
    """The canonical names and addresses with which the person signs in."""

    @property
    def is_named(self) -> bool:
        """Whether the line gives the id."""
        return self.person.id != UNMADE

    def __repr__(self) -> str:
        return f"ImportedPerson({self.person!r})"


def line_of_json(content: bytes) -> ImportLine:
    """Parse a line of JSON. Raises ValueError, which contains no part of a hash."""
    try:
        return msgspec.json.decode(content, type=ImportLine)
    except msgspec.DecodeError as error:
        raise ValueError(printable(str(error))) from None


def line_of_row(row: Mapping[str, str]) -> ImportLine:
    """Parse a row of CSV; lists are separated by `;` or spaces. Raises ValueError."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        text = value.strip()
        if name in _LISTS:
            found[name] = tuple(part for part in _SEPARATORS.split(text) if part)
        elif name in _TRUTHS:
            if text.lower() not in _YES | _NO:
                raise ValueError(f"{name} is true or false")
            found[name] = text.lower() in _YES
        else:
            found[name] = text
    try:
        return msgspec.convert(found, ImportLine)
    except msgspec.ValidationError as error:
        raise ValueError(printable(str(error))) from None


def header_problems(columns: Sequence[str]) -> Iterator[str]:
    """The problems of the header of a CSV file."""
    if len(columns) == 1 and ";" in columns[0]:
        yield "columns must be separated by commas, not by `;`"
        return
    for name in columns:
        if name not in COLUMNS:
            yield f"unknown column `{printable(name)[:40]}`: known are {', '.join(COLUMNS)}"
    if len(set(columns)) < len(columns):
        yield "duplicate column"


def imported_person(line: ImportLine, tenant: str = "") -> ImportedPerson:
    """The person of a line; `tenant` is the default.

    Raises ValueError, which contains no part of a hash.
    """
    if problem := next(_problems(line), ""):
        raise ValueError(problem)
    logins, emails = _listed(line.login), _listed(line.email)
    person = Person(
        id=UserId(line.id) if line.id else UNMADE,
        entitlements=Entitlements.of(line.tenant or tenant, line.roles, line.groups),
        logins=logins,
        emails=tuple(Email(address, line.email_verified) for address in emails),
        name=line.name,
        locale=line.locale,
        disabled=line.disabled,
    )
    if problem := next(person.problems(), ""):
        raise ValueError(printable(problem))
    if not person.tenant:
        raise ValueError("no tenant: set one in the line, or for all lines with --tenant")
    forms = tuple(dict.fromkeys(each.canonical for each in person.identifiers() if each.signs_in))
    if not forms and not line.id:
        raise ValueError("an `id`, a login name or a verified address is required")
    return ImportedPerson(person, _password_hash(line.password_hash), forms)


def differing_members(person: Person, there: Person) -> list[str]:
    """The members in which an existing person differs from the line."""
    names = ("tenant", "roles", "groups", "logins", "emails", "name", "locale", "disabled")
    return [name for name in names if getattr(person, name) != getattr(there, name)]


def _problems(line: ImportLine) -> Iterator[str]:
    texts = {
        **{name: (getattr(line, name),) for name in ("id", "name", "locale", "tenant")},
        **{name: _listed(getattr(line, name)) for name in ("login", "email", "roles", "groups")},
    }
    for name, listed in texts.items():
        if any(HIDDEN.search(text) for text in listed):
            yield f"{name} has a control character"
        if name in _LISTS and "" in listed:
            yield f"{name} has an empty entry"
    if line.name.startswith(_FORMULAS):
        yield f"name begins with `{line.name[0]}`, like a spreadsheet formula"
    if line.email_verified and not line.email:
        yield "email_verified without an email"


def _password_hash(found: str | KeycloakCredential) -> PasswordHash | None:
    if not found:
        return None
    if isinstance(found, KeycloakCredential) and found.type != "password":
        raise ValueError("password_hash: a credential of Keycloak that is no password")
    try:
        if isinstance(found, str):
            return parse_password_hash(found)
        return parse_keycloak_credential(found.secretData, found.credentialData)
    except ValueError as error:
        raise ValueError(f"password_hash: {error}") from None


def _listed(found: str | tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(found, str):
        return (found,) if found else ()
    return found
