"""What a denial costs beside an allow at a decision point, and whom it holds up.

Method: a decision point in this process, whose records go to a real spool on this disk, under
policies of `ROLES` roles with `STATEMENTS` statements each about the operation, every one with a
condition. `check` is CPU µs of one check without the disk, best of `ROUNDS`; `behind` is how long
an allow waits whose check arrived after `DENIALS` denials on as many connections, in milliseconds.
"""

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from durward.clock import now as clock_now
from durward.core.address import Address
from durward.core.api import Api
from durward.core.edge.decide import Decider
from durward.core.edge.envoy.filters import CHECK_PREFIX
from durward.core.edge.snapshot import Snapshot
from durward.core.openapi.operations import Operation
from durward.core.policy.engine.bundle import Bundle
from durward.core.values import ApiId, numeric_date
from durward.entrypoints.edge.decision_point import DecisionPoint, read_check
from durward.entrypoints.edge.heartbeat import Heartbeat
from durward.entrypoints.edge.http1 import Call, listen
from durward.entrypoints.edge.spool import Spool

ROLES, STATEMENTS, ROUNDS, CHECKS, DENIALS = 20, 20, 7, 300, 300
READ = Operation("Read", "GET", "/{t}/o/{id}", "o:Read", resource="o/{id}", tenant="{t}")
API = Api(ApiId("o"), "http://api", "s", Address("/x.sock"), (READ,), {})
ALLOWED, DENIED = "/acme/o/1", "/globex/o/1"


def snapshot() -> Snapshot:
    """A clerk may read what is of the own tenant; of others only with a strong sign-in."""

    def statement(role: int, number: int) -> dict:
        acr = {"StringEquals": {"durward:Acr": f"{role}-{number}"}}
        found = {"Effect": "Allow", "Action": "o:Read", "Resource": "*", "Condition": acr}
        return {"Sid": f"S{number}", **found}

    own = {"Effect": "Allow", "Action": "o:Read", "Resource": "arn:durward:o:s:acme:o/*"}
    documents = {
        f"r{role}": {
            "Version": "2012-10-17",
            "Statement": [statement(role, number) for number in range(STATEMENTS)]
            + ([{"Sid": "Own", **own}] if role == 0 else []),
        }
        for role in range(ROLES)
    }
    return Snapshot(
        1,
        "http://i",
        (),
        (API,),
        Bundle(documents, {f"role/{name}": (name,) for name in documents}),
    )


def headers() -> dict[str, str]:
    """What Envoy tells of a request by a clerk."""
    now = numeric_date(clock_now())
    claims = {"sub": "ann", "client_id": "cli", "tenant": "acme", "roles": ["r0"], "iat": now}
    return {
        "host": "durward",
        "x-request-id": "0f2a9c2c-1111-4222-8333-444455556666",
        "durward-api": "o",
        "durward-operation": "Read",
        "durward-claims": json.dumps({**claims, "exp": now + 300, "jti": "t", "acr": "1"}),
        "durward-token-header": '{"typ":"at+jwt"}',
    }


def cost(decider: Decider, path: str, *, allowed: bool) -> float:
    """CPU µs of a check: read, decided, written as a line."""
    call = Call("GET", CHECK_PREFIX + path, headers(), b"")
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(CHECKS):
            decision = decider.decide(read_check(call, None))
            decision.to_wire()
            assert decision.allowed is allowed, decision
        best = min(best, time.process_time() - began)
    return best / CHECKS * 1e6


async def behind(folder: Path, point: DecisionPoint) -> float:
    """Milliseconds until an allow is answered that came after many denials."""
    socket = folder / "pdp.sock"
    server = await listen(socket, point.answer)

    def request(path: str) -> bytes:
        lines = [f"{name}: {value}" for name, value in headers().items()]
        return "\r\n".join([f"GET {CHECK_PREFIX}{path} HTTP/1.1", *lines, "", ""]).encode()

    peers = [await asyncio.open_unix_connection(str(socket)) for _ in range(DENIALS + 1)]
    for _, writer in peers[:-1]:
        writer.write(request(DENIED))
    began = time.perf_counter()
    reader, writer = peers[-1]
    writer.write(request(ALLOWED))
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    took = time.perf_counter() - began
    for _, writer in peers:
        writer.close()
    server.close()
    return took * 1e3


def main() -> None:
    """Run it and print."""
    with tempfile.TemporaryDirectory(prefix="dw-bench-") as name:
        folder = Path(name)
        (folder / "snapshot.json").write_bytes(snapshot().to_wire())
        paths = folder / "snapshot.json", folder / "spool.jsonl", folder / "heartbeat"
        decider = Decider(snapshot())
        allow, deny = cost(decider, ALLOWED, allowed=True), cost(decider, DENIED, allowed=False)
        with Spool(paths[1]) as spool:
            point = DecisionPoint(paths[0], spool, Heartbeat(paths[2]))
            waits = asyncio.run(behind(folder, point))
    found = {"allow": round(allow), "denial": round(deny), "behind": round(waits)}
    if "--json" in sys.argv:
        print(json.dumps(found))
        return
    print(f"check   CPU µs: allow {found['allow']}, denial {found['denial']}")
    print(f"behind  an allow after {DENIALS} denials: {found['behind']} ms")


if __name__ == "__main__":
    main()
