"""`durward audit verify` against a log that goes on, and one that somebody added to."""

import json
import socketserver
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from durward.core.audit.checkpoint import Checkpoint, LogKey
from durward.core.audit.event import AuditEvent, EventKind
from durward.core.audit.merkle import Tree, leaf_hash
from durward.core.values import Instant
from durward.entrypoints.cli.app import run
from durward.entrypoints.cli.exit_code import DONE, FAILED, FOUND

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(32))
KEY = LogKey("log/audit", PRIVATE.public_key().public_bytes_raw())
PAGE = 3


@dataclass
class Log:
    """A log whose rows and checkpoint are as a test says."""

    folder: Path
    rows: list[bytes] = field(default_factory=list)
    signed: int = 0
    between: Callable[[], None] = lambda: None
    """Happens after each page that was read."""

    def add(self, count: int, *, signed: bool = True) -> None:
        for _ in range(count):
            id = f"e{len(self.rows)}"
            event = AuditEvent(id, Instant(1), EventKind.DECISION, "ann", "orders/1")
            self.rows.append(event.to_wire())
        self.signed += count if signed else 0

    def note(self) -> str:
        tree = Tree().extend(map(leaf_hash, self.rows[: self.signed]))
        return Checkpoint(KEY.name, self.signed, tree.root).signed(KEY, PRIVATE.sign)

    def verify(self, *more: str) -> int:
        key = str(self.folder / "audit.pub")
        return run(["audit", "verify", "--key", key, *more, "--dir", str(self.folder)])


@pytest.fixture
def log() -> Iterator[Log]:
    with tempfile.TemporaryDirectory(prefix="dw-") as name:
        served = Log(Path(name))
        settings = f'[serve]\nissuer = "http://localhost"\nruntime = "{name}"\nstate = "{name}"\n'
        (served.folder / "durward.toml").write_text(settings)
        (served.folder / "audit.pub").write_text(KEY.to_wire())

        class Handler(BaseHTTPRequestHandler):
            def address_string(self) -> str:
                return "local"

            def log_message(self, *_: object) -> None: ...

            def do_GET(self) -> None:
                path = urlsplit(self.path)
                if path.path.endswith("checkpoint"):
                    self.tell(served.note())
                    return
                start = int(parse_qs(path.query)["start"][0])
                page = [*enumerate(served.rows)][start : start + PAGE]
                events = [{"index": index, "event": row.decode()} for index, row in page]
                self.tell(json.dumps({"events": events}))
                served.between()

            def tell(self, text: str) -> None:
                self.send_response(200)
                self.send_header("content-length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

        socket = str(served.folder / "control.sock")
        with socketserver.ThreadingUnixStreamServer(socket, Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            try:
                yield served
            finally:
                server.shutdown()
                thread.join()


def test_a_log_that_goes_on_meanwhile_is_sound(
    log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    log.add(7)
    log.between = lambda: log.add(2 if len(log.rows) < 20 else 0)
    assert log.verify() == DONE
    assert "the log matches its checkpoint" in capsys.readouterr().out


def test_rows_beyond_the_checkpoint_are_counted_and_a_finding(
    log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    log.add(7)
    log.add(2, signed=False)
    assert log.verify() == FOUND
    told = capsys.readouterr().out
    assert "9 events; the newest checkpoint covers 7" in told
    assert "✗ 2 events are beyond the checkpoint, which does not cover them" in told
    assert log.verify("--json") == FOUND
    found = json.loads(capsys.readouterr().out)
    assert (found["events"], found["covered"]) == (9, 7)


def test_an_older_checkpoint_and_one_of_another_key(
    log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    log.add(4)
    kept = log.folder / "kept"
    kept.write_text(log.note())
    log.add(3)
    assert log.verify("--since", str(kept)) == DONE
    log.rows[1] = log.rows[1].replace(b"ann", b"eve")
    assert log.verify("--since", str(kept)) == FOUND
    kept.write_text(log.note().replace("\n7\n", "\n6\n"))
    capsys.readouterr()
    assert log.verify("--since", str(kept)) == FAILED
