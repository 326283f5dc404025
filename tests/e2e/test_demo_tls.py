"""`durward demo --tls`: the issuer and the APIs over TLS, for whoever trusts the demo's CA."""

import ssl
from collections.abc import Iterator

import httpx2
import pytest
from tests.demo import Demo, live_demo

ORDER = "/v1/acme/orders/1001"


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with live_demo("--tls") as running:
        yield running


@pytest.fixture
def http(demo: Demo) -> Iterator[httpx2.Client]:
    trusting = ssl.create_default_context(cafile=str(demo.folder / "tls" / "ca.pem"))
    with httpx2.Client(verify=trusting, trust_env=False) as client:
        yield client


def test_people_and_services_call_the_api(demo: Demo) -> None:
    for caller, path in (("ann", ORDER), ("reporting", "/v1/acme/reports/summary")):
        called = demo.run("call", "--as", caller, "GET", path)
        assert called.returncode == 0, called.stderr
        assert f"https://localhost:{demo.port}/token" in called.stderr


def test_the_page_tells_how_to_trust_it(demo: Demo) -> None:
    told = demo.run("demo", "status").stdout
    assert f"curl --cacert {demo.folder.resolve()}/tls/ca.pem -i https://127.0.0.1:" in told


def test_the_metadata_and_the_cookies_are_of_https(demo: Demo, http: httpx2.Client) -> None:
    issuer = f"https://localhost:{demo.port}"
    metadata = http.get(f"{issuer}/.well-known/openid-configuration").json()
    assert metadata["issuer"] == issuer
    asked = {
        "response_type": "code",
        "client_id": "durward-cli",
        "redirect_uri": "http://127.0.0.1:9/callback",
        "resource": f"https://127.0.0.1:{demo.port + 10}",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }
    page = http.get(f"{issuer}/authorize", params=asked)
    assert page.is_redirect, page.text
    assert page.headers["location"].startswith(f"{issuer}/") or page.headers["location"][0] == "/"
    assert "strict-transport-security" not in page.headers
    cookies = page.headers.get_list("set-cookie")
    assert cookies
    assert all(line.startswith("__Host-") and "; Secure" in line for line in cookies)


def test_who_does_not_trust_the_ca_gets_no_connection(demo: Demo) -> None:
    with pytest.raises(httpx2.ConnectError, match="verify failed"):
        httpx2.get(f"https://127.0.0.1:{demo.port + 10}/v1/status", trust_env=False)


def test_the_sample_application_signs_in_at_the_issuer(demo: Demo, http: httpx2.Client) -> None:
    """It sends the browser to the issuer, and reaches issuer and API itself."""
    sent = http.post(f"http://127.0.0.1:{demo.port + 20}/sign-in")
    assert sent.headers["location"].startswith(f"https://localhost:{demo.port}/authorize?")
