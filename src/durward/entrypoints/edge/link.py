"""The link to the control plane: the node's only client for it (ADR 22).

Lists of parts, parts, revocations, events and reports go over the socket in its runtime folder.
Responses are trusted because they are signed, or because of the owner of the socket.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import msgspec

from durward.core.audit.event import AuditEvent
from durward.core.edge.report import NodeReport, ReportReply
from durward.core.edge.revocation import Revocation
from durward.core.errors import Conflict, Misconfigured, Unavailable
from durward.entrypoints.socket_transport import SocketTransport

T = TypeVar("T")
WAIT_SECONDS = 30.0
PARTS_AT_ONCE = 50


class Revocations(msgspec.Struct, frozen=True):
    """One response of the feed: the revocations after a sequence number, up to another."""

    sequence: int
    entries: tuple[Revocation, ...]
    at: int = 0


class Taken(msgspec.Struct, frozen=True):
    """The response to events."""

    lacking: tuple[str, ...] = ()


class Link:
    """A client of the control plane; every call raises Unavailable if it does not answer."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def newer(self, version: int, digest: str, *, wait: bool) -> str | None:
        """The signed list that is newer than this version and digest, or None.

        Raises Conflict if the control plane never published that version.
        """
        query = {"after": version, "list": digest, "wait": query_flag(wait=wait)}
        reply = await self._send("GET", "snapshot", params=query)
        return None if reply.status_code == httpx2.codes.NO_CONTENT else reply.text

    async def parts(self, digests: Iterable[str]) -> dict[str, bytes]:
        """The existing parts, by digest."""
        found: dict[str, bytes] = {}
        wanted = list(digests)
        for start in range(0, len(wanted), PARTS_AT_ONCE):
            reply = await self._send("POST", "parts", json=wanted[start : start + PARTS_AT_ONCE])
            texts: dict[str, str] = decoded(reply, dict[str, str])
            found |= {digest: text.encode() for digest, text in texts.items()}
        return found

    async def overtake(self, signed: str) -> None:
        """Send the control plane a list of its own that it no longer knows."""
        await self._send("POST", "ahead", content=signed.encode())

    async def revocations(self, after: int, at: int, *, wait: bool) -> Revocations:
        """The revocations after a sequence number; `at` is the time of that revocation."""
        query = {"after": after, "at": at, "wait": query_flag(wait=wait)}
        return decoded(await self._send("GET", "revocations", params=query), Revocations)

    async def canaries(self, audience: str) -> dict[str, str]:
        """Canaries: for each filter a fresh token for that API, valid but revoked there."""
        reply = await self._send("GET", "canaries", params={"audience": audience})
        return decoded(reply, dict[str, str])

    async def events(self, batch: Sequence[AuditEvent]) -> Sequence[str]:
        """Send events; an event that is sent twice counts once.

        Return the hashes of their policies that the control plane lacks.
        """
        reply = await self._send("POST", "events", content=msgspec.json.encode(batch))
        return decoded(reply, Taken).lacking

    async def policies(self, part: bytes) -> None:
        """Send policies that the control plane lacks."""
        await self._send("POST", "policies", content=part)

    async def join(self, wish: str | None, place: str) -> str:
        """The id of the node at this place. Raises Conflict or Misconfigured."""
        reply = await self._send("POST", "join", json={"wish": wish, "place": place})
        return decoded(reply, dict[str, str])["id"]

    async def leave(self, id: str, place: str) -> None:
        """Sign off: the id is free for another place at once."""
        await self._send("POST", "leave", json={"node": id, "place": place})

    async def report(self, report: NodeReport) -> ReportReply:
        """Send a report. Raises Conflict if another process has the node's id."""
        reply = await self._send("POST", "reports", content=msgspec.json.encode(report))
        return decoded(reply, ReportReply)

    async def _send(self, method: str, what: str, **content: Any) -> httpx2.Response:
        transport = SocketTransport(self._socket)
        try:
            async with httpx2.AsyncClient(
                transport=transport, timeout=WAIT_SECONDS, trust_env=False
            ) as client:
                url = f"http://durward/edge/v1/{what}"
                reply = await client.request(method, url, **content)
        except httpx2.HTTPError as error:
            raise Unavailable(f"the control plane does not answer: {error}") from error
        match reply.status_code:
            case httpx2.codes.CONFLICT:
                raise Conflict(reply.text)
            case httpx2.codes.UNPROCESSABLE_CONTENT:
                raise Misconfigured("control plane", reply.text)
            case _:
                pass
        if not reply.is_success:
            raise Unavailable(f"the control plane answers {reply.status_code}")
        return reply


def query_flag(*, wait: bool) -> str:
    """A flag of a query."""
    return "yes" if wait else "no"


def decoded(reply: httpx2.Response, kind: type[T]) -> T:
    """A response in JSON. Raises Unavailable if it is malformed."""
    try:
        return msgspec.json.decode(reply.content, type=kind)
    except msgspec.DecodeError as error:
        raise Unavailable(f"the response of the control plane cannot be read: {error}") from error
