"""Ships what the node recorded to the audit log: each line at least once, known there by its id."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import msgspec

from durward.core.audit.event import AuditEvent
from durward.core.edge.decision import Decision, EnvoyLine
from durward.core.errors import Unavailable
from durward.faces.edge.xds import replace

BATCH_BYTES = 262_144
PAUSE_SECONDS = 0.2
RETRY_SECONDS = 1.0
REFUSALS = "refusals.jsonl"


class Shipper:
    """Follows the spools and Envoy's log; where it stands is on disk."""

    def __init__(self, state: Path, control: Path) -> None:
        self._state = state
        self._control = control
        self._places_path = state / "shipped.json"
        self._places: dict[str, int] = read_places(self._places_path)

    async def run(self, report: Callable[[str], None]) -> None:
        """Ship for ever; while the control plane is away the spools keep everything."""
        while True:
            try:
                shipped = await self.ship()
            except Unavailable as error:
                report(str(error))
                await asyncio.sleep(RETRY_SECONDS)
            else:
                await asyncio.sleep(0 if shipped else PAUSE_SECONDS)

    async def ship(self) -> bool:
        """Ship one batch of each file; whether there was any. Raises Unavailable."""
        any_shipped = False
        for path in (*sorted(self._state.glob("spool/*.jsonl")), self._state / REFUSALS):
            name = str(path.relative_to(self._state))
            lines, place = read_lines(path, self._places.get(name, 0))
            if lines:
                await self._send([event for line in lines for event in events(line, path.name)])
                self._places[name] = place
                replace(self._places_path, json.dumps(self._places).encode())
                any_shipped = True
        return any_shipped

    async def _send(self, batch: list[AuditEvent]) -> None:
        transport = httpx2.AsyncHTTPTransport(uds=str(self._control))
        body = msgspec.json.encode(batch)
        try:
            async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
                reply = await client.post("http://durward/edge/v1/events", content=body)
        except httpx2.HTTPError as error:
            raise Unavailable(f"events wait on this node: {error}") from error
        if not reply.is_success:
            raise Unavailable(f"events wait on this node: the answer is {reply.status_code}")


def read_places(path: Path) -> dict[str, int]:
    """How far each file is shipped; from its start where that is not known."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, int])
    except (OSError, msgspec.DecodeError):
        return {}


def read_lines(path: Path, place: int) -> tuple[list[bytes], int]:
    """The whole lines after a place, and the place after them."""
    if not path.exists():
        return [], place
    with path.open("rb") as file:
        file.seek(place)
        whole = file.read(BATCH_BYTES)
    whole = whole[: whole.rfind(b"\n") + 1]
    return whole.splitlines(), place + len(whole)


def events(line: bytes, file: str) -> Iterator[AuditEvent]:
    """The event of a line; one that a crash cut short is none."""
    try:
        if file == REFUSALS:
            decision = EnvoyLine.from_wire(line).decision()
        else:
            decision = Decision.from_wire(line)
    except (msgspec.DecodeError, ValueError):
        return
    yield decision.event()
