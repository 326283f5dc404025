"""Sign a user in as a native client: loopback redirect and PKCE (RFC 8252, RFC 7636).

With a password it also acts as the browser, page by page; else the user's own browser is used.
"""

import hmac
import threading
import webbrowser
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx2

from durward.core.errors import ErrorCode, Misconfigured, Unavailable
from durward.core.oauth.pkce import METHOD, challenge_of
from durward.entropy import new_secret
from durward.entrypoints.client.exchange import step
from durward.entrypoints.client.flows import Server, by_code, is_of
from durward.entrypoints.terminal import warn

PATIENCE_SECONDS = 300
MAX_PAGES = 8
DONE = b"<!doctype html><title>Signed in</title><p>You can close this page."


def sign_in(
    http: httpx2.Client, server: Server, client: str, account: str | None, password: str | None
) -> dict[str, Any]:
    """The tokens after sign-in and consent. Raises Misconfigured or Unavailable."""
    verifier, state = new_secret("v").reveal(), new_secret("st").reveal()
    with Loopback() as loopback:
        asked = {
            "response_type": "code",
            "client_id": client,
            "redirect_uri": loopback.uri,
            "resource": server.resource,
            "state": state,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": METHOD,
        }
        uri = f"{server.metadata['authorization_endpoint']}?{urlencode(asked)}"
        if account is not None and password is not None:
            Visitor(http, server.issuer, account, password).visit(uri, loopback.uri)
        else:
            warn("Sign in with your browser:", f"  {uri}")
            webbrowser.open(uri)
        given = loopback.answer()
    if not hmac.compare_digest(given.get("state", ""), state):
        raise Misconfigured(server.issuer, "the answer belongs to no question of ours")
    if given.get("iss") != server.issuer:  # RFC 9207 §2.4
        raise Misconfigured(server.issuer, "the answer is another issuer's")
    if "code" not in given:
        told = given.get("error_description") or given.get("error", "no code")
        hint = ""
        if given.get("error") == ErrorCode.INVALID_TARGET:
            hint = f"the client `{client}` needs the API of {server.resource} in its `apis`"
        raise Misconfigured(server.issuer, f"did not sign in: {told}", hint=hint)
    return by_code(http, server, client, given["code"], verifier)


class Loopback:
    """A listener on this machine for one authorization response (RFC 8252 §7.3)."""

    def __enter__(self) -> Self:
        taken: dict[str, str] = {}
        arrived = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = urlsplit(self.path)
                found = query.path == "/callback"
                self.send_response(200 if found else 404)
                self.send_header("content-type", "text/html")
                self.end_headers()
                if found:
                    self.wfile.write(DONE)
                    taken.update({name: value[0] for name, value in parse_qs(query.query).items()})
                    arrived.set()

            def log_message(self, *_: object) -> None:
                pass  # what arrives here is a secret

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._taken, self._arrived = taken, arrived
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def uri(self) -> str:
        """The redirect URI."""
        return f"http://127.0.0.1:{self._server.server_port}/callback"

    def answer(self) -> dict[str, str]:
        """The parameters of the response. Raises Unavailable if none arrives."""
        if not self._arrived.wait(PATIENCE_SECONDS):
            raise Unavailable("nobody signed in")
        return self._taken


class Visitor:
    """A minimal browser: it follows redirects, keeps cookies, and fills in the two forms."""

    def __init__(self, http: httpx2.Client, issuer: str, account: str, password: str) -> None:
        self._http = http
        self._issuer = issuer
        self._known = {"account": account, "password": password}
        self._cookies: dict[str, str] = {}

    def visit(self, uri: str, until: str) -> None:
        """From the authorization endpoint to the redirect URI. Raises Misconfigured."""
        reply = self._send("GET", uri)
        for _ in range(MAX_PAGES):
            if reply.is_redirect:
                uri = urljoin(uri, reply.headers["location"])
                if uri.startswith(until):
                    step(self._http, "GET", uri)
                    return
                reply = self._send("GET", uri)
                continue
            form = Form.read(reply.text)
            if form is None and (onward := Onward.read(reply.text)).startswith(until):
                step(self._http, "GET", onward)
                return
            if form is None or (form.is_sign_in and form.has_problem):
                text = form.problem if form else f"answers {reply.status_code} without a form"
                raise Misconfigured(uri.partition("?")[0], text or "did not sign in")
            uri = urljoin(uri, form.action)
            wanted = "sign-in" if form.is_sign_in else "allow"
            filled = {**form.fields, **(self._known if form.is_sign_in else {}), "answer": wanted}
            reply = self._send("POST", uri, data=filled)
        raise Misconfigured(uri.partition("?")[0], "the sign-in leads nowhere")

    def _send(self, method: str, uri: str, **content: Any) -> httpx2.Response:
        if not is_of(self._issuer, uri):  # passwords and cookies go to the issuer only
            raise Misconfigured(self._issuer, f"its sign-in leads to {uri.partition('?')[0]}")
        # By hand: the standard cookie jar keeps Secure cookies, and never sends them over http.
        pairs = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        headers = {"cookie": pairs, "user-agent": "durward call"}
        reply = step(self._http, method, uri, headers=headers, **content)
        for line in reply.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self._cookies[name.strip()] = value
        self._http.cookies.clear()
        return reply


class Onward(HTMLParser):
    """The link of a page that goes on to an application by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.uri = ""

    @classmethod
    def read(cls, text: str) -> str:
        """Where the page goes on to; nothing if it does not."""
        page = cls()
        page.feed(text)
        return page.uri

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Find the link by its id."""
        found = dict(attrs)
        if tag == "a" and found.get("id") == "continue":
            self.uri = found.get("href") or ""


class Form(HTMLParser):
    """The first form of a page: its action, its hidden fields, the problem above it."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.is_sign_in = False
        self.problem = ""
        self._in_problem = False

    @classmethod
    def read(cls, text: str) -> "Form | None":
        """Parse the form of a page; None if it has none."""
        form = cls()
        form.feed(text)
        return form if form.action else None

    @property
    def has_problem(self) -> bool:
        """Whether the page shows a problem."""
        return bool(self.problem)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the fields of the form."""
        found = {name: value or "" for name, value in attrs}
        self._in_problem = found.get("id") == "problem"
        if tag == "form" and not self.action:
            self.action = found.get("action", "")
        elif tag == "input" and found.get("type") == "hidden":
            self.fields[found.get("name", "")] = found.get("value", "")
        elif tag == "input" and found.get("type") == "password":
            self.is_sign_in = True

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - the parser's own signature
        """The problem is one element."""
        self._in_problem = False

    def handle_data(self, data: str) -> None:
        """Collect the text of the problem."""
        if self._in_problem:
            self.problem += data
