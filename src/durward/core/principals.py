"""Who is declared, as the policy engine knows them: what a token that is issued now would say."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from durward.core.configuration.client import Client
from durward.core.configuration.configuration import Configuration
from durward.core.people.person import Entitlements, Person
from durward.core.policy.engine.request import Principal
from durward.core.values import UserId

USER = "user"
CLIENT = "client"
ACTS_FOR_ITSELF = "client_credentials"


@dataclass(frozen=True)
class People:
    """Whom a question about everybody is asked of, without asking each of a million people.

    People with the same entitlements differ by their id alone. Ids that are made here are alike
    too, unless something names one. So one of each class is asked about, and one by one those whose
    ids somebody chose or named.
    """

    classes: Sequence[Principal] = ()
    """One of each class."""
    apart: Sequence[Principal] = ()
    """Those who are told apart from others of their class."""
    named: Mapping[str, Principal] = field(default_factory=dict)
    """By the names that files and tests have for them."""
    anybody: bool = False
    """Whether people are asked about later, who may have any policies of their own."""
    left_open: str = ""
    """Why not everybody is asked about who is told apart by name; empty where they are."""

    @classmethod
    def of_files(cls, configuration: Configuration) -> Self:
        """Those whom the declarations themselves name."""
        everybody = {
            name: principal_of_person(user.person(name, UserId(user.id or name)))
            for name, user in configuration.users.items()
            if not user.disabled
        }
        return cls((), tuple(everybody.values()), everybody)


def principal_of_person(person: Person) -> Principal:
    """Somebody, as a token would tell of them."""
    return principal_of_entitlements(person.entitlements, person.id)


def principal_of_entitlements(entitlements: Entitlements, subject: UserId) -> Principal:
    """Somebody of a class."""
    return Principal(
        *(subject, USER, entitlements.tenant, entitlements.roles, entitlements.groups),
        policies=entitlements.policies,
        boundary=entitlements.boundary,
    )


def principal_of_client(name: str, client: Client | None) -> Principal | None:
    """A client as its own subject; None where there is none, or it cannot act for itself."""
    if client and not client.disabled and ACTS_FOR_ITSELF in client.grants:
        return Principal(name, CLIENT, client.tenant, client.roles, client=name)
    return None


def principals_of(configuration: Configuration, people: People) -> Iterator[Principal]:
    """Everybody who is asked about, each once."""
    seen: set[str] = set()
    for person in (*people.apart, *people.classes):
        if person.subject not in seen:
            seen.add(person.subject)
            yield person
    for name, client in configuration.clients.items():
        if found := principal_of_client(name, client):
            yield found
