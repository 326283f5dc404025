"""What a value in a condition means, and what one that cannot be read does: it never allows."""

from decimal import Decimal
from typing import Any

import pytest
from tests.unit.policy.test_decisions import ANN, ORDER, OWN, policy, request, with_role

from durward.core.policy.engine.decision import Result
from durward.core.policy.engine.predicate import (
    compile_statement,
    holds,
)
from durward.core.policy.engine.request import AccessRequest
from durward.core.policy.engine.residual import residual
from durward.core.policy.language.operators import parse_date
from durward.core.policy.language.source import PolicyError


def test_an_unreadable_value_never_allows_and_does_deny() -> None:
    young = {**OWN, "Condition": {"NumericLessThan": {"durward:AuthAge": 300}}}
    above = {"NumericGreaterThan": {"durward:AuthAge": 300}}
    old = {**OWN, "Sid": "Old", "Effect": "Deny", "Condition": above}
    assert with_role(young).evaluate(request(authage="10")).allowed
    assert not with_role(young).evaluate(request(authage="ten")).allowed
    assert with_role(OWN, old).evaluate(request(authage="ten")).result is Result.EXPLICIT_DENY


@pytest.mark.parametrize("told", ["yes", "1", "", " true", "on", "nottrue"])
@pytest.mark.parametrize("named", ["true", "false", "${durward:DeviceTrust}"])
def test_a_value_that_is_neither_true_nor_false_never_allows_and_does_deny(
    named: str, told: str
) -> None:
    guard = {"Bool": {"durward:RequestTag/locked": named}}
    deny = {**OWN, "Sid": "Locked", "Effect": "Deny", "Condition": guard}
    facts: dict[str, Any] = {"requesttag/locked": told, "devicetrust": "false"}
    asked = request(**facts)
    assert with_role(OWN, deny).evaluate(asked).result is Result.EXPLICIT_DENY
    assert not with_role({**OWN, "Condition": guard}).evaluate(asked).allowed


def test_one_value_of_a_list_that_is_neither_true_nor_false_is_enough_for_a_deny() -> None:
    some: dict[str, Any] = {"ForAnyValue:Bool": {"durward:QueryParam/dry": "true"}}
    deny = {**OWN, "Sid": "Dry", "Effect": "Deny", "Condition": some}
    for told, expected in [
        (("false", "FALSE"), Result.ALLOW),
        (("false", "yes"), Result.EXPLICIT_DENY),
        ((), Result.ALLOW),
    ]:
        facts: dict[str, Any] = {"queryparam/dry": told}
        assert with_role(OWN, deny).evaluate(request(**facts)).result is expected


@pytest.mark.parametrize(
    ("trust", "allowed", "denied"),
    [
        ("true", True, True),
        ("TRUE", True, True),
        ("false", False, False),
        ("yes", False, True),
        (("true",), False, False),
        (None, False, False),
    ],
)
def test_bool_compares_a_key_with_a_variable(trust: Any, allowed: bool, denied: bool) -> None:
    same = {"Bool": {"durward:RequestTag/soft": "${durward:DeviceTrust}"}}
    facts = {"requesttag/soft": "True", **({} if trust is None else {"devicetrust": trust})}
    asked = request(**facts)
    deny = {**OWN, "Sid": "Same", "Effect": "Deny", "Condition": same}
    assert with_role({**OWN, "Condition": same}).evaluate(asked).allowed is allowed
    found = with_role(OWN, deny).evaluate(asked).result
    assert (found is Result.EXPLICIT_DENY) is denied


def test_beside_a_variable_without_a_value_a_key_must_still_be_true_or_false() -> None:
    same = {"Bool": {"durward:ResourceAttr/paid": "${durward:DeviceTrust}"}}
    statement = policy({**OWN, "Effect": "Deny", "Condition": same}).statements[0]
    known = dict.fromkeys(["durward:devicetrust"])
    left = residual(compile_statement(statement).parts[-1], known)
    assert holds(left, {"durward:resourceattr/paid": "yes"})
    assert not holds(left, {"durward:resourceattr/paid": "true"})


@pytest.mark.parametrize("pair", [("${app:A}", "${app:B}"), ("${app:B}", "${app:A}")])
def test_the_order_of_variables_in_an_arn_makes_no_difference(pair: tuple[str, str]) -> None:
    wanted = f"arn:aws:{pair[0]}:x:{pair[1]}:y"
    told = {"app:R": "arn:aws:s3:x:acme:y", "app:B": {"cannot be": "read"}}
    asked = AccessRequest(ANN, "orders:GetOrder", ORDER, told)
    for operator in ("ArnLike", "ArnNotLike"):
        condition = {operator: {"app:R": wanted}}
        assert not with_role({**OWN, "Condition": condition}).evaluate(asked).allowed
        deny = {**OWN, "Sid": "Never", "Effect": "Deny", "Condition": condition}
        assert with_role(OWN, deny).evaluate(asked).result is Result.EXPLICIT_DENY


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2026-11", "1793491200"),
        ("2026-11-24", "1795478400"),
        ("2026-11-24T01:00+01:00", "1795478400"),
        ("2026-11-24t00:00:00.00000000000000001z", "1795478400.00000000000000001"),
        ("1795478400.00000000000000001", "1795478400.00000000000000001"),
    ],
)
def test_a_date_is_an_exact_instant_in_each_of_its_forms(written: str, seconds: str) -> None:
    assert str(parse_date(written).normalize()) == str(Decimal(seconds).normalize())


@pytest.mark.parametrize(
    "text", ["2026", "2026-13", "2026-11-31", "2026-11T10:00Z", "2026-11-24T24:00Z", "20261124T10Z"]
)
def test_a_date_of_another_form_is_refused(text: str) -> None:
    if text.isdigit():  # seconds since 1970
        assert parse_date(text) == int(text)
        return
    with pytest.raises(ValueError, match="date"):
        parse_date(text)


@pytest.mark.parametrize(
    "text",
    [
        *("2026-11-24T24:00Z", "2026-11-24t24:00:00.0"),
        *("2026-11-24T23:60Z", "2026-11-24T23:59:60Z"),
        *("2026-11-24T23:59+24:00", "2026-11-24T23:59+01:60", "2026-11-24T23:59-0199"),
    ],
)
def test_an_impossible_time_is_refused_and_allows_nothing(text: str) -> None:
    with pytest.raises(ValueError, match="neither a date nor"):
        parse_date(text)
    early = {**OWN, "Condition": {"DateLessThan": {"app:At": "2030-01-01"}}}
    asked = AccessRequest(ANN, "orders:GetOrder", ORDER, {"app:At": text})
    assert not with_role(early).evaluate(asked).allowed


@pytest.mark.parametrize("text", ["fe80::1%eth0", "10.0.0.1%1", "fe80::/10%x"])
def test_an_address_with_a_zone_is_refused_and_denied(text: str) -> None:
    with pytest.raises(PolicyError):
        policy({**OWN, "Condition": {"IpAddress": {"durward:SourceIp": text}}})
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    policies = with_role(OWN, {**deny, "Condition": {"IpAddress": {"durward:SourceIp": "::1"}}})
    assert policies.evaluate(request(SourceIp=text)).result is Result.EXPLICIT_DENY
