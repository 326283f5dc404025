"""The edge as real processes, for tests: agent, Envoy, decision point, sample API."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey
from tests.ports import free_port

from durward.core.configuration.configuration import read_configuration
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.edge.snapshot import Snapshot
from durward.core.policy.engine.bundle import Bundle
from durward.core.wire import Json
from durward.entrypoints.declarations import read_declarations

EXAMPLE = Path(__file__).parent.parent / "examples" / "orders"
ISSUER = "http://localhost:9470"
READY_WITHIN = 30


def wait_for(condition: Callable[[], bool], within: float = READY_WITHIN) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def example() -> list[Declaration]:
    """What the sample declares."""
    return deepcopy(_example())


@cache
def _example() -> list[Declaration]:
    """Read once: to read the document takes longer than most tests."""
    return list(read_declarations(EXAMPLE / "durward.yaml"))


@dataclass
class LiveEdge:
    """A running edge that trusts a key which the test holds."""

    folder: Path
    port: int
    key: ECKey
    agent: subprocess.Popen[bytes] = field(repr=False)
    api: subprocess.Popen[bytes] = field(repr=False)
    upstream: str = "orders.sock"
    host: str = "127.0.0.1"
    """By which address the test reaches it."""

    @property
    def base(self) -> str:
        return f"http://{self.host}:{self.port}"

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return httpx2.get(self.base + path, headers=headers, timeout=10, trust_env=False)

    def raw(self, data: bytes) -> bytes:
        """Send exact bytes; the answer until the edge closes, or is silent after it began."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(data)
            answer = b""
            with contextlib.suppress(TimeoutError, ConnectionResetError):
                while chunk := connection.recv(65_536):
                    answer += chunk
                    connection.settimeout(0.2)
            return answer

    def control(self, method: str, path: str) -> httpx2.Response:
        transport = httpx2.HTTPTransport(uds=str(self.folder / "edge.sock"))
        with httpx2.Client(transport=transport, timeout=30) as client:
            return client.request(method, f"http://edge{path}")

    def token(self, *, typ: str = "at+jwt", claims: dict[str, Json] | None = None) -> str:
        now = int(time.time())  # noqa: TID251 - the test plays the issuer
        usual: dict[str, Json] = {
            "iss": ISSUER,
            "aud": self.base,
            "sub": "ann",
            "client_id": "cli",
            "tenant": "acme",
            "roles": ["clerk"],
            "scope": "orders:read orders:write",
            "iat": now,
            "exp": now + 60,
            "jti": "t-1",
            **(claims or {}),
        }
        sent = {name: value for name, value in usual.items() if value is not None}
        return jwt.encode({"alg": "ES256", "typ": typ, "kid": "k1"}, sent, self.key)

    def events(self) -> str:
        return "".join(path.read_text() for path in self.folder.glob("spool/*.jsonl"))

    def refusals(self) -> str:
        return (self.folder / "refusals.jsonl").read_text()

    def children(self) -> dict[str, int]:
        """The agent's children by what they are."""
        listing = Path(f"/proc/{self.agent.pid}/task/{self.agent.pid}/children").read_text()
        found = {}
        for pid in map(int, listing.split()):
            command = Path(f"/proc/{pid}/cmdline").read_text()
            found["pdp" if "decision_point" in command else "envoy"] = pid
        return found

    def is_ready(self) -> bool:
        if not (self.folder / "edge.sock").exists():
            return False
        with contextlib.suppress(httpx2.ConnectError):  # the agent ended meanwhile
            return self.control("GET", "/readyz").status_code == 200
        return False

    def snapshot(self, version: int, *, policies: bool = True) -> Snapshot:
        """The example's configuration; without its policies nothing is allowed."""
        public = {**self.key.as_dict(private=False), "kid": "k1", "alg": "ES256", "use": "sig"}
        keys = ({name: str(value) for name, value in public.items()},)
        here = {"audience": self.base, "upstream": f"unix:{self.folder}/{self.upstream}"}
        configuration = read_configuration(
            replace(found, body={**found.body, **here, "stage": "test"})
            if found.kind is DeclarationKind.API
            else found
            for found in example()
        )
        bundle = configuration.bundle if policies else Bundle()
        return Snapshot(version, ISSUER, keys, tuple(configuration.apis.values()), bundle)

    def publish(self, snapshot: Snapshot) -> httpx2.Response:
        (self.folder / "snapshot.json").write_bytes(snapshot.to_wire())
        return self.control("POST", "/reload")


@contextlib.contextmanager
def live_edge(
    settings: str = "",
    first: Callable[[LiveEdge], None] | None = None,
    listen: str = "127.0.0.1",
    told: int | None = None,
    each: int = 1,
) -> Iterator[LiveEdge]:
    """Start an edge on a free port in a short folder; end it and remove the folder.

    `told` is a descriptor for what the agent tells, instead of a log; `each` is how many decision
    points, and workers of Envoy, there are.
    """
    folder = Path(tempfile.mkdtemp(prefix="dw-"))
    port = free_port()
    (folder / "durward.toml").write_text(
        f'[edge]\napis = "{listen}:{port}"\nruntime = "{folder}"\nstate = "{folder}"\n'
        f"decision_points = {each}\nworkers = {each}\n{settings}"
    )
    orders = [sys.executable, str(EXAMPLE / "app.py"), "--uds", str(folder / "orders.sock")]
    agent = [sys.executable, "-m", "durward", "edge", "--config", str(folder / "durward.toml")]
    with (folder / "test.log").open("wb") as log:
        api = subprocess.Popen(orders, stdout=log, stderr=log)
        host = "[::1]" if listen == "[::]" else listen
        edge = LiveEdge(folder, port, ECKey.generate_key("P-256"), api, api, host=host)
        (folder / "snapshot.json").write_bytes(edge.snapshot(1).to_wire())
        if first:
            first(edge)
        edge.agent = subprocess.Popen(agent, stdout=told or log, stderr=told or log)
    try:
        wait_for(lambda: edge.is_ready() or edge.agent.poll() is not None)
        assert edge.agent.poll() is None, (folder / "test.log").read_text()
        yield edge
    finally:
        for process in (edge.agent, api):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def try_get(edge: LiveEdge, path: str, **headers: str) -> int | None:
    """The status of an answer; None where there is none."""
    try:
        return edge.get(path, **headers).status_code
    except httpx2.HTTPError:
        return None


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
