"""What a change of declarations takes back at once (AS-104), and what it leaves alone."""

from typing import Any

import pytest
from tests.services.replica import Replica, given, refused

from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.edge.revocation import RevocationKind
from durward.core.values import ClientId
from durward.services import account, revocations, sessions
from durward.services.sessions import Admitted
from durward.store.grants import load_consent

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("AS-104")]
USER, CLIENT = DeclarationKind.USER, DeclarationKind.CLIENT
ORDERS = "https://orders.example"


async def revoked(people: Replica) -> list[tuple[str, str]]:
    """What edges are told, by kind and name; the sample itself revokes nothing."""
    now = people.clock()
    feed = await people.read(lambda c: revocations.load_feed(c, 0, 0, now))
    return [(str(entry.kind), entry.value) for entry in feed.entries]


@pytest.mark.parametrize(
    "changes", [{"roles": []}, {"roles": ["reporter"]}, {"tenant": "globex"}, {"disabled": True}]
)
async def test_tokens_that_say_what_is_not_so_any_more_are_revoked(
    people: Replica, changes: dict[str, Any]
) -> None:
    await people.change(USER, "ann", **changes)
    assert (RevocationKind.SUBJECT, "ann") in await revoked(people)


@pytest.mark.parametrize(
    ("kind", "name", "changes"),
    [
        (USER, "ann", {"name": "Ann Other"}),
        (USER, "ann", {"email": "new@acme.example"}),
        (CLIENT, "desk", {"name": "Another name"}),
        (CLIENT, "desk", {"post_logout_redirect_uris": []}),
    ],
)
async def test_what_no_token_says_revokes_nothing(
    people: Replica, kind: DeclarationKind, name: str, changes: dict[str, Any]
) -> None:
    here = await people.sign_in()
    answer = await people.tokens(here)
    await people.change(kind, name, **changes)
    assert await revoked(people) == []
    given(await people.refresh(answer["refresh_token"]))


@pytest.mark.parametrize("is_removed", [False, True])
async def test_a_disabled_person_is_signed_out_everywhere(
    people: Replica, is_removed: bool
) -> None:
    anns, bobs = await people.sign_in("ann"), await people.sign_in("bob")
    answer = await people.tokens(anns)
    if is_removed:
        await people.remove(USER, "ann")
    else:
        await people.change(USER, "ann", disabled=True)
    assert await people.write(account.overview, anns.session) is None
    assert await people.write(account.overview, bobs.session) is not None
    assert refused(await people.refresh(answer["refresh_token"])) == "invalid_grant"
    assert any("the account was disabled" in event for event in await people.events())


async def test_who_is_enabled_again_signs_in_anew(people: Replica) -> None:
    here = await people.sign_in()
    await people.change(USER, "ann", disabled=True)
    await people.change(USER, "ann", disabled=False)
    assert await people.write(account.overview, here.session) is None
    await people.sign_in()


async def test_who_is_declared_anew_under_a_name_inherits_nothing_of_it(people: Replica) -> None:
    here = await people.sign_in()
    await people.code(here)
    await people.remove(USER, "ann")
    await people.apply(Declaration(USER, "ann", {"tenant": "acme", "roles": ["clerk"]}))
    fresh = await people.id_of("ann")
    assert fresh != "ann", "whoever has that name now is another subject"
    admitted = await people.write(sessions.admit, "ann", here.known)
    assert isinstance(admitted, Admitted)
    assert not admitted.exists, "no password"
    assert not admitted.known, "no browser"
    await people.give_password(fresh)
    again = await people.sign_in("ann")
    agreed = await people.read(lambda c: load_consent(c, fresh, ClientId("desk"), ORDERS))
    assert agreed is None, "nothing agreed to"
    assert await people.write(account.overview, again.session) is not None


async def test_a_client_that_is_declared_anew_gets_another_secret(people: Replica) -> None:
    form = {"grant_type": "client_credentials", "resource": "https://orders.example"}
    former = people.secrets["reporting"]
    before = [one for one in await people.plane.administration.export() if one.name == "reporting"]
    await people.remove(CLIENT, "reporting")
    await people.apply(*before)
    assert people.secrets["reporting"].reveal() != former.reveal()
    given(await people.exchange("reporting", **form))
    people.secrets["reporting"] = former
    assert refused(await people.exchange("reporting", **form)) == "invalid_client"


@pytest.mark.parametrize(
    ("name", "changes", "kind"),
    [
        ("desk", {"disabled": True}, RevocationKind.CLIENT),
        ("desk", {"scopes": ["openid", "profile"]}, RevocationKind.CLIENT),
        ("desk", {"apis": []}, RevocationKind.CLIENT),
        ("reporting", {"roles": []}, RevocationKind.SUBJECT),
        ("reporting", {"tenant": "globex"}, RevocationKind.SUBJECT),
        ("reporting", {"disabled": True}, RevocationKind.CLIENT),
    ],
)
async def test_of_a_client_its_own_tokens_are_revoked_or_those_for_people_too(
    people: Replica, name: str, changes: dict[str, Any], kind: RevocationKind
) -> None:
    await people.change(CLIENT, name, **changes)
    assert (kind, name) in await revoked(people)


async def test_a_grant_loses_the_scopes_that_its_client_lost_and_goes_on(people: Replica) -> None:
    answer = await people.tokens(await people.sign_in())
    await people.change(CLIENT, "desk", scopes=["openid", "orders:read"])
    less = given(await people.refresh(answer["refresh_token"]))
    assert less["scope"].split() == ["openid", "orders:read"]
    await people.change(CLIENT, "desk", scopes=["openid", "profile", "orders:read"])
    same = given(await people.refresh(less["refresh_token"]))
    assert same["scope"].split() == ["openid", "orders:read"], "given back it is not theirs"
    assert await people.count("grant narrowed") == 1


async def test_a_code_that_went_where_the_client_is_no_more_is_worth_nothing(
    people: Replica,
) -> None:
    """Also where that address is the client's again within the code's minute."""
    code = await people.code(await people.sign_in())
    there = ["http://127.0.0.1:8490/callback"]
    await people.change(CLIENT, "desk", redirect_uris=["https://elsewhere.example/"])
    await people.change(CLIENT, "desk", redirect_uris=there)
    assert refused(await people.redeem(code)) == "invalid_grant"


async def test_a_client_that_may_not_refresh_any_more_keeps_no_family(people: Replica) -> None:
    answer = await people.tokens(await people.sign_in())
    await people.change(CLIENT, "desk", grants=["authorization_code"])
    assert await people.count("refresh tokens ended") == 1
    await people.change(CLIENT, "desk", grants=["authorization_code", "refresh_token"])
    assert refused(await people.refresh(answer["refresh_token"])) == "invalid_grant"


async def test_another_clients_grants_of_the_same_person_go_on(people: Replica) -> None:
    answer = await people.tokens(await people.sign_in())
    await people.change(CLIENT, "other", disabled=True)
    given(await people.refresh(answer["refresh_token"]))


async def test_who_comes_revokes_nothing(people: Replica) -> None:
    await people.apply(Declaration(USER, "eve", {"tenant": "acme"}))
    assert await revoked(people) == []
