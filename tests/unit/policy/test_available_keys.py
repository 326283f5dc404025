"""What a denied request could have had: an explanation proposes nothing that no request has."""

import pytest

from durward.core.policy.analysis.available_keys import (
    Caller,
    can_be_absent,
    is_available,
    is_list,
    not_in_the_past,
)
from durward.core.policy.engine.predicate import holds
from durward.core.policy.engine.request import AccessRequest, Principal

ANN = Principal("ann", "user", "acme")
ORDER = "arn:durward:orders:s:acme:order/1"


def request(principal: Principal | None = ANN, **context: object) -> AccessRequest:
    told = {f"durward:{key}": value for key, value in context.items()}
    return AccessRequest(principal, "orders:Get", ORDER, told)


@pytest.mark.parametrize("key", ["operationid", "requestmethod", "requestpath", "stage"])
def test_another_method_path_or_stage_would_be_another_operation(key: str) -> None:
    for caller in Caller:
        assert not is_available(f"durward:{key}", request(), caller)


@pytest.mark.parametrize(
    ("key", "edge", "others"),
    [
        ("durward:tokenclaim/org", True, False),
        ("durward:acr", True, True),
        ("durward:riskscore", False, True),
        ("durward:header/x-team", False, True),
        ("app:own", True, True),
    ],
)
def test_the_available_keys_depend_on_the_enforcement_point(
    key: str, edge: bool, others: bool
) -> None:
    found = {caller: is_available(key, request(), caller) for caller in Caller}
    assert found[Caller.EDGE] is edge
    assert found[Caller.OTHERS] is others
    assert found[Caller.ANY]


def test_a_key_of_the_request_may_have_another_value() -> None:
    for caller in Caller:
        assert is_available("durward:riskscore", request(riskscore="1"), caller)


def test_without_a_token_nobody_has_a_name() -> None:
    key = "durward:principalarn"
    assert is_available(key, request(), Caller.EDGE)
    assert not is_available(key, request(None), Caller.EDGE)


@pytest.mark.parametrize(
    ("key", "with_token", "without"),
    [
        ("durward:currenttime", False, False),
        ("durward:subject", False, True),
        ("durward:resourceowner", True, True),
        ("app:own", True, True),
    ],
)
def test_only_a_key_that_every_request_has_cannot_be_absent(
    key: str, with_token: bool, without: bool
) -> None:
    assert can_be_absent(key, request(), Caller.EDGE) is with_token
    assert can_be_absent(key, request(None), Caller.EDGE) is without


def test_a_key_that_always_has_a_list_gets_no_single_value() -> None:
    assert is_list("durward:roles", request())
    assert is_list("app:teams", AccessRequest(ANN, "orders:Get", ORDER, {"app:teams": ("a",)}))
    assert not is_list("durward:acr", request())


def test_no_later_request_has_a_past_time() -> None:
    now = request(currenttime="2026-01-01T00:00:00Z")
    ((condition, wanted),) = not_in_the_past("durward:currenttime", now)
    assert wanted
    for year, is_possible in (("2025", False), ("2026", True), ("2027", True)):
        later = request(currenttime=f"{year}-01-01T00:00:00Z")
        assert holds(condition, later.facts) is is_possible
    assert not list(not_in_the_past("durward:acr", now)), "which is no time"
    assert not list(not_in_the_past("durward:currenttime", request(currenttime="soon")))
