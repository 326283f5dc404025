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
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from tests.live import wait_for

from durward.entrypoints import control
from durward.entrypoints.cli import rollout
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
NODES = {"version": 7, "revocations": 3, "nodes": []}
ANN = {
    "id": "p_1",
    "tenant": "acme",
    "logins": ["ann"],
    "emails": [],
    "name": "",
    "locale": "",
    "roles": [],
    "groups": [],
    "policies": [],
    "boundary": [],
    "disabled": False,
    "declared": None,
}
CHANGES = {
    "apply": "/admin/v1/apply",
    "keys rotate": "/admin/v1/keys/rotate",
    "clients secret job --credentials": "/admin/v1/clients/job/secret",
    "people password ann --credentials": "/admin/v1/people/ann/password",
    "people invite ann": "/admin/v1/people/ann/invitation",
    "people add ann --tenant acme": "/admin/v1/people",
    "people disable ann": "/admin/v1/people/ann",
    "people change ann --add-role clerk": "/admin/v1/people/ann",
    "people delete ann": "/admin/v1/people/ann",
    "groups add night": "/admin/v1/groups/night",
    "groups delete night": "/admin/v1/groups/night",
    "groups join night ann": "/admin/v1/groups/night/members/ann",
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
        if said == ["restored"]:
            said.append("--no-wait")
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
                """No node is there that could lag behind, unless a test says so."""
                usual: Answer = (200, NODES if "/nodes" in self.path else ANN)
                read = plays.answers.get(f"GET {self.path.partition('?')[0]}", lambda: usual)
                self.tell(read())

            def do_PUT(self) -> None:
                self.do_POST()

            def do_DELETE(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", "0")))
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
                    self.send_header("etag", '"1"')
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


SILENT = {"id": "edge-9", "standing": "silent", "version": 6, "lacks": [], "reasons": {}}
TAKEN = {"person": ANN, "changed": True, "revoked": True}


@pytest.mark.parametrize(
    ("words", "path", "told"),
    [
        ("people disable ann", "/admin/v1/people/ann", "ann is disabled"),
        ("people change ann --tenant globex", "/admin/v1/people/ann", "ann is changed"),
        ("people delete ann", "/admin/v1/people/ann", "ann is deleted"),
        ("groups leave night ann", "/admin/v1/groups/night/members/ann", "removed from night: ann"),
        ("groups delete night", "/admin/v1/groups/night", "night is deleted; it had 3 members"),
    ],
)
@pytest.mark.parametrize("changed", [True, False])
def test_what_is_not_refused_everywhere_is_not_told_as_done(
    played: Played,
    capsys: pytest.CaptureFixture[str],
    words: str,
    path: str,
    told: str,
    *,
    changed: bool,
) -> None:
    """Nor where nothing changed: a command that was interrupted may have done it."""
    answer = {**TAKEN, "changed": changed, "revoked": changed, "members": 3}
    played.answers[path] = lambda: (200, answer)
    played.answers["GET /admin/v1/nodes"] = lambda: (200, {**NODES, "nodes": [SILENT]})
    assert run(played.call(words)) == FOUND
    said = capsys.readouterr().out
    assert (
        "✗ tokens issued before are revoked, but not refused on every node yet:\n  edge-9: silent"
        in said
    )
    assert "✓" not in said
    assert run(played.call(words, "--json")) == FOUND
    assert json.loads(capsys.readouterr().out)["refused_everywhere"] is False
    played.answers["GET /admin/v1/nodes"] = lambda: (200, NODES)
    assert run(played.call(words)) == DONE
    assert (f"✓ {told}" in capsys.readouterr().out) or not changed


def test_a_restore_is_told_as_in_force_when_the_nodes_have_said_so(
    played: Played, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backup knows nodes as silent, some not at all: they are waited for."""
    monkeypatch.setattr(rollout, "EVERY_SECONDS", 0.5)
    monkeypatch.setattr(rollout, "BASE_SECONDS", 1.0)
    monkeypatch.setattr(rollout, "PAUSE_SECONDS", 0.01)
    played.answers["/admin/v1/restored"] = lambda: (200, {"epoch": 2, "version": 7})
    began = time.monotonic()

    def nodes(*standings: str) -> Callable[[], Answer]:
        """What is told at first, then after a while, each for a quarter of a second."""

        def tell() -> Answer:
            place = int((time.monotonic() - began) / 0.25)
            stands = standings[min(place, len(standings) - 1)]
            found = [{**SILENT, "standing": stands}] if stands else []
            return 200, {**NODES, "nodes": found}

        return tell

    for standings, code, told in (
        (("silent", "behind", "in force"), DONE, "✓ version 7 is in force on edge-9"),
        (("not counted", "not counted", "in force"), DONE, "✓ version 7 is in force on edge-9"),
        (("", "in force"), DONE, "✓ version 7 is in force on edge-9"),
        (("not counted",), DONE, "no node has joined"),
        (("",), DONE, "no node has joined"),
        (("silent",), FOUND, "✗ version 7 is applied, but not in force on every node"),
    ):
        played.answers["GET /admin/v1/nodes"] = nodes(*standings)
        began = time.monotonic()
        assert run(["restored", "--dir", str(played.folder)]) == code
        assert told in capsys.readouterr().out


def test_what_no_token_says_waits_for_no_node(played: Played) -> None:
    played.answers["/admin/v1/people/ann"] = lambda: (200, {**TAKEN, "revoked": False})
    played.answers["GET /admin/v1/nodes"] = lambda: (200, {**NODES, "nodes": [SILENT]})
    assert run(played.call("people change ann --name Ann")) == DONE


@pytest.mark.parametrize(("stale", "code"), [(1, DONE), (2, FAILED)])
def test_who_was_changed_meanwhile_is_read_again_once(
    played: Played, capsys: pytest.CaptureFixture[str], stale: int, code: int
) -> None:
    answers = [(412, {"title": "people/ann: changed meanwhile", "hint": "read"})] * stale
    answers += [(200, TAKEN)]  # type: ignore[list-item]
    played.answers["/admin/v1/people/ann"] = lambda: answers.pop(0)
    assert run(played.call("people change ann --add-role clerk")) == code
    assert played.asked == ["/admin/v1/people/ann"] * 2
    assert ("error: people/ann: changed meanwhile" in capsys.readouterr().err) == (code == FAILED)


def test_a_password_that_would_be_lost_is_not_made_and_nobody_is_added(
    played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(played.call("people add cleo --tenant acme --password")) == FAILED
    assert played.asked == []
    assert "the new password would be lost" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["people show", "people disable", "people add --tenant acme"])
def test_what_is_typed_and_is_no_text_is_refused_in_a_line(
    played: Played, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    """As the shell hands over a byte that is no UTF-8 (PEP 383)."""
    nobody = (404, {"title": "people/\ufffd: there is no such person", "hint": "x"})
    played.answers["GET /admin/v1/people/%FF"] = lambda: nobody
    assert run(played.call(words, "\udcff")) == FAILED
    assert "Traceback" not in capsys.readouterr().err
    assert played.asked == []


def test_what_somebody_is_called_moves_nothing_on_a_terminal(
    played: Played, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = {**ANN, "name": "A\u202e\x1b[2J\nroot", "password": False, "revision": 1}
    evil |= {"made_at": 0, "made_by": "x", "changed_at": 0}
    played.answers["GET /admin/v1/people/ann"] = lambda: (200, evil)
    assert run(played.call("people show ann")) == DONE
    said = capsys.readouterr().out
    assert not {"\u202e", "\x1b"} & set(said)
    assert [line.split()[0] for line in said.splitlines()] == [
        *("id", "tenant", "logins", "name", "password", "made", "changed")
    ]


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
