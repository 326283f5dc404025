"""The decision point (PDP): a process that answers Envoy's checks from the snapshot."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

import uvloop

from durward.clock import now
from durward.core.edge.decide import CheckRequest, Decider, Outcome
from durward.core.edge.envoy.filters import CHECK_PREFIX
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import DurwardError, ProtocolError
from durward.core.values import DecisionId
from durward.core.wire import Json, compact_json, parse_json
from durward.faces.edge.http1 import Call, Reply, listen
from durward.faces.edge.spool import Spool

ABSENT = {None, "", "-"}
MAX_PATH_CHARACTERS = 8_192
MAX_CLAIMS_BYTES = 16_384
PROBLEM = "application/problem+json"


class DecisionPoint:
    """Answers checks under the snapshot that was loaded last."""

    def __init__(self, snapshot: Path, spool: Spool) -> None:
        self._path = snapshot
        self._spool = spool
        self._decider = Decider(Snapshot.from_wire(snapshot.read_bytes()))

    def answer(self, call: Call) -> Reply:
        """Checks from Envoy, and two questions of the agent's."""
        if call.target.startswith(CHECK_PREFIX + "/"):
            return self._check(call)
        if call.target == "/ready":
            return Reply(200, body=str(self._decider.version).encode())
        if call.target == "/reload" and call.method == "POST":
            return self._reload()
        return Reply(404)

    def _reload(self) -> Reply:
        """Load the snapshot anew; one that cannot be read leaves the former in force."""
        try:
            self._decider = Decider(Snapshot.from_wire(self._path.read_bytes()))
        except (DurwardError, OSError) as error:
            return Reply(409, body=str(error).encode())
        return Reply(200, body=str(self._decider.version).encode())

    def _check(self, call: Call) -> Reply:
        try:
            request = read_check(call)
        except ProtocolError:
            return refusal(DecisionId("d_"), 403, "not allowed")
        if len(request.path) > MAX_PATH_CHARACTERS:
            return refusal(request.id, 414, "the address is too long")
        outcome = self._decider.decide(request)
        durable = outcome.operation is None or outcome.operation.strict_audit
        try:
            self._spool.append(event(request, outcome, self._decider.version), durable=durable)
        except OSError:  # a full disk: what cannot be recorded is not allowed
            return refusal(request.id, 503, "no decision can be recorded", retry_after=1)
        if outcome.allowed:
            return Reply(200, {"durward-decision": request.id})
        return refusal(request.id, 403, "not allowed")


def read_check(call: Call) -> CheckRequest:
    """The facts that Envoy sends along. Raises ProtocolError."""
    headers = call.headers
    return CheckRequest(
        id=DecisionId(f"d_{headers.get('x-request-id', '')}"),
        method=call.method,
        path=call.target.removeprefix(CHECK_PREFIX),
        api=headers.get("durward-api", ""),
        operation=headers.get("durward-operation", ""),
        claims=read_struct(headers.get("durward-claims")),
        token_header=read_struct(headers.get("durward-token-header")),
        source=headers.get("durward-source", ""),
    )


def read_struct(text: str | None) -> dict[str, Json] | None:
    """A struct of Envoy's metadata in its JSON form, or None where there is none."""
    if text in ABSENT or text is None:
        return None
    value = parse_json(text.encode("utf-8", "surrogateescape"), limit_bytes=MAX_CLAIMS_BYTES)
    return value if isinstance(value, dict) else None


def event(request: CheckRequest, outcome: Outcome, version: int) -> dict[str, Json]:
    """What is kept of a decision: inputs, the version they met, the outcome."""
    operation = outcome.operation
    claims = request.claims or {}
    return {
        "id": request.id,
        "at": now(),
        "decision": "allow" if outcome.allowed else "deny",
        "stage": outcome.stage.value,
        "reason": outcome.reason,
        "principal": {name: claims.get(name) for name in ("sub", "client_id", "tenant")},
        "action": operation.action if operation else None,
        "resource": outcome.resource,
        "method": request.method,
        "path": operation.path if operation else None,
        "source": request.source,
        "snapshot": version,
    }


def refusal(decision: DecisionId, status: int, title: str, *, retry_after: int = 0) -> Reply:
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
    if retry_after:
        headers["retry-after"] = str(retry_after)
    return Reply(status, headers, compact_json(problem))


async def serve(socket: Path, snapshot: Path, spool: Path) -> None:
    """Answer until asked to end."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    with Spool(spool) as opened:
        server = await listen(socket, DecisionPoint(snapshot, opened).answer)
        await ended.wait()
        server.close()


def main() -> int:
    """Run one decision point; the agent starts it."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("socket", "snapshot", "spool"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args()
    try:
        uvloop.run(serve(given.socket, given.snapshot, given.spool))
    except (DurwardError, OSError) as error:
        print(json.dumps({"error": str(error)}), file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
