"""What a command says of a change: exit code 2 is for what was not made, and no secret is lost."""

import contextlib
import json
import shutil
import signal
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from tests.live import wait_for

from durward.entrypoints import control
from durward.entrypoints.cli.app import run
from durward.entrypoints.cli.exit_code import DONE, FAILED, FOUND, INTERRUPTED
from durward.entrypoints.credentials import read_credentials

NOT_KNOWN = "it is not known whether it was done"
SECRET = "dws_one"
APPLIED = {
    "version": 7,
    "changes": [{"step": "add", "kind": "clients", "name": "job"}],
    "apis": [],
    "details": [],
    "secrets": {"job": SECRET},
}
CHANGES = {
    "apply": "/admin/v1/apply",
    "keys rotate": "/admin/v1/keys/rotate",
    "clients secret job --credentials": "/admin/v1/clients/job/secret",
    "users password ann --credentials": "/admin/v1/users/ann/password",
    "restored": "/admin/v1/restored",
}
Answer = tuple[int, object] | None
"""A status and a body; None is a connection that ends without an answer."""


@dataclass
class Played:
    """What a control plane that fails in a certain way answers, by path; and what it was asked."""

    folder: Path
    answers: dict[str, Callable[[], Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def credentials(self) -> Path:
        return self.folder / "kept" / "credentials"

    def call(self, words: str, *more: str) -> list[str]:
        """A command line: what it declares, and where credentials go, is added."""
        said = words.split()
        if said[0] == "apply":
            said += [str(self.folder / "durward.yaml"), "--no-wait", "--credentials"]
        if said[-1] == "--credentials":
            said.append(str(self.credentials))
        return [*said, *more, "--dir", str(self.folder)]


@pytest.fixture
def played() -> Iterator[Played]:
    with tempfile.TemporaryDirectory(prefix="dw-") as name:
        plays = Played(Path(name))
        (plays.folder / "durward.yaml").write_text("tenants: { acme: {} }")
        settings = f'[serve]\nissuer = "http://x"\nruntime = "{name}"\nstate = "{name}"\n'
        (plays.folder / "durward.toml").write_text(settings)

        class Handler(BaseHTTPRequestHandler):
            def address_string(self) -> str:
                return "local"

            def log_message(self, *_: object) -> None: ...

            def do_GET(self) -> None:
                """No node is there that could lag behind."""
                self.tell((200, {"version": 7, "revocations": 3, "nodes": []}))

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                plays.asked.append(self.path)
                self.tell(plays.answers[self.path]())

            def tell(self, answer: Answer) -> None:
                if answer is None:
                    return
                status, body = answer
                sent = json.dumps(body).encode()
                with contextlib.suppress(BrokenPipeError):  # who asked gave up
                    self.send_response(status)
                    self.send_header("content-length", str(len(sent)))
                    self.end_headers()
                    self.wfile.write(sent)

        socket = str(plays.folder / "control.sock")
        with socketserver.ThreadingUnixStreamServer(socket, Handler) as server:
            server.daemon_threads = True
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            try:
                yield plays
            finally:
                server.shutdown()
                thread.join()


@pytest.mark.parametrize(("words", "path"), CHANGES.items())
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (None, FOUND),
        ((500, {}), FOUND),
        ((503, {"title": "the store: away", "unsettled": True}), FOUND),
        ((503, {"title": "the store: away"}), FAILED),
        ((422, {"title": "x: y"}), FAILED),
    ],
)
def test_a_change_that_may_have_been_made_is_not_told_as_one_that_was_not(
    played: Played,
    capsys: pytest.CaptureFixture[str],
    words: str,
    path: str,
    answer: Answer,
    code: int,
) -> None:
    played.answers[path] = lambda: answer
    assert run(played.call(words)) == code
    told = capsys.readouterr().err
    assert (NOT_KNOWN in told) is (code == FOUND), told
    assert "hint: " in told or code == FAILED


def test_who_is_not_answered_in_time_does_not_know(
    played: Played, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "CHANGE_PATIENCE_SECONDS", 0.2)
    late = threading.Event()
    played.answers["/admin/v1/apply"] = lambda: (200, APPLIED) if late.wait(5) else None
    try:
        assert run(played.call("apply")) == FOUND
    finally:
        late.set()
    told = capsys.readouterr().err
    assert NOT_KNOWN in told
    assert "plan` shows what is left" in told


@pytest.mark.parametrize("words", CHANGES)
def test_ctrl_c_while_a_change_is_asked_for_is_told(played: Played, words: str) -> None:
    late = threading.Event()
    played.answers[CHANGES[words]] = lambda: (200, APPLIED) if late.wait(20) else None
    command = [sys.executable, "-m", "durward", *played.call(words)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as asking:
        try:
            wait_for(lambda: bool(played.asked))
            asking.send_signal(signal.SIGINT)
            _, told = asking.communicate(timeout=20)
        finally:
            late.set()
            asking.kill()
    assert (asking.returncode, "interrupted: it is not known" in told) == (INTERRUPTED, True), told


@pytest.mark.parametrize(
    "content", ["no toml = = =", "clients = 3", "[clients]\njob = 1", "\udcff", None]
)
@pytest.mark.parametrize("words", ["apply", *(one for one in CHANGES if "credentials" in one)])
def test_where_a_secret_could_not_be_kept_nothing_is_asked_for(
    played: Played, capsys: pytest.CaptureFixture[str], words: str, content: str | None
) -> None:
    if content is None:
        (played.folder / "kept").write_text("a file, where the folder should be")
    else:
        played.credentials.parent.mkdir()
        played.credentials.write_bytes(content.encode(errors="surrogateescape"))
    assert run(played.call(words)) == FAILED
    assert played.asked == []
    assert str(played.credentials) in capsys.readouterr().err
    if content is not None:
        kept = played.credentials.read_bytes()
        assert kept == content.encode(errors="surrogateescape")


def test_secrets_that_were_left_aside_are_not_written_over(
    played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    played.credentials.parent.mkdir()
    left = played.credentials.with_name(".credentials.new")
    left.write_text('[clients]\n"other" = "dws_lost"\n')
    assert run(played.call("apply")) == FAILED
    assert "dws_lost" in left.read_text()
    assert "move it to" in capsys.readouterr().err


def test_a_folder_for_secrets_is_made_and_what_stands_there_stays(
    played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    played.answers["/admin/v1/apply"] = lambda: (200, APPLIED)
    assert run(played.call("apply")) == DONE
    assert (played.credentials.parent.stat().st_mode & 0o777) == 0o700
    kept = {"former": 'a"b\\c\x7f'}
    played.credentials.write_text('[clients]\nformer = "a\\"b\\\\c\\u007f"\n["a b"]\nx = "y"\n')
    assert run(played.call("apply")) == DONE
    found = read_credentials(played.credentials)
    assert found == {"clients": {**kept, "job": SECRET}, "a b": {"x": "y"}}
    assert (played.credentials.stat().st_mode & 0o777) == 0o600
    assert [*played.credentials.parent.iterdir()] == [played.credentials]
    told = capsys.readouterr()
    assert SECRET not in told.out + told.err


def test_where_the_file_fails_afterwards_it_is_said_that_it_is_applied_and_what_helps(
    played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder goes away between the trial and the answer."""

    def answer() -> Answer:
        shutil.rmtree(played.credentials.parent)
        return 200, APPLIED

    played.answers["/admin/v1/apply"] = answer
    assert run(played.call("apply")) == FOUND
    told = capsys.readouterr()
    assert "version 7 is applied; then " in told.err
    assert "clients secret NAME` makes another" in told.err
    assert SECRET not in told.out + told.err
    played.answers["/admin/v1/clients/job/secret"] = lambda: (200, {"secret": "dws_two"})
    assert run(played.call("clients secret job --credentials")) == DONE
    assert read_credentials(played.credentials) == {"clients": {"job": "dws_two"}}


def test_a_terminal_that_is_away_makes_nothing_undone(
    played: Played, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    played.answers["/admin/v1/apply"] = lambda: (200, APPLIED)
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        monkeypatch.setattr(full, "isatty", lambda: True, raising=False)
        words = [one for one in played.call("apply") if "credentials" not in one]
        assert run(words) == FOUND
        with contextlib.suppress(OSError):
            full.close()
    assert "version 7 is applied; then " in capsys.readouterr().err
