"""People as files declare them; what is kept of them are rows (`core/people`)."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from durward.core.configuration.declaration import Body, DeclarationKind, Names, Text
from durward.core.people.person import Email, Entitlements, Person
from durward.core.values import UserId


class User(Body, frozen=True, omit_defaults=True):
    """A person. The name of the declaration is their first login name.

    `id` is the subject of their tokens, kept for ever: without it one is made.
    """

    REFERENCES: ClassVar[Mapping[str, DeclarationKind]] = {
        "tenant": DeclarationKind.TENANT,
        "roles": DeclarationKind.ROLE,
        "policies": DeclarationKind.POLICY,
        "boundary": DeclarationKind.POLICY,
    }

    tenant: Text
    """The person's one home tenant."""
    id: Text = ""
    """The subject of their tokens, kept for ever; without it one is made."""
    logins: Names = ()
    """More names to sign in with."""
    email: Text = ""
    """Their e-mail address, with which they may sign in too."""
    email_verified: bool | None = None
    """Whether the address is theirs; absent, what was verified meanwhile stays so."""
    locale: Text = ""
    """The language in which they are spoken to (BCP 47)."""
    roles: Names = ()
    """Their roles."""
    groups: Names = ()
    """Their groups, which need not be declared."""
    policies: Names = ()
    """Policies of their own that grant access."""
    boundary: Names = ()
    """Policies that cap their access, whatever else grants it."""
    disabled: bool | None = None
    """They cannot sign in, and their sessions and tokens have ended; absent, whoever was disabled
    meanwhile stays so."""

    def person(self, declared: str, id: UserId) -> Person:
        """The person, as the rows have them."""
        return Person(
            id=id,
            entitlements=Entitlements.of(
                self.tenant, self.roles, self.groups, self.policies, self.boundary
            ),
            logins=(declared, *self.logins),
            emails=(Email(self.email, bool(self.email_verified)),) if self.email else (),
            name=self.name,
            locale=self.locale,
            disabled=bool(self.disabled),
            declared=declared,
        )

    def problems(self, declared: str) -> Iterator[str]:
        """What is wrong with it, whatever else is declared."""
        yield from self.person(declared, UserId(self.id or declared)).problems()
        if self.email_verified and not self.email:
            yield "email_verified, and there is no email"


def declaration_of(person: Person) -> dict[str, Any]:
    """The body that declares a person as they are."""
    found = {
        "id": person.id,
        "name": person.name,
        "tenant": person.tenant,
        "logins": list(person.logins[1:]),
        "email": person.email,
        "email_verified": person.email_verified,
        "locale": person.locale,
        "roles": list(person.roles),
        "groups": list(person.groups),
        "policies": list(person.policies),
        "boundary": list(person.boundary),
        "disabled": person.disabled,
    }
    return {name: value for name, value in found.items() if value}
