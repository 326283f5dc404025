"""A code is redeemed by whom it was made for, in its time, and where it was sent."""

from dataclasses import replace

import pytest
from tests.issuer import VERIFIER

from durward.core.configuration.client import Client
from durward.core.configuration.profile import Profile, ProfileDemand
from durward.core.configuration.waiver import Waiver
from durward.core.errors import ErrorCode, ProtocolError
from durward.core.oauth.grants.authorization_code import Code, check
from durward.core.oauth.pkce import challenge_of
from durward.core.oauth.requirements import Requirements
from durward.core.values import ClientId, GrantId, Instant

BACK, ELSEWHERE = "https://desk.example/callback", "https://new.example/callback"
LOOPBACK = "http://127.0.0.1/callback"
DEMANDED = Requirements(Profile.OAUTH21, is_authenticated=True, waivers={})
FORM = {"code_verifier": (VERIFIER,)}


def code(uri: str = BACK) -> Code:
    return Code(GrantId("g"), ClientId("desk"), uri, challenge_of(VERIFIER), Instant(60))


def client(*uris: str, authentication: str = "client_secret_basic") -> Client:
    return Client(tenant="acme", redirect_uris=uris, authentication=authentication)


@pytest.mark.requirement("AS-17")
def test_a_code_is_taken_until_its_time_and_at_a_uri_that_stays_registered() -> None:
    check(code(), client(ELSEWHERE, BACK), FORM, DEMANDED, Instant(59))
    check(code(), client(BACK), {**FORM, "redirect_uri": (BACK,)}, DEMANDED, Instant(59))
    native = client(LOOPBACK, authentication="none")
    check(code("http://127.0.0.1:4711/callback"), native, FORM, DEMANDED, Instant(0))


@pytest.mark.requirement("AS-17")
@pytest.mark.parametrize(
    ("made", "by", "form", "now", "private"),
    [
        (code(), client(BACK), FORM, 60, "expired"),
        (code(), client(BACK), {**FORM, "redirect_uri": (ELSEWHERE,)}, 0, "another one"),
        (code(), client(ELSEWHERE), FORM, 0, "not registered any more"),
        (code("http://127.0.0.1:4711/callback"), client(LOOPBACK), FORM, 0, "not registered"),
        (code(), client(BACK), {"code_verifier": ("x" * 43,)}, 0, ""),
    ],
)
def test_what_does_not_fit_is_refused_with_one_public_text(
    made: Code, by: Client, form: dict[str, tuple[str, ...]], now: int, private: str
) -> None:
    with pytest.raises(ProtocolError) as caught:
        check(made, by, form, DEMANDED, Instant(now))
    assert caught.value.code is ErrorCode.INVALID_GRANT
    assert private in caught.value.private


WAIVER = Waiver(client="desk", relaxes="pkce", owner="web team", reason="old", until="2027-03-31")
WAIVED = replace(DEMANDED, waivers={ProfileDemand.PKCE: ("desk-pkce", WAIVER)})


@pytest.mark.requirement("AS-6")
def test_a_code_without_a_challenge_is_redeemed_by_its_waiver() -> None:
    bare = replace(code(), challenge=None)
    form = {"redirect_uri": (BACK,)}
    assert check(bare, client(BACK), form, WAIVED, Instant(0)) == "desk-pkce"
    assert check(code(), client(BACK), FORM, WAIVED, Instant(0)) is None


@pytest.mark.requirement("AS-6")
@pytest.mark.parametrize(
    ("form", "demanded", "now", "told"),
    [
        ({"redirect_uri": (BACK,), **FORM}, WAIVED, 0, "a verifier comes with"),
        ({}, WAIVED, 0, "`redirect_uri` is missing"),
        ({"redirect_uri": (BACK,)}, DEMANDED, 0, "code_challenge"),
        ({"redirect_uri": (BACK,)}, replace(WAIVED, is_authenticated=False), 0, "code_challenge"),
        ({"redirect_uri": (BACK,)}, WAIVED, WAIVER.ends_at, "ended on 2027-03-31"),
    ],
)
def test_a_code_without_a_challenge_is_refused_else(
    form: dict[str, tuple[str, ...]], demanded: Requirements, now: int, told: str
) -> None:
    bare = replace(code(), challenge=None, expires_at=Instant(WAIVER.ends_at + 1))
    with pytest.raises(ProtocolError) as caught:
        check(bare, client(BACK), form, demanded, Instant(now))
    assert caught.value.code is ErrorCode.INVALID_GRANT
    assert told in f"{caught.value.public} {caught.value.private}"
