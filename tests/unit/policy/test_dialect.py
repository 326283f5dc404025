"""Documents of AWS, and what Durward's own do not take."""

from dataclasses import replace
from typing import Any

import pytest

from durward.core.policy.answer import Result
from durward.core.policy.dialect import AWS
from durward.core.policy.document import Kind, read_document
from durward.core.policy.evaluate import Policies, PolicySet
from durward.core.policy.request import AccessRequest, Principal
from durward.core.policy.source import PolicyError

ANN = Principal("ann", "user", "123456789012")
KEY = "arn:aws:s3:::bucket/key"


def decide(statement: dict[str, Any], resource: str = KEY, **context: str) -> Result:
    lenient = replace(AWS, lenient=True)
    document = read_document(
        {"Statement": {"Action": "s3:Get*", **statement}}, "p", dialect=lenient
    )
    request = AccessRequest(ANN, "s3:GetObject", resource, context, owner="123456789012")
    return PolicySet(Policies(identity={"user/ann": [document]})).evaluate(request).result


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        (KEY, True),
        ("arn:aws:s3:*", True),
        ("arn:aws:s3*", True),
        ("arn:aws:s3:::bucket/*", True),
        ("arn:aws:ec2:*", False),
        ("arn:aws:s3:::other/*", False),
        ("arn:aws:s3:::${aws:PrincipalTag/b}/key", False),
        ("arn:aws:s3:::${aws:PrincipalTag/b, 'bucket'}/key", True),
    ],
)
def test_a_short_arn_stands_for_what_it_leaves_out(pattern: str, *, matches: bool) -> None:
    found = decide({"Effect": "Allow", "Resource": pattern})
    assert found is (Result.ALLOW if matches else Result.IMPLICIT_DENY)


def test_a_condition_that_means_nothing_never_helps() -> None:
    for condition in ({"Numeric": {"a": "1"}}, {"IpAddress": {"aws:SourceIp": "x"}}):
        statement = {"Resource": "*", "Condition": condition}
        assert decide({**statement, "Effect": "Allow"}) is Result.IMPLICIT_DENY
        assert decide({**statement, "Effect": "Deny"}) is Result.EXPLICIT_DENY
        document: Any = {"Statement": {"Action": "*", "Effect": "Allow", **statement}}
        with pytest.raises(PolicyError):
            read_document(document, "p", dialect=AWS)


def test_keys_have_our_names_also_in_variables() -> None:
    condition = {"StringEquals": {"s3:x": "${aws:UserAgent}"}, "IpAddress": {"aws:SourceIp": "::1"}}
    statement = {"Effect": "Allow", "Resource": "*", "Condition": condition}
    context = {"durward:UserAgent": "a", "durward:SourceIp": "::1"}
    assert decide(statement, **context, **{"s3:x": "a"}) is Result.ALLOW
    assert decide(statement, **context, **{"s3:x": "b"}) is Result.IMPLICIT_DENY


@pytest.mark.parametrize(
    ("principal", "meant"),
    [
        ({"AWS": "123456789012"}, True),
        ({"AWS": ["arn:aws:iam::123456789012:user/ann"]}, True),
        ({"AWS": "arn:aws:iam::123456789012:root"}, True),
        ({"AWS": "*"}, True),
        ("*", True),
        ({"AWS": "210987654321"}, False),
        ({"Service": "lambda.amazonaws.com"}, False),
    ],
)
def test_accounts_and_services_are_principals(principal: Any, *, meant: bool) -> None:
    statement = {"Effect": "Allow", "Action": "*", "Principal": principal}
    document = read_document({"Id": "x", "Statement": statement}, "p", Kind.RESOURCE, AWS)
    policies = PolicySet(Policies(resources={"s3": [document]}))
    answer = policies.evaluate(AccessRequest(ANN, "s3:Get", KEY, owner="123456789012"))
    assert answer.allowed is meant


def test_a_name_that_no_dialect_has_is_told() -> None:
    document: Any = {"Statement": {"Effect": "Allow", "Principal": {"AWS": "ann"}, "Action": "*"}}
    with pytest.raises(PolicyError, match="not a principal"):
        read_document(document, "p", Kind.RESOURCE, AWS)


def test_an_empty_list_of_values_matches_nothing() -> None:
    for name in ("StringEquals", "ArnLike", "ArnNotLike", "NumericLessThan", "IpAddress"):
        statement = {"Effect": "Allow", "Resource": "*", "Condition": {name: {"a": []}}}
        assert decide(statement, a="x") is Result.IMPLICIT_DENY, name
    statement = {"Effect": "Allow", "Resource": "*", "Condition": {"StringNotEquals": {"a": []}}}
    assert decide(statement, a="x") is Result.ALLOW


@pytest.mark.parametrize("action", ["s3: Get", "s3:", "", "s3:Get Object"])
def test_a_name_with_white_space_or_none_is_no_action(action: str) -> None:
    for element in ("Action", "NotAction"):
        patterns: Any = ["*", "s3:Get Object"] if element == "Action" else "ec2:*"
        statement: Any = {"Effect": "Allow", element: patterns, "Resource": "*"}
        document = read_document({"Statement": statement}, "p", dialect=AWS)
        policies = PolicySet(Policies(identity={"user/ann": [document]}))
        request = AccessRequest(ANN, action, KEY, owner="123456789012")
        assert not policies.evaluate(request).allowed
