"""The decision point (PDP): a process that answers Envoy's checks from the snapshot."""

import argparse
import asyncio
import gc
import json
import signal
import sys
from collections.abc import Awaitable
from pathlib import Path

import uvloop

from durward.clock import now
from durward.core.edge.decide import FORBIDDEN, UNAUTHENTICATED, UNAVAILABLE, Decider
from durward.core.edge.decision_record import DecisionRecord, Stage
from durward.core.edge.envoy.filters import CHECK_PREFIX, SOURCE
from durward.core.edge.facts import CheckRequest
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import DurwardError, ProtocolError
from durward.core.host import MAX_RECORDED_HOST_CHARACTERS
from durward.core.values import DecisionId, Instant
from durward.core.wire import Json, compact_json, parse_json
from durward.entrypoints.edge.group_commit import STUCK_SECONDS, GroupCommit
from durward.entrypoints.edge.heartbeat import Heartbeat
from durward.entrypoints.edge.http1 import Call, Reply, listen
from durward.entrypoints.edge.spool import Spool
from durward.entrypoints.operator_messages import report

ABSENT = {None, "", "-"}
MAX_PATH_CHARACTERS = 8_192
MAX_RECORDED_CHARACTERS = 200
MAX_CLAIMS_BYTES = 16_384
PROBLEM = "application/problem+json"
TITLES = {FORBIDDEN: "not allowed", UNAUTHENTICATED: "the access token expired"}
"""What callers are told, where the reason is not theirs to know."""


class DecisionPoint:
    """Answers checks under the snapshot that was loaded last."""

    def __init__(self, snapshot: Path, spool: Spool, heartbeat: Heartbeat) -> None:
        self._path = snapshot
        self._spool = spool
        self._commits = GroupCommit(spool)
        self._heartbeat = heartbeat
        self._decider = load(snapshot)

    def answer(self, call: Call) -> Reply | Awaitable[Reply]:
        """Checks from Envoy, and what the agent asks."""
        if call.target.startswith(CHECK_PREFIX + "/"):
            return self._check(call)
        if call.target == "/ready":
            return self._ready()
        if call.target == "/reload" and call.method == "POST":
            return self._reload()
        if call.target == "/reopen" and call.method == "POST":
            return self._reopen()
        return Reply(404)

    async def settle(self) -> None:
        """Wait until everybody is answered whose record is on its way to the disk."""
        await self._commits.settle()
        self._commits.close()

    def _ready(self) -> Reply:
        """Whether it can answer: without a disk it cannot even refuse, and is to be replaced."""
        if self._commits.seconds > STUCK_SECONDS:
            return Reply(503, body=b"the disk does not answer")
        return Reply(200, body=str(self._decider.version).encode())

    def _reload(self) -> Reply:
        """Load the snapshot anew; one that cannot be read leaves the former in force."""
        try:
            self._decider = load(self._path)
        except (DurwardError, OSError) as error:
            return Reply(409, body=str(error).encode())
        return Reply(200, body=str(self._decider.version).encode())

    def _reopen(self) -> Reply:
        """Go on in a new spool; the agent asks again where there can be none yet."""
        try:
            self._spool.reopen()
        except OSError as error:
            return Reply(503, body=str(error).encode())
        return Reply(200)

    def _check(self, call: Call) -> Reply | Awaitable[Reply]:
        decider = self._decider
        try:
            request = read_check(call, self._heartbeat.last())
        except ProtocolError as error:
            return self._refuse(undecidable(call, FORBIDDEN, Stage.TOKEN, error.public))
        if len(request.path) > MAX_PATH_CHARACTERS:
            return self._refuse(undecidable(call, 414, Stage.LIMIT, "the address is too long"))
        decision = decider.decide(request)
        if not decision.allowed:
            return self._refuse(decision, decider.challenge(decision))
        # The service gets the verified identity in headers, and never the token.
        removed = {"x-envoy-auth-headers-to-remove": "authorization"}
        allowed = Reply(200, {"durward-decision": decision.id, **removed})
        if decider.is_strict(decision):
            return self._recorded(decision, allowed)
        try:
            self._spool.append(decision, durable=False)
        except OSError:  # a full disk, say
            return unrecorded(decision.id)
        return allowed

    def _refuse(self, decision: DecisionRecord, challenge: str = "") -> Awaitable[Reply]:
        title = TITLES.get(decision.status, decision.reason)
        retry = 1 if decision.status == UNAVAILABLE else 0
        reply = refusal(decision.id, decision.status, title, retry_after=retry, challenge=challenge)
        return self._recorded(decision, reply)

    async def _recorded(self, decision: DecisionRecord, reply: Reply) -> Reply:
        """The answer, once its record is on the disk; at once where it would come too late."""
        if self._commits.is_full:
            return unrecorded(decision.id)
        try:
            await self._commits.append(decision)
        except OSError:
            return unrecorded(decision.id)
        return reply


def load(path: Path) -> Decider:
    """Make a snapshot ready to decide under.

    Python's cycle collector would go through all of it again and again while it grows, and later
    whenever it looks for garbage: it rests meanwhile, and what is loaded is set aside for good.

    Raises DurwardError or OSError.
    """
    gc.unfreeze()
    gc.disable()
    try:
        return Decider(Snapshot.from_wire(path.read_bytes()))
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def undecidable(call: Call, status: int, stage: Stage, reason: str) -> DecisionRecord:
    """The record of a request that is refused before it is decided."""
    return DecisionRecord(
        id=decision_id(call),
        at=now(),
        allowed=False,
        status=status,
        stage=stage,
        reason=reason,
        method=call.method,
        path=call.target.removeprefix(CHECK_PREFIX).partition("?")[0][:MAX_RECORDED_CHARACTERS],
        source=call.headers.get(SOURCE, ""),
        host=call.headers.get("host", "")[:MAX_RECORDED_HOST_CHARACTERS],
    )


def unrecorded(decision: DecisionId) -> Reply:
    """What cannot be recorded is not allowed."""
    return refusal(decision, 503, "no decision can be recorded", retry_after=1)


def decision_id(call: Call) -> DecisionId:
    """The decision's id is its request's, which Envoy chose."""
    return DecisionId(f"d_{call.headers.get('x-request-id', '')}")


def read_check(call: Call, heartbeat: Instant | None) -> CheckRequest:
    """The facts that Envoy sends along. Raises ProtocolError."""
    headers = call.headers
    return CheckRequest(
        id=decision_id(call),
        method=call.method,
        path=call.target.removeprefix(CHECK_PREFIX),
        api=headers.get("durward-api", ""),
        operation=headers.get("durward-operation", ""),
        claims=read_struct(headers.get("durward-claims")),
        token_header=read_struct(headers.get("durward-token-header")),
        source=headers.get(SOURCE, ""),
        tls=present_value(headers.get("durward-tls")),
        user_agent=present_value(headers.get("user-agent")),
        at=now(),
        heartbeat=heartbeat,
        host=headers.get("host", ""),
    )


def present_value(value: str | None) -> str:
    """A value that Envoy had; it writes `-` for one that it had not."""
    return "" if value is None or value in ABSENT else value


def read_struct(text: str | None) -> dict[str, Json] | None:
    """A struct of Envoy's metadata in its JSON form, or None where there is none."""
    if text in ABSENT or text is None:
        return None
    value = parse_json(text.encode("utf-8", "surrogateescape"), limit_bytes=MAX_CLAIMS_BYTES)
    return value if isinstance(value, dict) else None


def refusal(
    decision: DecisionId, status: int, title: str, *, retry_after: int = 0, challenge: str = ""
) -> Reply:
    """A problem document that tells the caller the decision's id, and nothing of the reasons."""
    problem: dict[str, Json] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "decision": decision,
    }
    headers = {
        "content-type": PROBLEM,
        "durward-decision": decision,
        "cache-control": "no-store",
    }
    if challenge:
        headers["www-authenticate"] = challenge
    if retry_after:
        headers["retry-after"] = str(retry_after)
    return Reply(status, headers, compact_json(problem))


async def serve(socket: Path, snapshot: Path, spool: Path, heartbeat: Path) -> None:
    """Answer until asked to end."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    with Spool(spool) as opened:
        point = DecisionPoint(snapshot, opened, Heartbeat(heartbeat))
        listener = await listen(socket, point.answer)
        await ended.wait()
        listener.close()
        await point.settle()


def main() -> int:
    """Run one decision point; the agent starts it."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("socket", "snapshot", "spool", "heartbeat"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args()
    try:
        uvloop.run(serve(given.socket, given.snapshot, given.spool, given.heartbeat))
    except (DurwardError, OSError) as error:
        report(json.dumps({"error": str(error)}))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
