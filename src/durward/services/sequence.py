"""The sequencer: events of the outbox, and of the edges, become one signed log."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from durward.core.audit.checkpoint import Checkpoint, LogKey, verify_checkpoint
from durward.core.audit.event import AuditContext, AuditEvent, EventKind
from durward.core.audit.merkle import Tree
from durward.core.errors import Conflict, ProtocolError, Unavailable
from durward.core.values import MICROSECONDS, Instant
from durward.core.wire import decode_base64url, encode_base64url
from durward.keys.signing import Signer
from durward.services.recorded_policies import record_policies
from durward.store.audit import (
    Stray,
    count_strays,
    ingest_events,
    latest_checkpoint,
    load_pending,
    load_strays,
    record_checkpoint,
    record_event,
    remove_checkpoint,
    sequence_events,
    take_strays,
)
from durward.store.database import Database

BATCH = 500
ONE = "1 row of others was in its tables and is set aside"
KEPT_BYTES = 3_000
"""Of a row that was set aside; its hash is of all of it."""


def log_key(issuer: str, signer: Signer) -> LogKey:
    """The public key of the log, named after its issuer."""
    return LogKey(origin(issuer), decode_base64url(signer.public_jwk["x"]))


def origin(issuer: str) -> str:
    """The log's name: the issuer without its scheme."""
    return issuer.partition("://")[2] + "/audit"


async def sequence(
    database: Database, issuer: str, signer: Signer, audit: Callable[[], AuditContext]
) -> Tree | None:
    """Sequence all that waits and sign the result; None where nothing waits.

    What cannot be in order, and so was put there by something else, is set aside: an event tells
    it, with its bytes, and the log goes on. Raises Unavailable where the log's own head is not what
    was signed last: whatever is signed then would hide it.
    """
    tree, more = None, True
    while more:
        try:
            step, more = await database.write(lambda c: _step(c, issuer, signer, audit()))
        except Conflict:  # another replica was faster; what it left comes next
            continue
        except SQLAlchemyError as error:
            raise Unavailable(f"the audit log cannot be continued: {error}") from error
        tree = step or tree
    return tree


def _step(
    connection: Connection, issuer: str, signer: Signer, audit: AuditContext
) -> tuple[Tree | None, bool]:
    """The tree that was signed, if any, and whether more may wait.

    After a batch that is not full nothing waited: who went on as long as something comes would sign
    a checkpoint for every few events of a busy replica.
    """
    pending = load_pending(connection, BATCH)
    if pending.is_covered and not pending.waiting:
        return None, False
    key = log_key(issuer, signer)
    strays = take_strays(connection, pending)
    strays += _unsigned(connection, pending.head, key)
    if strays:
        _set_aside(connection, strays, audit)
        return None, True  # the next step is after what was just recorded
    tree = sequence_events(connection, pending)
    if tree is None:
        return None, False
    note = Checkpoint(key.name, tree.size, tree.root).signed(key, signer.sign)
    record_checkpoint(connection, tree.size, note)
    return tree, len(pending.waiting) == BATCH


def _unsigned(connection: Connection, head: Tree, key: LogKey) -> list[Stray]:
    """A note beyond the head that nobody signed, or not for that size: it would hide the others.

    Raises Unavailable where one was signed that the head does not reach.
    """
    size, note = latest_checkpoint(connection) or (-1, "")
    if size < head.size:
        return []
    try:
        newest = verify_checkpoint(note, key)
    except ProtocolError as error:
        why = error.public
    else:
        if newest.size > head.size or (newest.size == head.size and newest.root != head.root):
            raise Unavailable(
                "the head of the audit log is not the one signed last", hint="durward audit verify"
            )
        why = "the checkpoint is of another size"
    if size == head.size:  # the next one is taken for the newest
        return []
    remove_checkpoint(connection, size)
    return [Stray("audit_checkpoints", size, why, note.encode())]


def _set_aside(connection: Connection, strays: Sequence[Stray], audit: AuditContext) -> None:
    """Tell of rows that were removed. Their bytes are in the log then: they may be evidence."""
    for stray in strays:
        event = audit.event(
            EventKind.ROW_SET_ASIDE,
            f"{stray.table}/{stray.place}",
            why=stray.why,
            bytes=len(stray.body),
            sha256=sha256(stray.body).hexdigest(),
            begins=encode_base64url(stray.body[:KEPT_BYTES]),
        )
        record_event(connection, event)
    count_strays(connection, len(strays), audit.at)


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of events that an edge recorded."""

    taken: int
    """How many are in the log now that were not."""
    lacking: frozenset[str]
    """The policies, by hash, that decisions among them were made by and that are not here."""


async def ingest(database: Database, events: Sequence[AuditEvent], now: Instant) -> Ingested:
    """Take events that an edge recorded; sent twice they count once."""

    def use(connection: Connection) -> Ingested:
        return Ingested(ingest_events(connection, events), record_policies(connection, events, now))

    return await database.write(use)


def notes(connection: Connection) -> list[str]:
    """What is not as it should be with the log, for people."""
    number, at = load_strays(connection)
    if at is None:
        return []
    last = datetime.fromtimestamp(at / MICROSECONDS, UTC).isoformat(timespec="seconds")
    rows = f"{number} rows of others were in its tables and are set aside" if number > 1 else ONE
    return [f"the audit log: {rows}, the last at {last}; `durward logs` has them"]
