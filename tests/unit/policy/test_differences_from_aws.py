"""What docs/divergences.md says of Durward beside AWS, as the engine decides it."""

from typing import Any

import pytest

from durward.core.policy.engine.decision import Result
from durward.core.policy.engine.evaluate import Policies, PolicySet
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.language.dialect import AttachmentPoint, imported
from durward.core.policy.language.document import PolicyKind, read_document

ANN = Principal("ann", "user", "acme", ("clerk",))
ORDER = "arn:durward:orders:s:acme:order/1"
NO_VALUE = {"StringNotEquals": {"app:A": "${app:None}"}}


def decided(*statements: dict[str, Any], context: dict[str, Any] | None = None) -> Result:
    usual = {"Effect": "Allow", "Action": "orders:GetOrder", "Resource": "*"}
    listed: Any = [{**usual, **each} for each in statements]
    document = read_document({"Version": "2012-10-17", "Statement": listed}, "p")
    policies = PolicySet(Policies(identity={"role/clerk": [document]}))
    return policies.evaluate(AccessRequest(ANN, "orders:GetOrder", ORDER, context or {})).result


@pytest.mark.parametrize(
    "statement",
    [
        {"Resource": "arn:durward:orders:s:acme:ord*"},
        {"Resource": "arn:durward:orders:s:acme:*/1"},
        {"Resource": "arn:durward:orders:s:${durward:TenantId}:order/1"},
        {"Condition": NO_VALUE},
        {"Condition": {"ForAnyValue:StringEqualsIfExists": {"app:B": "x"}}},
    ],
)
def test_an_allow_that_aws_would_not_apply_applies_here(statement: dict[str, Any]) -> None:
    assert decided(statement, context={"app:A": "x"}) is Result.ALLOW


def test_a_variable_without_a_value_makes_a_negated_deny_apply() -> None:
    denied = {"Effect": "Deny", "Condition": NO_VALUE}
    assert decided({}, denied, context={"app:A": "x"}) is Result.EXPLICIT_DENY


def test_a_guardrail_caps_requests_without_a_token_too() -> None:
    def read(kind: PolicyKind, **statement: Any) -> Any:
        body: Any = {"Effect": "Allow", "Resource": "*", **statement}
        return read_document({"Version": "2012-10-17", "Statement": body}, "p", kind)

    open_to_all = read(PolicyKind.RESOURCE, Action="orders:GetOrder", Principal="*")
    asked = AccessRequest(None, "orders:GetOrder", ORDER)
    for action, result in (("orders:*", Result.ALLOW), ("x:*", Result.IMPLICIT_DENY)):
        level = [read(PolicyKind.IDENTITY, Action=action)]
        policies = Policies(resources={"orders": [open_to_all]}, guardrails=[level])
        assert PolicySet(policies).evaluate(asked).result is result


@pytest.mark.parametrize("place", [AttachmentPoint.RESOURCE, AttachmentPoint.ENDPOINT])
def test_not_resource_with_an_arn_that_matches_nothing_matches_every_resource(
    place: AttachmentPoint,
) -> None:
    statement: Any = {"Effect": "Allow", "Action": "s3:Get", "NotResource": "arn:aws:s3"}
    body: Any = {"Version": "2012-10-17", "Statement": {**statement, "Principal": "*"}}
    document = read_document(body, "p", PolicyKind.RESOURCE, imported(place))
    asked = AccessRequest(ANN, "s3:Get", "arn:aws:s3:::bucket")
    policies = PolicySet(Policies(resources={"s3": [document]}))
    assert policies.evaluate(asked).allowed
