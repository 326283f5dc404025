"""The policies of recorded decisions, kept as long as the log."""

from collections.abc import Iterable

from sqlalchemy import Connection

from durward.core.audit.event import AuditEvent
from durward.core.edge.decision_record import policies_named
from durward.core.edge.parts import digest_of
from durward.core.errors import Misconfigured
from durward.core.sizes import PUBLISHED_BYTES
from durward.core.values import Instant
from durward.store.parts import add_recorded_part, mark_recorded


def record_policies(
    connection: Connection, events: Iterable[AuditEvent], at: Instant
) -> frozenset[str]:
    """Keep the policies of these decisions, in the transaction that records them.

    Return the hashes of policies that the store does not have.
    """
    named = frozenset(filter(None, map(policies_named, events)))
    return mark_recorded(connection, named, at) if named else named


def keep_policies(connection: Connection, part: bytes, at: Instant) -> None:
    """Keep policies that a node sent. Raises Misconfigured if they are too large."""
    if len(part) > PUBLISHED_BYTES:
        raise Misconfigured("policies", f"larger than {PUBLISHED_BYTES} bytes")
    add_recorded_part(connection, digest_of(part), part, at)
