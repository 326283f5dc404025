"""Secrets of clients that leaked, were replaced, or belonged to somebody before."""

from dataclasses import replace

import pytest
from tests.issuer import API, Issuer, sample

from durward.core.errors import Misconfigured
from durward.core.estate.declaration import Declaration
from durward.core.values import ClientId

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
    fresh = (await issuer.plane.new_client_secret(ClientId("reporting"))).reveal()
    assert await status(issuer, old) == 401
    assert await status(issuer, fresh) == 200
    feed = await issuer.plane.revocations_after(0, 0)
    assert any(one.value == "reporting" for one in feed.entries)
    told = [event for event in await issuer.events() if "reporting" in event]
    assert any("secret removed" in event for event in told)
    assert not any(old in event or fresh in event for event in told)


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


@pytest.mark.parametrize("client", ["durward-cli", "nobody"])
async def test_who_has_no_secret_gets_none(issuer: Issuer, client: str) -> None:
    with pytest.raises(Misconfigured):
        await issuer.plane.new_client_secret(ClientId(client))
