"""The `claims` parameter: whose sign-in it wants, what it cannot get, and what is tolerated."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durward.core.errors import ErrorCode, ProtocolError
from durward.core.oauth.requested_claims import (
    MAX_CLAIMS_BYTES,
    RequestedClaims,
    read_claims,
)
from durward.core.values import UserId


def asked(claims: Any) -> RequestedClaims:
    return read_claims({"claims": (json.dumps(claims),)})


@pytest.mark.requirement("AS-82")
@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"userinfo": None, "id_token": {}},
        {"userinfo": {"given_name": {"essential": True}, "nickname": None, "http://x": None}},
        {"id_token": {"auth_time": {"essential": True}, "acr": None}, "verified_claims": 1},
        {"id_token": {"acr": {"values": ["urn:mace:incommon:iap:silver"]}}},
        {"id_token": {"acr": {"essential": True}}},
        {"id_token": {"acr": {"essential": False, "value": "x"}}},
        {"id_token": {"email": {"value": "a@b.example"}}},
    ],
)
def test_what_is_not_known_or_only_wished_for_does_not_fail_a_request(claims: Any) -> None:
    assert asked(claims) == RequestedClaims()
    asked(claims).check_met()


@pytest.mark.requirement("AS-79")
@pytest.mark.parametrize(
    "claims",
    [
        {"id_token": {"acr": {"essential": True, "value": "phr"}}},
        {"id_token": {"acr": {"essential": True, "values": ["phr", "phrh"]}}},
        {"userinfo": {"acr": {"essential": True, "value": "phr"}}},
    ],
)
def test_an_essential_class_that_no_sign_in_has_is_a_failed_authentication(claims: Any) -> None:
    """OIDC Core §5.5.1.1."""
    with pytest.raises(ProtocolError) as caught:
        asked(claims).check_met()
    assert caught.value.code is ErrorCode.UNMET_AUTHENTICATION_REQUIREMENTS
    asked(claims).check_met({"phr"})


def test_a_class_that_both_places_demand_has_to_be_one_of_both() -> None:
    here = {"acr": {"essential": True, "values": ["a", "b"]}}
    there = {"acr": {"essential": True, "values": ["b", "c"]}}
    found = asked({"id_token": here, "userinfo": there})
    assert found.classes == frozenset({"b"})


@pytest.mark.requirement("AS-79")
def test_a_subject_says_whose_sign_in_is_asked_for() -> None:
    for request in ({"value": "ann"}, {"values": ["ann"]}):
        assert asked({"id_token": {"sub": request}}).subject == UserId("ann")
    with pytest.raises(ProtocolError):
        asked({"id_token": {"sub": {"value": "ann"}}, "userinfo": {"sub": {"value": "bob"}}})


@pytest.mark.parametrize(
    "text",
    [
        *("[]", "1", "null x", "{", '{"id_token": []}', '{"id_token": {"acr": true}}'),
        '{"id_token": {"acr": {"essential": true, "value": 1}}}',
        '{"id_token": {"sub": {"values": "ann"}}}',
        '{"id_token": {}, "id_token": {}}',
        json.dumps({"x": "y" * MAX_CLAIMS_BYTES}),
    ],
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        read_claims({"claims": (text,)})
    assert caught.value.code is ErrorCode.INVALID_REQUEST


@given(
    st.text(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["id_token", "userinfo", "sub", "acr", "value", "values", "essential"]
                ),
                inner,
                max_size=3,
            )
        ),
    ).map(json.dumps)
)
def test_any_text_is_read_or_a_protocol_error(text: str) -> None:
    with contextlib.suppress(ProtocolError):
        read_claims({"claims": (text,)})
