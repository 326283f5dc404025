"""Sessions: what a browser is recognised by, when it begins, and when it counts no more."""

from dataclasses import replace

import pytest
from sqlalchemy import Connection
from tests.services.replica import PHC, Replica, SignIn

from durward.core.audit.event import AuditContext
from durward.core.authn.session import Session
from durward.core.configuration.declaration import DeclarationKind
from durward.core.values import Secret, TenantId, UserId
from durward.services import account, sessions
from durward.services.sessions import Admitted, BrowserSecrets, TooSoon
from durward.store.holds import hold_people
from durward.store.people import keep_people

pytestmark = pytest.mark.anyio


async def session_of(replica: Replica, here: SignIn) -> Session | None:
    seen = await replica.write(account.overview, here.session)
    return seen.session if seen else None


async def test_whoever_proved_their_password_has_a_session(people: Replica) -> None:
    here = await people.sign_in()
    found = await session_of(people, here)
    assert found is not None
    assert (found.user, found.tenant, found.methods) == ("ann", "acme", ("pwd",))
    assert (found.source, found.agent) == ("192.0.2.1", "a browser")


@pytest.mark.requirement("AS-103")
@pytest.mark.parametrize(
    ("seconds", "used", "lives"),
    [
        (3_599, False, True),
        (3_600, False, False),
        (43_199, True, True),
        (43_200, True, False),
    ],
)
async def test_a_session_ends_where_it_is_unused_and_after_its_time(
    people: Replica, seconds: int, used: bool, lives: bool
) -> None:
    here = await people.sign_in()
    left = seconds
    while used and left > 3_000:
        people.clock.forward(3_000)
        assert await session_of(people, here) is not None
        left -= 3_000
    people.clock.forward(left)
    assert (await session_of(people, here) is not None) is lives


@pytest.mark.requirement("AS-102")
async def test_the_secret_of_a_session_is_a_new_one_at_each_sign_in(people: Replica) -> None:
    here = await people.sign_in()
    before = await session_of(people, here)
    again = await people.sign_in(before=here)
    after = await session_of(people, again)
    assert before is not None
    assert after is not None
    assert before.id == after.id, "the same person's session goes on"
    assert await session_of(people, here) is None, "by its new secret alone"


@pytest.mark.requirement("AS-102")
async def test_a_secret_that_was_planted_in_a_browser_is_worth_nothing(people: Replica) -> None:
    planted = SignIn(Secret("dwk_planted"), Secret("dwn_planted"))
    here = await people.sign_in(before=planted)
    assert await session_of(people, planted) is None
    assert here.session.reveal() != "dwk_planted"
    assert here.known.reveal() != "dwn_planted"


async def test_another_person_in_the_same_browser_ends_the_session_before(people: Replica) -> None:
    anns = await people.sign_in("ann")
    bobs = await people.sign_in("bob", before=anns)
    assert await session_of(people, anns) is None
    found = await session_of(people, bobs)
    assert found is not None
    assert found.user == "bob"
    assert any("another person signed in" in event for event in await people.events())


async def test_a_browser_is_known_for_everybody_who_signed_in_there(people: Replica) -> None:
    anns = await people.sign_in("ann")
    bobs = await people.sign_in("bob", before=anns)
    assert anns.known.reveal() == bobs.known.reveal()
    for name in ("ann", "bob"):
        admitted = await people.write(sessions.admit, name, bobs.known)
        assert isinstance(admitted, Admitted)
        assert admitted.known
    other = await people.write(sessions.admit, "ann", Secret("dwn_other"))
    assert isinstance(other, Admitted)
    assert not other.known


@pytest.mark.requirement("AS-96")
async def test_attempts_are_counted_before_the_password_is_looked_at(people: Replica) -> None:
    outcomes = [await people.write(sessions.admit, "ann", None) for _ in range(20)]
    assert isinstance(outcomes[0], Admitted)
    assert isinstance(outcomes[-1], TooSoon)
    assert outcomes[-1].wait > 0
    people.clock.forward(3_601)
    assert isinstance(await people.write(sessions.admit, "ann", None), Admitted)


@pytest.mark.requirement("AS-96")
async def test_who_is_let_in_is_forgiven_what_was_counted(people: Replica) -> None:
    for _ in range(40):
        await people.sign_in()


async def test_an_attempt_whose_password_was_not_looked_at_counts_nothing(people: Replica) -> None:
    for _ in range(40):
        admitted = await people.write(sessions.admit, "ann", None)
        assert isinstance(admitted, Admitted)
        await people.write(sessions.release, admitted.attempt)


@pytest.mark.requirement("AS-95")
@pytest.mark.parametrize("name", ["nobody", "a password in the wrong field"])
async def test_an_account_that_there_is_not_is_verified_too_and_never_named(
    people: Replica, name: str
) -> None:
    admitted = await people.write(sessions.admit, name, None)
    assert isinstance(admitted, Admitted)
    assert not admitted.exists
    assert admitted.phc.startswith("$argon2id$")
    await people.write(sessions.refuse, admitted.person)
    refusals = [event for event in await people.events() if '"sign-in refused"' in event]
    assert len(refusals) == 1
    assert '"users/?"' in refusals[0]
    assert name not in refusals[0]


async def test_the_wrong_password_of_somebody_is_recorded_by_their_name(people: Replica) -> None:
    await people.write(sessions.refuse, UserId("ann"))
    assert any(
        '"sign-in refused"' in event and '"users/ann"' in event for event in await people.events()
    )


@pytest.mark.parametrize("change", [{"disabled": True}, None])
async def test_nobody_signs_in_who_is_disabled_or_gone_by_then(
    people: Replica, change: dict[str, bool] | None
) -> None:
    admitted = await people.write(sessions.admit, "ann", None)
    assert isinstance(admitted, Admitted)
    if change is None:
        await people.remove(DeclarationKind.USER, "ann")
    else:
        await people.change(DeclarationKind.USER, "ann", **change)
    assert (
        await people.write(sessions.sign_in, admitted, None, BrowserSecrets(), "a browser") is None
    )
    later = await people.write(sessions.admit, "ann", None)
    assert isinstance(later, Admitted)
    assert not later.exists


async def test_a_password_that_was_replaced_meanwhile_begins_nothing(people: Replica) -> None:
    admitted = await people.write(sessions.admit, "ann", None)
    assert isinstance(admitted, Admitted)
    await people.give_password("ann", PHC + "2")
    told = await people.write(sessions.sign_in, admitted, None, BrowserSecrets(), "a browser")
    assert isinstance(told, Admitted)
    assert told.phc == PHC + "2", "the password is verified against that one"


async def test_a_hash_of_former_parameters_is_replaced_at_a_sign_in(people: Replica) -> None:
    admitted = await people.write(sessions.admit, "ann", None)
    assert isinstance(admitted, Admitted)
    await people.write(sessions.sign_in, admitted, PHC + "3", BrowserSecrets(), "a browser")
    again = await people.write(sessions.admit, "ann", None)
    assert isinstance(again, Admitted)
    assert again.phc == PHC + "3"
    assert any('"password rehashed"' in event for event in await people.events())


@pytest.mark.requirement("AS-104")
async def test_a_replaced_password_ends_the_sessions_and_the_known_browsers(
    people: Replica,
) -> None:
    here, there = await people.sign_in(), await people.sign_in()
    await people.give_password("ann", PHC + "4")
    assert [await session_of(people, each) for each in (here, there)] == [None, None]
    admitted = await people.write(sessions.admit, "ann", here.known)
    assert isinstance(admitted, Admitted)
    assert not admitted.known


@pytest.mark.requirement("AS-104")
async def test_a_session_of_a_tenant_that_its_person_left_is_none(people: Replica) -> None:
    here = await people.sign_in()
    await people.change(DeclarationKind.USER, "ann", tenant="globex")
    assert await session_of(people, here) is None


@pytest.mark.requirement("AS-104")
async def test_a_session_that_began_beside_the_change_of_a_tenant_is_none_either(
    people: Replica,
) -> None:
    """The change ends those that it finds; what a session says is compared at each use too."""
    here = await people.sign_in()
    ann = await people.person("ann")
    moved = replace(ann, entitlements=replace(ann.entitlements, tenant=TenantId("globex")))

    def move(connection: Connection, audit: AuditContext) -> None:
        hold_people(connection, "ann")
        keep_people(connection, [], [(ann, moved)], audit)

    await people.plane.transactions.write(move, "test")
    assert await session_of(people, here) is None


@pytest.mark.requirement("AS-21")
async def test_people_end_their_own_sessions_and_nobody_elses(people: Replica) -> None:
    here, there, bobs = await people.sign_in(), await people.sign_in(), await people.sign_in("bob")
    theirs, of_bob = await session_of(people, there), await session_of(people, bobs)
    assert theirs is not None
    assert of_bob is not None
    assert not await people.write(account.end_own_session, here.session, of_bob.id)
    assert await session_of(people, bobs) is not None
    assert not await people.write(account.end_own_session, None, theirs.id)
    assert await people.write(account.end_own_session, here.session, theirs.id)
    assert await session_of(people, there) is None
    assert await session_of(people, here) is not None


async def test_the_use_of_a_session_is_noted_once_a_minute(people: Replica) -> None:
    here = await people.sign_in()
    begun = await session_of(people, here)
    people.clock.forward(59)
    soon = await session_of(people, here)
    people.clock.forward(1)
    await session_of(people, here)
    late = await session_of(people, here)
    assert begun is not None
    assert soon is not None
    assert late is not None
    assert soon.seen_at == begun.seen_at < late.seen_at == people.clock()
