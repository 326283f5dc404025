"""What of a client's headers gets to a service: none that a proxy alone may set (ZT-11)."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.echo import Echo, Server, serving
from tests.live import LiveEdge, live_edge

OURS = "__Host-durward-session=S"
REMOVED = "removed-by-durward=1"

BY_PRODUCT = {
    "Authelia": ("Remote-User", "Remote-Groups", "Remote-Name", "Remote-Email"),
    "Google IAP": (
        "X-Goog-IAP-JWT-Assertion",
        "X-Goog-Authenticated-User-Email",
        "X-Goog-Authenticated-User-ID",
    ),
    "Google's gateways": (
        "X-Endpoint-API-UserInfo",
        "X-Endpoint-API-Consumer-Number",
        "X-Apigateway-Api-Userinfo",
        "X-Appengine-User-Email",
        "X-Serverless-Authorization",
    ),
    "Cloudflare": (
        "Cf-Access-Jwt-Assertion",
        "Cf-Access-Authenticated-User-Email",
        "CF-Connecting-IP",
        "CF-Connecting-IPv6",
        "Cf-Pseudo-IPv4",
        "Cf-Client-Cert-Subject-Dn",
        "True-Client-IP",
    ),
    "Azure": (
        "X-MS-CLIENT-PRINCIPAL",
        "X-MS-CLIENT-PRINCIPAL-ID",
        "X-MS-CLIENT-PRINCIPAL-NAME",
        "X-MS-CLIENT-PRINCIPAL-IDP",
        "X-MS-TOKEN-AAD-ACCESS-TOKEN",
        "X-MS-TOKEN-AAD-ID-TOKEN",
        "X-ARR-ClientCert",
        "X-Azure-ClientIP",
    ),
    "Tailscale": (
        "Tailscale-User-Login",
        "Tailscale-User-Name",
        "Tailscale-User-Profile-Pic",
        "Tailscale-App-Capabilities",
        "X-Tailscale-Tailnet",
        "X-Webauth-User",
    ),
    "Pomerium": ("X-Pomerium-Jwt-Assertion", "X-Pomerium-Claim-Email", "X-Pomerium-Authorization"),
    "Vouch": ("X-Vouch-User", "X-Vouch-IdP-Claims-Groups", "X-Vouch-IdP-AccessToken"),
    "authentik": ("X-authentik-username", "X-authentik-groups", "X-authentik-jwt"),
    "OAuth2 Proxy": (
        "X-Auth-Request-User",
        "X-Auth-Request-Groups",
        "X-Forwarded-User",
        "X-Forwarded-Access-Token",
        "X-Forwarded-Preferred-Username",
        "GAP-Auth",
    ),
    "Kong, APISIX": (
        "X-Consumer-ID",
        "X-Consumer-Username",
        "X-Credential-Identifier",
        "X-Anonymous-Consumer",
        "X-Authenticated-Userid",
        "X-Userinfo",
        "X-ID-Token",
        "X-Access-Token",
    ),
    "AWS": (
        "X-Amzn-Oidc-Identity",
        "X-Amzn-Oidc-Data",
        "X-Amzn-Mtls-Clientcert-Subject",
        "X-Amzn-Ava-User-Context",
        "X-Amzn-Lattice-Identity",
    ),
    "Envoy, Istio, Traefik": (
        "X-Forwarded-Client-Cert",
        "X-Forwarded-Tls-Client-Cert-Info",
        "X-Envoy-Original-Path",
        "X-Istio-Attributes",
        "X-Jwt-Payload",
    ),
    "Kubernetes": (
        "X-Remote-User",
        "X-Remote-Group",
        "X-Remote-Extra-Scopes",
        "Impersonate-User",
        "Impersonate-Group",
        "Impersonate-Extra-Role",
    ),
    "ingress-nginx, HAProxy": (
        "ssl-client-verify",
        "ssl-client-subject-dn",
        "X-SSL-Client-CN",
        "X-Client-Cert",
        "X-Original-URL",
        "X-Real-IP",
    ),
    "servers of organisations": (
        "iv-user",
        "SM-User",
        "OAM-Remote-User",
        "OIDC-Claim-Sub",
        "Shib-Session-ID",
        "Mellon-Name-Id",
        "Teleport-Jwt-Assertion",
        "X-Grafana-User",
    ),
    "specifications": (
        "Proxy-Authorization",
        "Client-Cert",
        "Client-Cert-Chain",
        "Forwarded",
        "Via",
        "Txn-Token",
    ),
    "what anybody may have written": (
        "X-User",
        "X-User-Id",
        "X-Email",
        "X-Roles",
        "X-Groups",
        "X-Tenant-Id",
        "X-Sub",
        "X-Claims",
        "Proxy",
        "X-Scheme",
        "X-HTTP-Method-Override",
    ),
    "us": ("durward-subject", "Durward-Decision", "X-Durward-Subject", "durward-source"),
}


class AllOfIt(Echo):
    """Answers with every header, in its order, as often as it came."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        self.rfile.read(int(self.headers.get("content-length", 0)))
        seen = json.dumps([[name.lower(), value] for name, value in self.headers.items()])
        self.send_response(200)
        self.send_header("content-length", str(len(seen)))
        self.end_headers()
        self.wfile.write(seen.encode())


@pytest.fixture(scope="module")
def behind() -> Iterator[LiveEdge]:
    with live_edge() as edge, serving(Server(str(edge.folder / "all.sock"), AllOfIt)):
        edge.upstream = "all.sock"
        assert edge.publish(edge.snapshot(2)).status_code == 200
        yield edge


def status_of(answer: bytes) -> int:
    return int(answer[9:12])


def ask(edge: LiveEdge, *lines: str, target: str = "/v1/status") -> bytes:
    head = "\r\n".join([f"GET {target} HTTP/1.1", *lines, "connection: close", "", ""])
    return edge.raw(head.encode("latin-1"))


def seen(edge: LiveEdge, *lines: str, target: str = "/v1/status") -> list[tuple[str, str]]:
    answer = ask(edge, *lines, target=target)
    assert status_of(answer) == 200, answer
    return [(name, value) for name, value in json.loads(answer.partition(b"\r\n\r\n")[2])]


@pytest.mark.requirement("ZT-11")
@pytest.mark.parametrize("product", BY_PRODUCT)
def test_no_header_by_which_a_proxy_says_who_it_is_arrives(behind: LiveEdge, product: str) -> None:
    for names in (BY_PRODUCT[product], [name.upper() for name in BY_PRODUCT[product]]):
        found = seen(behind, "host: x", "x-custom: kept", *(f"{name}: forged" for name in names))
        assert ("x-custom", "kept") in found
        assert "forged" not in str(found)


def test_what_a_client_may_say_arrives(behind: LiveEdge) -> None:
    kept = {
        "accept": "application/json",
        "accept-language": "de",
        "traceparent": "00-1-2-01",
        "if-match": '"1"',
        "idempotency-key": "k",
        "x-api-key": "k",
        "x-custom": "c",
        "user-agent": "a",
        "referer": "r",
        "origin": "https://app.example",
    }
    found = seen(behind, "host: x", *(f"{name}: {value}" for name, value in kept.items()))
    assert kept.items() <= dict(found).items()


def test_of_an_api_with_a_list_only_what_it_names_arrives() -> None:
    """A pair of its own would be one more Envoy: the snapshot of an edge with a list is enough."""
    with live_edge() as edge, serving(Server(str(edge.folder / "all.sock"), AllOfIt)):
        edge.upstream = "all.sock"
        snapshot = edge.snapshot(2)
        apis = tuple(replace(api, headers=("x-custom", "if-match")) for api in snapshot.apis)
        assert edge.publish(replace(snapshot, apis=apis)).status_code == 200
        lines = ["x-custom: 1", "x-customs: 2", "x-custo: 3", "if-match: 4", "x-api-key: 5", "x: 6"]
        found = seen(edge, "host: x", "cookie: a=7", "accept: */*", "durward-subject: 8", *lines)
        mine = {name: value for name, value in found if value in {*"12345678", "a=7", "*/*"}}
        assert mine == {"x-custom": "1", "if-match": "4", "cookie": "a=7", "accept": "*/*"}
        assert dict(found)["durward-decision"].startswith("d_")
        order = "/v1/acme/orders/1001"
        reply = edge.get(order, authorization=f"Bearer {edge.token()}", **{"x-api-key": "5"})
        headers = dict(reply.json())
        assert (headers["durward-subject"], "x-api-key" in headers) == ("ann", False)
        assert "authorization" not in headers


@pytest.mark.parametrize(
    "hosts", [("x", "y"), ("x", "x"), ("127.0.0.1", "evil.example"), ("x,y",), ("x, y",)]
)
def test_a_request_that_names_two_hosts_is_refused(
    behind: LiveEdge, hosts: tuple[str, ...]
) -> None:
    """RFC 9112 §3.2."""
    answer = ask(behind, *(f"host: {host}" for host in hosts))
    assert status_of(answer) == 400
    assert b"durward-decision" in answer


def test_which_host_a_client_names_is_not_what_a_service_sees(behind: LiveEdge) -> None:
    """By the request target neither, which counts more than `Host` (RFC 9112 §3.2.2)."""
    own = behind.base.removeprefix("http://")
    for target, host in (
        ("/v1/status", "evil.example"),
        ("http://evil.example/v1/status", own),
        ("http://evil.example:80/v1/status", "other.example"),
        ("http://evil.example:99/v1/status", "evil.example"),
    ):
        found = seen(behind, f"host: {host}", target=target)
        assert [value for name, value in found if name == "host"] == [own]
        assert "evil" not in str(found)


@pytest.mark.parametrize(
    ("sent", "arrived"),
    [
        ((f"a=1; {OURS}; b=2",), f"a=1; {REMOVED}; b=2"),
        ((OURS,), REMOVED),
        ((f"{OURS};a=1",), f"{REMOVED};a=1"),
        ((f"a=1;{OURS}",), f"a=1;{REMOVED}"),
        ((f"a=1,{OURS}",), f"a=1,{REMOVED}"),
        (("__Host-durward-known=K; __Host-durward-browser=B",), f"{REMOVED}; {REMOVED}"),
        (("durward-theme=2; __Host-durward-sessions=3",), None),
        (("mydurward-a=1; x=durward-b=c; __host-durward-session=4",), None),
        (("a=1", "b=2"), "a=1; b=2"),
        (("a=1", f"b=2; {OURS}", "c=3"), f"a=1; b=2; {REMOVED}; c=3"),
        (("a=1", OURS, "b=x,y"), f"a=1; {REMOVED}; b=x,y"),
        (("a=x,y",), None),
    ],
)
def test_our_cookies_stay_here_and_all_others_arrive_in_one_header(
    behind: LiveEdge, sent: tuple[str, ...], arrived: str | None
) -> None:
    found = seen(behind, "host: x", *(f"cookie: {cookie}" for cookie in sent))
    cookies = [value for name, value in found if name == "cookie"]
    assert cookies == [sent[0] if arrived is None else arrived]


@pytest.mark.parametrize("protocol", ["TLS/1.2", "TLS/1.3", "h2c", "foo/1", "websocket2", "web"])
def test_an_upgrade_to_what_is_not_spoken_is_ignored(behind: LiveEdge, protocol: str) -> None:
    """RFC 9110 §7.8: the request is answered in the protocol that it came in."""
    lines = [f"GET /v1/status HTTP/1.1\r\nhost: x\r\nupgrade: {protocol}"]
    answer = behind.raw(f"{lines[0]}\r\nconnection: upgrade, close\r\n\r\n".encode())
    assert status_of(answer) == 200
    assert b"upgrade" not in answer.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("protocol", ["websocket", "WebSocket"])
def test_websocket_is_refused_in_words(behind: LiveEdge, protocol: str) -> None:
    lines = [f"upgrade: {protocol}", "sec-websocket-version: 13", "sec-websocket-key: AAAA"]
    answer = behind.raw(
        "\r\n".join(
            ["GET /v1/status HTTP/1.1", "host: x", *lines, "connection: upgrade", "", ""]
        ).encode()
    )
    assert status_of(answer) == 501
    assert b"WebSocket is not supported" in answer
