"""Pages of other origins: a declared one reads answers; no other reaches a service, or reads."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import httpx2
import pytest
from playwright.sync_api import Browser
from tests.echo import AddressServer, Echo, Server, serving
from tests.live import LiveEdge, example, live_edge

from durward.core.configuration.configuration import read_configuration
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.cors import Cors
from durward.core.wire import Json

APP, SUB, STRANGER = "https://app.example.com", "https://a.apps.example", "https://evil.example"
ORDERS = "/v1/acme/orders"
ALLOWED = "access-control-allow-origin"
EXPOSED = "durward-decision, retry-after, www-authenticate, x-total"
LOOK_ALIKES = [
    "https://app.example.com.evil.example",
    "https://evilapp.example.com",
    "https://app.example.com:8443",
    "http://app.example.com",
    "HTTPS://APP.EXAMPLE.COM",
    "https://app.example.com/",
    "https://app.example.com, https://evil.example",
    "https://app.example.com https://evil.example",
    "https://app.example.comevil.example",
    "https://app-example.com",
    "https://apps.example",
    "https://a.b.apps.example",
    "https://.apps.example",
    "https://evil.example/.apps.example",
    "https://evil.example#.apps.example",
    "https://a.apps.example.evil.example",
    "https://a_.apps.example",
    "https://*.apps.example",
    "null",
    "*",
    "",
]
PUBLIC: Json = {"operationId": "Look", "security": []}


class Reflecting(Echo):
    """A service that allows every page whatever it asks for."""

    def end_headers(self) -> None:
        origin = self.headers.get("origin", "*")
        for name in ("Access-Control-Allow-Origin", "ACCESS-CONTROL-ALLOW-ORIGIN"):
            self.send_header(name, origin)
        self.send_header("Access-Control-Allow-Credentials", "true")
        self.send_header("Access-Control-Expose-Headers", "*")
        self.send_header("Access-Control-Allow-Private-Network", "true")
        self.send_header("Access-Control-Allow-Something-New", "true")
        self.send_header("Vary", "Accept")
        self.send_header("X-Total", "7")
        super().end_headers()

    do_OPTIONS = do_DELETE = Echo.do_GET  # noqa: N815 - the names that http.server calls


class Empty(Echo):
    """A page without anything, as other sites have it."""

    def do_GET(self) -> None:  # noqa: N802
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", "0")
        self.end_headers()


@dataclass
class Shop:
    """An edge in front of APIs whose pages are elsewhere: at `pages`, a port."""

    edge: LiveEdge
    pages: int
    client: httpx2.Client

    def ask(self, method: str, path: str, origin: str = APP, **headers: str) -> httpx2.Response:
        """A request as a browser sends it; what the service got is in `Echo.served`."""
        Echo.served.clear()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.request(method, path, headers={"origin": origin, **sent})

    def preflight(
        self, path: str, wanted: str, origin: str = APP, **headers: str
    ) -> httpx2.Response:
        return self.ask("OPTIONS", path, origin, access_control_request_method=wanted, **headers)

    def token(self) -> str:
        return f"Bearer {self.edge.token()}"


def api(name: str, **more: Json) -> Declaration:
    operations: dict[str, Json] = {"get": PUBLIC, "options": {**PUBLIC, "operationId": "Opt"}}  # type: ignore[dict-item]
    body: dict[str, Json] = {
        "audience": f"https://{name}.example",
        "upstream": "unix:/nowhere.sock",
        "openapi": {"openapi": "3.1.0", "paths": {f"/{name}": operations}},
        "stage": "test",
        "policies": ["anybody"],
        **more,
    }
    return Declaration(DeclarationKind.API, name, body)


ANYBODY: dict[str, Json] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*"}],
}


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    pages = AddressServer(("127.0.0.1", 0), Empty)
    with (
        live_edge() as edge,
        serving(Server(str(edge.folder / "evil.sock"), Reflecting)),
        serving(pages),
    ):
        port = pages.server_address[1]
        edge.upstream = "evil.sock"
        upstream = f"unix:{edge.folder}/evil.sock"
        open_paths: Json = {"openapi": "3.1.0", "paths": {"/{any}": {"get": PUBLIC}}}
        found = read_configuration(
            [
                *example(),
                Declaration(DeclarationKind.POLICY, "anybody", ANYBODY),
                api("plain", upstream=upstream),
                api("gone", cors={"origins": [APP]}),
                api(
                    "hosted",
                    upstream=upstream,
                    cors={"origins": [APP]},
                    hosts=["hosted.example"],
                    prefix="/h",
                ),
                api("star", upstream=upstream, cors={"origins": ["*"]}),
                api("any", upstream=upstream, openapi=open_paths, cors={"origins": [APP]}),
            ]
        )
        snapshot = edge.snapshot(2)
        (orders,) = snapshot.apis
        origins = (APP, "https://*.apps.example", f"http://127.0.0.1:{port}")
        cors = Cors(origins, ("x-custom",), ("x-total",), credentials=True)
        others = [found.apis[name] for name in ("plain", "gone", "hosted", "star", "any")]
        reply = edge.publish(
            replace(snapshot, apis=(replace(orders, cors=cors), *others), policies=found.bundle)
        )
        assert reply.status_code == 200, reply.text
        with httpx2.Client(base_url=edge.base, trust_env=False, timeout=10) as client:
            yield Shop(edge, port, client)


@pytest.mark.requirement("API8-1")
@pytest.mark.parametrize("origin", [APP, SUB])
def test_a_declared_page_is_told_what_it_may_do_and_reads_the_answer(
    shop: Shop, origin: str
) -> None:
    reply = shop.preflight(ORDERS, "POST", origin, access_control_request_headers="authorization")
    assert (reply.status_code, Echo.served) == (200, [])
    told = {name: text for name, text in reply.headers.items() if name.startswith("access-")}
    assert told == {
        "access-control-allow-origin": origin,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": "authorization, content-type, x-custom",
        "access-control-max-age": "600",
    }
    reply = shop.ask("GET", ORDERS, origin, authorization=shop.token())
    assert (reply.status_code, Echo.served) == (200, [ORDERS])
    told = {name: text for name, text in reply.headers.items() if name.startswith("access-")}
    assert told == {
        "access-control-allow-origin": origin,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": EXPOSED,
    }
    assert reply.headers["x-total"] == "7"
    assert reply.headers["vary"] == "Accept,Origin"


@pytest.mark.requirement("API8-1")
@pytest.mark.parametrize("origin", [STRANGER, *LOOK_ALIKES])
def test_a_page_of_another_origin_gets_no_permission(shop: Shop, origin: str) -> None:
    for reply in (
        shop.preflight(ORDERS, "GET", origin),
        shop.ask("GET", ORDERS, origin, authorization=shop.token()),
        shop.ask("GET", ORDERS, origin),
        shop.ask("GET", "/v1/status", origin),
    ):
        assert ALLOWED not in reply.headers
    shop.preflight(ORDERS, "GET", origin)
    assert Echo.served == []


@pytest.mark.requirement("API8-1")
def test_several_origins_are_none(shop: Shop) -> None:
    for first, second in ((APP, STRANGER), (STRANGER, APP), (APP, APP)):
        lines = f"host: x\r\norigin: {first}\r\norigin: {second}\r\nconnection: close\r\n\r\n"
        answer = shop.edge.raw(f"GET /v1/status HTTP/1.1\r\n{lines}".encode())
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"access-control" not in answer.lower()


@pytest.mark.requirement("API8-1")
def test_a_page_can_read_why_it_is_refused(shop: Shop) -> None:
    for status, path, token in (
        (401, ORDERS, {}),
        (401, ORDERS, {"authorization": "Bearer x.y.z"}),
        (403, "/v1/globex/orders", {"authorization": shop.token()}),
        (431, ORDERS, {"cookie": f"a={'x' * 9_000}; __Host-durward-session=1"}),
        (413, ORDERS, {"authorization": shop.token()}),
        (503, "/gone", {}),
    ):
        Echo.served.clear()
        content = b"x" * 2_000_000 if status == 413 else b""
        method = "POST" if content else "GET"
        sent = {"origin": APP, **token}
        reply = shop.client.request(method, path, headers=sent, content=content)
        assert (reply.status_code, Echo.served) == (status, [])
        assert reply.headers[ALLOWED] == APP
        assert "www-authenticate" in reply.headers["access-control-expose-headers"]
        assert reply.headers["durward-decision"]
        assert reply.headers["cache-control"] == "no-store"


@pytest.mark.requirement("API8-1")
def test_a_preflight_for_what_is_not_declared_is_404_and_reaches_nobody(shop: Shop) -> None:
    for path, wanted in (
        (ORDERS, "DELETE"),
        (ORDERS, "PUT"),
        (f"{ORDERS}/1001", "POST"),
        ("/v1/acme/nothing/else", "GET"),
        (ORDERS, "get"),
        (ORDERS, "GET, POST"),
        (ORDERS, "OPTIONS"),
        (f"{ORDERS}/1001/", "GET"),
        (f"{ORDERS}%2f1001", "GET"),
    ):
        reply = shop.preflight(path, wanted)
        assert reply.status_code in {404, 400}, (path, wanted)
        assert ALLOWED not in reply.headers
        assert Echo.served == []
    for wanted in ("GET", "HEAD"):
        assert shop.preflight(f"{ORDERS}/1001", wanted).status_code == 200
    assert shop.preflight(f"{ORDERS}/1001?x=1", "GET").headers[ALLOWED] == APP


@pytest.mark.requirement("API8-1")
def test_without_a_declaration_no_page_gets_anything_from_the_service(shop: Shop) -> None:
    for origin in (APP, STRANGER):
        reply = shop.ask("GET", "/plain", origin)
        assert (reply.status_code, Echo.served) == (200, ["/plain"])
        assert not [name for name in reply.headers if name.startswith("access-control-")]
        # A less specific path of an API with CORS does not answer for it.
        for wanted in ("GET", "OPTIONS"):
            reply = shop.preflight("/plain", wanted, origin)
            assert (reply.status_code, Echo.served) == (404, [])
    assert shop.preflight("/other", "GET").headers[ALLOWED] == APP


@pytest.mark.requirement("API8-1")
def test_a_declared_options_gets_all_but_preflights(shop: Shop) -> None:
    for path in ("/plain", "/star"):
        reply = shop.ask("OPTIONS", path)
        assert (reply.status_code, Echo.served) == (200, [path])
        for headers in ({}, {"access-control-request-method": "GET"}):
            Echo.served.clear()
            reply = shop.client.options(path, headers=headers)
            assert bool(Echo.served) is not bool(headers)
    reply = shop.preflight("/star", "GET")
    assert (reply.status_code, Echo.served) == (200, [])


@pytest.mark.requirement("API8-1")
def test_at_its_host_alone_an_api_answers_preflights(shop: Shop) -> None:
    reply = shop.preflight("/h/hosted", "GET", host="hosted.example")
    assert (reply.status_code, reply.headers[ALLOWED], Echo.served) == (200, APP, [])
    reply = shop.ask("GET", "/h/hosted", host="hosted.example")
    assert (reply.status_code, reply.headers[ALLOWED], Echo.served) == (200, APP, ["/hosted"])
    for path, host in (
        ("/h/hosted", "x"),
        ("/hosted", "hosted.example"),
        (ORDERS, "hosted.example"),
    ):
        reply = shop.preflight(path, "GET", host=host)
        assert (reply.status_code, ALLOWED in reply.headers) == (404, False)


@pytest.mark.requirement("API8-1")
def test_any_page_reads_what_is_for_all_and_never_with_cookies(shop: Shop) -> None:
    for origin in (APP, STRANGER, "null"):
        for reply in (shop.preflight("/star", "GET", origin), shop.ask("GET", "/star", origin)):
            assert reply.headers[ALLOWED] in {origin, "*"}
            assert "access-control-allow-credentials" not in reply.headers
        assert reply.headers["vary"] == "Accept,Origin"


def test_a_page_reads_where_tokens_come_from(shop: Shop) -> None:
    reply = shop.ask("GET", "/.well-known/oauth-protected-resource", STRANGER)
    assert (reply.status_code, reply.headers[ALLOWED]) == (200, "*")


FETCH = """async ([url, headers]) => {
  try {
    const response = await fetch(url, {headers});
    return [response.status, response.headers.get("x-total"),
      response.headers.get("durward-decision") !== null];
  } catch (error) {
    return [0, null, false];
  }
}"""


@pytest.mark.requirement("API8-1")
def test_in_a_browser_a_declared_page_calls_the_api_and_no_other_does(
    shop: Shop, chromium: Browser
) -> None:
    page = chromium.new_context().new_page()
    url, headers = f"{shop.edge.base}{ORDERS}", {"authorization": shop.token()}
    page.goto(f"http://127.0.0.1:{shop.pages}/")
    Echo.served.clear()
    assert page.evaluate(FETCH, [url, headers]) == [200, "7", False]
    assert Echo.served == [ORDERS]
    assert page.evaluate(FETCH, [url, {}]) == [401, None, True]
    assert page.evaluate(FETCH, [url, {**headers, "x-other": "1"}])[0] == 0
    page.goto(f"http://localhost:{shop.pages}/")  # another origin
    Echo.served.clear()
    assert page.evaluate(FETCH, [url, headers])[0] == 0
    assert Echo.served == []
    page.context.close()
