"""Files that are gone, cut short or full: the node is closed, lives, and heals by itself."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.demo import Demo
from tests.live import LiveEdge, is_alive, kill, live_edge, try_get, wait_for

from durward.entrypoints.client.flows import server_of
from durward.entrypoints.client.native import sign_in

ORDER = "/v1/acme/orders/1001"
NO_UTF8 = b'{"\xff\xfe": "\x80'
KEPT = ("parts.json", "node.json", "snapshot.json", "revocations.json", "shipped.json", "heartbeat")


def token_of(demo: Demo) -> dict[str, str]:
    with httpx2.Client(trust_env=False) as http:
        server = server_of(http, demo.resource_metadata, demo.issuer)
        return sign_in(http, server, "durward-cli", "ann", demo.password("ann"))


def answer(demo: Demo, path: str, token: str = "") -> httpx2.Response | None:
    try:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx2.get(demo.apis + path, headers=headers, trust_env=False, timeout=10)
    except httpx2.HTTPError:
        return None


def status(demo: Demo, path: str, token: str = "") -> int | None:
    reply = answer(demo, path, token)
    return reply.status_code if reply else None


def decision_point(demo: Demo) -> int:
    edge = demo.process("edge")
    listing = Path(f"/proc/{edge}/task/{edge}/children").read_text()
    commands = {int(pid): Path(f"/proc/{pid}/cmdline").read_text() for pid in listing.split()}
    return next(pid for pid, command in commands.items() if "decision_point" in command)


@pytest.mark.requirement("ZT-1", "ZT-10")
def test_half_a_list_of_revocations_lets_no_token_in_until_it_is_known(demo: Demo) -> None:
    """The control plane is away: it cannot start without its key, and says so."""
    gone, kept = token_of(demo), token_of(demo)["access_token"]
    form = {"client_id": "durward-cli", "token": gone["refresh_token"]}
    httpx2.post(f"{demo.issuer}/revoke", data=form, trust_env=False)
    wait_for(lambda: status(demo, ORDER, gone["access_token"]) == 401, 2)
    listed, key = demo.folder / "edge" / "revocations.json", demo.folder / "serve" / "durward.key"
    key.rename(key.with_name("aside"))
    kill(demo.process("serve"))
    wait_for(lambda: "durward.key" in demo.log("serve"))
    listed.write_bytes(listed.read_bytes()[:-20])
    kill(demo.process("edge"))
    wait_for(lambda: status(demo, "/v1/status") == 200)
    for token in (gone["access_token"], kept):
        reply = answer(demo, ORDER, token)
        assert reply is not None
        assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
        assert reply.json()["title"] == "it is not known which tokens are revoked"
        told = demo.run("explain", reply.headers["durward-decision"])
        assert "no record of what is revoked" in told.stdout, told.stderr
    assert status(demo, ORDER) == 401
    assert "no token is good until" in demo.log("edge")
    assert not key.exists()
    key.with_name("aside").rename(key)
    wait_for(lambda: status(demo, ORDER, kept) == 200)
    assert status(demo, ORDER, gone["access_token"]) == 401
    assert "Traceback" not in demo.log("edge") + demo.log("serve")


def test_spoiled_files_of_a_node_close_it_and_it_heals(demo: Demo) -> None:
    token = token_of(demo)["access_token"]
    wait_for(lambda: status(demo, ORDER, token) == 200)
    key = demo.folder / "serve" / "snapshot.jwk"
    for name in KEPT:
        (demo.folder / "edge" / name).write_bytes(NO_UTF8)
    key.write_bytes(key.read_bytes()[:-20])
    before = demo.log("edge")
    kill(decision_point(demo))  # it alone begins anew, with the snapshot that the agent has
    wait_for(lambda: status(demo, ORDER, token) == 200)
    assert "the last good configuration is back" in demo.log("edge")[len(before) :]
    kill(demo.process("edge"))
    wait_for(lambda: "not a key that verifies snapshots" in demo.log("edge")[len(before) :])
    closed = demo.process("edge")
    assert status(demo, "/v1/status") is None
    kill(demo.process("serve"))  # the next one writes its key anew
    wait_for(lambda: status(demo, ORDER, token) == 200)
    assert demo.process("edge") == closed
    assert "Traceback" not in demo.log("edge")[len(before) :]


def is_removed(folder: Path) -> bool:
    """Remove a folder, in which the agent may make a file at the same moment."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def lines_of(file: Path) -> int:
    """How many lines were written; a file that is begun may have none yet."""
    return file.read_text().count("\n") if file.exists() else 0


def test_a_spool_that_is_removed_is_begun_anew(demo: Demo) -> None:
    """With its folder; and what was appended to it meanwhile by nobody is no record."""
    token = token_of(demo)["access_token"]
    wait_for(lambda: status(demo, ORDER, token) == 200)
    spool = demo.folder / "edge" / "spool"
    wait_for(lambda: is_removed(spool))
    reply = answer(demo, ORDER, token)
    assert reply is not None
    assert reply.status_code == 200
    wait_for(lambda: lines_of(spool / "pdp-0.jsonl") == 1)
    (spool / "pdp-0.jsonl").write_bytes(b'{"id":"\xff"}\n' + (spool / "pdp-0.jsonl").read_bytes())
    edge = demo.process("edge")
    denied = answer(demo, "/v1/globex/orders/2001", token)
    assert denied is not None
    decision = denied.headers["durward-decision"]
    wait_for(lambda: decision in demo.run("logs", "--json").stdout)
    assert demo.process("edge") == edge


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file system of four megabytes, where temporary folders are."""
    folder = Path(tempfile.mkdtemp(prefix="dw-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        folder.rmdir()
        pytest.skip("no file system can be mounted here")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


def fill(folder: Path) -> Path:
    """Until not one byte more can be written."""
    ballast = folder / "ballast"
    with ballast.open("wb", 0) as file:
        for size in (65_536, 1):
            with contextlib.suppress(OSError):
                while file.write(b"x" * size):
                    pass
    return ballast


@pytest.mark.requirement("ZT-1")
def test_on_a_full_disk_a_node_is_closed_and_opens_when_there_is_room(small_disk: Path) -> None:
    with live_edge() as edge:
        bearer = f"Bearer {edge.token()}"

        def is_open() -> bool:
            return try_get(edge, ORDER, authorization=bearer) == 200

        assert is_open()
        ballast = fill(small_disk)
        wait_for(lambda: try_get(edge, ORDER, authorization=bearer) == 503)
        ballast.unlink()
        wait_for(is_open)
        begin_anew(edge, small_disk)
        assert not is_open()
        assert edge.agent.poll() is None
        (small_disk / "ballast").unlink()
        wait_for(is_open)
        assert "Traceback" not in (edge.folder / "test.log").read_text(errors="replace")


def begin_anew(edge: LiveEdge, disk: Path) -> None:
    """The agent dies, and starts on a disk that is full."""
    former = edge.children().values()
    kill(edge.agent.pid)
    edge.agent.wait()
    wait_for(lambda: not any(map(is_alive, former)))
    fill(disk)
    with (disk.parent / f"{disk.name}.log").open("w+b") as log:
        edge.agent = subprocess.Popen(edge.agent.args, stdout=log, stderr=log)
        wait_for(lambda: b"cannot be written" in Path(log.name).read_bytes())
        assert b"Traceback" not in Path(log.name).read_bytes()
    Path(log.name).unlink()
