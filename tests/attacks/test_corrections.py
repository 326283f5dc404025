"""What `serve` tells a developer: the client and the fix, seldom, escaped, and no secret."""

import tempfile
from urllib.parse import urlencode

import httpx2
import pytest
from httpx2 import USE_CLIENT_DEFAULT
from tests.issuer import ENVOY, VERIFIER, Clock, Issuer, asked

from durward.entrypoints.pages.interaction import IN_THE_LOG
from durward.entrypoints.server import public
from durward.settings import ServeSettings
from durward.wiring import ControlPlane

pytestmark = pytest.mark.anyio
SECRETS = ("the-secret", "the-state", "the-code", VERIFIER)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"client_id": "the-secret"}, "refused a client that is not declared: the `client_id`"),
        (
            {"redirect_uri": "http://127.0.0.1:8490/back\x1b[2J?code=the-code"},
            r"refused clients/desk: the redirect URI is not declared: add it to `redirect_uris`",
        ),
        ({"scope": "the-secret"}, "refused clients/desk: no requested scope is one of the"),
        ({"resource": "https://x.example/the-secret"}, "`audience` of an API in `apis`"),
        ({"code_challenge": None}, "turn on PKCE (S256) in the application"),
        ({"client_id": "reporting"}, "refused clients/reporting: the client does not have this"),
    ],
)
async def test_a_refused_authorization_request_is_told_once_with_its_fix(
    issuer: Issuer, capfd: pytest.CaptureFixture[str], changes: dict[str, str | None], told: str
) -> None:
    for _ in range(3):
        reply = await issuer.browser().authorize(**{"state": "the-state", **changes})
        assert IN_THE_LOG not in reply.text, "the address of this issuer is not this machine's"
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("/authorize refused")
    assert told in lines[0]
    assert lines[0].isprintable()
    assert not [secret for secret in SECRETS if secret in lines[0]]


@pytest.mark.parametrize(
    ("form", "auth", "told"),
    [
        ({"client_id": "desk", "client_secret": "the-secret"}, None, "the secret is not the"),
        ({}, ("nobody", "the-secret"), "a client that is not declared"),
        ({"client_id": "desk"}, None, "`authentication`: change either (`desk` is registered for"),
        ({"grant_type": "password"}, None, ""),
    ],
)
async def test_a_refused_token_request_is_told_with_its_fix(
    issuer: Issuer,
    capfd: pytest.CaptureFixture[str],
    form: dict[str, str],
    auth: tuple[str, str] | None,
    told: str,
) -> None:
    sent = {"grant_type": "authorization_code", "code": "the-code", "code_verifier": VERIFIER}
    async with issuer.http() as http:
        for _ in range(3):
            reply = await http.post(
                "/token", data={**sent, **form}, auth=auth or USE_CLIENT_DEFAULT
            )
            assert reply.status_code in {400, 401}
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == bool(told)
    assert told in "".join(lines)
    assert not [secret for secret in SECRETS if secret in "".join(lines)]


async def test_a_page_names_the_log_on_this_machine_alone() -> None:
    with tempfile.TemporaryDirectory(prefix="dw-") as folder:
        settings = ServeSettings(issuer="http://localhost:1", runtime=folder, state=folder)
        plane = await ControlPlane.open(settings, Clock(), None, ENVOY)
        transport = httpx2.ASGITransport(app=public(plane))
        async with httpx2.AsyncClient(transport=transport, base_url=plane.issuer) as http:
            reply = await http.get(f"/authorize?{urlencode(asked())}")
            assert IN_THE_LOG in reply.text
            assert IN_THE_LOG not in (await http.get("/interaction?id=i")).text
        await plane.close()
