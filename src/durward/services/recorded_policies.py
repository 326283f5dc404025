"""Policies that the log tells of: kept as long as a decision in it was made by them."""

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
    """Keep what these decisions were made by, in the transaction that records them.

    Returns the hashes of those that are not here.
    """
    named = frozenset(filter(None, map(policies_named, events)))
    return mark_recorded(connection, named, at) if named else named


def keep_policies(connection: Connection, part: bytes, at: Instant) -> None:
    """Keep policies that only a node had. Raises Misconfigured where they are too large."""
    if len(part) > PUBLISHED_BYTES:
        raise Misconfigured("policies", f"larger than {PUBLISHED_BYTES} bytes")
    add_recorded_part(connection, digest_of(part), part, at)
