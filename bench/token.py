"""Tokens per second, and what one costs: client credentials over a real control plane.

Method: `durward serve` over SQLite in a temporary folder (every token is one transaction with
`synchronous=FULL`, its audit event in it), asked on its Unix socket by eight connections for some
seconds, in rounds; the median round counts. CPU is the process's user and system time divided by
the tokens of the round. Client and server share the machine.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx2

from durward.core.edge.envoy.filters import SOURCE

CONNECTIONS = 8
ROUNDS = 5
ROUND_SECONDS = 2.0
DECLARED = {
    "tenants": {"acme": {}},
    "apis": {
        "o": {
            "audience": "http://o",
            "upstream": "127.0.0.1:1",
            "openapi": {"openapi": "3.1.0", "paths": {"/a": {"get": {"operationId": "Get"}}}},
        }
    },
    "clients": {"job": {"tenant": "acme", "grants": ["client_credentials"], "apis": ["o"]}},
}


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def ask(socket: Path, secret: str, source: str, until: float) -> int:
    """Ask for tokens, one after another; how many. Each connection comes from its own address."""
    count, headers = 0, {SOURCE: source}
    transport = httpx2.AsyncHTTPTransport(uds=str(socket))
    async with httpx2.AsyncClient(
        transport=transport, auth=("job", secret), headers=headers
    ) as client:
        while time.perf_counter() < until:
            form = {"grant_type": "client_credentials"}
            reply = await client.post("http://durward/token", data=form)
            assert reply.status_code == 200, reply.text
            count += 1
    return count


async def measure(pid: int, socket: Path, secret: str) -> tuple[float, float]:
    """Tokens per second, CPU µs per token, of one round."""
    began, cpu = time.perf_counter(), cpu_seconds(pid)
    until = began + ROUND_SECONDS
    sources = (f"192.0.2.{number}" for number in range(CONNECTIONS))
    counts = await asyncio.gather(*(ask(socket, secret, source, until) for source in sources))
    took, used = time.perf_counter() - began, cpu_seconds(pid) - cpu
    return sum(counts) / took, used / sum(counts) * 1e6


def apply(runtime: Path) -> str:
    """Declare the client; its secret."""
    listed = [
        {"kind": kind, "name": name, "body": body}
        for kind, bodies in DECLARED.items()
        for name, body in bodies.items()
    ]
    transport = httpx2.HTTPTransport(uds=str(runtime / "control.sock"))
    with httpx2.Client(transport=transport) as client:
        body = {"declarations": listed, "prune": False}
        answer = client.post("http://durward/admin/v1/apply", json=body)
        secret: str = answer.json()["secrets"]["job"]
        return secret


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="dw-bench-") as name:
        folder = Path(name)
        settings = {"issuer": "http://localhost:1", "runtime": name, "state": name}
        lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
        (folder / "durward.toml").write_text("\n".join(["[serve]", *lines]))
        command = [sys.executable, "-m", "durward", "serve", "--config", f"{name}/durward.toml"]
        server = subprocess.Popen(command)
        try:
            while not (folder / "control.sock").exists():
                assert server.poll() is None
                time.sleep(0.05)
            time.sleep(0.5)
            secret, socket = apply(folder), folder / "public.sock"
            rounds = [asyncio.run(measure(server.pid, socket, secret)) for _ in range(ROUNDS)]
        finally:
            server.terminate()
            server.wait(20)
    rate = statistics.median(found[0] for found in rounds)
    cost = statistics.median(found[1] for found in rounds)
    found = {"tokens_per_second": round(rate), "cpu_us_per_token": round(cost)}
    if "--json" in sys.argv:
        print(json.dumps(found))
    else:
        print(f"{found['tokens_per_second']} tokens/s, {found['cpu_us_per_token']} µs CPU a token")


if __name__ == "__main__":
    main()
