"""What every backend of the store promises."""

import asyncio
import subprocess
import sys
import time
import traceback
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, inspect, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from durward.core.audit.event import AuditContext, AuditEvent, EventKind
from durward.core.audit.merkle import Tree, leaf_hash
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.errors import Conflict, Misconfigured, Unavailable
from durward.core.values import ClientId, Instant, Secret
from durward.entropy import new_id
from durward.store import audit, clients, declarations, keys, parts, schema, snapshots
from durward.store.database import Database
from durward.store.declarations import Stored
from durward.store.engine import open_database
from durward.store.migrate import migrate

pytestmark = pytest.mark.anyio
AUDIT = AuditContext("test", Instant(1_000), lambda: new_id("e"))
WORKER = Path(__file__).with_name("worker.py")


def run_twice(command: list[str]) -> list[int]:
    workers = [subprocess.Popen(command) for _ in range(2)]
    return [worker.wait(60) for worker in workers]


def run_and_kill(command: list[str]) -> list[str]:
    """Every whole line that it printed before it was killed."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        printed = [worker.stdout.readline().strip() for _ in range(20)]
        worker.kill()
        return printed + worker.stdout.read().split("\n")[:-1]


def an_event(number: int) -> AuditEvent:
    return AuditEvent(f"e{number}", Instant(number), EventKind.DECISION, "ann", "orders/1")


async def test_migrating_again_changes_nothing(database: Database) -> None:
    assert not await database.write(migrate)


async def test_migrations_and_schema_end_equal(database: Database) -> None:
    def tables(connection: Connection) -> dict[str, set[str]]:
        found = inspect(connection)
        return {
            name: {column["name"] for column in found.get_columns(name)}
            for name in found.get_table_names()
            if name != "alembic_version"
        }

    expected = {
        table.name: {column.name for column in table.columns}
        for table in schema.metadata.sorted_tables
    }
    assert await database.read(tables) == expected


async def test_a_schema_of_a_newer_version_is_refused(database: Database) -> None:
    newer = text("UPDATE alembic_version SET version_num = '9999_pre_future'")
    await database.write(lambda connection: connection.execute(newer).rowcount)
    with pytest.raises(Misconfigured, match="unknown schema version"):
        await database.write(migrate)


async def test_an_error_does_not_repeat_what_was_typed(database: Database) -> None:
    """Errors that nobody expects are reported with all that led to them."""
    query = text("SELECT 1 FROM no_such_table WHERE name = :name")
    secret = new_id("typed")
    with pytest.raises((Unavailable, DBAPIError)) as caught:
        await database.read(lambda c: c.execute(query, {"name": secret}))
    told = "".join(traceback.format_exception(caught.value))
    assert "no_such_table" in told
    assert secret not in told


async def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    def fail(connection: Connection) -> None:
        audit.record_event(connection, an_event(1))
        raise Conflict("no")

    with pytest.raises(Conflict):
        await database.write(fail)
    assert await database.read(lambda c: audit.find_event(c, "e1")) is None


async def test_names_are_exact(database: Database) -> None:
    for name in ("Ann", "ann", "ånn", "a\u030ann"):
        stored = Stored.of(Declaration(DeclarationKind.USER, name, {"tenant": name}))
        await database.write(
            lambda c, s=stored: declarations.change_declarations(c, [("add", s)], AUDIT)  # type: ignore[misc]
        )
    found = await database.read(declarations.load_declarations)
    assert sorted(d.name for d in found) == sorted(["Ann", "ann", "ånn", "a\u030ann"])


async def test_declarations_are_added_changed_and_removed_with_an_event_each(
    database: Database,
) -> None:
    def use(connection: Connection) -> None:
        first = Declaration(DeclarationKind.TENANT, "acme", {"name": "A"})
        declarations.change_declarations(connection, [("add", Stored.of(first))], AUDIT)
        second = Declaration(DeclarationKind.TENANT, "acme", {"name": "B"})
        declarations.change_declarations(connection, [("change", Stored.of(second))], AUDIT)

    await database.write(use)
    (found,) = await database.read(declarations.load_declarations)
    assert found.read().body == {"name": "B"}
    await database.write(lambda c: declarations.change_declarations(c, [("remove", found)], AUDIT))
    assert await database.read(declarations.load_declarations) == []
    await database.write(lambda c: audit.sequence_events(c, audit.load_pending(c, 10)))
    leaves = await database.read(lambda c: audit.load_leaves(c, 0, 10))
    assert [AuditEvent.from_wire(body).kind for _, body in leaves] == [
        EventKind.DECLARATION_ADDED,
        EventKind.DECLARATION_CHANGED,
        EventKind.DECLARATION_REMOVED,
    ]


async def test_events_are_sequenced_in_their_order_under_one_root(database: Database) -> None:
    def record(connection: Connection) -> None:
        for number in range(7):
            audit.record_event(connection, an_event(number))

    await database.write(record)
    assert (await database.read(lambda c: audit.find_event(c, "e3"))) == an_event(3)
    await database.write(lambda c: audit.sequence_events(c, audit.load_pending(c, 4)))
    tree = await database.write(lambda c: audit.sequence_events(c, audit.load_pending(c, 4)))
    assert (
        await database.write(lambda c: audit.sequence_events(c, audit.load_pending(c, 4))) is None
    )
    leaves = await database.read(lambda c: audit.load_leaves(c, 0, 100))
    assert [index for index, _ in leaves] == list(range(7))
    assert [AuditEvent.from_wire(body) for _, body in leaves] == [an_event(n) for n in range(7)]
    assert tree == Tree().extend(leaf_hash(body) for _, body in leaves)
    assert await database.read(audit.load_tree) == tree


async def test_an_event_is_taken_once_however_often_it_is_sent(database: Database) -> None:
    events = [an_event(1), an_event(2)]
    assert await database.write(lambda c: audit.ingest_events(c, events)) == 2
    assert await database.write(lambda c: audit.ingest_events(c, events)) == 0
    await database.write(lambda c: audit.sequence_events(c, audit.load_pending(c, 10)))
    assert await database.write(lambda c: audit.ingest_events(c, events)) == 0


async def test_the_first_checkpoint_of_a_size_stays(database: Database) -> None:
    for note in ("one", "two"):
        await database.write(lambda c, n=note: audit.record_checkpoint(c, 3, n))  # type: ignore[misc]
    assert await database.read(audit.latest_checkpoint) == (3, "one")


async def test_keys_are_published_retired_and_destroyed(database: Database) -> None:
    key = keys.StoredKey("k1", "access", "ES256", b"{}", b"sealed", Instant(1), Instant(2))
    assert "sealed" not in repr(key)
    await database.write(lambda c: keys.record_key(c, key, AUDIT))
    await database.write(lambda c: keys.retire_key(c, "k1", Instant(50), AUDIT))
    (found,) = await database.read(keys.load_keys)
    assert found.retired_at == 50
    for again, stays in ((60, 50), (40, 40)):  # said again, only an earlier end counts
        await database.write(lambda c, a=again: keys.retire_key(c, "k1", Instant(a), AUDIT))  # type: ignore[misc]
        assert [key.retired_at for key in await database.read(keys.load_keys)] == [stays]
    assert await database.write(lambda c: keys.remove_keys(c, Instant(39))) == 0
    assert await database.write(lambda c: keys.remove_keys(c, Instant(50))) == 1
    assert await database.read(keys.load_keys) == []
    rows = await database.read(lambda c: c.execute(select(schema.signing_keys.c.private)).all())
    assert [row.private for row in rows] == [b""]


async def test_a_version_of_the_snapshot_is_published_once(database: Database) -> None:
    assert await database.read(snapshots.newest_version) == 0
    await database.write(
        lambda c: snapshots.publish_snapshot(c, 1, b"one", {"d1": b"a part"}, AUDIT)
    )
    with pytest.raises(IntegrityError):
        await database.write(lambda c: snapshots.publish_snapshot(c, 1, b"two", {}, AUDIT))
    assert await database.read(snapshots.load_snapshot) == (1, b"one")


@pytest.mark.requirement("ZT-5")
async def test_what_the_log_tells_of_is_kept_when_no_version_has_it(database: Database) -> None:
    async def publish(version: int, **contents: bytes) -> None:
        await database.write(
            lambda c: snapshots.publish_snapshot(c, version, b"list", contents, AUDIT)
        )

    async def kept() -> set[str]:
        return set(await database.read(lambda c: parts.load_parts(c, ("told", "other", "given"))))

    await publish(1, told=b"policies", other=b"policies too")
    for _ in "ab":
        lacking = await database.write(
            lambda c: parts.mark_recorded(c, {"told", "never published"}, Instant(5))
        )
        assert lacking == {"never published"}
    await database.write(lambda c: parts.add_recorded_part(c, "given", b"a node's", Instant(6)))
    await database.write(lambda c: parts.add_recorded_part(c, "given", b"again", Instant(7)))
    assert await kept() == {"told", "other", "given"}
    for version in range(2, snapshots.KEPT + 2):
        await publish(version)
    assert await kept() == {"told", "given"}
    found = await database.read(lambda c: parts.load_parts(c, ("given",)))
    assert found == {"given": b"a node's"}


@pytest.mark.requirement("AS-37")
async def test_secrets_are_kept_as_hashes(database: Database) -> None:
    secret, client = Secret("very-secret-very-random"), ClientId("job")
    await database.write(lambda c: clients.record_secret(c, client, secret, AUDIT))
    assert await database.read(lambda c: clients.load_secrets(c, client)) == [secret.sha256()]
    assert await database.read(lambda c: clients.load_secrets(c, ClientId("Job"))) == []


async def test_an_assertion_is_used_once_until_it_expires(database: Database) -> None:
    async def consume(jti: str, now: int) -> bool:
        client, expiry = ClientId("job"), Instant(100)
        return await database.write(
            lambda c: clients.consume_assertion(c, client, jti, expiry, Instant(now))
        )

    assert await consume("a", 1)
    assert not await consume("a", 99)
    assert await consume("b", 99)
    assert await consume("a", 100)


async def test_of_many_increments_in_two_processes_none_is_lost(
    database: Database, url: str
) -> None:
    row = insert(schema.log_head).values(id=2, size=0, frontier=b"")
    await database.write(lambda c: c.execute(row).rowcount)
    command = [sys.executable, str(WORKER), "increment", url, "25"]
    assert await asyncio.to_thread(run_twice, command) == [0, 0]
    size = select(schema.log_head.c.size).where(schema.log_head.c.id == 2)
    assert await database.read(lambda c: c.execute(size).scalar()) == 50


async def test_two_sequencers_at_once_lose_and_double_nothing(database: Database, url: str) -> None:
    def record(connection: Connection) -> None:
        for number in range(200):
            audit.record_event(connection, an_event(number))

    await database.write(record)
    command = [sys.executable, str(WORKER), "sequence", url]
    assert await asyncio.to_thread(run_twice, command) == [0, 0]
    leaves = await database.read(lambda c: audit.load_leaves(c, 0, 1000))
    assert [index for index, _ in leaves] == list(range(200))
    assert len({body for _, body in leaves}) == 200
    expected = Tree().extend(leaf_hash(body) for _, body in leaves)
    assert await database.read(audit.load_tree) == expected


async def test_what_was_committed_survives_a_kill(database: Database, url: str) -> None:
    """The worker prints an event's id after its commit; what it printed must be there."""
    command = [sys.executable, str(WORKER), "record", url]
    printed = await asyncio.to_thread(run_and_kill, command)
    assert len(printed) >= 20
    for event_id in printed:
        found = await database.read(lambda c, i=event_id: audit.find_event(c, i))  # type: ignore[misc]
        assert found is not None, event_id


async def test_in_sqlite_a_reader_is_not_held_up_by_a_writer(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/store.db")
    await database.write(migrate)

    def slow(connection: Connection) -> None:
        connection.execute(update(schema.log_head).values(size=7))
        time.sleep(0.5)

    writing = asyncio.create_task(database.write(slow))
    await asyncio.sleep(0.1)
    assert (await database.read(audit.load_tree)).size == 0
    assert not writing.done()
    await writing
    await database.close()


@pytest.mark.parametrize("address", ["mysql://x/y", "not an address", "sqlite://"])
def test_an_address_that_is_not_supported_is_told(address: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        open_database(address)
    assert caught.value.hint


async def test_a_database_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    database = open_database(f"postgresql://nobody@/none?host={tmp_path}")
    with pytest.raises(Unavailable):
        await database.read(snapshots.newest_version)
    await database.close()
