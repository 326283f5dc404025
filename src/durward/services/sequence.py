"""The sequencer: events of the outbox, and of the edges, become one signed log."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from durward.core.audit.checkpoint import Checkpoint, LogKey
from durward.core.audit.event import AuditEvent
from durward.core.audit.merkle import Tree
from durward.core.errors import Conflict
from durward.core.values import Instant
from durward.core.wire import decode_base64url
from durward.keys.signing import Signer
from durward.services.told_policies import tell_policies
from durward.store.audit import ingest_events, record_checkpoint, sequence_events
from durward.store.database import Database

BATCH = 500


def log_key(issuer: str, signer: Signer) -> LogKey:
    """The public key of the log, named after its issuer."""
    return LogKey(origin(issuer), decode_base64url(signer.public_jwk["x"]))


def origin(issuer: str) -> str:
    """The log's name: the issuer without its scheme."""
    return issuer.partition("://")[2] + "/audit"


async def sequence(database: Database, issuer: str, signer: Signer) -> Tree | None:
    """Sequence all that waits and sign the result; None where nothing waits."""
    tree = None
    while True:
        try:
            step = await database.write(lambda c: _step(c, issuer, signer))
        except Conflict:  # another replica was faster; what it left comes next
            continue
        if step is None:
            return tree
        tree = step


def _step(connection: Connection, issuer: str, signer: Signer) -> Tree | None:
    tree = sequence_events(connection, BATCH)
    if tree:
        checkpoint = Checkpoint(origin(issuer), tree.size, tree.root)
        note = checkpoint.signed(log_key(issuer, signer), signer.sign)
        record_checkpoint(connection, tree.size, note)
    return tree


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
        return Ingested(ingest_events(connection, events), tell_policies(connection, events, now))

    return await database.write(use)
