"""The sequencer: it orders events of the outbox, and of the edges, in one signed log."""

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
"""The recorded bytes of a row that was set aside; its hash covers all of it."""


def log_key(issuer: str, signer: Signer) -> LogKey:
    """The public key of the log, with the name of its issuer."""
    return LogKey(origin(issuer), decode_base64url(signer.public_jwk["x"]))


def origin(issuer: str) -> str:
    """The log's name: the issuer without its scheme."""
    return issuer.partition("://")[2] + "/audit"


async def sequence(
    database: Database, issuer: str, signer: Signer, audit: Callable[[], AuditContext]
) -> Tree | None:
    """Sequence all pending events and sign the result; None if nothing is pending.

    A row that cannot be in order, and so does not come from Durward, is set aside: an event records
    its bytes, and the log goes on. Raises Unavailable if the log's head is not the one signed last:
    a new signature would hide that.
    """
    tree, more = None, True
    while more:
        try:
            step, more = await database.write(lambda c: _step(c, issuer, signer, audit()))
        except Conflict:  # another replica was faster; continue with the rest
            continue
        except SQLAlchemyError as error:
            raise Unavailable(f"the audit log cannot be continued: {error}") from error
        tree = step or tree
    return tree


def _step(
    connection: Connection, issuer: str, signer: Signer, audit: AuditContext
) -> tuple[Tree | None, bool]:
    """The signed tree, if any, and whether more may be pending.

    After a batch that is not full the sequencer pauses: else it would sign a checkpoint for every
    few events of a busy replica.
    """
    pending = load_pending(connection, BATCH)
    if pending.is_covered and not pending.waiting:
        return None, False
    key = log_key(issuer, signer)
    strays = take_strays(connection, pending)
    strays += _unsigned(connection, pending.head, key)
    if strays:
        _set_aside(connection, strays, audit)
        return None, True  # the next step includes the event just recorded
    tree = sequence_events(connection, pending)
    if tree is None:
        return None, False
    note = Checkpoint(key.name, tree.size, tree.root).signed(key, signer.sign)
    record_checkpoint(connection, tree.size, note)
    return tree, len(pending.waiting) == BATCH


def _unsigned(connection: Connection, head: Tree, key: LogKey) -> list[Stray]:
    """Checkpoints beyond the head that are not signed for their size: they would hide the others.

    Raises Unavailable if a valid checkpoint is beyond the head.
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
    if size == head.size:  # it is the newest
        return []
    remove_checkpoint(connection, size)
    return [Stray("audit_checkpoints", size, why, note.encode())]


def _set_aside(connection: Connection, strays: Sequence[Stray], audit: AuditContext) -> None:
    """Record removed rows in the log with their bytes: they may be evidence."""
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
    """The result of taking events of an edge."""

    taken: int
    """The number of events that are new in the log."""
    lacking: frozenset[str]
    """The hashes of policies that these decisions name and the store does not have."""


async def ingest(database: Database, events: Sequence[AuditEvent], now: Instant) -> Ingested:
    """Take events of an edge; an event that is sent twice counts once."""

    def use(connection: Connection) -> Ingested:
        return Ingested(ingest_events(connection, events), record_policies(connection, events, now))

    return await database.write(use)


def notes(connection: Connection) -> list[str]:
    """The problems of the log, for people."""
    number, at = load_strays(connection)
    if at is None:
        return []
    last = datetime.fromtimestamp(at / MICROSECONDS, UTC).isoformat(timespec="seconds")
    rows = f"{number} rows of others were in its tables and are set aside" if number > 1 else ONE
    return [f"the audit log: {rows}, the last at {last}; `durward logs` has them"]
