"""Ship the node's records to the audit log: each line at least once, identified by its id.

Refusals of its own canaries are not shipped, since no client sent them.
"""

import contextlib
from collections.abc import Container, Iterator
from pathlib import Path

import msgspec

from durward.core.audit.event import AuditEvent
from durward.core.edge.decision_record import DecisionRecord
from durward.core.errors import Misconfigured, ProtocolError
from durward.entrypoints.edge.decision_log import (
    REFUSALS,
    DecisionLog,
    read_refusal,
    rotated,
    streams,
)
from durward.entrypoints.edge.kept_policies import KeptPolicies
from durward.entrypoints.edge.link import Link


class Shipper:
    """Follows the records of a node, the oldest first."""

    def __init__(
        self,
        state: Path,
        records: DecisionLog,
        policies: KeptPolicies,
        link: Link,
        own: Container[str],
    ) -> None:
        """`own` has the ids of canary refusals, which are not shipped."""
        self._own = own
        self._state = state
        self._policies = policies
        self._records = records
        self._link = link

    async def ship(self) -> bool:
        """Ship one batch of each stream; return whether there was any. Raises Unavailable.

        While the control plane is away the spools keep everything.
        """
        any_shipped = False
        for stream in streams(self._state):
            for path in (*rotated(stream), stream):
                lines, place = self._records.unshipped(path)
                if lines:
                    found = [e for line in lines for e in events(line, stream.name)]
                    found = [event for event in found if event.id not in self._own]
                    for digest in await self._link.events(found) if found else ():
                        await self._hand_over(digest)
                    self._records.shipped(path, place)
                    any_shipped = True
                    break
        return any_shipped

    async def _hand_over(self, digest: str) -> None:
        """Send policies that only this node has, for example after a restore.

        Missing policies do not delay records: `explain` reports then that they are not stored.
        """
        part = self._policies.load(digest)
        if part is not None:
            with contextlib.suppress(Misconfigured):
                await self._link.policies(part)


def events(line: bytes, stream: str) -> Iterator[AuditEvent]:
    """The event of a line; none for a line that a crash cut short."""
    if stream == REFUSALS:
        if refusal := read_refusal(line):
            yield refusal.event()
        return
    try:
        event = DecisionRecord.from_wire(line).event()
    except (msgspec.DecodeError, ValueError):
        with contextlib.suppress(ProtocolError):
            yield AuditEvent.from_wire(line)
    else:
        yield event
