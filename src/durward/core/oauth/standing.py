"""The access that remains of a grant: decided from the present facts, by one rule (ADR 23).

Access that could not be granted now is not renewed, and its tokens are refused at the edge. No
other module decides the roles, the tenant or the scopes of a grant. A withdrawal is final: a client
that regains a scope has to ask the person again.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from durward.core.api import Api
from durward.core.configuration.client import Client
from durward.core.oauth.grant import Claims, Grant
from durward.core.oauth.scopes import IDENTITY_SCOPES, OFFLINE
from durward.core.people.person import Person


@dataclass(frozen=True, slots=True)
class Keeps:
    """The grant goes on, with the scopes that remain of its former ones."""

    scopes: tuple[str, ...]
    claims: Claims
    renewable: bool
    """Whether the client may get refresh tokens for it."""

    @property
    def outlives_session(self) -> bool:
        """Whether the grant outlives the session (OIDC Core §11)."""
        return OFFLINE in self.scopes


@dataclass(frozen=True, slots=True)
class Ended:
    """The grant has no access left."""

    reason: str


Standing: TypeAlias = Keeps | Ended


def standing(
    grant: Grant,
    person: Person | None,
    client: Client | None,
    apis: Mapping[str, Api],
    consented: Container[str] | None,
) -> Standing:
    """Decide what remains of a grant (AS-104).

    `person` and `client` are those of the grant, None if they were removed; `apis` are all APIs.
    `consented` are the scopes that the person consented to, None if they never consented; it counts
    for clients that need consent. The caller checks that the session lives and that the grant has
    not ended.
    """
    if person is None or person.disabled:
        return Ended("the account was disabled")
    if person.tenant != grant.tenant:
        return Ended("the person belongs to another tenant")
    if client is None or client.disabled:
        return Ended("the client was disabled")
    if "authorization_code" not in client.grants:
        return Ended("the client may not sign people in any more")
    if consented is None and not client.asks_nobody:
        return Ended("the person has not agreed")
    possible = {*IDENTITY_SCOPES}
    if grant.audience is not None:
        api = _api(grant.audience, client, apis)
        if api is None:
            return Ended("the client may not use the API any more")
        possible |= api.scopes.keys()
    agreed = possible if client.asks_nobody or consented is None else consented
    left = tuple(
        scope
        for scope in grant.scopes
        if scope in possible and scope in client.scopes and scope in agreed
    )
    if grant.scopes and not left:
        return Ended("the client may have none of its scopes any more")
    claims = Claims(
        *(person.tenant, person.roles, person.groups),
        *(person.policies, person.boundary),
    )
    return Keeps(left, claims, "refresh_token" in client.grants)


def _api(audience: str, client: Client, apis: Mapping[str, Api]) -> Api | None:
    """The API of a grant, if the client may use it; its name may have changed."""
    allowed = (apis[name] for name in client.apis if name in apis)
    return next((api for api in allowed if api.audience == audience), None)
