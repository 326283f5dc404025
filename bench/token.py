"""Tokens per second, and what one costs: client credentials over a real control plane.

Method: `durward serve` over SQLite in a temporary folder (every token is one transaction with
`synchronous=FULL`, its audit event in it), asked on its Unix socket by 8 and by 64 connections for
some seconds, in rounds; the median round counts. CPU is the process's user and system time divided
by the tokens of the round. The same on a slow disk: a library put before the C library's lets each
sync take 2 ms more (where there is a C compiler). Client and server share the machine.
"""

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx2

from durward.core.edge.envoy.filters import SOURCE

CONNECTIONS = (8, 64)
ROUNDS = 5
SLOW_SYNC = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
#define SLOWER(name) int name(int fd) { \
    static int (*real)(int); \
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, #name); \
    usleep(2000); \
    return real(fd); }
SLOWER(fsync)
SLOWER(fdatasync)
"""
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


async def ask(client: httpx2.AsyncClient, source: str, until: float) -> int:
    """Ask for tokens, one after another; how many. Each connection comes from its own address."""
    count = 0
    while time.perf_counter() < until:
        form = {"grant_type": "client_credentials"}
        reply = await client.post("http://durward/token", data=form, headers={SOURCE: source})
        assert reply.status_code == 200, reply.text
        count += 1
    return count


async def measure(pid: int, socket: Path, secret: str, connections: int) -> tuple[float, float]:
    """Tokens per second, CPU µs per token, of one round."""
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    transport = httpx2.AsyncHTTPTransport(uds=str(socket), limits=limits)
    sources = [f"192.0.2.{number}" for number in range(connections)]
    async with httpx2.AsyncClient(transport=transport, auth=("job", secret), timeout=60) as client:
        await asyncio.gather(
            *(ask(client, source, time.perf_counter() + 0.2) for source in sources)
        )
        began, cpu = time.perf_counter(), cpu_seconds(pid)
        until = began + ROUND_SECONDS
        counts = await asyncio.gather(*(ask(client, source, until) for source in sources))
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


def slow_disk(folder: Path) -> dict[str, str] | None:
    """The environment of a process whose syncs take 2 ms more; None without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    source, library = folder / "slow.c", folder / "slow.so"
    source.write_text(SLOW_SYNC)
    command = [compiler, "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True)
    return {**os.environ, "LD_PRELOAD": str(library)}  # noqa: TID251 - read by the loader


def rounds(folder: Path, environment: dict[str, str] | None) -> dict[int, tuple[float, float]]:
    """The medians of a fresh control plane, by the number of connections."""
    folder.mkdir()
    settings = {"issuer": "http://localhost:1", "runtime": str(folder), "state": str(folder)}
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    (folder / "durward.toml").write_text("\n".join(["[serve]", *lines]))
    command = [sys.executable, "-m", "durward", "serve", "--config", f"{folder}/durward.toml"]
    server = subprocess.Popen(command, env=environment)
    try:
        while not (folder / "control.sock").exists():
            assert server.poll() is None
            time.sleep(0.05)
        time.sleep(0.5)
        secret, socket = apply(folder), folder / "public.sock"
        found: dict[int, list[tuple[float, float]]] = {number: [] for number in CONNECTIONS}
        for _ in range(ROUNDS):  # in turn, so that what the machine does meanwhile meets all
            for number, taken in found.items():
                taken.append(asyncio.run(measure(server.pid, socket, secret, number)))
    finally:
        server.terminate()
        server.wait(20)
    return {
        number: (
            statistics.median(rate for rate, _ in taken),
            statistics.median(cost for _, cost in taken),
        )
        for number, taken in found.items()
    }


def main() -> None:
    """Measure; print a line for each, or JSON."""
    with tempfile.TemporaryDirectory(prefix="dw-bench-") as name:
        folder = Path(name)
        disks = {"": None, "_slow_disk": slow_disk(folder)}
        results = {
            f"{number}{disk}": result
            for disk, environment in disks.items()
            if environment or not disk
            for number, result in rounds(folder / f"disk{disk}", environment).items()
        }
    if "--json" in sys.argv:
        found = {}
        for name, (rate, cost) in results.items():
            found |= {
                f"tokens_per_second_{name}": round(rate),
                f"cpu_us_per_token_{name}": round(cost),
            }
        print(json.dumps(found))
        return
    for name, (rate, cost) in results.items():
        number, _, disk = name.partition("_")
        where = ", each sync 2 ms slower" if disk else ""
        print(f"{number:>3} connections{where}: {rate:.0f} tokens/s, {cost:.0f} µs of CPU each")


if __name__ == "__main__":
    main()
