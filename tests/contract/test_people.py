"""What every backend promises about people: single use, also across processes."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, select

from durward.core.audit.event import AuditContext
from durward.core.authn.session import Session
from durward.core.authn.throttle import Count, attempt_from
from durward.core.edge.revocation import RevocationKind
from durward.core.oauth.grant import Grant
from durward.core.oauth.grants.authorization_code import Code
from durward.core.values import (
    ClientId,
    GrantId,
    Instant,
    Seconds,
    Secret,
    SessionId,
    TenantId,
    UserId,
    later,
)
from durward.entropy import new_id
from durward.store import (
    attempts,
    clients,
    grants,
    holds,
    passwords,
    refresh,
    revocations,
    schema,
    sessions,
)
from durward.store.database import Database

pytestmark = pytest.mark.anyio
NOW = Instant(1_800_000_000_000_000)
AUDIT = AuditContext("test", NOW, lambda: new_id("e"))
ANN, DESK = UserId("ann"), ClientId("desk")
T = TypeVar("T")
WORKER = Path(__file__).with_name("worker.py")


def a_session(id: str, user: UserId = ANN) -> Session:
    return Session(
        SessionId(id), user, TenantId("acme"), ("pwd",), NOW, NOW, NOW, "192.0.2.1", "agent"
    )


def a_grant(id: str, session: str = "s", scopes: tuple[str, ...] = ("openid",)) -> Grant:
    return Grant(
        GrantId(id),
        ANN,
        DESK,
        TenantId("acme"),
        "https://api",
        scopes,
        SessionId(session),
        ("pwd",),
        NOW,
        "n",
        NOW,
    )


def a_code(grant: str) -> Code:
    return Code(GrantId(grant), DESK, "https://desk/back", "c" * 43, later(NOW, Seconds(60)))


def keep(connection: Connection, grant: Grant) -> None:
    holds.hold_people(connection, ANN)
    grants.record_grant(connection, grant, a_code(grant.id), grant.id.encode(), AUDIT)
    family = refresh.Family(grant.id, DESK, b"sealed", later(NOW, Seconds(600)))
    refresh.start_family(connection, family, b"first " + grant.id.encode(), NOW)


def held(use: Callable[[Connection], T]) -> Callable[[Connection], T]:
    """As a use case does it that is about Ann."""

    def alone(connection: Connection) -> T:
        holds.hold_people(connection, ANN)
        return use(connection)

    return alone


async def test_a_grant_is_read_as_it_was_written(database: Database) -> None:
    for grant in (a_grant("g1"), a_grant("g2", scopes=())):
        await database.write(lambda c, g=grant: keep(c, g))  # type: ignore[misc]
        assert await database.read(lambda c, g=grant: grants.find_grant(c, g.id)) == grant  # type: ignore[misc]


async def test_a_code_is_redeemed_once(database: Database) -> None:
    await database.write(lambda c: keep(c, a_grant("g")))
    found = await database.read(lambda c: grants.find_code(c, b"g"))
    assert found == (a_code("g"), None)
    outcomes = [await database.write(lambda c: grants.redeem_code(c, b"g", NOW)) for _ in range(2)]
    assert outcomes == [True, False]
    found = await database.read(lambda c: grants.find_code(c, b"g"))
    assert found == (a_code("g"), NOW)


async def test_a_session_is_found_by_its_secret_until_that_is_replaced(database: Database) -> None:
    await database.write(held(lambda c: sessions.start_session(c, a_session("s"), b"one", AUDIT)))
    assert await database.read(lambda c: sessions.find_session(c, b"one")) == a_session("s")
    await database.write(
        held(lambda c: sessions.renew_session(c, SessionId("s"), b"two", ("pwd",), AUDIT))
    )
    assert await database.read(lambda c: sessions.find_session(c, b"one")) is None
    assert await database.read(lambda c: sessions.find_session(c, b"two")) == a_session("s")


async def test_ending_a_session_ends_what_does_not_outlive_it_and_revokes_both(
    database: Database,
) -> None:
    def use(connection: Connection) -> None:
        holds.hold_people(connection, ANN)
        sessions.start_session(connection, a_session("s"), b"one", AUDIT)
        keep(connection, a_grant("bound"))
        keep(connection, a_grant("offline", scopes=("offline_access",)))
        keep(connection, a_grant("elsewhere", session="t"))

    await database.write(use)
    end = held(lambda c: sessions.end_session(c, SessionId("s"), "test", AUDIT))
    assert await database.write(end)
    assert not await database.write(end)
    live = await database.read(lambda c: grants.live_grants(c, user=ANN))
    assert {grant.id for grant in live} == {"offline", "elsewhere"}
    listed = await database.read(lambda c: revocations.load_revocations(c, 0, NOW))
    assert [(one.sequence, one.kind, one.value) for one in listed] == [
        (1, "session", "s"),
        (2, "grant", "bound"),
    ]
    assert await database.read(lambda c: revocations.load_revocations(c, 2, NOW)) == []
    assert await database.read(lambda c: refresh.find_refresh(c, b"first bound")) is None
    assert await database.read(lambda c: refresh.find_refresh(c, b"first offline")) is not None


async def test_the_grants_that_a_change_touches_are_found_in_batches(database: Database) -> None:
    def use(connection: Connection) -> None:
        for id in ("g3", "g1", "g4", "g2"):
            keep(connection, a_grant(id))
        grants.end_grant(connection, GrantId("g4"), "test", AUDIT)

    def found(users: Sequence[str], at: Sequence[str], after: str | None = None) -> Any:
        last = None if after is None else GrantId(after)
        return lambda c: [
            one.id for one, _ in grants.find_grants(c, users, at, after=last, limit=2)
        ]

    await database.write(use)
    for whose, at in (([ANN], []), ([], [DESK]), ([ANN, "bob"], [DESK, "cli"])):
        assert await database.read(found(whose, at)) == ["g1", "g2"]
        assert await database.read(found(whose, at, "g2")) == ["g3"]
        assert await database.read(found(whose, at, "g3")) == []
    assert await database.read(found(["bob", "Ann"], ["cli"])) == []
    assert await database.read(found([], [])) == []


async def test_a_grant_is_found_with_what_its_person_agreed_to_there(database: Database) -> None:
    def use(connection: Connection) -> None:
        keep(connection, a_grant("g"))
        for audience, agreed in ((None, {"a"}), ("https://else", {"b"}), ("https://api", {"c"})):
            before = grants.find_grants(connection, [ANN], [], after=None, limit=9)
            assert [one for _, one in before] == [None]
            grants.record_consent(connection, ANN, DESK, audience, frozenset(agreed), AUDIT)
        ((_, found),) = grants.find_grants(connection, [ANN], [], after=None, limit=9)
        assert found == frozenset({"c"})

    await database.write(use)


async def test_grants_lose_scopes_and_refresh_tokens_and_nothing_else(database: Database) -> None:
    ids = [GrantId("g1"), GrantId("g2")]

    def use(connection: Connection) -> None:
        for id in (*ids, "g3"):
            keep(connection, a_grant(id, scopes=("openid", "orders:read")))
        grants.narrow_grants(connection, ids, ("openid",), AUDIT)
        grants.narrow_grants(connection, ids[1:], (), AUDIT)
        grants.end_refresh(connection, ids, AUDIT)
        grants.end_refresh(connection, ids, AUDIT)

    await database.write(use)
    live = await database.read(lambda c: grants.live_grants(c, user=ANN))
    assert {one.id: (one.scopes, one.lost) for one in live} == {
        "g1": (("openid",), ("orders:read",)),
        "g2": ((), ("openid", "orders:read")),
        "g3": (("openid", "orders:read"), ()),
    }
    for id, left in (("g1", False), ("g2", False), ("g3", True)):
        found = await database.read(
            lambda c, i=id: refresh.find_refresh(c, f"first {i}".encode())  # type: ignore[misc]
        )
        assert (found is not None) is left


async def test_codes_that_can_be_redeemed_still_are_found_by_their_client(
    database: Database,
) -> None:
    def use(connection: Connection) -> list[GrantId]:
        for id in ("g1", "g2"):
            keep(connection, a_grant(id))
        grants.redeem_code(connection, b"g2", NOW)
        return [
            code.grant
            for now, client in ((NOW, DESK), (later(NOW, Seconds(60)), DESK), (NOW, ClientId("x")))
            for code in grants.open_codes(connection, now, client=client)
        ]

    assert await database.write(use) == ["g1"]


@pytest.mark.parametrize(("number", "listed"), [(200, 200), (201, 1)])
async def test_many_grants_that_end_are_revoked_as_the_one_thing_that_they_have_in_common(
    database: Database, number: int, listed: int
) -> None:
    """An edge keeps an entry for each: many would push the others out of what is pushed at once."""
    ids = [GrantId(f"g{one}") for one in range(number)]

    def use(connection: Connection) -> int:
        for id in ids:
            keep(connection, a_grant(id))
        keep(connection, a_grant("other"))
        instead = (RevocationKind.SUBJECT, ANN)
        return grants.end_grants(connection, ids, "test", AUDIT, instead=instead)

    assert await database.write(use) == number
    found = await database.read(lambda c: revocations.load_revocations(c, 0, NOW))
    assert len(found) == listed
    kind = RevocationKind.GRANT if listed == number else RevocationKind.SUBJECT
    assert {one.kind for one in found} == {kind}
    assert [one.id for one in await database.read(lambda c: grants.live_grants(c, user=ANN))] == [
        "other"
    ]
    assert await database.read(lambda c: refresh.find_refresh(c, b"first g0")) is None
    assert await database.read(lambda c: refresh.find_refresh(c, b"first other")) is not None
    again = await database.write(lambda c: grants.end_grants(c, ids, "test", AUDIT))
    assert again == 0


async def test_consent_is_remembered_for_one_client_at_one_api(database: Database) -> None:
    def use(connection: Connection) -> None:
        holds.hold_people(connection, ANN)
        for scopes in ({"a"}, {"a", "b"}):
            grants.record_consent(connection, ANN, DESK, "https://api", frozenset(scopes), AUDIT)

    await database.write(use)
    for client, audience, expected in (
        ("desk", "https://api", {"a", "b"}),
        ("desk", None, None),
        ("Desk", "https://api", None),
        ("other", "https://api", None),
    ):
        found = await database.read(
            lambda c, k=client, a=audience: grants.load_consent(c, ANN, ClientId(k), a)  # type: ignore[misc]
        )
        assert found == expected


async def test_what_belongs_to_one_name_is_forgotten_and_nothing_else(database: Database) -> None:
    bob, cli = UserId("bob"), ClientId("cli")
    every = [(user, client) for user in (ANN, bob) for client in (DESK, cli)]

    def keep_all(connection: Connection) -> None:
        holds.hold_people(connection, ANN, bob)
        for user, client in every:
            given = frozenset({"openid"})
            grants.record_consent(connection, user, client, None, given, AUDIT)
            grants.record_consent(connection, user, client, "https://api", given, AUDIT)
        for user in (ANN, bob):
            passwords.record_password(connection, user, f"hash of {user}", AUDIT)
        for client in (DESK, cli):
            clients.record_secret(connection, client, Secret(f"secret of {client}"), AUDIT)

    def left(connection: Connection) -> tuple[object, ...]:
        consented = [
            pair for pair in every if grants.load_consent(connection, *pair, None) is not None
        ]
        known = [user for user in (ANN, bob) if passwords.load_password(connection, user)]
        proving = [client for client in (DESK, cli) if clients.load_secrets(connection, client)]
        return consented, known, proving

    await database.write(keep_all)
    assert await database.write(lambda c: passwords.forget_password(c, ANN, AUDIT))
    assert not await database.write(lambda c: passwords.forget_password(c, ANN, AUDIT))
    assert await database.write(lambda c: clients.forget_secrets(c, DESK, AUDIT)) == 1
    assert await database.write(lambda c: clients.forget_secrets(c, DESK, AUDIT)) == 0
    assert await database.read(left) == (every, [bob], [cli])
    await database.write(lambda c: grants.forget_consents(c, AUDIT, user=ANN))
    assert await database.read(left) == ([(bob, DESK), (bob, cli)], [bob], [cli])
    await database.write(lambda c: grants.forget_consents(c, AUDIT, client=DESK))
    assert await database.read(left) == ([(bob, cli)], [bob], [cli])


async def test_attempts_are_counted_before_they_are_looked_at(database: Database) -> None:
    attempt = attempt_from(b"key", "ann", "192.0.2.1")
    against = attempt.limits
    waits = [
        await database.write(lambda c: attempts.count_attempt(c, against, NOW)) for _ in range(7)
    ]
    assert waits == [0, 0, 0, 0, 0, 1, 1]
    await database.write(lambda c: attempts.forgive_attempt(c, against, attempt.pair))
    counts = await database.read(lambda c: attempts.load_counts(c, against))
    assert counts == {name: Count(4, NOW) for name in against if name != attempt.pair}


def race(url: str, what: str, *more: str) -> list[str]:
    """What two processes that do the same thing at once say of it."""
    command = [sys.executable, str(WORKER), what, url, *more]
    workers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for worker in workers:  # both have the store open before either begins
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    return [worker.communicate(timeout=60)[0] for worker in workers]


@pytest.mark.requirement("AS-17")
async def test_of_two_processes_that_redeem_a_code_exactly_one_wins(
    database: Database, url: str
) -> None:
    def use(connection: Connection) -> None:
        for number in range(25):
            keep(connection, a_grant(f"g{number}"))

    await database.write(use)
    first, second = await asyncio.to_thread(race, url, "redeem")
    won = [set(said.split()) for said in (first, second)]
    assert not won[0] & won[1]
    assert won[0] | won[1] == {f"g{number}" for number in range(25)}


@pytest.mark.requirement("AS-34")
async def test_a_refresh_token_never_gets_two_successors_across_processes(
    database: Database, url: str
) -> None:
    await database.write(lambda c: keep(c, a_grant("g")))
    said = await asyncio.to_thread(race, url, "rotate")

    def chain(connection: Connection) -> list[bytes]:
        rows = connection.execute(select(schema.refresh_tokens.c.hash))
        return [row.hash for row in rows]

    # Both presented the same 25 tokens in a row; each has one successor, which both computed.
    assert said[0].split()[-1] == said[1].split()[-1] == "25"
    assert len(await database.read(chain)) == 26


async def test_revocations_are_numbered_in_the_order_of_their_commits(
    database: Database, url: str
) -> None:
    said = await asyncio.to_thread(race, url, "revoke")
    assert len(said) == 2
    listed = await database.read(lambda c: revocations.load_revocations(c, 0, Instant(0)))
    assert [one.sequence for one in listed] == list(range(1, 51))
