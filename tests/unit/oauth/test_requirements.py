"""A request without a challenge is taken by a waiver alone, and bound by `nonce` then."""

import pytest

from durward.core.configuration.profile import Profile, ProfileDemand
from durward.core.configuration.waiver import Waiver
from durward.core.errors import ErrorCode, ProtocolError, Reason
from durward.core.oauth.requirements import Requirements, check_binding, read_challenge
from durward.core.values import Instant, from_numeric_date

END = from_numeric_date(1_806_537_600)  # 2027-04-01T00:00:00Z
BEFORE = Instant(END - 1)
WAIVER = Waiver(client="wiki", relaxes="pkce", owner="web team", reason="old", until="2027-03-31")
CHALLENGE = "c" * 43
GOOD = {"scope": ("openid profile",), "nonce": ("n-0S6_WzA2Mj",)}


def demanded(profile: Profile = Profile.OAUTH21, *, is_authenticated: bool = True) -> Requirements:
    return Requirements(profile, is_authenticated, {ProfileDemand.PKCE: ("wiki-pkce", WAIVER)})


NONE = Requirements(Profile.OAUTH21, is_authenticated=True, waivers={})


@pytest.mark.requirement("AS-4")
def test_a_request_without_a_challenge_needs_a_waiver() -> None:
    assert read_challenge(GOOD, demanded(), BEFORE) is None
    assert check_binding(None, demanded(), BEFORE) == "wiki-pkce"
    with pytest.raises(ProtocolError) as caught:
        read_challenge(GOOD, NONE, BEFORE)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert caught.value.reason is Reason.CHALLENGE_MISSING


@pytest.mark.requirement("AS-4")
def test_a_challenge_counts_whatever_waiver_there_is() -> None:
    sent = {"code_challenge": (CHALLENGE,), "code_challenge_method": ("S256",)}
    for requirements in (demanded(), NONE, demanded(Profile.FAPI2_MS)):
        assert read_challenge(sent, requirements, END) == CHALLENGE
        assert check_binding(CHALLENGE, requirements, END) is None


@pytest.mark.requirement("AS-4", "AS-6")
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"nonce": None}, "nonce"),
        ({"nonce": "1234567"}, "nonce"),
        ({"scope": None}, "openid"),
        ({"scope": "profile"}, "openid"),
        ({"scope": "profile openid2"}, "openid"),
        ({"code_challenge_method": "S256"}, "without `code_challenge`"),
        ({"code_challenge": CHALLENGE}, "S256"),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "S256"),
        ({"code_challenge": "short", "code_challenge_method": "S256"}, "S256"),
    ],
)
def test_with_a_waiver_the_request_is_one_that_nonce_binds(
    changes: dict[str, str | None], told: str
) -> None:
    values = {**{name: one for name, (one,) in GOOD.items()}, **changes}
    form = {name: (value,) for name, value in values.items() if value is not None}
    with pytest.raises(ProtocolError) as caught:
        read_challenge(form, demanded(), BEFORE)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert told in caught.value.public


def test_a_waiver_that_has_ended_is_named() -> None:
    with pytest.raises(ProtocolError) as caught:
        read_challenge(GOOD, demanded(), END)
    assert (caught.value.code, caught.value.reason) == (
        ErrorCode.INVALID_REQUEST,
        Reason.WAIVER_ENDED,
    )
    assert "the waiver `wiki-pkce` ended on 2027-03-31" in caught.value.public
    assert "web team" not in caught.value.public
    assert caught.value.facts["reason"] == "waiver-ended"


@pytest.mark.parametrize("profile", [Profile.FAPI2_SP, Profile.FAPI2_MS])
def test_no_waiver_counts_above_the_lowest_profile(profile: Profile) -> None:
    with pytest.raises(ProtocolError) as caught:
        check_binding(None, demanded(profile), BEFORE)
    assert caught.value.reason is Reason.WAIVER_NOT_ALLOWED


def test_no_waiver_counts_for_a_client_that_proves_nothing() -> None:
    with pytest.raises(ProtocolError) as caught:
        check_binding(None, demanded(is_authenticated=False), BEFORE)
    assert caught.value.reason is Reason.CHALLENGE_MISSING


@pytest.mark.requirement("AS-87")
def test_a_client_of_a_profile_that_is_not_built_whole_is_refused() -> None:
    NONE.check_available()
    with pytest.raises(ProtocolError) as caught:
        demanded(Profile.FAPI2_SP).check_available()
    assert caught.value.code is ErrorCode.UNAUTHORIZED_CLIENT
    assert "(DPoP, mTLS)" in caught.value.private
