"""Pushed requests: what is pushed, by whom, and the reference that a browser brings."""

import pytest

from durward.core.configuration.client import Client
from durward.core.configuration.profile import Profile
from durward.core.errors import ErrorCode, ProtocolError, Reason
from durward.core.oauth.pushed_request import (
    LIFETIME,
    PREFIX,
    pushed_form,
    read_reference,
    request_uri,
)
from durward.core.oauth.requirements import Requirements
from durward.core.values import ClientId, Secret

DESK = ClientId("desk")


@pytest.mark.requirement("AS-66")
def test_a_reference_is_what_the_client_was_told_and_lives_shortly() -> None:
    found = read_reference({"request_uri": (request_uri(Secret("dwo_x")),)})
    assert found is not None
    assert found.reveal() == "dwo_x"
    assert LIFETIME < 600


@pytest.mark.parametrize("sent", ["https://a.example/request", "urn:x", PREFIX.upper(), "dwo_x"])
def test_any_other_uri_is_no_reference(sent: str) -> None:
    assert read_reference({"request_uri": (sent,)}) is None
    assert read_reference({}) is None


def test_the_credentials_of_a_client_are_not_a_part_of_its_request() -> None:
    form = {
        "client_id": ("desk",),
        "client_secret": ("s",),
        "client_assertion": ("a",),
        "client_assertion_type": ("t",),
        "state": ("st",),
    }
    assert pushed_form(form, DESK) == {"client_id": ("desk",), "state": ("st",)}
    assert pushed_form({"state": ("st",)}, DESK) == {"client_id": ("desk",), "state": ("st",)}


@pytest.mark.requirement("AS-67")
@pytest.mark.parametrize("change", [{"request_uri": ("urn:x",)}, {"client_id": ("other",)}])
def test_a_reference_to_another_request_or_another_client_is_not_pushed(
    change: dict[str, tuple[str, ...]],
) -> None:
    with pytest.raises(ProtocolError) as caught:
        pushed_form({"client_id": ("desk",), **change}, DESK)
    assert caught.value.code is ErrorCode.INVALID_REQUEST


@pytest.mark.requirement("AS-68")
@pytest.mark.parametrize(
    ("profile", "pushes", "refused"),
    [
        (Profile.OAUTH21, False, False),
        (Profile.OAUTH21, True, True),
        (Profile.FAPI2_SP, False, True),
        (Profile.FAPI2_MS, False, True),
    ],
)
def test_a_request_is_pushed_where_client_server_or_profile_demand_it(
    monkeypatch: pytest.MonkeyPatch, profile: Profile, pushes: bool, refused: bool
) -> None:
    demanded = Requirements(profile, is_authenticated=True, waivers={}, pushes=pushes)
    monkeypatch.setattr(Requirements, "check_available", lambda _: None)  # as it will be
    if not refused:
        demanded.check_direct()
        return
    with pytest.raises(ProtocolError) as caught:
        demanded.check_direct()
    assert caught.value.reason is Reason.NOT_PUSHED


@pytest.mark.requirement("AS-16")
@pytest.mark.parametrize(
    ("modes", "uri", "fits"),
    [
        (("query", "form_post"), "https://a.example/b", True),
        (("form_post",), "http://127.0.0.1/b", True),
        (("query",), "com.example.app:/b", True),
        (("form_post",), "com.example.app:/b", False),
        (("fragment",), "https://a.example/b", False),
        ((), "https://a.example/b", False),
    ],
)
def test_response_modes_are_those_that_can_be_served(
    modes: tuple[str, ...], uri: str, fits: bool
) -> None:
    client = Client(tenant="acme", redirect_uris=(uri,), response_modes=modes)
    assert (not [*client.problems("desk", ())]) is fits
