"""An answer by `form_post`: escaped, only where it is declared, and by a policy that is strict."""

import re
from base64 import b64encode
from hashlib import sha256

import httpx2
import pytest
from tests.attacks.test_pushed_requests import agreed, change
from tests.issuer import DESK, Issuer, answer_of

from durward.core.wire import Json
from durward.entrypoints.client.native import Form

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("AS-16")]
STATES = (
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    "</form><form action=https://evil.example>",
    "{{ 7 * 7 }}&amp;&#34;",
    "\u2028é中",
)


async def form_of(reply: httpx2.Response) -> Form:
    assert reply.status_code == 200, reply.text
    form = Form.read(reply.text)
    assert form is not None
    return form


@pytest.mark.parametrize("state", STATES)
async def test_a_state_comes_back_as_it_was_and_is_nothing_but_a_value(
    issuer: Issuer, state: str
) -> None:
    await change(issuer, response_modes=["query", "form_post"])
    browser = issuer.browser()
    page = await browser.follow(await browser.authorize(response_mode="form_post", state=state))
    reply = await agreed(browser, page)
    form = await form_of(reply)
    assert form.action == DESK
    assert form.fields.keys() == {"code", "state", "iss"}
    assert form.fields["state"] == state
    assert len(re.findall("<script", reply.text)) == len(re.findall("<form", reply.text)) == 1
    tokens = await issuer.redeem(form.fields["code"])
    assert tokens.status_code == 200


async def test_only_the_one_script_runs_and_without_it_there_is_a_button(issuer: Issuer) -> None:
    await change(issuer, response_modes=["form_post"])
    reply = await issuer.browser().authorize(response_mode="form_post", prompt="none")
    form = await form_of(reply)
    assert form.fields["error"] == "login_required", "an error is posted too"
    (script,) = re.findall("<script>(.*?)</script>", reply.text)
    policy = reply.headers["content-security-policy"]
    assert f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "frame-ancestors 'none'" in policy
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["referrer-policy"] == "strict-origin"
    assert re.search('<button id="continue" type="submit">', reply.text)


@pytest.mark.parametrize(
    ("declared", "sent", "error"),
    [
        (["query"], "form_post", "invalid_request"),
        (["form_post"], "query", "invalid_request"),
        (["form_post"], None, "invalid_request"),
        (["query", "form_post"], "fragment", "invalid_request"),
        (["query", "form_post"], None, "login_required"),
    ],
)
async def test_a_mode_that_is_not_declared_is_refused(
    issuer: Issuer, declared: list[Json], sent: str | None, error: str
) -> None:
    await change(issuer, response_modes=declared)
    reply = await issuer.browser().authorize(response_mode=sent, prompt="none")
    if "query" in declared:
        assert answer_of(reply)["error"] == error
    else:
        assert (await form_of(reply)).fields["error"] == error
