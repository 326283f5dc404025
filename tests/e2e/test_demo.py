"""`durward demo` as a user starts it."""

import asyncio
import base64
import json
import os
import shlex
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.demo import Demo, live_demo
from tests.depth import takes_long
from tests.live import kill, wait_for
from tests.ports import free_base

from durward.entrypoints.control import Control
from durward.entrypoints.credentials import read_credentials
from durward.entrypoints.demo.instance import DemoInstance
from durward.entrypoints.demo.runtime import runtime_folder, usual_runtime
from durward.entrypoints.demo.settings_files import write_configuration
from durward.entrypoints.demo.state import write_state


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="dw-") as name:
        yield Path(name)


def demo(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "durward", "demo", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=90)


def base_port() -> int:
    return free_base()


def test_the_demo_starts_refuses_a_second_and_stops(folder: Path) -> None:
    port = base_port()
    started = demo("--dir", folder, "--base-port", str(port), "--detach")
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        reply = httpx2.get(f"http://127.0.0.1:{port + 10}/v1/acme/orders/1001", trust_env=False)
        assert reply.status_code == 401
        assert "Ctrl-C" not in started.stdout
        mails = f"http://127.0.0.1:{port + 30}"
        assert f"  mails        {mails}  " in started.stdout
        wait_for(lambda: "Your password at localhost" in httpx2.get(mails, trust_env=False).text)
        status = demo("status", "--dir", folder)
        assert status.returncode == 0
        for page in (started.stdout, status.stdout):  # as they stand, they can be typed here
            assert f"  ./durward call --as ann GET /v1/acme/orders/1001 --dir {folder} " in page
            assert f"`./durward demo stop --dir {folder}` ends it." in page
        assert read_credentials(folder / "credentials")["users"]["ann"] in status.stdout
        second = demo("--dir", folder, "--base-port", str(port + 100))
        assert second.returncode == 2
        assert "runs in" in second.stderr
        with tempfile.TemporaryDirectory(prefix="dw-") as other:
            taken = demo("--dir", Path(other) / "new", "--base-port", str(port))
            assert not list(Path(other).iterdir())
        assert taken.returncode == 2
        assert "in use by envoy" in taken.stderr
        assert "--base-port" in taken.stderr
    finally:
        stopped = demo("stop", "--dir", folder)
    assert stopped.returncode == 0
    assert demo("status", "--dir", folder).returncode == 1
    assert not any(str(folder) in text for text in command_lines())


def test_a_demo_in_a_terminal_is_not_said_to_run_in_the_background(folder: Path) -> None:
    command = [sys.executable, "-m", "durward", "demo", "--dir", str(folder)]
    with subprocess.Popen([*command, "--base-port", str(base_port())], stdout=-1) as running:
        try:
            wait_for(lambda: demo("status", "--dir", folder).returncode == 0, within=20)
            told = demo("status", "--dir", folder).stdout
            assert f"Ctrl-C there or `./durward demo stop --dir {folder}` ends it." in told
            assert "background" not in told
        finally:
            running.terminate()
            running.communicate(timeout=20)


def test_a_demo_that_is_started_again_serves_its_first_request(folder: Path) -> None:
    """What the edge decided by when it ended names sockets that are gone."""
    port = base_port()
    try:
        for _ in range(2):
            started = demo("--dir", folder, "--base-port", str(port), "--detach")
            reply = httpx2.get(f"http://127.0.0.1:{port + 10}/v1/status", trust_env=False)
            assert started.returncode == 0, started.stdout + started.stderr
            assert reply.status_code == 200
            assert demo("stop", "--dir", folder).returncode == 0
    finally:
        demo("stop", "--dir", folder)


@takes_long
def test_what_the_demo_declares_can_be_edited_and_applied_as_its_page_says(folder: Path) -> None:
    port = base_port()
    document = folder / "orders" / "durward.yaml"

    def start() -> str:
        started = demo("--dir", folder, "--base-port", str(port), "--detach")
        assert started.returncode == 0, started.stdout + started.stderr
        assert f"Policies decide: {document}\n" in started.stdout
        return started.stdout

    def status() -> int:
        reply = httpx2.get(f"http://127.0.0.1:{port + 10}/v1/status", trust_env=False)
        return reply.status_code

    def put_in_force(page: str) -> None:
        command = shlex.split(page.partition("put it in force: `")[2].partition("`")[0])
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr

    try:
        page = start()
        put_in_force(page)
        assert status() == 200
        published = published_version(folder)
        demo("stop", "--dir", folder)
        page = start()
        assert published_version(folder) == published  # nothing had changed
        (folder / "orders" / "orders.test.yaml").write_text("tests: []\n")
        text = document.read_text()
        document.write_text(text.replace("Allow\n        Principal", "Deny\n        Principal"))
        put_in_force(page)
        wait_for(lambda: status() == 403)
        demo("stop", "--dir", folder)
        port += 1
        start()
        assert status() == 403
        assert f"audience: http://127.0.0.1:{port + 10}\n" in document.read_text()
    finally:
        demo("stop", "--dir", folder)


NO_SUMMARIES = """
policies:
  none: { Version: "2012-10-17", Statement: { Effect: Deny, Action: "orders:*", Resource: "*" } }
roles:
  reporter: { name: Reporter, policies: [reports, none] }
"""


@takes_long
def test_who_was_pruned_meanwhile_can_sign_in_after_a_restart(folder: Path) -> None:
    """What is gone is declared again; what was changed since, such as a role, stays."""
    running = Demo(folder, base_port())
    try:
        assert demo("--dir", folder, "--base-port", str(running.port), "--detach").returncode == 0
        bob = running.password("bob")
        pruned = running.apply("tenants: {mine: {}}", "--prune")
        assert pruned.returncode == 0, pruned.stderr
        demo("stop", "--dir", folder)
        assert demo("--dir", folder, "--base-port", str(running.port), "--detach").returncode == 0
        called = running.run("call", "--as", "ann", "GET", "/v1/acme/orders/1001")
        assert called.returncode == 0, called.stdout + called.stderr
        assert running.password("bob") != bob
        denied = running.apply(NO_SUMMARIES)
        assert denied.returncode == 0, denied.stderr
        demo("stop", "--dir", folder)
        bob = running.password("bob")
        assert demo("--dir", folder, "--base-port", str(running.port), "--detach").returncode == 0
        assert running.password("bob") == bob
        token = running.token().json()["access_token"]
        assert running.get("/v1/acme/reports/summary", token).status_code == 403
    finally:
        demo("stop", "--dir", folder)


def published_version(folder: Path) -> int:
    runtime = Path(json.loads((folder / "demo.json").read_text())["runtime"])
    payload = Control(runtime).text("/edge/v1/snapshot").split(".")[1]
    return int(json.loads(base64.urlsafe_b64decode(payload + "=="))["version"])


@pytest.mark.alone  # a demo that starts meanwhile removes what nobody holds
def test_a_runtime_folder_that_is_not_ours_alone_is_neither_used_nor_touched(folder: Path) -> None:
    place, told = DemoInstance(folder, 8470), folder / "told"
    told.mkdir(mode=0o700)
    (told / "kept").touch()
    usual = usual_runtime(place)

    async def used() -> Path:
        async with runtime_folder(place) as runtime:
            assert stat.S_IMODE(runtime.lstat().st_mode) == 0o700
            return runtime

    assert asyncio.run(used()) == usual
    usual.symlink_to(told)
    try:
        assert asyncio.run(used()) != usual
        assert (told / "kept").exists()
    finally:
        usual.unlink()
    usual.mkdir(mode=0o755)
    try:
        assert asyncio.run(used()) != usual
    finally:
        usual.rmdir()


def test_a_part_that_was_refused_is_told_and_is_not_what_the_edge_begins_with_again() -> None:
    with live_demo() as running:
        settings = running.folder / "durward.toml"
        settings.write_text(f"{settings.read_text()}\n[edge.limits]\nheader_kib = 1\n")
        kill(running.process("edge"))
        wait_for(lambda: "edge is ready again" in running.log("demo"))
        # Its canaries get 431 at this node: it answers otherwise than it must.
        long = "/long-path" * 99
        (running.folder / "openapi.yaml").write_text(
            f"openapi: 3.1.0\npaths: {{{long}: {{get: {{operationId: Canary}}}}}}\n"
        )
        api = "{audience: 'http://x.example', upstream: '127.0.0.1:1', openapi: openapi.yaml}"
        applied = running.apply(f"apis: {{odd: {api}}}")
        assert applied.returncode == 1, applied.stderr
        assert "edge-1: partly in force" in applied.stdout
        assert "api/odd: a request without a token" in applied.stdout
        assert "parts refused" in running.run("logs", "--last", "100").stdout
        kept = (running.folder / "edge" / "parts.json").read_text()
        assert long not in json.dumps(json.loads(kept)["parts"])
        kill(running.process("edge"))
        wait_for(lambda: running.log("demo").count("edge is ready again") == 2)
        assert httpx2.get(f"{running.apis}/v1/status", trust_env=False).status_code == 200


def command_lines() -> Iterator[str]:
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if int(place.parent.name) != os.getpid():
                yield place.read_text()
        except (OSError, UnicodeDecodeError):
            continue


def test_what_the_demo_keeps_is_its_owners_alone(folder: Path) -> None:
    """Its database, its logs and its sockets too: 0600 in 0700."""
    kept = folder / "demo"
    (kept / "serve").mkdir(parents=True)  # as an older version made it
    (kept / "serve").chmod(0o755)
    try:
        started = demo("--dir", kept, "--base-port", str(base_port()), "--detach")
        assert started.returncode == 0, started.stdout + started.stderr
        runtime = Path(json.loads((kept / "demo.json").read_text())["runtime"])
        found = [*kept.rglob("*"), runtime, *runtime.rglob("*")]
        names = {path.name for path in found}
        assert {"durward.db", "refusals.jsonl", "demo.log", "orders.sock", "lock"} <= names
        modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in found}
        assert {str(path): oct(mode) for path, mode in modes.items() if mode & 0o077} == {}
    finally:
        demo("stop", "--dir", kept)


def test_what_a_killed_demo_left_behind_is_gone_when_it_is_started_again(folder: Path) -> None:
    port = str(base_port())
    try:
        assert demo("--dir", folder, "--base-port", port, "--detach").returncode == 0
        left = json.loads((folder / "demo.json").read_text())
        kill(left["pid"])
        (Path(left["runtime"]) / "left").mkdir()
        wait_for(lambda: not any(left["runtime"] in text for text in command_lines()))
        wait_for(lambda: not any(str(folder) in text for text in command_lines()))
        started = demo("--dir", folder, "--base-port", port, "--detach")
        assert started.returncode == 0, started.stdout + started.stderr
        assert not (Path(left["runtime"]) / "left").exists()
    finally:
        demo("stop", "--dir", folder)


def test_stopping_what_does_not_run_is_no_error(folder: Path) -> None:
    assert demo("stop", "--dir", folder).returncode == 0


def test_a_folder_that_cannot_be_written_is_told_with_a_hint(folder: Path) -> None:
    (folder / "file").write_text("")
    done = demo("--dir", folder / "file" / "demo")
    assert done.returncode == 2
    assert "hint: " in done.stderr


@pytest.mark.parametrize("port", ["65530", "65516", "0", "-5"])
def test_a_base_that_leaves_no_room_for_ports_is_refused_at_once(folder: Path, port: str) -> None:
    for more in ([], ["--detach"]):
        done = demo("--dir", folder / "demo", f"--base-port={port}", *more)
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: --base-port: `{port}` ")
        assert "hint: choose one" in done.stderr
    assert not (folder / "demo").exists()


def test_nobody_else_is_the_issuer_by_the_other_address_of_localhost(folder: Path) -> None:
    with socket.socket(socket.AF_INET6) as other:
        try:
            other.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no [::1]")
        other.listen()
        port = min(other.getsockname()[1], 65_515)
        done = demo("--dir", folder, "--base-port", str(port))
        assert done.returncode == 2
        assert f"port {port}: is in use by" in done.stderr


@pytest.mark.parametrize("ended", [False, True], ids=["never", "ended"])
@pytest.mark.parametrize(
    "command",
    [["call", "GET", "/v1/status"], ["explain", "d_1"], ["logs"], ["keys"], ["export"]],
    ids=lambda words: words[0],
)
def test_without_a_demo_the_hint_says_how_to_start_one(
    folder: Path, command: list[str], *, ended: bool
) -> None:
    if ended:
        place = DemoInstance(folder, base_port())
        write_configuration(place, folder / "runtime")
        write_state(place, folder / "runtime")
    done = subprocess.run(
        [sys.executable, "-m", "durward", *command, "--dir", str(folder)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert f"./durward demo --dir {folder}" in done.stderr
    assert "--config" not in done.stderr
