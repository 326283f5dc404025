"""Secrets of clients that leaked, were replaced, or belonged to somebody before."""

from dataclasses import replace
from typing import Any

import pytest
from httpx2 import BasicAuth
from sqlalchemy import event
from tests.depth import depth
from tests.issuer import API, Issuer, sample

from durward.core.configuration.declaration import Declaration
from durward.core.errors import Misconfigured
from durward.core.values import ClientId
from durward.entrypoints.http import budgets
from durward.entrypoints.http.budgets import BUDGETS
from durward.services.unrecorded import ANONYMOUS_EVENTS

pytestmark = pytest.mark.anyio


def reporting(**changes: object) -> Declaration:
    (found,) = [one for one in sample() if one.name == "reporting"]
    return replace(found, body={**found.body, **changes})  # type: ignore[dict-item]


async def status(issuer: Issuer, secret: str) -> int:
    issuer.secrets["reporting"] = secret
    return (
        await issuer.token("reporting", grant_type="client_credentials", resource=API)
    ).status_code


async def test_a_replaced_secret_is_worth_nothing_and_so_are_its_tokens(issuer: Issuer) -> None:
    old = issuer.secrets["reporting"]
    assert await status(issuer, old) == 200
    fresh = (await issuer.plane.administration.new_client_secret(ClientId("reporting"))).reveal()
    assert await status(issuer, old) == 401
    assert await status(issuer, fresh) == 200
    feed = await issuer.plane.fleet.revocations_after(0, 0, 0)
    assert any(one.value == "reporting" for one in feed.entries)
    told = [one for one in await issuer.events() if "reporting" in one]
    assert any("secret removed" in one for one in told)
    assert not any(old in one or fresh in one for one in told)


async def test_a_secret_does_not_come_back_with_its_method(issuer: Issuer) -> None:
    old = issuer.secrets["reporting"]
    keys = {"keys": [{"kty": "EC", "crv": "P-256", "x": X, "y": Y, "alg": "ES256", "kid": "k"}]}
    await issuer.apply(reporting(authentication="private_key_jwt", jwks=keys))
    await issuer.apply(reporting())
    fresh = issuer.secrets["reporting"]
    assert await status(issuer, old) == 401
    assert await status(issuer, fresh) == 200


X, Y = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
"""The public key of RFC 7515 A.3."""


PRIVATE = {"kty": "EC", "crv": "P-256", "x": X, "y": Y, "alg": "ES256", "d": Y}


@pytest.mark.parametrize("key", [PRIVATE, {"kty": "oct", "k": X}, {**PRIVATE, "use": "enc"}])
@pytest.mark.parametrize("how", ["private_key_jwt", "client_secret_basic"])
async def test_keys_that_only_a_client_may_have_are_refused_and_not_kept(
    issuer: Issuer, key: dict[str, str], how: str
) -> None:
    good = {"kty": "EC", "crv": "P-256", "x": X, "y": Y, "alg": "ES256", "kid": "k"}
    with pytest.raises(Misconfigured, match="keys/1: a private or symmetric key") as refused:
        await issuer.apply(reporting(authentication=how, jwks={"keys": [good, key]}))
    assert Y not in str(refused.value)
    assert Y not in str(await issuer.plane.administration.export())


async def test_a_set_in_which_no_key_is_of_use_is_refused(issuer: Issuer) -> None:
    foreign = {"kty": "EC", "crv": "P-521", "x": X, "y": Y, "alg": "ES512"}
    with pytest.raises(Misconfigured, match="no key for signatures"):
        await issuer.apply(reporting(authentication="private_key_jwt", jwks={"keys": [foreign]}))


async def refused(issuer: Issuer) -> list[str]:
    return [one for one in await issuer.events() if '"token refused"' in one]


@pytest.mark.requirement("AS-25")
@pytest.mark.parametrize("path", ["/token", "/revoke"])
async def test_who_guesses_at_secrets_has_the_budget_of_the_address_and_fills_no_log(
    issuer: Issuer, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guesses are events while there is room; the address is refused, and the client is not."""
    (found,) = [one for one in BUDGETS if path in one.paths]
    budget = replace(found.budget, burst=depth(100, long=found.budget.burst))
    monkeypatch.setattr(budgets, "BUDGETS", (replace(found, budget=budget),))
    form = {"grant_type": "client_credentials", "resource": API, "token": "x"}
    async with issuer.http("2001:db8::1") as http:
        told = {
            (await http.post(path, data=form, auth=("reporting", "wrong"))).status_code
            for _ in range(budget.burst)
        }
        assert told == {401}
        neighbour = issuer.http("2001:db8::2")
        reply = await neighbour.post(path, data=form, auth=("reporting", "wrong"))
        assert reply.status_code == 429, "an IPv6 network has one budget"
    async with issuer.http("192.0.2.1") as http:
        right = ("reporting", issuer.secrets["reporting"])
        assert (await http.post("/token", data=form, auth=right)).status_code == 200
    assert len(await refused(issuer)) <= ANONYMOUS_EVENTS.burst


@pytest.mark.requirement("AS-25")
async def test_for_the_right_secret_nothing_is_counted(issuer: Issuer) -> None:
    """No statement touches a count: nobody can make it wait, nor be waited for."""
    statements = list[str]()

    def note(_: object, __: object, text: str, *___: object) -> None:
        statements.append(text)

    database: Any = issuer.plane.transactions.database
    event.listen(database._engine, "before_cursor_execute", note)
    assert await status(issuer, issuer.secrets["reporting"]) == 200
    assert any("client_secrets" in text for text in statements)
    assert not any("attempts" in text for text in statements)


async def test_a_secret_that_was_typed_as_the_clients_name_is_not_recorded(issuer: Issuer) -> None:
    for client in (issuer.secrets["reporting"], "my secret"):
        reply = await issuer.token(client, grant_type="client_credentials")
        assert reply.status_code == 401
    events = await refused(issuer)
    assert len(events) == 2
    assert all("unknown client" in one for one in events)
    assert not any(issuer.secrets["reporting"] in one or "my secret" in one for one in events)


@pytest.mark.parametrize("client", ["durward-cli", "nobody"])
async def test_who_has_no_secret_gets_none(issuer: Issuer, client: str) -> None:
    with pytest.raises(Misconfigured):
        await issuer.plane.administration.new_client_secret(ClientId(client))


@pytest.mark.requirement("AS-24")
async def test_of_two_authorization_headers_none_is_believed(issuer: Issuer) -> None:
    """A proxy in between may have looked at the other one (RFC 9110 §5.3)."""
    form = {"grant_type": "client_credentials", "resource": API}
    right, wrong = (
        ("authorization", BasicAuth("reporting", secret)._auth_header)
        for secret in (issuer.secrets["reporting"], "wrong")
    )
    async with issuer.http() as http:
        assert (await http.post("/token", data=form, headers=[right])).status_code == 200
        for both in ([right, wrong], [wrong, right], [right, right]):
            reply = await http.post("/token", data=form, headers=both)
            assert (reply.status_code, reply.json()["error"]) == (400, "invalid_request")
    desk = (await issuer.redeem(await issuer.browser().code())).json()["access_token"]
    async with issuer.http() as http:
        bearer = ("authorization", f"Bearer {desk}")
        assert (await http.get("/userinfo", headers=[bearer])).status_code == 200
        assert (await http.get("/userinfo", headers=[bearer, bearer])).status_code == 401
