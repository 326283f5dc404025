"""A real browser posts an answer by `form_post`, with scripts and without."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qsl

import pytest
from playwright.sync_api import Browser

from durward.entrypoints.pages.render import post_on

FIELDS = {"code": "dwc_x", "state": '"><script>document.title = 1</script>'}


class Site(BaseHTTPRequestHandler):
    """The issuer's page, the application, and where that redirects on: each at its own origin."""

    ports: tuple[int, ...] = ()
    posted: ClassVar[list[tuple[str | None, dict[str, str]]]] = []

    def do_GET(self) -> None:
        """The page of the issuer, and the end."""
        if self.path == "/done":
            sent = post_on(f"http://127.0.0.1:{self.ports[1]}/back", FIELDS)
            self._answer(200, bytes(sent.body), dict(sent.headers))
        else:
            self._answer(200 if self.path == "/end" else 404, b"the end", {})

    def do_POST(self) -> None:
        """The callback of the application."""
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.posted.append((self.headers["origin"], dict(parse_qsl(body))))
        self._answer(303, b"", {"location": f"http://127.0.0.1:{self.ports[2]}/end"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def sites() -> Iterator[tuple[int, ...]]:
    with contextlib.ExitStack() as running:
        servers = [ThreadingHTTPServer(("127.0.0.1", 0), Site) for _ in range(3)]
        for server in servers:
            running.enter_context(server)
            running.callback(server.shutdown)
            threading.Thread(target=server.serve_forever, daemon=True).start()
        Site.ports = tuple(server.server_port for server in servers)
        yield Site.ports


@pytest.mark.requirement("AS-13a", "AS-16")
@pytest.mark.parametrize("scripts", [True, False])
def test_a_browser_posts_the_answer_and_the_application_may_redirect_on(
    chromium: Browser, sites: tuple[int, ...], scripts: bool
) -> None:
    """With its script at once, else by the button; and nothing of the answer runs."""
    Site.posted.clear()
    context = chromium.new_context(java_script_enabled=scripts)
    page = context.new_page()
    issuer = f"http://127.0.0.1:{sites[0]}"
    page.goto(f"{issuer}/done", wait_until="commit")
    if not scripts:
        page.click("#continue")
    page.wait_for_url(f"http://127.0.0.1:{sites[2]}/end")
    context.close()
    assert Site.posted == [(issuer, FIELDS)]
