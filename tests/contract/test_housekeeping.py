"""What the sweeper deletes, and what it must leave, on every backend of the store."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, func, insert, select, update
from tests.contract.test_people import ANN, AUDIT, DESK, NOW, a_grant, a_session

from durward.core.audit.event import AuditContext
from durward.core.authn.session import SessionPolicy
from durward.core.authn.throttle import PAIR
from durward.core.edge.revocation import KEPT, LONGEST_TOKEN, RevocationKind
from durward.core.oauth.authorize import CODE_LIFETIME
from durward.core.oauth.grants.authorization_code import Code
from durward.core.oauth.pushed_request import PushedRequest
from durward.core.values import GrantId, Instant, Seconds, SessionId, later
from durward.services.housekeeping import BATCH, RETENTION, sweep
from durward.store import (
    attempts,
    audit,
    clients,
    expiry,
    grants,
    interactions,
    keys,
    pushed_requests,
    refresh,
    revocations,
    schema,
    sessions,
)
from durward.store.database import Database
from durward.store.engine import open_database
from durward.store.holds import hold_people
from durward.store.migrate import migrate

HOUR = 3_600
POLICY = SessionPolicy()
NEXT_DAYS = Seconds(2 * 86_400)
HALF_HOUR = Seconds(1_800)


def ago(seconds: int) -> Instant:
    return later(NOW, Seconds(-seconds))


def test_every_table_says_how_its_rows_end() -> None:
    assert [kept.table for kept in RETENTION] == list(dict.fromkeys(k.table for k in RETENTION))
    assert {kept.table for kept in RETENTION} == {
        table.name for table in schema.metadata.sorted_tables
    }


@dataclass(frozen=True)
class SignIn:
    """A session with one grant, as it was left some time ago; ages in seconds."""

    started: int
    idle: int
    """How long the session was not used."""
    session_ended: int | None
    created: int
    """When the grant was made, and its code redeemed or not."""
    redeemed: bool
    family: bool
    refresh_lifetime: int
    spent: int
    """How many of its refresh tokens were spent."""
    grant_ended: int | None
    offline: bool

    def keep(self, connection: Connection, number: int) -> None:
        """Write it as the use cases would have, then set the clock's marks."""
        name = f"{number}"
        hold_people(connection, ANN)
        s, g = schema.sessions, schema.grants
        session = a_session(f"s{name}")
        sessions.start_session(connection, session, f"cookie {name}".encode(), AUDIT)
        seen = ago(min(self.idle, self.started))
        marks = {"started_at": ago(self.started), "seen_at": seen}
        connection.execute(update(s).where(s.c.id == session.id).values(**marks))
        scopes = ("openid", "offline_access") if self.offline else ("openid",)
        grant = a_grant(f"g{name}", session.id, scopes)
        expires = later(ago(self.created), CODE_LIFETIME)
        code = Code(grant.id, DESK, "https://desk/back", "c" * 43, expires)
        grants.record_grant(connection, grant, code, f"code {name}".encode(), AUDIT)
        here = update(g).where(g.c.id == grant.id)
        connection.execute(here.values(created_at=ago(self.created)))
        if self.redeemed:
            grants.redeem_code(connection, f"code {name}".encode(), ago(self.created))
            if self.family:
                self._keep_family(connection, grant.id, name)
        if self.grant_ended is not None:
            grants.end_grant(connection, grant.id, "test", AUDIT)
            connection.execute(here.values(ended_at=ago(self.grant_ended)))
        if self.session_ended is not None:
            sessions.end_session(connection, session.id, "test", AUDIT)
            ended = ago(self.session_ended)
            connection.execute(update(s).where(s.c.id == session.id).values(ended_at=ended))
            # What ended with it ended then.
            with_it = (g.c.session == session.id) & (g.c.ended_at == AUDIT.at)
            connection.execute(update(g).where(with_it).values(ended_at=ended))

    def _keep_family(self, connection: Connection, grant: GrantId, name: str) -> None:
        made = ago(self.created)
        expires = later(made, Seconds(self.refresh_lifetime))
        family = refresh.Family(grant, DESK, b"sealed", expires)
        refresh.start_family(connection, family, f"token {name} 0".encode(), made)
        for turn in range(self.spent):
            refresh.spend_refresh(connection, f"token {name} {turn}".encode(), made)
            refresh.add_refresh(connection, grant, f"token {name} {turn + 1}".encode(), made)


AGE = st.integers(0, 40 * 24) | st.sampled_from([0, 1, 12, 24, 25, 26, 36, 37])
HOURS = AGE.map(lambda hours: hours * HOUR)
ENDED = st.none() | HOURS
SIGN_IN = st.builds(
    SignIn,
    started=HOURS,
    idle=HOURS,
    session_ended=ENDED,
    created=HOURS,
    redeemed=st.booleans(),
    family=st.booleans(),
    refresh_lifetime=st.sampled_from([HOUR, 86_400, 30 * 86_400]),
    spent=st.integers(0, 2),
    grant_ended=ENDED,
    offline=st.booleans(),
)


def answers(connection: Connection, number: int, now: Instant) -> dict[str, object]:
    """All that depends on a sign-in: what it opens, and what is noticed where it is misused."""
    session = sessions.find_session(connection, f"cookie {number}".encode())
    by_id = sessions.load_session(connection, SessionId(f"s{number}"))
    grant = grants.find_grant(connection, GrantId(f"g{number}"))
    in_use = by_id is not None and by_id.is_live(now, POLICY)
    issues = grant is not None and grant.ended_at is None and (grant.outlives_session or in_use)
    tokens = [refresh.find_refresh(connection, f"token {number} {n}".encode()) for n in range(3)]
    code = grants.find_code(connection, f"code {number}".encode())
    # What can be noticed matters while something can be ended by it.
    return {
        "signed in": session is not None and session.is_live(now, POLICY),
        "renewed or noticed": [
            found for found in tokens if issues and found and now < found[0].expires_at
        ],
        "redeemed": code if issues and code and now < code[0].expires_at else None,
    }


def may_live(connection: Connection, number: int) -> dict[str, object]:
    """What a living access token finds: it is younger than the longest of them lives."""
    grant = grants.find_grant(connection, GrantId(f"g{number}"))
    code = grants.find_code(connection, f"code {number}".encode())
    return {"grant": grant, "code": code}


def could_have_a_living_token(connection: Connection, number: int, one: SignIn) -> bool:
    """Whether something was issued on the grant within the longest life of a token."""
    since = ago(LONGEST_TOKEN + 60)
    grant = grants.find_grant(connection, GrantId(f"g{number}"))
    session = sessions.load_session(connection, SessionId(f"s{number}"))
    assert grant is not None
    assert session is not None
    ends = [ago(one.created - CODE_LIFETIME)]
    if one.redeemed and one.family:
        ends = [later(ago(one.created), Seconds(one.refresh_lifetime))]
        if not grant.outlives_session:
            over = (later(session.seen_at, POLICY.idle), later(session.started_at, POLICY.absolute))
            ends += over
            ends += [session.ended_at] if session.ended_at is not None else []
    ends += [grant.ended_at] if grant.ended_at is not None else []
    return one.redeemed and min(ends) >= since


@given(st.lists(SIGN_IN, min_size=1, max_size=6))
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_no_answer_changes_and_what_is_long_over_goes(url: str, signed_in: list[SignIn]) -> None:
    asyncio.run(swept(url, signed_in))


async def swept(url: str, signed_in: list[SignIn]) -> None:
    database = open_database(url)
    try:
        await database.write(migrate)

        def prepare(connection: Connection) -> tuple[list[object], dict[int, object]]:
            for table in schema.metadata.sorted_tables:
                if table is not schema.log_head:
                    connection.execute(delete(table))
            for number, one in enumerate(signed_in):
                one.keep(connection, number)
            seen: list[object] = [answers(connection, n, NOW) for n in range(len(signed_in))]
            living: dict[int, object] = {
                number: may_live(connection, number)
                for number, one in enumerate(signed_in)
                if could_have_a_living_token(connection, number, one)
            }
            return seen, living

        before, living = await database.write(prepare)
        await sweep(database, NOW, POLICY)

        def look(connection: Connection) -> tuple[list[object], dict[int, object]]:
            seen: list[object] = [answers(connection, n, NOW) for n in range(len(signed_in))]
            return seen, {number: may_live(connection, number) for number in living}

        assert await database.read(look) == (before, living)
        # Long after all of it nothing is left.
        future = later(NOW, Seconds(40 * 86_400))
        for _ in range(2):
            await sweep(database, future, POLICY)
        gone = (schema.sessions, schema.grants, schema.codes, schema.families)
        for table in (*gone, schema.refresh_tokens):
            assert await rows(database, table) == 0, table.name
    finally:
        await database.close()


DAY, H23, H25 = 86_400, 23 * HOUR, 25 * HOUR
OFFLINE = SignIn(
    started=29 * DAY,
    idle=29 * DAY,
    session_ended=None,
    created=29 * DAY,
    redeemed=True,
    family=True,
    refresh_lifetime=30 * DAY,
    spent=2,
    grant_ended=None,
    offline=True,
)
BOUND = replace(OFFLINE, offline=False)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("one", "stays"),
    [
        (OFFLINE, True),
        (replace(OFFLINE, refresh_lifetime=29 * DAY - H23), True),
        (replace(OFFLINE, refresh_lifetime=29 * DAY - H25), False),
        (replace(OFFLINE, grant_ended=H23), True),
        (replace(OFFLINE, grant_ended=H25), False),
        (BOUND, False),
        (replace(BOUND, started=HOUR, idle=0, created=0), True),
        (replace(BOUND, started=H23 + 12 * HOUR, idle=H23), True),
        (replace(BOUND, started=H25 + 12 * HOUR, idle=0), False),
        (replace(BOUND, started=H25, idle=H23), True),
        (replace(BOUND, started=H25 + HOUR, idle=H25 + HOUR), False),
        (replace(BOUND, started=2 * HOUR, idle=0, session_ended=HOUR), True),
        (replace(BOUND, session_ended=H23), True),
        (replace(BOUND, session_ended=H25), False),
        (replace(OFFLINE, redeemed=False, created=H23), True),
        (replace(OFFLINE, redeemed=False, created=H25), False),
        (replace(OFFLINE, family=False, created=H23), True),
        (replace(OFFLINE, family=False, created=H25), False),
    ],
)
async def test_a_grant_goes_a_day_after_it_was_good_for_anything(
    database: Database, one: SignIn, *, stays: bool
) -> None:
    await database.write(lambda c: one.keep(c, 0))
    tokens = await rows(database, schema.refresh_tokens)
    await sweep(database, NOW, POLICY)
    kept = [await rows(database, table) for table in (schema.grants, schema.codes)]
    assert kept == [stays, stays]
    assert await rows(database, schema.refresh_tokens) == (tokens if stays else 0)


async def values(database: Database, column: Any) -> list[Any]:
    statement = select(column).order_by(column)
    return await database.read(lambda c: list(c.execute(statement).scalars()))


async def rows(database: Database, table: object) -> int:
    count = select(func.count()).select_from(table)  # type: ignore[arg-type]
    return await database.read(lambda c: c.execute(count).scalar_one())


@pytest.mark.anyio
async def test_rows_end_at_their_time_and_not_before(database: Database) -> None:
    """Each row is a second before its end, and its twin is at it."""
    day = expiry.MARGIN
    forgotten, assertion = PAIR.forgotten, expiry.ASSERTION_MARGIN

    def fill(connection: Connection) -> None:
        for name, late in (("stays", -1), ("goes", 0)):
            end = later(NOW, Seconds(-late))
            add = connection.execute
            used = {"client": "job", "jti": name, "expires_at": later(end, Seconds(-assertion))}
            add(insert(schema.consumed).values(**used))
            count = {"name": name, "failures": 9, "last_at": later(end, Seconds(-forgotten))}
            add(insert(schema.attempts).values(**count))
            none = {"name": f"none {name}", "failures": 0, "last_at": later(end, Seconds(-60))}
            add(insert(schema.attempts).values(**none))
            waiting = interactions.Interaction(name, b"b", b"", ago(1_800), end, "x")
            interactions.record_interaction(connection, waiting)
            expired = later(end, Seconds(-1_800))
            kept = PushedRequest(name.encode(), DESK, b"", ago(2_000), expired, "x")
            pushed_requests.record_pushed(connection, kept)
            session = {"ended_at": later(end, Seconds(-day))}
            hold_people(connection, ANN)
            sessions.start_session(connection, a_session(name), name.encode(), AUDIT)
            here = schema.sessions.c.id == name
            add(update(schema.sessions).where(here).values(**session))
            made = AuditContext("test", later(end, Seconds(-day)), AUDIT.new_id)
            revocations.record_revocation(connection, RevocationKind.GRANT, name, made)
        newest = AuditContext("test", ago(day + 100), AUDIT.new_id)
        revocations.record_revocation(connection, RevocationKind.GRANT, "newest", newest)

    await database.write(fill)
    await sweep(database, NOW, POLICY)
    for table, column, expected in (
        (schema.consumed, schema.consumed.c.jti, ["stays"]),
        (schema.attempts, schema.attempts.c.name, ["none stays", "stays"]),
        (schema.interactions, schema.interactions.c.id, ["stays"]),
        (schema.pushed_requests, schema.pushed_requests.c.hash, [b"stays"]),
        (schema.sessions, schema.sessions.c.id, ["stays"]),
        (schema.revocations, schema.revocations.c.value, ["newest", "stays"]),
    ):
        assert await values(database, column) == expected, table.name


@pytest.mark.anyio
async def test_numbers_of_revocations_go_on_where_all_were_swept(database: Database) -> None:
    """An edge that has read up to one must never be told that it knows the next."""
    for name in ("a", "b"):
        await database.write(
            lambda c, n=name: revocations.record_revocation(c, RevocationKind.GRANT, n, AUDIT)  # type: ignore[misc]
        )
    await sweep(database, later(NOW, NEXT_DAYS), POLICY)
    listed = await database.read(lambda c: revocations.load_revocations(c, 0, Instant(0)))
    assert [one.sequence for one in listed] == [2]
    await database.write(
        lambda c: revocations.record_revocation(c, RevocationKind.GRANT, "c", AUDIT)
    )
    assert await database.read(revocations.newest_revocation) == 3
    assert expiry.MARGIN > KEPT


@pytest.mark.anyio
async def test_an_assertion_that_is_alive_is_refused_after_a_sweep(database: Database) -> None:
    async def consume(now: Instant) -> bool:
        until = later(NOW, Seconds(300))
        return await database.write(
            lambda c: clients.consume_assertion(c, DESK, "once", until, now)
        )

    assert await consume(NOW)
    await sweep(database, later(NOW, Seconds(299)), POLICY)
    assert not await consume(later(NOW, Seconds(299)))


@pytest.mark.anyio
async def test_a_guesser_waits_as_long_after_a_sweep(database: Database) -> None:
    against = {"pair": PAIR}
    for _ in range(20):
        await database.write(lambda c: attempts.count_attempt(c, against, NOW))
    for age in (0, 61, 3_599):
        at = later(NOW, Seconds(age))
        await sweep(database, at, POLICY)
        counts = await database.read(lambda c: attempts.load_counts(c, against))
        assert counts["pair"].failures >= 5


@pytest.mark.anyio
async def test_the_private_half_of_a_key_goes_at_its_end(database: Database) -> None:
    key = keys.StoredKey("k", "access", "ES256", b"{}", b"sealed", NOW, NOW)
    await database.write(lambda c: keys.record_key(c, key, AUDIT))
    end = later(NOW, Seconds(50))
    await database.write(lambda c: keys.retire_key(c, "k", end, AUDIT))
    await sweep(database, ago(-49), POLICY)
    assert [one.private for one in await database.read(keys.load_keys)] == [b"sealed"]
    await sweep(database, end, POLICY)
    kept = await database.read(lambda c: c.execute(select(schema.signing_keys.c.private)).all())
    assert [row.private for row in kept] == [b""]


@pytest.mark.anyio
async def test_the_newest_checkpoints_stay(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "CHECKPOINTS_KEPT", 3)

    def fill(connection: Connection) -> None:
        for size in (10, 20, 30, 40, 50):
            audit.record_checkpoint(connection, size, f"note {size}")

    await database.write(fill)
    await sweep(database, NOW, POLICY)
    sizes = await database.read(
        lambda c: c.execute(select(schema.checkpoints.c.size)).scalars().all()
    )
    assert sorted(sizes) == [30, 40, 50]


@pytest.mark.anyio
async def test_two_replicas_sweep_at_once_and_a_few_rows_at_a_time(
    database: Database, url: str
) -> None:
    number = 3 * BATCH + 7

    def fill(connection: Connection) -> None:
        values = [
            {"client": "job", "jti": f"j{n}", "expires_at": ago(86_400)} for n in range(number)
        ]
        connection.execute(insert(schema.consumed), values)

    await database.write(fill)
    found = await database.read(lambda c: expiry.find_due(c, expiry.assertions(NOW), BATCH))
    assert len(found) == BATCH
    other = open_database(url)
    try:
        swept_rows = await asyncio.gather(*(sweep(one, NOW, POLICY) for one in (database, other)))
        swept_rows += [await sweep(database, NOW, POLICY)]
    finally:
        await other.close()
    assert sum(one["consumed_assertions"] for one in swept_rows) == number
    assert await rows(database, schema.consumed) == 0


@pytest.mark.anyio
async def test_where_too_many_sign_ins_wait_the_busiest_source_loses_its_oldest(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interactions, "TOTAL", 8)
    monkeypatch.setattr(interactions, "ROOM", 2)
    begun = ["one", *["some"] * 2, *["most"] * 5, "late"]

    def fill(connection: Connection) -> None:
        for place, source in enumerate(begun):
            at = later(NOW, Seconds(place))
            name, browser = f"{source} {place}", f"{place}".encode()
            waiting = interactions.Interaction(name, browser, b"", at, later(at, HALF_HOUR), source)
            interactions.record_interaction(connection, waiting)

    await database.write(fill)
    # Three of eight had to go before the ninth came: one for it, and two for those to come.
    assert await values(database, schema.interactions.c.id) == [
        *("late 8", "most 6", "most 7", "one 0", "some 1", "some 2")
    ]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("bound", "browser", "source"), [("PER_BROWSER", "b", None), ("PER_SOURCE", None, "s")]
)
async def test_one_browser_and_one_source_lose_their_own_oldest(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    bound: str,
    browser: str | None,
    source: str | None,
) -> None:
    monkeypatch.setattr(interactions, bound, 2)

    def fill(connection: Connection) -> None:
        other = interactions.Interaction("x", b"x", b"", NOW, later(NOW, HALF_HOUR), "x")
        interactions.record_interaction(connection, other)
        for place in range(1, 5):
            at, own = later(NOW, Seconds(place)), f"{place}"
            waiting = interactions.Interaction(
                own, (browser or own).encode(), b"", at, later(at, HALF_HOUR), source or own
            )
            interactions.record_interaction(connection, waiting)

    await database.write(fill)
    assert await values(database, schema.interactions.c.id) == ["3", "4", "x"]
