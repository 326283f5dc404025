"""How long a decision stands: until the next second at which a condition on time can turn.

That it stands until then, whatever the conditions are, is for tests/property/test_policy_index.py.
"""

from typing import Any

import pytest

from durward.core.policy.engine.evaluate import Policies, PolicySet
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.engine.validity import valid_until
from durward.core.policy.language.document import read_document
from durward.core.values import from_numeric_date, numeric_date

NOW = 1_000_000_000
ANN = Principal("ann", "user", "acme", ("clerk",))


def seconds_left(condition: dict[str, Any], **context: Any) -> int | None:
    """For how many seconds a decision by a condition stands; None where time has no part in it."""
    statement: Any = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
    document = read_document({"Version": "2012-10-17", "Statement": statement}, "p")
    policies = PolicySet(Policies(identity={"role/clerk": [document]}))
    told = {f"durward:{key}": value for key, value in context.items()}
    request = AccessRequest(ANN, "orders:Get", "arn:durward:orders:s:acme:order/1", told)
    until = valid_until(policies, request, from_numeric_date(NOW))
    return None if until is None else numeric_date(until) - NOW


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"StringEquals": {"durward:Subject": "ann"}},
        {"Null": {"durward:CurrentTime": "false"}},
        {"NumericLessThan": {"durward:EpochTime": NOW - 5}},
        {"NumericLessThan": {"durward:TokenAge": "10"}},
    ],
)
def test_a_decision_without_a_condition_on_time_is_valid_for_ever(
    condition: dict[str, Any],
) -> None:
    assert seconds_left(condition, TokenAge="20") is None


@pytest.mark.parametrize(
    ("condition", "left"),
    [
        ({"NumericLessThan": {"durward:EpochTime": NOW + 30}}, 30),
        ({"NumericLessThanEquals": {"durward:EpochTime": NOW + 30}}, 30),
        ({"NumericEquals": {"durward:EpochTime": NOW}}, 1),
        ({"DateLessThan": {"durward:CurrentTime": "2001-09-09T01:47:00Z"}}, 20),
        ({"NumericLessThan": {"durward:EpochTime": [NOW + 90, NOW + 60]}}, 60),
    ],
)
def test_a_condition_on_the_time_changes_at_its_constant(
    condition: dict[str, Any], left: int
) -> None:
    assert seconds_left(condition) == left


def test_a_condition_on_an_age_changes_when_the_age_is_reached() -> None:
    young = {"NumericLessThan": {"durward:AuthAge": "300"}}
    assert seconds_left(young, AuthAge="100") == 200
    assert seconds_left(young) is None, "what is absent does not grow"
    assert seconds_left(young, AuthAge="soon") is None, "nor does what is no number"


def test_a_condition_on_the_time_as_a_string_may_change_at_any_second() -> None:
    assert seconds_left({"StringLike": {"durward:EpochTime": "*5"}}) == 1
    assert seconds_left({"StringEquals": {"app:At": "${durward:CurrentTime}"}}) == 1
