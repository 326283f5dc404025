"""`durward call`: a request to a protected API, with a token from the real OAuth flows."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import httpx2

from durward.core.address import Address
from durward.core.authzen.pdp_metadata import ACCESS_PATH
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import DurwardError, Misconfigured, Unavailable
from durward.entrypoints.cli.exit_code import DONE, FOUND
from durward.entrypoints.client.cache import CachedToken, cached, keep
from durward.entrypoints.client.exchange import step
from durward.entrypoints.client.flows import (
    UNAUTHORIZED,
    Server,
    by_refresh,
    challenged,
    of_service,
    server_of,
)
from durward.entrypoints.client.native import sign_in
from durward.entrypoints.client.own_edge import OwnEdge, names_of
from durward.entrypoints.command import DEMO_DIR
from durward.entrypoints.control import NotRunning, settings_in
from durward.entrypoints.credentials import read_credentials
from durward.entrypoints.terminal import say, say_text
from durward.settings import EdgeSettings, ServeSettings, Settings

REFUSED = 400
SNAPSHOT_FILE = "snapshot.json"
BROWSER = "browser"
ASKING = "none"
"""Sent instead of a token, it gets a challenge, also from a public operation.

Without any header a public operation would run twice.
"""


def call(
    method: str,
    path: str,
    *,
    as_: str | None = None,
    data: str | None = None,
    client: str = "durward-cli",
    dir: Path = DEMO_DIR,  # noqa: A002 - the option is called --dir
) -> int:
    """Call a protected API. Steps go to standard error, the response to standard output.

    Exit code 1 when the status of the response is 400 or more.

    Args:
        method: GET, POST and so on.
        path: The path at the edge, with its query, or a URL with a host that an API names;
            `/access/v1/…` goes to the issuer.
        as_: A user or a client in the file `credentials`, or `browser` to sign in with your
            browser; without it no token is sent.
        data: The body of the request, in JSON.
        client: The public client through which a user signs in.
        dir: The folder that holds durward.toml and credentials, such as the demo's.
    """
    with own_edge(dir) as (found, settings, edge, http):
        by_name = found.serve.issuer if found.serve and settings.tls else ""
        content = {"headers": {"content-type": "application/json"}, "content": data} if data else {}
        request = Request(http, method, url_at(path, settings, edge, dir, by_name), content)
        caller = ApiClient.known(request, found, dir, as_, client) if as_ else None
        reply = caller.call() if caller else request.send()
    say(f"{reply.http_version} {reply.status_code} {reply.reason_phrase}")
    for name in ("www-authenticate", "durward-decision"):
        if name in reply.headers:
            say(f"{name}: {reply.headers[name]}")
    say("")
    say_text(reply.text)
    return FOUND if reply.status_code >= REFUSED else DONE


@contextlib.contextmanager
def own_edge(folder: Path) -> Iterator[tuple[Settings, EdgeSettings, OwnEdge, httpx2.Client]]:
    """The edge of a folder, and a client that reaches it. Raises Misconfigured, NotRunning."""
    found = settings_in(folder)
    settings = found.edge
    if settings is None:
        raise Misconfigured(str(folder / "durward.toml"), "has no section [edge]")
    edge = OwnEdge(settings.apis, partial(names_at, settings, found.serve), settings.tls)
    with httpx2.Client(timeout=30, trust_env=False, transport=edge) as http:
        try:
            yield found, settings, edge, http
        except Unavailable as error:
            if isinstance(error.__cause__, httpx2.ConnectError):
                raise NotRunning(str(error), folder) from error
            raise


def held_snapshot(edge: EdgeSettings) -> Snapshot:
    """What this edge holds; nothing where it never ran here."""
    with contextlib.suppress(OSError, DurwardError):
        return Snapshot.from_wire((Path(edge.state) / SNAPSHOT_FILE).read_bytes())
    return Snapshot.nothing()


def issuer_of(settings: Settings, folder: Path) -> str:
    """The issuer of this folder, the only one that gets its secrets. Raises Misconfigured."""
    if settings.serve:
        return settings.serve.issuer
    if settings.edge and (issuer := held_snapshot(settings.edge).issuer):
        return issuer
    hint = "set `issuer` in `[serve]`, or run the edge here once: its snapshot names the issuer"
    raise Misconfigured(str(folder / "durward.toml"), "the issuer is not known", hint=hint)


def names_at(edge: EdgeSettings, serve: ServeSettings | None = None) -> frozenset[str]:
    """The names under which this edge serves APIs; none where it never ran here.

    Never the issuer's, even if an API has it in its audience: the issuer alone gets secrets.
    """
    held = held_snapshot(edge)
    issuers = {held.issuer, serve.issuer if serve else ""}
    names = names_of(held.apis, Address.parse(edge.apis).port)
    return names - {httpx2.URL(each).netloc.decode().lower() for each in issuers}


def url_at(
    asked: str, settings: EdgeSettings, edge: OwnEdge, folder: Path, issuer: str = ""
) -> str:
    """The URL of a path, or a URL that is this edge's. Raises Misconfigured."""
    if not asked.startswith("/"):
        scheme, colon, rest = asked.partition("://")
        if not colon:
            raise Misconfigured(asked, "not a path", hint=f"a path begins with a slash: /{asked}")
        host, _, path = rest.partition("/")
        asked = f"/{path}"
        if scheme != edge.scheme or host not in {settings.apis, settings.issuer}:
            url = f"{scheme}://{rest}"
            if scheme in {"http", "https"} and edge.serves(parsed(url)):
                return url
            hint = f"give a path, such as /v1/status; the request goes to {edge.url}"
            raise Misconfigured(url, "not a URL of this edge", hint=hint)
    if not asked.startswith(f"{ACCESS_PATH}/"):
        return f"{edge.url}{asked}"
    if settings.issuer is None:
        problem = f"`[edge]` has no `issuer`, and {ACCESS_PATH}/… goes to the issuer"
        raise Misconfigured(str(folder / "durward.toml"), problem)
    # Over TLS by its name: that is what its certificate is for.
    return f"{issuer or f'{edge.scheme}://{settings.issuer}'}{asked}"


def parsed(url: str) -> httpx2.URL:
    """A URL. Raises Misconfigured."""
    try:
        return httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise Misconfigured(repr(url), f"not a URL: {error}") from error


@dataclass(frozen=True)
class Request:
    """A request to the API, without credentials."""

    http: httpx2.Client
    method: str
    url: str
    content: dict[str, Any]

    def send(self, authorization: str | None = None) -> httpx2.Response:
        """Send the request, with credentials if given."""
        headers = {**self.content.get("headers", {})}
        if authorization is not None:
            headers["authorization"] = authorization
        return step(self.http, self.method, self.url, **{**self.content, "headers": headers})


@dataclass(frozen=True)
class ApiClient:
    """A caller: it sends a cached token, or gets one as the API's challenge says."""

    request: Request
    folder: Path
    issuer: str
    """The only server that gets secrets."""
    name: str
    client: str
    secret: str | None
    password: str | None

    @classmethod
    def known(
        cls, request: Request, settings: Settings, folder: Path, name: str, client: str
    ) -> Self:
        """A user or client in the folder's credentials, or a sign-in with the browser.

        Raises Misconfigured.
        """
        if name == BROWSER:
            return cls(request, folder, issuer_of(settings, folder), name, client, None, None)
        credentials = read_credentials(folder / "credentials")
        services, people = credentials.get("clients", {}), credentials.get("users", {})
        if name not in {*services, *people}:
            problem = f"has no user and no client `{name}`"
            there = f"it has {', '.join([*people, *services])}; " if people or services else ""
            hint = f"{there}--as browser signs you in with your browser"
            raise Misconfigured(str(folder / "credentials"), problem, hint=hint)
        secret, password = services.get(name), people.get(name)
        issuer = issuer_of(settings, folder)
        return cls(request, folder, issuer, name, client, secret, password)

    def call(self) -> httpx2.Response:
        """The response. A cached token that is refused is replaced once."""
        known = cached(self.folder, self.name)
        reply = self.request.send(
            bearer(known.access_token) if known and known.is_fresh else ASKING
        )
        metadata = challenged(reply)
        if reply.status_code != UNAUTHORIZED or metadata is None:
            return reply
        return self.request.send(bearer(self.token(metadata)))

    def token(self, metadata: str) -> str:
        """A new access token for the API that has its metadata at this URL."""
        server = server_of(self.request.http, metadata, self.issuer)
        answer = self._tokens(server, cached(self.folder, self.name))
        keep(self.folder, self.name, server.resource, answer)
        return str(answer["access_token"])

    def _tokens(self, server: Server, known: CachedToken | None) -> dict[str, Any]:
        http = self.request.http
        if self.secret:
            return of_service(http, server, self.name, self.secret)
        kept = known.refresh_token if known and known.resource == server.resource else None
        renewed = by_refresh(http, server, self.client, kept)
        person = self.name if self.password else None
        return renewed or sign_in(http, server, self.client, person, self.password)


def bearer(token: str) -> str:
    """The credentials of a bearer token (RFC 6750 §2.1)."""
    return f"Bearer {token}"
