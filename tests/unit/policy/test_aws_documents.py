"""Documents of AWS: what they mean here, and what Durward's own do not take."""

from typing import Any

import pytest

from durward.core.policy.engine.decision import Result
from durward.core.policy.engine.evaluate import Policies, PolicySet
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.language.dialect import AWS, AttachmentPoint, imported
from durward.core.policy.language.document import PolicyKind, Principals, Statement, read_document
from durward.core.policy.language.pattern import ResourcePattern, Unresolved
from durward.core.policy.language.source import PolicyError

ANN = Principal("ann", "user", "123456789012")
KEY = "arn:aws:s3:::bucket/key"


def decide(statement: dict[str, Any], resource: str = KEY, **context: str) -> Result:
    document = read_document(
        {"Statement": {"Action": "s3:Get*", **statement}}, "p", dialect=imported()
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
def test_a_short_arn_matches_every_resource_below_it(pattern: str, *, matches: bool) -> None:
    found = decide({"Effect": "Allow", "Resource": pattern})
    assert found is (Result.ALLOW if matches else Result.IMPLICIT_DENY)


def test_an_unknown_operator_or_value_never_allows_and_does_deny() -> None:
    for condition in ({"Numeric": {"a": "1"}}, {"IpAddress": {"aws:SourceIp": "x"}}):
        statement = {"Resource": "*", "Condition": condition}
        assert decide({**statement, "Effect": "Allow"}) is Result.IMPLICIT_DENY
        assert decide({**statement, "Effect": "Deny"}) is Result.EXPLICIT_DENY
        document: Any = {"Statement": {"Action": "*", "Effect": "Allow", **statement}}
        with pytest.raises(PolicyError):
            read_document(document, "p", dialect=AWS)


def test_keys_of_aws_are_read_as_ours_in_variables_too() -> None:
    condition = {"StringEquals": {"s3:x": "${aws:UserAgent}"}, "IpAddress": {"aws:SourceIp": "::1"}}
    statement = {"Effect": "Allow", "Resource": "*", "Condition": condition}
    context = {"durward:UserAgent": "a", "durward:SourceIp": "::1"}
    assert decide(statement, **context, **{"s3:x": "a"}) is Result.ALLOW
    assert decide(statement, **context, **{"s3:x": "b"}) is Result.IMPLICIT_DENY


@pytest.mark.parametrize(
    ("principal", "meant"),
    [
        ({"AWS": ["arn:aws:iam::123456789012:user/ann"]}, True),
        ({"AWS": "123456789012"}, False),
        ({"AWS": "arn:aws:iam::123456789012:root"}, False),
        ({"AWS": "*"}, True),
        ("*", True),
        ({"AWS": "210987654321"}, False),
        ({"Service": "lambda.amazonaws.com"}, False),
    ],
)
def test_a_principal_of_aws_is_an_account_a_user_or_a_role(principal: Any, *, meant: bool) -> None:
    statement = {"Effect": "Allow", "Action": "*", "Principal": principal}
    document = read_document({"Id": "x", "Statement": statement}, "p", PolicyKind.RESOURCE, AWS)
    policies = PolicySet(Policies(resources={"s3": [document]}))
    answer = policies.evaluate(AccessRequest(ANN, "s3:Get", KEY, owner="123456789012"))
    assert answer.allowed is meant


def test_an_invalid_principal_is_refused() -> None:
    document: Any = {"Statement": {"Effect": "Allow", "Principal": {"AWS": "ann"}, "Action": "*"}}
    with pytest.raises(PolicyError, match="not a principal"):
        read_document(document, "p", PolicyKind.RESOURCE, AWS)


def test_an_empty_list_of_values_matches_nothing() -> None:
    for name in ("StringEquals", "ArnLike", "ArnNotLike", "NumericLessThan", "IpAddress"):
        statement = {"Effect": "Allow", "Resource": "*", "Condition": {name: {"a": []}}}
        assert decide(statement, a="x") is Result.IMPLICIT_DENY, name
    statement = {"Effect": "Allow", "Resource": "*", "Condition": {"StringNotEquals": {"a": []}}}
    assert decide(statement, a="x") is Result.ALLOW


@pytest.mark.parametrize("action", ["s3: Get", "s3:", "", "s3:Get Object"])
def test_nobody_may_do_an_action_whose_name_is_empty_or_has_a_space(action: str) -> None:
    for element in ("Action", "NotAction"):
        patterns: Any = ["*", "s3:Get Object"] if element == "Action" else "ec2:*"
        statement: Any = {"Effect": "Allow", element: patterns, "Resource": "*"}
        document = read_document({"Statement": statement}, "p", dialect=AWS)
        policies = PolicySet(Policies(identity={"user/ann": [document]}))
        request = AccessRequest(ANN, action, KEY, owner="123456789012")
        assert not policies.evaluate(request).allowed


@pytest.mark.parametrize("account", ["123456789012", "arn:aws:iam::123456789012:root"])
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_an_account_passes_on_by_its_own_policies_what_another_account_grants_it(
    account: str, effect: str
) -> None:
    own: Any = {"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}
    grant: Any = {"Effect": effect, "Action": "*", "Principal": {"AWS": account}}
    policies = PolicySet(
        Policies(
            identity={"user/ann": [read_document(own, "own", dialect=AWS)]},
            resources={"s3": [read_document({"Statement": grant}, "p", PolicyKind.RESOURCE, AWS)]},
        )
    )
    within = policies.evaluate(AccessRequest(ANN, "s3:Get", KEY, owner="123456789012"))
    across = policies.evaluate(AccessRequest(ANN, "s3:Get", KEY, owner="210987654321"))
    assert (within.allowed, across.allowed) == (effect == "Allow", effect == "Allow")
    root = AccessRequest(Principal("", "root", "123456789012"), "s3:Get", KEY, owner="123456789012")
    assert policies.evaluate(root).allowed is (effect == "Allow")


def imported_statement(
    statement: dict[str, Any], kind: PolicyKind = PolicyKind.IDENTITY, **rest: Any
) -> Statement:
    body = {"Statement": {"Action": "s3:*", "Resource": "*", "Effect": "Allow", **statement}}
    (found,) = read_document({**body, **rest}, "p", kind, imported()).statements
    return found


@pytest.mark.parametrize("action", ["s3:", "*:Get", "s3*", "*:*", "s?:Get", ""])
def test_an_action_pattern_without_a_service_matches_nothing(action: str) -> None:
    assert decide({"Effect": "Allow", "Action": action, "Resource": "*"}) is Result.IMPLICIT_DENY
    both = {"Effect": "Allow", "Action": [action, "s3:GetObject"], "Resource": "*"}
    assert decide(both) is Result.ALLOW


@pytest.mark.parametrize(
    ("place", "matching"),
    [
        (AttachmentPoint.IDENTITY, ["arn:aws:s3", "arn:aws:s3:*:", "arn:aws:s3:*", "arn:*", "**"]),
        (AttachmentPoint.RESOURCE, ["arn:aws:s3:*:", "arn:aws:s3:*", "arn:*", "**"]),
        (AttachmentPoint.SERVICE_CONTROL, ["arn:aws:s3:*", "arn:*", "**"]),
        (AttachmentPoint.RESOURCE_CONTROL, ["**"]),
    ],
)
def test_the_meaning_of_a_short_arn_depends_on_where_the_policy_is_attached(
    place: AttachmentPoint, matching: list[str]
) -> None:
    patterns = ["arn:aws:s3", "arn:aws:s3:*:", "arn:aws:s3:*", "arn:*", "**", "", "arn:aws:ec2"]
    read = imported(place).resource
    assert [text for text in patterns if names(read(text), KEY)] == matching


def names(pattern: ResourcePattern, resource: str) -> bool:
    try:
        return pattern.matches(resource.split(":", 5), lambda _: None)
    except Unresolved:
        return False


def named_by(principal: Any) -> Principals:
    found = imported_statement({"Principal": principal}, PolicyKind.RESOURCE).principals
    assert found is not None
    return found


def test_an_imported_document_may_name_principals_in_every_form_of_aws() -> None:
    ann = "arn:aws:iam::123456789012:user/ann"
    for principal in (ann, [ann], {"AWS": ["AIDAGONE", ann]}):
        assert named_by(principal).arns == {"arn:durward:iam::123456789012:user/ann"}
    role = "arn:aws:iam::123456789012:role/org/team/admin"
    assert named_by({"AWS": role}).arns == {"arn:durward:iam::123456789012:role/admin"}
    nobody = imported_statement({}, PolicyKind.RESOURCE).principals
    assert nobody == Principals(frozenset())
    everybody = imported_statement({"Principal": "*"}).principals
    assert everybody == Principals(frozenset(), everybody=True)


def test_a_document_of_2008_has_no_variables() -> None:
    resource = "arn:aws:s3:::bucket/${durward:Subject}"
    for version, literal in (("2008-10-17", True), ("2012-10-17", False)):
        statement = imported_statement({"Resource": resource}, Version=version)
        (pattern,) = statement.resources.patterns
        assert (not pattern.keys) is literal
        assert names(pattern, resource) is literal


def test_statements_of_an_imported_document_may_share_a_sid() -> None:
    statement: Any = {"Sid": "a", "Effect": "Deny", "Action": "*", "Resource": "*"}
    document = read_document({"Statement": [statement] * 3}, "p", dialect=imported())
    assert [one.name for one in document.statements] == ["a", "a#2", "a#3"]


def test_the_key_of_a_tag_may_have_spaces() -> None:
    condition = {"StringEquals": {"aws:PrincipalTag/My Team": "${aws:ResourceTag/Ihr Täm}"}}
    context = {"durward:principaltag/my team": "x", "durward:resourcetag/ihr täm": "x"}
    statement = {"Effect": "Allow", "Resource": "*", "Condition": condition}
    assert decide(statement, **context) is Result.ALLOW
    assert decide(statement) is Result.IMPLICIT_DENY
