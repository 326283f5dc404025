"""A service says whom to ask for tokens: no secret of the caller goes there (RFC 9728 §7.7)."""

import json
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from durward.core.edge.snapshot import Snapshot
from durward.entrypoints.cli.app import run
from durward.entrypoints.cli.exit_code import DONE, FAILED

METADATA = "/.well-known/oauth-protected-resource"
SERVER = "/.well-known/oauth-authorization-server"
SECRET = "dws_a-secret-of-the-caller"


@dataclass
class Site:
    """A web server, what it answers by path, and what it was sent."""

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    @property
    def tokens(self) -> list[str]:
        """The authorization of everything that was sent there by POST."""
        return [sent for way, sent in self.asked if way.startswith("POST")]


def serving(site: Site) -> HTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            sent = self.headers.get("authorization", "")
            site.asked.append((f"{self.command} {self.path}", sent))
            body = site.answers.get(self.path.partition("?")[0])
            is_challenge = body is None and "good" not in sent
            self.send_response(401 if is_challenge else 200)
            if is_challenge:
                challenge = f'Bearer resource_metadata="{site.url}{METADATA}"'
                self.send_header("www-authenticate", challenge)
            content = json.dumps(body or {}).encode()
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.do_GET()

    server = HTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_port}"
    return server


@pytest.fixture
def sites() -> Iterator[tuple[Site, Site, Path]]:
    """The issuer of the caller, a service, and the caller's folder."""
    issuer, service = Site(), Site()
    servers = [serving(issuer), serving(service)]
    threads = [threading.Thread(target=each.serve_forever, args=(0.02,)) for each in servers]
    for thread in threads:
        thread.start()
    for site in (issuer, service):
        site.answers |= {
            SERVER: {
                "issuer": site.url,
                "token_endpoint": f"{site.url}/token",
                "authorization_endpoint": f"{site.url}/authorize",
            },
            "/token": {"access_token": "good", "expires_in": 60},
        }
    service.answers[METADATA] = {
        "resource": service.url,
        "authorization_servers": [issuer.url],
    }
    with tempfile.TemporaryDirectory(prefix="dw-") as name:
        folder = Path(name)
        (folder / "credentials").write_text(
            f'[clients]\njob = "{SECRET}"\n[users]\nann = "{SECRET}"\n'
        )
        (folder / "durward.toml").write_text(
            f'[serve]\nissuer = "{issuer.url}"\nruntime = "{name}"\nstate = "{name}"\n'
            f'[edge]\napis = "{service.url[7:]}"\nruntime = "{name}"\nstate = "{name}"\n'
        )
        yield issuer, service, folder
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        thread.join()
        server.server_close()


def call(folder: Path, name: str = "job") -> int:
    return run(["call", "GET", "/v1/status", "--as", name, "--dir", str(folder)])


def test_the_configured_issuer_is_asked_for_a_token(sites: tuple[Site, Site, Path]) -> None:
    issuer, service, folder = sites
    service.answers[METADATA]["authorization_servers"] = [service.url, issuer.url]
    assert call(folder) == DONE
    assert len(issuer.tokens) == 1
    assert service.tokens == []
    assert service.asked[-1] == ("GET /v1/status", "Bearer good")


@pytest.mark.parametrize("name", ["job", "ann"])
@pytest.mark.parametrize(
    "lie",
    [
        "another server",
        "another resource",
        "no server",
        "no object",
        "its endpoint",
        "a sign-in that leads away",
    ],
)
def test_a_secret_goes_nowhere_else(
    sites: tuple[Site, Site, Path], capsys: pytest.CaptureFixture[str], lie: str, name: str
) -> None:
    issuer, service, folder = sites
    told = service.answers[METADATA]
    match lie:  # type: ignore[exhaustive-match]
        case "another server":
            told["authorization_servers"] = [service.url]
        case "another resource":
            told["resource"] = f"{service.url}/other"
        case "no server":
            del told["authorization_servers"]
        case "no object":
            service.answers[METADATA] = ["x"]
        case "its endpoint":
            issuer.answers[SERVER]["token_endpoint"] = f"{service.url}/token"
        case "a sign-in that leads away":
            issuer.answers[SERVER]["authorization_endpoint"] = f"{service.url}/authorize"
    assert call(folder, name) == FAILED
    told = capsys.readouterr().err
    assert "error: " in told
    assert "Traceback" not in told
    assert issuer.tokens == service.tokens == []
    assert not any("/authorize" in way for way, _ in service.asked)
    assert SECRET not in str((issuer.asked, service.asked))


def test_an_edge_alone_knows_its_issuer_by_its_snapshot(
    sites: tuple[Site, Site, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    issuer, service, folder = sites
    settings = (folder / "durward.toml").read_text()
    (folder / "durward.toml").write_text(settings[settings.index("[edge]") :])
    assert call(folder) == FAILED
    assert "the issuer is not known" in capsys.readouterr().err
    assert service.asked == []
    known = (
        Snapshot.nothing().to_wire().replace(b'"issuer":""', f'"issuer":"{issuer.url}"'.encode())
    )
    (folder / "snapshot.json").write_bytes(known)
    assert call(folder) == DONE
    assert len(issuer.tokens) == 1
