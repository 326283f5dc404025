"""The sequencer: events of the outbox, and of the edges, become one signed log."""

from collections.abc import Sequence

from sqlalchemy import Connection

from durward.core.audit.checkpoint import Checkpoint, LogKey
from durward.core.audit.event import AuditEvent
from durward.core.audit.merkle import Tree
from durward.core.errors import Conflict
from durward.core.wire import decode_base64url
from durward.keys.signing import Signer
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


async def ingest(database: Database, events: Sequence[AuditEvent]) -> int:
    """Take events that an edge recorded; sent twice they count once."""
    return await database.write(lambda c: ingest_events(c, events))
