"""What others wrote stays a line on a terminal, and nothing of it speaks to the terminal."""

import json
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from durward.core.audit.event import AuditEvent, EventKind
from durward.core.difference import printable
from durward.core.edge.decision_record import DecisionRecord, Stage
from durward.core.values import DecisionId, Instant
from durward.entrypoints.cli.app import run
from durward.entrypoints.operator_messages import report
from durward.entrypoints.terminal import field, say, say_json, say_text

FORGED = "error: forged"
EVIL = f"x\x1b[1A\x1b[2K\r\n{FORGED}\u202e\x7f\x9b1m\U000e0041"
DECISION = DecisionRecord(
    id=DecisionId("d_1"),
    at=Instant(1),
    allowed=False,
    status=200,
    stage=Stage.RESOURCE,
    reason=EVIL,
    method="POST",
    path=EVIL,
    source=EVIL,
    action=EVIL,
    resource=EVIL,
    subject=f"ann  orders:GetOrder  allowed  {EVIL}",
    client=EVIL,
    tenant=EVIL,
    asked_by="pep",
)
OTHER = AuditEvent("e1", Instant(1), EventKind.TOKEN_REFUSED, EVIL, EVIL, facts={"error": EVIL})
UNREADABLE = [EVIL, "7", "{}", '{"at":1e99,"kind":"decision","facts":{"allowed":1}}', ""]
NODE = {
    "id": EVIL,
    "standing": "behind",
    "late": True,
    "version": 6,
    "lacks": [EVIL],
    "heard_seconds_ago": 1,
    "parts": 1,
    "revocations": 1,
    "spool_bytes": 1,
    "disk_free_bytes": 1,
    "reasons": {EVIL: EVIL},
    "troubles": [EVIL],
}
WAIVER = {
    **dict.fromkeys(("name", "client", "relaxes", "owner", "reason", "until", "state"), EVIL),
    "days_left": 3,
}
VERSION = {
    "version": 7,
    "at": 1,
    "actor": EVIL,
    "cause": EVIL,
    "changes": [{"step": "add", "kind": "roles", "name": EVIL}],
}
LOG = [DECISION.event().to_wire().decode(), OTHER.to_wire().decode(), *UNREADABLE]
ANSWERS: dict[str, Any] = {
    "/admin/v1/log/checkpoint": None,
    "/admin/v1/log": {"events": [{"index": at, "event": text} for at, text in enumerate(LOG)]},
    "/admin/v1/events/d_1": json.loads(DECISION.event().to_wire()),
    "/admin/v1/nodes": {
        "version": 7,
        "revocations": 1,
        "published_seconds_ago": 1,
        "log": [EVIL],
        "nodes": [NODE],
    },
    "/admin/v1/waivers": {"waivers": [WAIVER]},
    "/admin/v1/clients/x": {"client_id": EVIL, "scope": EVIL, "waivers": [WAIVER]},
    "/admin/v1/history": {"versions": [VERSION]},
    "/admin/v1/keys/rotate": {"version": 7, "signs_from": 1, "retired_at": 1},
    "/admin/v1/keys": {
        "keys": [
            {"kid": EVIL, "purpose": EVIL, "algorithm": EVIL, "signs_from": 1, "retired_at": None}
        ]
    },
    "/admin/v1/plan": {"title": f"{EVIL}: {EVIL}", "hint": EVIL, "status": 422},
    "/admin/v1/declarations": {"roles": {EVIL: {"policies": [EVIL]}}},
}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Mine",
            "Effect": "Allow",
            "Action": "orders:GetOrder",
            "Resource": "*",
            "Condition": {"StringEquals": {"durward:Subject": EVIL}},
        },
        {"Sid": "Both", "Effect": "Allow", "Action": "orders:GetOrder", "Resource": "*"},
    ],
}


class Handler(BaseHTTPRequestHandler):
    def address_string(self) -> str:
        return "local"

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        path = unquote(self.path.partition("?")[0])
        body = ANSWERS.get(path, {"status": 404, "title": EVIL} if "/admin" in path else None)
        sent = EVIL.encode() if body is None else json.dumps(body).encode()
        self.send_response(body.get("status", 200) if body else 200)
        self.send_header("content-length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Settings whose control plane and whose API answer nothing that is harmless."""
    with tempfile.TemporaryDirectory(prefix="dw-") as name:
        here = Path(name)
        control = socketserver.ThreadingUnixStreamServer(f"{name}/control.sock", Handler)
        api = HTTPServer(("127.0.0.1", 0), Handler)
        (here / "durward.toml").write_text(
            f'[serve]\nissuer = "http://x"\nruntime = "{name}"\nstate = "{name}"\n'
            f'[edge]\napis = "127.0.0.1:{api.server_port}"\nruntime = "{name}"\nstate = "{name}"\n'
        )
        (here / "policy.json").write_text(json.dumps(POLICY))
        (here / "other.json").write_text(json.dumps({**POLICY, "Statement": []}))
        declared = {"policies": {"evil": POLICY}, "tenants": {"acme": {}}}
        declared |= {"users": {"ann": {"tenant": "acme", "policies": ["evil"]}}}
        (here / "durward.yaml").write_text(json.dumps(declared))
        threads = [
            threading.Thread(target=server.serve_forever, args=(0.02,)) for server in (control, api)
        ]
        for thread in threads:
            thread.start()
        yield here
        for server, thread in zip((control, api), threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


IN_FOLDER = (
    "logs",
    "logs --json",
    "explain d_1",
    "explain d_1 --json",
    "status",
    "status --json",
    "doctor",
    "clients show x",
    "history",
    "history --json",
    "keys",
    "keys rotate --wait 0",
    "plan {folder}/durward.yaml",
    "export",
    "export --json",
    "audit checkpoint",
    "call GET /x",
    "call GET {evil}",
)
OF_FILES = (
    "policy explain {folder} --as ann --action orders:GetOrder --resource {evil}",
    "policy diff {folder}/policy.json {folder}/other.json",
    "policy equivalent {folder}/policy.json {folder}/other.json",
    "policy redundant {folder}/policy.json",
    "policy who-can {evil} {folder}",
    "policy lint {folder}/policy.json",
    "{evil}",
    "logs --last {evil}",
    "logs --dir {evil}",
)


@pytest.mark.parametrize(
    "words", [*(f"{words} --dir {{folder}}" for words in IN_FOLDER), *OF_FILES]
)
def test_nothing_that_others_wrote_moves_a_cursor_or_looks_like_a_line_of_ours(
    folder: Path, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    run([word.format(folder=folder, evil=EVIL) for word in words.split()])
    told = "".join(capsys.readouterr())
    lines = told.replace("\t", "").split("\n")
    assert all(map(str.isprintable, lines)), [line for line in lines if not line.isprintable()]
    own = "call GET /x --dir"  # a body has lines of its own
    assert words.startswith((own, "audit checkpoint")) or FORGED not in [
        line[: len(FORGED)] for line in lines
    ]
    assert len(told) > len("\n")


def test_each_of_them_got_to_what_others_wrote(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else the test before would prove nothing: an early error has nothing of theirs."""
    for words in IN_FOLDER:
        run(
            [
                *(word.format(folder=folder, evil=EVIL) for word in words.split()),
                "--dir",
                str(folder),
            ]
        )
        assert "u001b[1A" in "".join(capsys.readouterr()).replace("\\e", "\\u001b"), words


def test_who_asked_for_a_decision_comes_before_what_they_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["logs", "--dir", str(folder)])
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith('00:00:00 deny  for pep: "ann  orders:GetOrder  allowed ')
    assert told[0].endswith("  d_1")
    assert [line.split(" cannot")[0] for line in told[2:]] == [
        f"event {number}" for number in range(2, len(LOG))
    ]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ann", "ann"),
        ("orders/1", "orders/1"),
        ("", '""'),
        ("a b", '"a b"'),
        ('a"b', '"a\\"b"'),
        ("a\nb", '"a\\nb"'),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_a_name_within_a_line_is_one_word_or_in_quotes(name: str, told: str) -> None:
    assert field(name) == told


def test_json_stays_the_same_value(capsys: pytest.CaptureFixture[str]) -> None:
    say_json({EVIL: [EVIL]})
    say(json.dumps({EVIL: EVIL}, ensure_ascii=False))
    say_text(json.dumps({"a": EVIL}, indent="\t", ensure_ascii=False))
    first, second, *third = capsys.readouterr().out.split("\n")
    assert json.loads(first) == {EVIL: [EVIL]}
    assert json.loads(second) == {EVIL: EVIL}
    assert json.loads("\n".join(third)) == {"a": EVIL}


def test_what_a_process_reports_speaks_to_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    report(f"the store: {EVIL}")
    told = capfd.readouterr().err
    first, second = EVIL.split("\n")
    assert told == f"the store: {printable(first)}\n{printable(second)}\n"
