"""A new user protects an API of their own by the document that the demo shows."""

import http.server
import json
import threading
from textwrap import dedent

import httpx2
from tests.demo import Demo
from tests.live import wait_for

OPENAPI = """\
openapi: 3.1.0
paths:
  /things:
    get: { operationId: GetThings }
    post: { operationId: CreateThing }
"""


class Things(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"caller": self.headers.get("durward-subject")}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_the_document_that_the_demo_shows_protects_an_api(demo: Demo) -> None:
    shown = demo.run("demo", "status").stdout
    document = dedent("  # The" + shown.partition("  # The")[2].partition("\nand then")[0])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Things)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        document = document.replace("127.0.0.1:9000", f"127.0.0.1:{server.server_port}")
        (demo.folder / "openapi.yaml").write_text(OPENAPI)
        applied = demo.apply(document)
        assert applied.returncode == 0, applied.stderr
        # What is published the edge has a moment later.
        wait_for(lambda: demo.run("call", "--as", "job", "GET", "/things").returncode == 0)
        called = demo.run("call", "--as", "job", "GET", "/things")
        assert '"caller": "job"' in called.stdout
        assert demo.run("call", "--as", "job", "POST", "/things").stdout.startswith("HTTP/1.1 403")
        for path in ("/things", "/v1/acme/orders/1001"):
            reply = httpx2.get(demo.apis + path, trust_env=False)
            assert reply.status_code == 401
            challenge = reply.headers["www-authenticate"]
            assert challenge.startswith("Bearer resource_metadata="), "without a token no error"
            told = demo.run("explain", reply.headers["durward-decision"]).stdout
            assert "no access token was sent" in told
        person = demo.run("call", "--as", "ann", "GET", "/things")
        assert "the client may not use this resource" in person.stderr
        assert f"`durward-cli` needs the API of {demo.apis}/my-api in its `apis`" in person.stderr
        other = demo.run("call", "--as", "ann", "GET", "/v1/acme/orders/1001")
        assert other.returncode == 0, other.stderr
    finally:
        server.shutdown()
        server.server_close()


STOCK = """\
openapi: 3.1.0
info: { title: Stock, version: "1" }
paths:
  /stock/status: { get: { security: [] } }
  /stock/{id}: { get: {}, delete: {} }
"""
KEEPER = (
    "  keeper: {tenant: stock, grants: [client_credentials], apis: [stock], roles: [stock-read]}"
)


def test_what_protect_proposes_is_in_force_at_once(demo: Demo) -> None:
    folder = demo.folder / "stock"
    folder.mkdir()
    (folder / "openapi.yaml").write_text(STOCK)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Things)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url, document = f"http://127.0.0.1:{server.server_port}", str(folder / "openapi.yaml")
        asked = ("protect", url, "--openapi", document, "--into", str(folder))
        assert demo.run(*asked).returncode == 1
        assert demo.run(*asked, "--yes").returncode == 0
        (folder / "callers.durward.yaml").write_text(f"clients:\n{KEEPER}\n")
        kept = str(demo.folder / "credentials")
        applied = demo.run("apply", str(folder), "--credentials", kept)
        assert applied.returncode == 0, applied.stderr
        assert httpx2.get(f"{demo.apis}/stock/status", trust_env=False).status_code == 200
        assert httpx2.get(f"{demo.apis}/stock/1", trust_env=False).status_code == 401
        assert demo.run("call", "--as", "keeper", "GET", "/stock/1").returncode == 0
        refused = demo.run("call", "--as", "keeper", "DELETE", "/stock/1")
        assert refused.stdout.startswith("HTTP/1.1 403")
    finally:
        server.shutdown()
        server.server_close()


def test_an_api_that_no_edge_could_take_is_refused_and_named(demo: Demo) -> None:
    """Exit code 2: not applied, whatever the reason."""
    (demo.folder / "openapi.yaml").write_text(OPENAPI)
    body = "{audience: 'https://lost.example', upstream: '[]:80', openapi: openapi.yaml}"
    declared = f"apis:\n  lost: {body}\n"
    refused = demo.apply(declared)
    assert refused.returncode == 2
    assert "apis/lost" in refused.stderr
    planned = demo.run("plan", str(demo.folder / "more.durward.yaml"))
    assert (planned.returncode, planned.stderr) == (2, refused.stderr)
    assert "lost" not in demo.run("export").stdout
