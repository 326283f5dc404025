"""An edge at addresses of IPv6: it answers there, and knows who asks."""

import contextlib
import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.demo import Demo
from tests.live import LiveEdge, live_edge, wait_for
from tests.ports import free_port

from durward.entrypoints.demo.instance import DemoInstance
from durward.entrypoints.demo.runtime import usual_runtime

BURST = 5
SETTINGS = f"""trusted_proxies = ["::1"]
[edge.limits]
source_burst = {BURST}
source_per_second = 1
"""


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


pytestmark = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@pytest.fixture(scope="module")
def six() -> Iterator[LiveEdge]:
    with live_edge(f"unsafe_plaintext = true\n{SETTINGS}", listen="[::]") as running:
        yield running


def source_of(edge: LiveEdge, reply: httpx2.Response) -> str:
    decision = reply.headers["durward-decision"]
    (event,) = [line for line in edge.events().splitlines() if decision in line]
    return str(json.loads(event)["source"])


def denied(edge: LiveEdge, **headers: str) -> httpx2.Response:
    token = {"authorization": f"Bearer {edge.token()}"}
    reply = edge.get("/v1/acme/reports/summary", **token, **headers)
    assert reply.status_code == 403, reply.text
    return reply


def test_requests_are_answered_and_the_clients_address_is_its_own(six: LiveEdge) -> None:
    assert six.base.startswith("http://[::1]:")
    assert source_of(six, denied(six)) == "::1"


def test_where_it_listens_on_every_address_ipv4_is_served_as_ipv4(six: LiveEdge) -> None:
    path = f"http://127.0.0.1:{six.port}/v1/acme/reports/summary"
    headers = {"authorization": f"Bearer {six.token()}"}
    assert source_of(six, httpx2.get(path, headers=headers, trust_env=False)) == "127.0.0.1"


def test_all_addresses_of_a_network_of_64_bits_have_one_budget(six: LiveEdge) -> None:
    def status(source: str) -> int:
        return six.get("/v1/status", **{"x-forwarded-for": source}).status_code

    one_host = [status(f"2001:db8:1::{number:x}") for number in range(1, 2 * BURST + 2)]
    assert one_host.count(200) >= BURST
    assert 429 in one_host
    assert status("2001:db8:2::1") == 200
    assert status("192.0.2.1") == 200


def test_people_of_ipv4_at_such_a_listener_have_a_budget_each(six: LiveEdge) -> None:
    """As IPv6 all of them would be one network of 64 bits, `::ffff:0:0/96`."""
    path = f"http://127.0.0.1:{six.port}/v1/status"
    found = {}
    for host in ("127.0.0.5", "127.0.0.6"):
        transport = httpx2.HTTPTransport(local_address=host)
        with httpx2.Client(transport=transport, timeout=10) as client:
            count = 2 * BURST + 1 if host == "127.0.0.5" else 1
            found[host] = [client.get(path).status_code for _ in range(count)]
    assert 429 in found["127.0.0.5"]
    assert found["127.0.0.6"] == [200]


def test_the_issuer_is_served_at_an_address_of_ipv6_too(kept_demo: Demo) -> None:
    """A second node of the demo's control plane."""
    runtime = usual_runtime(DemoInstance(kept_demo.folder, kept_demo.port))
    with tempfile.TemporaryDirectory(prefix="dw-") as name:
        folder, apis, issuer = Path(name), free_port(), free_port()
        settings = {
            "id": "edge-2",
            "apis": f"[::1]:{apis}",
            "issuer": f"[::1]:{issuer}",
            "control_plane": str(runtime),
            "snapshot_key": str(kept_demo.folder / "serve" / "snapshot.jwk"),
            "runtime": name,
            "state": name,
        }
        lines = [f"{setting} = {json.dumps(value)}" for setting, value in settings.items()]
        (folder / "durward.toml").write_text("\n".join(["[edge]", *lines]))
        command = [sys.executable, "-m", "durward", "edge", "--config", f"{name}/durward.toml"]
        with (folder / "test.log").open("wb") as log:
            agent = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for(lambda: is_ready(folder) or agent.poll() is not None)
            assert agent.poll() is None, (folder / "test.log").read_text()
            base = f"http://[::1]:{issuer}"
            metadata = f"{base}/.well-known/oauth-authorization-server"
            found = httpx2.get(metadata, trust_env=False).json()
            assert found["issuer"] == kept_demo.issuer
            form, wrong = {"grant_type": "client_credentials"}, ("reporting", "wrong")
            reply = httpx2.post(f"{base}/token", data=form, auth=wrong, trust_env=False)
            assert reply.status_code == 401
            status = httpx2.get(f"http://[::1]:{apis}/v1/status", trust_env=False)
            assert status.status_code == 200
        finally:
            agent.terminate()
            agent.wait(20)
            kept_demo.run("edge", "forget", "edge-2")  # others wait for every node


def is_ready(folder: Path) -> bool:
    if not (folder / "edge.sock").exists():
        return False
    with contextlib.suppress(httpx2.TransportError):
        transport = httpx2.HTTPTransport(uds=str(folder / "edge.sock"))
        with httpx2.Client(transport=transport, timeout=30) as client:
            return client.get("http://edge/readyz").status_code == 200
    return False
