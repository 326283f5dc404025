"""Ships what the node recorded to the audit log: each line at least once, known there by its id."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import httpx2
import msgspec

from durward.core.audit.event import AuditEvent
from durward.core.edge.decision import Decision
from durward.core.errors import ProtocolError, Unavailable
from durward.faces.edge.records import REFUSALS, Records, put_aside, read_refusal, streams


class Shipper:
    """Follows the records of a node, the oldest first."""

    def __init__(self, state: Path, records: Records, control: Path) -> None:
        self._state = state
        self._records = records
        self._control = control

    async def ship(self) -> bool:
        """Ship one batch of each stream; whether there was any. Raises Unavailable.

        While the control plane is away the spools keep everything.
        """
        any_shipped = False
        for stream in streams(self._state):
            for path in (*put_aside(stream), stream):
                lines, place = self._records.unshipped(path)
                if lines:
                    await self._send([e for line in lines for e in events(line, stream.name)])
                    self._records.shipped(path, place)
                    any_shipped = True
                    break
        return any_shipped

    async def _send(self, batch: list[AuditEvent]) -> None:
        transport = httpx2.AsyncHTTPTransport(uds=str(self._control), verify=False)
        body = msgspec.json.encode(batch)
        try:
            async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
                reply = await client.post("http://durward/edge/v1/events", content=body)
        except httpx2.HTTPError as error:
            raise Unavailable(f"events wait on this node: {error}") from error
        if not reply.is_success:
            raise Unavailable(f"events wait on this node: the answer is {reply.status_code}")


def events(line: bytes, stream: str) -> Iterator[AuditEvent]:
    """The event of a line; one that a crash cut short is none."""
    if stream == REFUSALS:
        if refusal := read_refusal(line):
            yield refusal.event()
        return
    try:
        event = Decision.from_wire(line).event()
    except (msgspec.DecodeError, ValueError):
        with contextlib.suppress(ProtocolError):
            yield AuditEvent.from_wire(line)
    else:
        yield event
