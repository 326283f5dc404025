"""Random changes of people, clients and APIs, compared with the naive rule (ADR 23).

The naive rule keeps nothing but what it left before: after each change it asks the authorization
endpoint anew for each scope that is left of each grant, and what was agreed to.
"""

import random  # noqa: TID251 - a seed makes the same changes again
from dataclasses import dataclass
from typing import TypeAlias

import pytest
from tests.attacks.test_standing import OTHER, changed
from tests.issuer import API, START
from tests.property.test_standing import anew
from tests.services.replica import Replica, given, refused

from durward.core.configuration.configuration import Configuration
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.edge.envoy.revocation_maps import CLAIMS
from durward.core.edge.revocation import Revocation, RevocationKind
from durward.core.oauth.grant import Grant
from durward.core.people.person import Person
from durward.core.values import (
    ClientId,
    GrantId,
    Instant,
    SessionId,
    TenantId,
    UserId,
    numeric_date,
)
from durward.core.wire import Json
from durward.services.access_token import verify_access_token
from durward.store.revocations import load_revocations

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("AS-104")]
Agreed: TypeAlias = dict[tuple[str, str], set[str]]
"""What each person agreed to, of each client, whenever they were asked."""
DESK_SCOPES = ["openid", "profile", "orders:read"]
OTHER_SCOPES = ["openid", "offline_access", "orders:read"]


@dataclass
class Held:
    """What an application holds, and whether each change so far has left it something."""

    user: str
    client: str
    refresh_token: str
    tenant: str
    scopes: tuple[str, ...]
    claims: dict[str, Json]
    """What the access token says that was issued last."""
    alive: bool = True
    renewable: bool = True

    @property
    def grant(self) -> Grant:
        return Grant(
            id=GrantId("g"),
            user=UserId(self.user),
            client=ClientId(self.client),
            tenant=TenantId(self.tenant),
            audience=API,
            scopes=self.scopes,
            session=SessionId("s"),
            methods=("pwd",),
            authenticated_at=Instant(0),
            nonce=None,
            created_at=Instant(0),
        )


def change(chance: random.Random) -> Declaration:
    """One thing is changed, to what takes something away or gives it back."""

    def some(of: list[str]) -> list[Json]:
        return [one for one in of if chance.random() < 0.8]

    match chance.randrange(9):
        case 0 | 1:
            name = chance.choice(["ann", "bob"])
            roles: list[Json] = ["clerk"] if chance.random() < 0.5 else []
            tenant = chance.choice(["acme", "acme", "globex"])
            return changed(DeclarationKind.USER, name, tenant=tenant, roles=roles)
        case 2 | 3:
            return changed(
                DeclarationKind.CLIENT, "desk", scopes=some(DESK_SCOPES), apis=some(["orders"])
            )
        case 4:
            return changed(DeclarationKind.CLIENT, "other", scopes=some(OTHER_SCOPES))
        case 5 | 6:
            return changed(DeclarationKind.CLIENT, "desk", first_party=chance.random() < 0.6)
        case 7:
            more: list[Json] = ["refresh_token"] if chance.random() < 0.5 else []
            grants: list[Json] = ["authorization_code", *more]
            return changed(DeclarationKind.CLIENT, chance.choice(["desk", "other"]), grants=grants)
        case _:
            away = chance.random() < 0.2
            return changed(
                DeclarationKind.API, "orders", audience="https://x.example" if away else API
            )


def left(
    held: Held, person: Person, configuration: Configuration, agreed: Agreed
) -> tuple[str, ...]:
    """The naive rule."""
    client = configuration.clients[held.client]
    if person.tenant != held.tenant:
        return ()
    apis = dict(configuration.apis)
    asked = [scope for scope in held.scopes if scope in client.scopes]
    given = set(held.scopes) if client.first_party else agreed.get((held.user, held.client), set())
    return tuple(one for one in asked if one in given and anew(held.grant, client, apis, one))


def claims_of(people: Replica, token: str) -> dict[str, Json]:
    """What an access token says that is good now."""
    context = people.plane.use_cases.context()
    return dict(verify_access_token(context, token, audience=API, now=people.clock()))


async def hold(people: Replica, user: str, client: str, agreed: Agreed) -> Held | None:
    """What a person lets an application do now; None where there is nothing to be had."""
    declared = people.plane.published.configuration.clients[client]
    scopes = [one for one in ("openid", "offline_access", "orders:read") if one in declared.scopes]
    api = people.plane.published.configuration.apis["orders"]
    if "orders" not in declared.apis or api.audience != API or not scopes:
        return None
    asked = {**OTHER, "client_id": "other"} if client == "other" else {}
    here = await people.sign_in(user)
    code = await people.code(here, user, **{**asked, "scope": " ".join(scopes)})
    found = given(await people.redeem(code, client))
    if not declared.first_party:
        agreed.setdefault((user, client), set()).update(scopes)
    tenant = (await people.person(user)).tenant
    claims = claims_of(people, found["access_token"])
    token = found.get("refresh_token", "none")
    assert ("refresh_token" in declared.grants) is ("refresh_token" in found)
    fresh = Held(user, client, token, tenant, tuple(scopes), claims)
    fresh.renewable = "refresh_token" in found
    return fresh


def says_too_much(held: Held, scopes: tuple[str, ...], person: Person) -> bool:
    """Whether the token that was issued last would not be issued now as it is."""
    lost = set(str(held.claims.get("scope", "")).split()) - set(scopes)
    roles = held.claims.get("roles", []) != list(person.roles)
    return not held.alive or bool(lost) or roles


def is_refused(held: Held, revoked: list[Revocation]) -> bool:
    """Whether an edge that knows the feed refuses that token."""
    said = {kind: held.claims.get(claim) for kind, claim in CLAIMS.items()}
    before = {RevocationKind.SUBJECT, RevocationKind.CLIENT}
    issued = int(str(held.claims["iat"]))
    return any(
        said[one.kind] == one.value and (one.kind not in before or issued <= numeric_date(one.at))
        for one in revoked
    )


@pytest.mark.parametrize("seed", range(4))
async def test_after_every_change_each_grant_keeps_what_would_be_issued_anew(
    people: Replica, seed: int
) -> None:
    chance, kept = random.Random(seed), list[Held]()  # noqa: S311 - no secret
    fallen = renewed = 0
    agreed: Agreed = {}
    for _ in range(12):
        for user in ("ann", "bob"):
            fresh = await hold(people, user, chance.choice(["desk", "other"]), agreed)
            kept += [fresh] if fresh else []
        people.clock.forward(1)
        await people.apply(change(chance))
        feed = await people.plane.use_cases.write(
            lambda c, _, __: load_revocations(c, 0, START), "test"
        )
        people.clock.forward(1)  # what is issued in the second of a change is refused too
        configuration = people.plane.published.configuration
        there = {name: await people.person(name) for name in ("ann", "bob")}
        for held in kept:
            # For good: what is given back later is not this grant's any more.
            person = there[held.user]
            held.scopes = scopes = left(held, person, configuration, agreed)
            held.alive = held.alive and scopes != ()
            may_renew = "refresh_token" in configuration.clients[held.client].grants
            held.renewable = held.renewable and may_renew
            assert is_refused(held, feed) or not says_too_much(held, scopes, person), held
            answer = await people.refresh(held.refresh_token, held.client)
            if not (held.alive and held.renewable):
                wanted = "invalid_grant" if may_renew else "unauthorized_client"
                assert refused(answer) == wanted, held
                fallen += 1
                continue
            renewed, told = renewed + 1, given(answer)
            assert told["scope"].split() == list(scopes)
            held.claims = claims = claims_of(people, told["access_token"])
            assert claims["tenant"] == held.tenant
            assert claims.get("roles", []) == list(person.roles)
            held.refresh_token = told["refresh_token"]
    assert fallen
    assert renewed
