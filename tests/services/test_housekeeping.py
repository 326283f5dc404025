"""The sweeper: what has ended goes after its time, what is still needed stays.

How each table's rows end, to the second and on both databases: tests/contract/test_housekeeping.py.
"""

import pytest
from sqlalchemy import func, select
from tests.services.replica import Replica, given, refused

from durward.core.audit.event import EventKind
from durward.core.authn.session import SessionPolicy
from durward.core.configuration.declaration import DeclarationKind
from durward.services import housekeeping
from durward.services.housekeeping import RETENTION
from durward.services.unrecorded import ANONYMOUS_EVENTS
from durward.store import schema

pytestmark = pytest.mark.anyio
HOUR, DAY = 3_600, 86_400


async def sweep(people: Replica) -> dict[str, int]:
    """What one round deleted, by table."""
    database = people.plane.transactions.database
    found = await housekeeping.sweep(database, people.clock(), SessionPolicy())
    return {table: number for table, number in found.items() if number}


async def rows(people: Replica, table: str) -> int:
    counted = select(func.count()).select_from(schema.metadata.tables[table])
    return int(await people.read(lambda c: c.execute(counted).scalar_one()))


async def test_what_is_in_use_is_not_swept(people: Replica) -> None:
    answer = await people.tokens(await people.sign_in())
    assert await sweep(people) == {}
    given(await people.refresh(answer["refresh_token"]))


async def test_a_request_that_nobody_answered_goes_after_half_an_hour(people: Replica) -> None:
    await people.begin(None)
    people.clock.forward(1_799)
    assert await sweep(people) == {}
    people.clock.forward(1)
    assert await sweep(people) == {"interactions": 1}


async def test_what_hung_on_a_session_goes_a_day_after_it(people: Replica) -> None:
    answer = await people.tokens(await people.sign_in())
    people.clock.forward(HOUR)
    assert refused(await people.refresh(answer["refresh_token"])) == "invalid_grant"
    assert "sessions" not in await sweep(people)
    people.clock.forward(DAY)
    assert set(await sweep(people)) >= {"sessions", "grants"}
    for table in ("sessions", "grants", "refresh_tokens", "refresh_families"):
        assert await rows(people, table) == 0, table
    assert await sweep(people) == {}, "one round ends what stands on it too"


async def test_consent_the_log_and_passwords_stay(people: Replica) -> None:
    await people.tokens(await people.sign_in())
    await people.events()
    logged = await rows(people, "audit_log")
    people.clock.forward(30 * DAY)
    await sweep(people)
    assert await rows(people, "audit_log") == logged
    assert await rows(people, "consents") == 1
    assert await rows(people, "passwords") == 2


async def test_of_what_was_revoked_the_newest_stays_as_numbers_go_on_from_it(
    people: Replica,
) -> None:
    await people.change(DeclarationKind.USER, "ann", roles=[])
    await people.change(DeclarationKind.USER, "bob", roles=[])
    people.clock.forward(2 * DAY)
    assert (await sweep(people))["revocations"] == 1
    assert await rows(people, "revocations") == 1


async def test_every_round_is_over_every_table_that_is_swept(people: Replica) -> None:
    database = people.plane.transactions.database
    found = await housekeeping.sweep(database, people.clock(), SessionPolicy())
    assert list(found) == [kept.table for kept in RETENTION if kept.sweep]


async def test_a_flood_of_nobody_is_told_by_one_event_and_counts_all(people: Replica) -> None:
    """Events of people and clients who did not prove who they are have a budget."""
    sent = ANONYMOUS_EVENTS.burst + 25
    unrecorded, audit = people.plane.upkeep.unrecorded, people.plane.transactions.audit("nobody")
    room = [
        unrecorded.has_room(audit.event(EventKind.SIGN_IN_REFUSED, "users/?")) for _ in range(sent)
    ]
    assert (room.count(True), room.count(False)) == (ANONYMOUS_EVENTS.burst, 25)
    unrecorded.refuse("/token", "192.0.2.1")
    database = people.plane.transactions.database
    await housekeeping.tell_unrecorded(database, unrecorded, audit)
    await housekeeping.tell_unrecorded(database, unrecorded, audit)
    told = [event for event in await people.events() if '"requests refused"' in event]
    assert len(told) == 1
    assert "25" in told[0]
