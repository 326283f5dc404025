"""Rows that something else than Durward put into the log's tables: told, and never the end."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from sqlalchemy import select, text, update
from tests.contract.stories import sound
from tests.issuer import Issuer
from tests.issuer import issuer as fresh_issuer

from durward.core.audit.event import AuditEvent, EventKind
from durward.core.errors import Unavailable
from durward.core.values import Instant
from durward.entrypoints.server import control
from durward.services import sequence
from durward.store import schema

pytestmark = pytest.mark.anyio

OTHERS = AuditEvent("x1", Instant(1), EventKind.DECISION, "eve", "orders/1").to_wire()


@pytest.fixture
async def issuer(url: str) -> AsyncIterator[Issuer]:
    async with fresh_issuer(url) as running:
        yield running


async def put(issuer: Issuer, statement: str, **values: Any) -> None:
    await issuer.plane.transactions.database.write(lambda c: c.execute(text(statement), values))


async def told(issuer: Issuer, kind: str) -> list[dict[str, Any]]:
    return [event for each in await issuer.events() if (event := json.loads(each))["kind"] == kind]


async def get(issuer: Issuer, path: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=control(issuer.plane))
    async with httpx2.AsyncClient(transport=transport, base_url="http://durward") as http:
        return await http.get(path)


LOG = "INSERT INTO audit_log (sequence, event_id, body) VALUES ({}, :id, :body)"
OUTBOX = "INSERT INTO audit_outbox (event_id, body) VALUES (:id, :body)"


ROWS = (
    ("next", OTHERS),
    ("far", OTHERS),
    ("before", OTHERS),
    ("outbox", b"not an event"),
    ("outbox", b"\xff\x00"),
    ("outbox", OTHERS.replace(b"x1", b"x2")),
    ("outbox", b" " + OTHERS),
)


async def test_rows_that_cannot_be_in_order_are_set_aside_and_the_log_goes_on(
    issuer: Issuer,
) -> None:
    for number, (table, body) in enumerate(ROWS, 1):
        await issuer.plane.upkeep.sequence()
        size = (await issuer.plane.log.checkpoint() or (0,))[0]
        place = {"next": size, "far": size + 1_000, "before": -7}.get(table)
        statement = OUTBOX if place is None else LOG.format(place)
        await put(issuer, statement, id="x1", body=body)
        await issuer.token("reporting", grant_type="nothing")
        events = await told(issuer, "row set aside")
        assert len(events) == number
        wanted = f"audit_log/{place}" if place is not None else "audit_outbox/"
        assert events[-1]["target"].startswith(wanted)
        assert events[-1]["facts"]["bytes"] == len(body)
        await sound(issuer, None)
        log = (await get(issuer, "/admin/v1/nodes")).json()["log"]
        assert log[0].startswith(f"the audit log: {number} row")
    ready = await get(issuer, "/readyz")
    assert (ready.status_code, ready.text.splitlines()[0]) == (200, "ok")
    assert "the audit log: 7 rows of others were in its tables and are set aside" in ready.text


COUNTED = {
    "sqlite": "UPDATE sqlite_sequence SET seq = {} WHERE name = 'audit_outbox'",
    "postgresql": "SELECT setval('audit_outbox_position_seq', {})",
}
AT = "INSERT INTO audit_outbox (position, event_id, body) VALUES ({}, :id, :body)"


@pytest.mark.parametrize("position", [2**63 - 1, 2**63 - 2, 2**62 + 1, -(2**63)])
async def test_a_row_at_the_end_of_all_positions_does_not_end_the_log(
    issuer: Issuer, url: str, position: int
) -> None:
    """SQLite gives no position after the greatest; neither does the counter of PostgreSQL."""
    counted = COUNTED[url.partition(":")[0].partition("+")[0]]
    for number, spoiled in enumerate((AT, counted, AT), 1):
        await issuer.plane.upkeep.sequence()
        last = AuditEvent(f"y{number}", Instant(1), EventKind.DECISION, "eve", "orders/1")
        if spoiled == counted:
            await put(issuer, counted.format(max(position, 1)))
        else:
            await put(issuer, AT.format(position), id=last.id, body=last.to_wire())
            wrong = b"not an event"
            await put(issuer, AT.format(position - 1 if position > 0 else 0), id="x", body=wrong)
        await issuer.plane.upkeep.sequence()
        before = len(await issuer.events())
        await issuer.token("reporting", grant_type="nothing")
        assert len(await issuer.events()) > before
        assert (last.to_wire().decode() in await issuer.events()) is (spoiled == AT)
    assert len(await told(issuer, "row set aside")) == 2
    await sound(issuer, None)


SPOIL = {
    "set_aside": "UPDATE audit_head SET set_aside = :value",
    "set_aside_at": "UPDATE audit_head SET set_aside_at = :value",
}
ABSURD = (2**63 - 1, -(2**63), 2**62)


@pytest.mark.parametrize("value", ABSURD)
async def test_an_absurd_number_of_rows_set_aside_ends_neither_log_nor_readiness(
    issuer: Issuer, value: int
) -> None:
    for place in ("set_aside", "set_aside_at"):
        await put(issuer, SPOIL[place], value=value)
        assert (await get(issuer, "/readyz")).status_code == 200
        await put(issuer, OUTBOX, id=place, body=b"not an event")
        await issuer.plane.upkeep.sequence()
        assert (await get(issuer, "/readyz")).status_code == 200
    assert len(await told(issuer, "row set aside")) == 2


async def test_text_where_bytes_should_be_is_set_aside_too(issuer: Issuer, url: str) -> None:
    """SQLite takes any type in any column."""
    if not url.startswith("sqlite"):
        return
    await put(issuer, "INSERT INTO audit_outbox (event_id, body) VALUES ('x1', 'text')")
    await put(issuer, "INSERT INTO audit_log (sequence, event_id, body) VALUES (9999, 'x', 'é')")
    assert len(await told(issuer, "row set aside")) == 2
    await sound(issuer, None)


SPOILED = (
    "INSERT INTO audit_outbox (event_id, body) VALUES (x'ff', x'00')",
    "INSERT INTO audit_outbox (event_id, body) VALUES (CAST(x'ff' AS TEXT), x'00')",
    "INSERT INTO audit_log (sequence, event_id, body) VALUES (99999, CAST(x'ff' AS TEXT), x'00')",
    "INSERT INTO audit_checkpoints (size, note) VALUES (99999, x'ff')",
    "INSERT INTO audit_checkpoints (size, note) VALUES (99999, CAST(x'ff' AS TEXT))",
)


async def test_what_is_no_text_where_text_should_be_is_set_aside_too(
    issuer: Issuer, url: str
) -> None:
    """SQLite takes any type in any column, and bytes for text; the log goes on."""
    if not url.startswith("sqlite"):
        return
    for number, statement in enumerate(SPOILED, 1):
        await issuer.plane.upkeep.sequence()
        await put(issuer, statement)
        await issuer.token("reporting", grant_type="nothing")
        assert len(await told(issuer, "row set aside")) == number, statement
    await sound(issuer, None)
    await put(issuer, "UPDATE audit_head SET size = 'many'")
    with pytest.raises(Unavailable, match="spoiled"):
        await issuer.plane.upkeep.sequence()
    await put(issuer, "UPDATE audit_head SET size = (SELECT count(*) FROM audit_log)")


async def test_a_row_beyond_the_end_hides_no_event_of_that_id(issuer: Issuer) -> None:
    """Of more rows than are removed at once, the event that comes after them stays one."""
    await issuer.plane.upkeep.sequence()
    rows = [{"s": 10_000 + n, "id": f"x{n}", "body": OTHERS} for n in range(sequence.BATCH + 2)]
    statement = text("INSERT INTO audit_log (sequence, event_id, body) VALUES (:s, :id, :body)")
    await issuer.plane.transactions.database.write(lambda c: c.execute(statement, rows))
    last = AuditEvent(str(rows[-1]["id"]), Instant(1), EventKind.DECISION, "ann", "orders/1")
    assert (await issuer.plane.fleet.ingest([last])).taken == 1
    assert last.to_wire().decode() in [*await issuer.events()]


async def test_an_event_whose_id_is_in_the_log_stays_once(issuer: Issuer) -> None:
    (first, *_) = await issuer.events()
    await put(issuer, OUTBOX, id=json.loads(first)["id"], body=first.encode())
    (event,) = await told(issuer, "row set aside")
    assert event["facts"]["why"] == "the log has an event of that id"
    await sound(issuer, None)


async def test_a_checkpoint_that_nobody_signed_does_not_hide_those_that_come(
    issuer: Issuer,
) -> None:
    await issuer.plane.upkeep.sequence()
    await put(issuer, "INSERT INTO audit_checkpoints (size, note) VALUES (100000, 'a\n1\nYQ==\n')")
    await issuer.token("reporting", grant_type="nothing")
    (event,) = await told(issuer, "row set aside")
    assert event["target"] == "audit_checkpoints/100000"
    await sound(issuer, None)


NOT_OF_THAT_SIZE = ("", "a\n5\né\n\n\u2014 b c\n", None)
"""None is that of another size, which was signed."""


async def test_a_checkpoint_of_another_size_does_not_hide_those_that_come(issuer: Issuer) -> None:
    """Neither is the log held against it: its head could be taken back under an old note."""
    statement = (
        "INSERT INTO audit_checkpoints (size, note)"
        " SELECT 100000, COALESCE(CAST(:note AS TEXT), MIN(note)) FROM audit_checkpoints"
    )
    for number, note in enumerate(NOT_OF_THAT_SIZE, 1):
        await issuer.plane.upkeep.sequence()
        await put(issuer, statement, note=note)
        await issuer.token("reporting", grant_type="nothing")
        events = await told(issuer, "row set aside")
        assert [event["target"] for event in events] == ["audit_checkpoints/100000"] * number
        assert (await issuer.plane.log.checkpoint() or (0,))[0] < 100_000
    await sound(issuer, None)


async def test_nothing_is_signed_over_a_head_that_is_not_what_was_signed_last(
    issuer: Issuer,
) -> None:
    """Whoever takes the head back would have us write over events that were signed."""
    await issuer.plane.upkeep.sequence()
    kept = await issuer.plane.log.leaves(0, 1_000)
    hashes = bytes(32 * len(kept).bit_count())
    head = schema.log_head
    (before,) = await issuer.plane.transactions.database.read(
        lambda c: c.execute(select(head)).all()
    )
    for changes in ({"size": 1, "frontier": bytes(32)}, {"frontier": hashes}, {"frontier": b""}):
        await issuer.plane.transactions.database.write(
            lambda c, v=changes: c.execute(update(head).values(**v))  # type: ignore[misc]
        )
        await issuer.token("reporting", grant_type="nothing")
        with pytest.raises(Unavailable, match="the head of the audit log"):
            await issuer.plane.upkeep.sequence()
        assert await issuer.plane.log.leaves(0, 1_000) == kept
        assert "the head of the audit log" in (await get(issuer, "/readyz")).text
    right = before._asdict()
    await issuer.plane.transactions.database.write(
        lambda c: c.execute(update(head).values(**right))
    )
    assert len(await issuer.events()) > len(kept)
    await sound(issuer, None)
    assert (await get(issuer, "/readyz")).text == "ok"


async def test_a_spoiled_log_ends_no_control_plane(issuer: Issuer) -> None:
    said: list[str] = []
    await issuer.plane.transactions.database.write(
        lambda c: c.execute(update(schema.log_head).values(id=2))
    )
    task = asyncio.create_task(issuer.plane.upkeep.keep_sequencing(said.append))
    for _ in range(100):
        await asyncio.sleep(0.05)
        if said:
            break
    assert not task.done()
    assert "the head of the audit log is spoiled" in said[0]
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
