"""TLS of the listeners: versions, protocols, client certificates, and certificates that change."""

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx2
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.certificates import Authority, Issued
from tests.echo import echo
from tests.live import LiveEdge, example, live_edge, wait_for

from durward.core.configuration.configuration import read_configuration
from durward.core.configuration.declaration import DeclarationKind
from durward.core.wire import Json

API = "api.example"
NAMES = ("localhost", "127.0.0.1", API)


@dataclass
class TlsEdge:
    """An edge whose certificates are links to a folder that is replaced, as Kubernetes does."""

    edge: LiveEdge
    authority: Authority
    folder: Path

    def context(self, shown: Issued | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.authority.pem)
        if shown:
            (self.folder / "shown.pem").write_text(shown.certificate + shown.key)
            context.load_cert_chain(self.folder / "shown.pem")
        return context

    def connect(self, context: ssl.SSLContext, name: str = "localhost") -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.edge.port), timeout=5)
        return context.wrap_socket(plain, server_hostname=name)

    def ask(self, connection: ssl.SSLSocket, host: str = API, path: str = "/v1/status") -> str:
        """One request on a connection that stays open; the response up to its body."""
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            if not (some := connection.recv(65_536)):
                raise ConnectionResetError(answer)
            answer += some
        return answer.decode()

    def status(self, context: ssl.SSLContext) -> int | None:
        """The status of one request; None without a connection."""
        with (
            contextlib.suppress(ssl.SSLError, ConnectionError),
            self.connect(context) as connection,
        ):
            return int(self.ask(connection).split()[1])
        return None

    def serial(self) -> int:
        """Which certificate a new connection is shown."""
        with self.connect(self.context()) as connection:
            return int(str(connection.getpeercert()["serialNumber"]), 16)  # type: ignore[index]

    def give(self, certificate: str, key: str) -> None:
        """Replace the folder to which `..data` leads by one rename (a Kubernetes secret)."""
        fresh = self.folder / f"..{len(list(self.folder.iterdir()))}"
        fresh.mkdir()
        (fresh / "tls.crt").write_text(certificate)
        (fresh / "tls.key").write_text(key)
        link = self.folder / "..data_tmp"
        link.symlink_to(fresh.name)
        link.rename(self.folder / "..data")

    def told(self) -> str:
        return self.edge.control("GET", "/readyz").text


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsEdge]:
    folder, authority = tmp_path_factory.mktemp("tls"), Authority("tests")
    place = TlsEdge(None, authority, folder)  # type: ignore[arg-type]
    issued = authority.issue(*NAMES)
    place.give(issued.certificate, issued.key)
    for name in ("tls.crt", "tls.key"):
        (folder / name).symlink_to(f"..data/{name}")
    (folder / "ca.crt").write_text(authority.pem)
    settings = (
        f'[edge.tls]\ncertificate = "{folder}/tls.crt"\nkey = "{folder}/tls.key"\n'
        f'clients = "request"\nclient_ca = "{folder}/ca.crt"\n'
    )
    with live_edge(settings) as edge:
        place.edge = edge
        yield place


@pytest.mark.requirement("ZT-2")
def test_a_listener_speaks_tls_1_3_and_both_versions_of_http(tls: TlsEdge) -> None:
    for protocol in ("h2", "http/1.1"):
        context = tls.context()
        context.set_alpn_protocols([protocol])
        with tls.connect(context) as connection:
            assert connection.version() == "TLSv1.3"
            assert connection.selected_alpn_protocol() == protocol
    with tls.connect(tls.context()) as connection:
        assert " 200 OK" in tls.ask(connection)


@pytest.mark.requirement("ZT-2")
def test_an_older_version_of_tls_is_refused(tls: TlsEdge) -> None:
    context = tls.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        tls.connect(context)


@pytest.mark.requirement("ZT-2")
def test_plain_http_at_a_tls_listener_gets_no_answer(tls: TlsEdge) -> None:
    assert tls.edge.raw(b"GET /v1/status HTTP/1.1\r\nHost: api.example\r\n\r\n") == b""


@pytest.mark.parametrize(
    ("host", "has"),
    [
        (API, True),
        (f"{API}:8443", True),
        ("localhost", False),
        ("LOCALHOST:8443", False),
        ("app.localhost", False),
        ("127.0.0.1:9", False),
        ("[::1]", False),
        ("localhost.example", True),
        ("127.0.0.1.example", True),
    ],
)
def test_browsers_are_told_to_stay_with_tls_but_at_this_machine(
    tls: TlsEdge, host: str, has: bool
) -> None:
    """RFC 6797: in responses of services, and in refusals."""
    for path in ("/v1/status", "/v1/acme/orders/1", "/nothing"):
        with tls.connect(tls.context()) as connection:
            answer = tls.ask(connection, host, path)
        assert ("strict-transport-security: max-age=31536000\r\n" in answer) is has
    if not has:  # nor where the request is refused before anything looks at its host
        for early in ("/a%2Fb", "/v1/status HTTP/1.1\r\na_b: 1\r\nx:"):
            with tls.connect(tls.context()) as connection:
                answer = tls.ask(connection, host, early)
            assert " 400 " in answer.splitlines()[0]
            assert "strict-transport-security" not in answer


@pytest.mark.requirement("ZT-2")
def test_a_certificate_of_a_client_is_verified_where_it_is_shown(tls: TlsEdge) -> None:
    client = ExtendedKeyUsageOID.CLIENT_AUTH
    good = tls.authority.issue("ann.example", usage=client)
    with tls.connect(tls.context(good)) as connection:
        assert " 200 OK" in tls.ask(connection)
    bad = {
        "of another CA": Authority("other").issue("ann.example", usage=client),
        "expired": tls.authority.issue("ann.example", usage=client, expired=True),
        "of a server": tls.authority.issue("ann.example"),
    }
    for which, issued in bad.items():
        assert tls.status(tls.context(issued)) is None, which


@pytest.mark.requirement("ZT-2", "ZT-11")
def test_a_service_hears_of_tls_by_the_edge_alone(tls: TlsEdge) -> None:
    """Neither what a client says of its certificate reaches it, nor the certificate itself."""
    shown = tls.authority.issue("ann.example", usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    forged = 'X-Forwarded-Client-Cert: Hash=1;Subject="CN=root"\r\nX-Forwarded-Proto: http'
    tls.edge.upstream = "echo.sock"
    with echo(tls.edge.folder / "echo.sock"):
        assert tls.edge.publish(tls.edge.snapshot(4)).status_code == 200
        with tls.connect(tls.context(shown)) as connection:
            connection.sendall(f"GET /v1/status HTTP/1.1\r\nHost: a\r\n{forged}\r\n\r\n".encode())
            answer = b""
            while not answer.endswith(b'"body": ""}'):
                answer += connection.recv(65_536)
    tls.edge.upstream = "orders.sock"
    assert tls.edge.publish(tls.edge.snapshot(5)).status_code == 200
    headers = json.loads(answer.partition(b"\r\n\r\n")[2])["headers"]
    assert headers["x-forwarded-proto"] == "https"
    assert not [name for name in headers if "cert" in name]


@pytest.mark.requirement("ZT-2")
def test_policies_read_the_version_of_tls(tls: TlsEdge) -> None:
    secure: Json = {
        "Bool": {"durward:SecureTransport": "true"},
        "StringEquals": {"durward:TlsVersion": "TLSv1.3"},
    }
    statement: Json = {"Effect": "Allow", "Principal": "*", "Action": "*", "Condition": secure}
    body: dict[str, Json] = {"Version": "2012-10-17", "Statement": [statement]}
    declared = [
        replace(found, body=body)
        if (found.kind, found.name) == (DeclarationKind.POLICY, "anybody-may-see-the-status")
        else found
        for found in example()
    ]
    first = tls.edge.snapshot(2)
    policies = read_configuration(declared).bundle
    assert tls.edge.publish(replace(first, policies=policies)).status_code == 200
    with tls.connect(tls.context()) as connection:
        assert " 200 OK" in tls.ask(connection)
    assert tls.edge.publish(tls.edge.snapshot(3)).status_code == 200


def test_a_new_certificate_is_shown_and_no_open_connection_ends(tls: TlsEdge) -> None:
    """The links lead elsewhere: HTTP/1.1 and HTTP/2 connections of before go on."""
    context = tls.context()
    context.set_alpn_protocols(["h2"])
    former, fresh = tls.serial(), tls.authority.issue(*NAMES)
    with tls.connect(tls.context()) as one, tls.connect(context) as two:
        assert " 200 OK" in tls.ask(one)
        assert status_by_http2(two, 1) == 200
        tls.give(fresh.certificate, fresh.key)
        wait_for(lambda: tls.serial() != former, 10)
        assert " 200 OK" in tls.ask(one)
        assert status_by_http2(two, 3) == 200
    assert tls.told() == "ready"


def test_a_broken_pair_is_told_and_the_former_certificate_stays(tls: TlsEdge) -> None:
    former, fresh, other = tls.serial(), tls.authority.issue(*NAMES), tls.authority.issue(*NAMES)
    tls.give(fresh.certificate, other.key)
    wait_for(lambda: "the key does not fit the certificate" in tls.told(), 10)
    assert tls.told().startswith("ready\nwarning: edge.tls.certificate: ")
    assert tls.serial() == former
    with tls.connect(tls.context()) as connection:
        assert " 200 OK" in tls.ask(connection)
    tls.give(fresh.certificate, fresh.key)
    wait_for(lambda: tls.serial() != former, 10)
    wait_for(lambda: tls.told() == "ready", 10)


def test_other_cas_of_clients_come_into_force(tls: TlsEdge) -> None:
    other = Authority("next")
    shown = other.issue("ann.example", usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    assert tls.status(tls.context(shown)) is None
    (tls.folder / "ca.crt").write_text(tls.authority.pem + other.pem)
    wait_for(lambda: tls.status(tls.context(shown)) == 200, 10)


def test_a_key_is_readable_by_its_owner_alone(tls: TlsEdge) -> None:
    copies = [*(tls.edge.folder / "envoy").rglob("server-tls.json")]
    assert [path.stat().st_mode & 0o777 for path in copies] == [0o600]
    transport = httpx2.HTTPTransport(uds=str(tls.edge.folder / "envoy.sock"))
    with httpx2.Client(transport=transport) as client:
        assert "PRIVATE" not in client.get("http://envoy/config_dump?include_eds").text


def status_by_http2(connection: ssl.SSLSocket, stream: int) -> int:
    """One request by HTTP/2, its headers spelled out (RFC 9113 §4.1, RFC 7541 §6)."""
    if stream == 1:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b""))
    path, host = b"/v1/status", API.encode()
    fields = b"\x82\x87\x04%c%s\x01%c%s" % (len(path), path, len(host), host)
    connection.sendall(frame(1, 5, stream, fields))
    status = 0
    while True:
        head = received(connection, 9)
        body = received(connection, int.from_bytes(head[:3]))
        kind, flags, of = head[3], head[4], int.from_bytes(head[5:])
        assert kind not in (3, 7), f"the connection ended: {body!r}"
        if (kind, of) == (1, stream):
            indexed = body.lstrip(b"\x20\x3f\xe1\x1f")[0]
            status = {0x88: 200, 0x8D: 404}.get(indexed, indexed)
        if of == stream and flags & 1:
            return status


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    head = len(payload).to_bytes(3) + bytes((kind, flags))
    return head + stream.to_bytes(4) + payload


def received(connection: ssl.SSLSocket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        if not (some := connection.recv(count - len(data))):
            raise ConnectionResetError(data)
        data += some
    return data


def test_a_node_is_not_ready_while_another_process_has_its_port(tls: TlsEdge) -> None:
    """Envoy starts without the listener; what it proves at its own socket is not for clients."""
    seen: list[bool] = []

    def hold(edge: LiveEdge) -> None:
        held = socket.create_server(("127.0.0.1", edge.port))

        def release() -> None:
            with held:
                end = time.monotonic() + 6
                while time.monotonic() < end:
                    seen.append(edge.is_ready())
                    time.sleep(0.2)

        threading.Thread(target=release).start()

    pair = f'certificate = "{tls.folder}/tls.crt"\nkey = "{tls.folder}/tls.key"\n'
    with live_edge(f"[edge.tls]\n{pair}", first=hold) as edge:
        assert not any(seen)
        assert TlsEdge(edge, tls.authority, tls.folder).status(tls.context()) == 200
