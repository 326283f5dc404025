"""Sign-out: what a client may end by itself, and what its person has to confirm (AS-83)."""

from collections.abc import Mapping
from urllib.parse import urlencode

import pytest
from tests.services.replica import Replica, SignIn

from durward.core.values import Secret
from durward.services import account, logout
from durward.services.logout import MustConfirm, SignedOut, StillOpen, Wrong

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("AS-83")]
AFTER = "http://127.0.0.1:8490/"


async def sign_out(
    people: Replica, session: Secret | None, form: Mapping[str, str], *, confirmed: bool = False
) -> logout.Outcome:
    body = urlencode(form).encode()
    return await people.write(
        lambda c, x, audit: logout.sign_out(c, x, body, session, confirmed=confirmed, audit=audit)
    )


async def is_live(people: Replica, here: SignIn) -> bool:
    return await people.write(account.overview, here.session) is not None


async def test_a_client_that_shows_the_id_token_of_the_session_ends_it(people: Replica) -> None:
    here = await people.sign_in()
    hint = (await people.tokens(here))["id_token"]
    done = await sign_out(people, here.session, {"id_token_hint": hint})
    assert done == SignedOut(None)
    assert not await is_live(people, here)
    assert any("signed out" in event for event in await people.events())


async def test_an_expired_id_token_is_taken_too(people: Replica) -> None:
    """RP-Initiated Logout §2: an application may keep one for as long as somebody is signed in."""
    here = await people.sign_in()
    answer = await people.tokens(here)
    for _ in range(4):
        people.clock.forward(3_000)
        assert await is_live(people, here)
    assert await sign_out(people, here.session, {"id_token_hint": answer["id_token"]}) == SignedOut(
        None
    )


async def test_without_proof_the_person_is_asked(people: Replica) -> None:
    here = await people.sign_in()
    assert await sign_out(people, here.session, {}) == MustConfirm(names_another=False)
    assert await is_live(people, here)
    assert await sign_out(people, here.session, {}, confirmed=True) == SignedOut(None)
    assert not await is_live(people, here)


async def test_the_id_token_of_another_session_of_theirs_is_confirmed_and_ends_both(
    people: Replica,
) -> None:
    here, there = await people.sign_in(), await people.sign_in()
    hint = (await people.tokens(there))["id_token"]
    assert await sign_out(people, here.session, {"id_token_hint": hint}) == MustConfirm(
        names_another=True
    )
    await sign_out(people, here.session, {"id_token_hint": hint}, confirmed=True)
    assert not await is_live(people, here)
    assert not await is_live(people, there)


async def test_the_id_token_of_somebody_else_ends_nothing_of_theirs(people: Replica) -> None:
    anns, bobs = await people.sign_in("ann"), await people.sign_in("bob")
    hint = (await people.tokens(anns))["id_token"]
    asked = await sign_out(people, bobs.session, {"id_token_hint": hint})
    assert asked == MustConfirm(names_another=False)
    await sign_out(people, bobs.session, {"id_token_hint": hint}, confirmed=True)
    assert not await is_live(people, bobs)
    assert await is_live(people, anns)


async def test_whoever_holds_an_id_token_is_not_yet_its_person(people: Replica) -> None:
    here = await people.sign_in()
    hint = (await people.tokens(here))["id_token"]
    assert await sign_out(people, None, {"id_token_hint": hint}, confirmed=True) == StillOpen()
    assert await is_live(people, here)


async def test_where_nobody_is_signed_in_there_is_nothing_to_do(people: Replica) -> None:
    assert await sign_out(people, None, {}) == SignedOut(None)
    here = await people.sign_in()
    hint = (await people.tokens(here))["id_token"]
    await sign_out(people, here.session, {"id_token_hint": hint})
    assert await sign_out(people, here.session, {"id_token_hint": hint}) == SignedOut(None)


async def test_the_browser_goes_on_where_the_client_registered_to_the_character(
    people: Replica,
) -> None:
    here = await people.sign_in()
    hint = (await people.tokens(here))["id_token"]
    wrong: list[tuple[str, dict[str, str]]] = [
        (AFTER + "x", {"id_token_hint": hint}),
        (AFTER, {}),
        (AFTER, {"client_id": "other"}),
        (AFTER, {"id_token_hint": hint, "client_id": "other"}),
    ]
    for uri, more in wrong:
        refused = await sign_out(people, here.session, {"post_logout_redirect_uri": uri, **more})
        assert isinstance(refused, Wrong), (uri, more)
    assert await is_live(people, here), "and where that is wrong nobody is signed out"
    form = {"id_token_hint": hint, "post_logout_redirect_uri": AFTER, "state": "s"}
    assert await sign_out(people, here.session, form) == SignedOut(AFTER + "?state=s")


async def test_what_is_no_id_token_of_ours_is_told_and_ends_nothing(people: Replica) -> None:
    here = await people.sign_in()
    answer = await people.tokens(here)
    for hint in ("x", answer["access_token"], answer["id_token"][:-4] + "AAAA"):
        assert isinstance(await sign_out(people, here.session, {"id_token_hint": hint}), Wrong)
    assert await is_live(people, here)
