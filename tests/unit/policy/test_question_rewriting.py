"""A question is put otherwise before it is searched, and means the same of every request.

The name of who asks is taken apart into tenant, kind and subject; the tenant of a resource is that
of its name; a key that always has a list satisfies nothing without a set operator. Each is compared
with the decision about requests one by one.
"""

from typing import Any

import pytest

from durward.core.policy.engine.predicate import (
    TRUE,
    And,
    ConditionMatch,
    Facts,
    Predicate,
    compile_statement,
    holds,
    keys_of,
)
from durward.core.policy.engine.request import PRINCIPAL_ARN, AccessRequest, Principal
from durward.core.policy.language.document import PolicyKind, read_document
from durward.core.policy.symbolic.constraints import (
    AllOf,
    Literal,
    Node,
    OneOf,
    decompose,
    is_satisfied,
)
from durward.core.policy.symbolic.principal_name import taken_apart
from durward.core.policy.symbolic.request_keys import (
    RESOURCE_TENANT,
    reading,
    with_lists,
    with_tenant_of_resource,
)
from durward.core.policy.symbolic.solve import solve
from durward.core.policy.symbolic.unknown import Exhausted, Unknown
from durward.core.policy.symbolic.work import Work

PEOPLE = [
    Principal(subject, kind, tenant)
    for subject, kind, tenant in [
        ("ann", "user", "acme"),
        ("bob", "user", "globex"),
        ("job", "client", "acme"),
        ("a*n", "user", "acme"),
        ("ANN", "user", "Acme"),
    ]
]
VALUES: list[Any] = [None, "a", "acme", {}, ["a"]]
TENANTS = ["acme", "globex", "ACME", "", "a*", "somebody-else"]


def predicate(
    condition: dict[str, Any], *, effect: str = "Allow", resource: str | None = "*"
) -> Predicate:
    body: Any = {"Effect": effect, "Action": "*", "Resource": resource, "Condition": condition}
    document = read_document({"Version": "2012-10-17", "Statement": body}, "p")
    return compile_statement(document.statements[0])


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"durward:PrincipalArn": "arn:durward:iam::acme:user/ann"}},
        {"StringNotEquals": {"durward:PrincipalArn": "arn:durward:iam::acme:user/ann"}},
        {"StringLike": {"durward:PrincipalArn": ["*:user/a*", "arn:durward:iam::globex:*"]}},
        {"StringLike": {"durward:PrincipalArn": "arn:durward:iam::ac?e:*/*n"}},
        {"StringLike": {"durward:PrincipalArn": "arn:durward:iam::acme?user/ann"}},
        {"StringLike": {"durward:PrincipalArn": "arn:aws:iam::acme:user/ann"}},
        {"StringEquals": {"durward:PrincipalArn": "arn:durward:iam::acme:user/a*n"}},
        {"StringNotLike": {"durward:PrincipalArn": "*:client/*"}},
        {"ArnLike": {"durward:PrincipalArn": "arn:durward:iam::*:user/a?n"}},
        {"ArnLike": {"durward:PrincipalArn": "arn:other:iam::*:user/*"}},
        {"ArnNotEquals": {"durward:PrincipalArn": "arn:durward:iam::acme:client/job"}},
        {"StringEqualsIgnoreCase": {"durward:PrincipalArn": "arn:durward:iam::acme:user/ann"}},
        {"Null": {"durward:PrincipalArn": "true"}},
        {"Null": {"durward:PrincipalArn": "false"}},
        {"NumericEquals": {"durward:PrincipalArn": "1"}},
        {"StringEquals": {"app:Owner": "${durward:PrincipalArn}"}},
        {"StringEquals": {"durward:PrincipalArn": "${app:Owner}"}},
        {"StringEquals": {"durward:Subject": "ann"}},
        {"Null": {"app:Owner": "true"}},
    ],
)
def test_a_constraint_on_a_principals_name_becomes_constraints_on_its_parts(
    condition: dict[str, Any], effect: str
) -> None:
    written = predicate(condition, effect=effect)
    apart = taken_apart(written)
    answers = set()
    for person in PEOPLE:
        for owner in (None, *(each.arns[0] for each in PEOPLE), "x"):
            context = {"app:Owner": owner} if owner else {}
            request = AccessRequest(person, "orders:Get", "arn:durward:o:p:acme:order/1", context)
            answer = holds(written, request.facts)
            assert holds(apart, request.facts) is answer, (person, owner)
            answers.add(answer)
    assert answers


def test_a_name_in_a_resource_pattern_is_split_into_parts_too() -> None:
    written = predicate({}, resource="arn:durward:orders:*:*:owned/${durward:PrincipalArn}")
    apart = taken_apart(written)
    assert PRINCIPAL_ARN in keys_of(written)
    assert PRINCIPAL_ARN not in keys_of(apart)
    for person in PEOPLE:
        for owner in PEOPLE:
            resource = f"arn:durward:orders:p:acme:owned/{owner.arns[0]}"
            facts = AccessRequest(person, "orders:Get", resource, {}).facts
            assert holds(written, facts) is holds(apart, facts) is (person == owner)


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"durward:ResourceTenant": "acme"}},
        {"StringNotEquals": {"durward:ResourceTenant": ["acme", "globex"]}},
        {"StringEquals": {"durward:ResourceTenant": "a*"}},
        {"StringLike": {"durward:ResourceTenant": "a*"}},
        {"StringNotLike": {"durward:ResourceTenant": "?cme"}},
        {"StringEqualsIfExists": {"durward:ResourceTenant": "acme"}},
        {"StringNotEqualsIfExists": {"durward:ResourceTenant": "acme"}},
        {"StringEqualsIgnoreCase": {"durward:ResourceTenant": "acme"}},
        {"StringEquals": {"durward:ResourceTenant": "${durward:TenantId}"}},
        {"StringNotEquals": {"durward:ResourceTenant": "${app:Tenant}"}},
        {"StringEquals": {"app:Tenant": "${durward:ResourceTenant}"}},
        {"Null": {"durward:ResourceTenant": "true"}},
        {"Null": {"durward:ResourceTenant": "false"}},
        {"StringEquals": {"durward:TenantId": "acme"}},
    ],
)
def test_the_tenant_of_a_resource_is_that_of_its_name(
    condition: dict[str, Any], effect: str
) -> None:
    """What is told beside the name, and is another one, is no request that there is."""
    written = predicate(condition, effect=effect)
    by_name = with_tenant_of_resource(written)
    for person in PEOPLE:
        for tenant in TENANTS:
            for told in (None, *TENANTS):
                context = {"durward:ResourceTenant": tenant} if tenant else {}
                context |= {"app:Tenant": told} if told is not None else {}
                resource = f"arn:durward:orders:prod:{tenant}:order/1"
                facts = AccessRequest(person, "orders:Get", resource, context).facts
                assert holds(by_name, facts) is holds(written, facts), (person, tenant, told)


def test_a_condition_on_the_tenant_of_a_resource_alone_is_one_on_its_name() -> None:
    written = predicate({"StringEquals": {"durward:ResourceTenant": "acme"}})
    assert RESOURCE_TENANT not in keys_of(with_tenant_of_resource(written))
    other = predicate({"StringEquals": {"app:Tenant": "${durward:ResourceTenant}"}})
    assert RESOURCE_TENANT in keys_of(with_tenant_of_resource(other))


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"app:Teams": "red"}},
        {"StringNotEquals": {"app:Teams": "red"}},
        {"StringEqualsIfExists": {"app:Teams": "red"}},
        {"ForAnyValue:StringEquals": {"app:Teams": "red"}},
        {"ForAllValues:StringEquals": {"app:Teams": "red"}},
        {"Null": {"app:Teams": "true"}},
        {"StringEquals": {"app:Level": "high"}},
    ],
)
def test_a_key_with_several_values_satisfies_nothing_without_a_set_operator(
    condition: dict[str, Any],
) -> None:
    written = predicate(condition)
    known = with_lists(written, {"app:teams"})
    for teams in (None, ["red"], ["red", "blue"], ["blue"]):
        for level in (None, "high"):
            told = {"app:Teams": teams, "app:Level": level}
            context = {key: value for key, value in told.items() if value is not None}
            facts = AccessRequest(PEOPLE[0], "o:Get", "arn:durward:o:p:acme:x", context).facts
            assert holds(known, facts) is holds(written, facts), context


def test_a_key_can_be_asked_about_twice_under_two_names() -> None:
    """As a comparison of two sides does, of a key that says another thing on the other one."""
    condition = {"StringEquals": {"app:Level": "${app:Least}"}}
    written = predicate(condition, resource="arn:durward:o:*:*:order/${app:Level}")
    renamed = reading(written, {"app:level": "app:level@before"})
    assert {key for key in keys_of(renamed) if key.startswith("app:")} == {
        "app:level@before",
        "app:least",
    }
    resource = "arn:durward:o:p:acme:order/high"
    for level, least in (("high", "high"), ("high", "low"), ("low", "low")):
        context = {"app:Level": level, "app:Least": least}
        other = {"app:Level@before": level, "app:Least": least}
        before = holds(written, AccessRequest(PEOPLE[0], "o:Get", resource, context).facts)
        after = holds(renamed, AccessRequest(PEOPLE[0], "o:Get", resource, other).facts)
        assert before is after is (level == least == "high")


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
@pytest.mark.parametrize(
    "changes",
    [
        {"Resource": "arn:durward:o:*:*:order/*"},
        {"Resource": "arn:durward:o:*:${app:Tenant}:order/${app:Id}"},
        {"Resource": ["arn:durward:x:*:*:*", "arn:durward:o:p:acme:order/${app:Id}/*"]},
        {"NotResource": "arn:durward:o:*:*:order/${app:Id}"},
        {"NotResource": ["arn:durward:o:*:${app:Tenant}:*", "arn:durward:o:*:*:order/a"]},
        {
            "Principal": {
                "Durward": ["arn:durward:iam::acme:user/ann", "arn:durward:iam::acme:role/clerk"]
            }
        },
        {"NotPrincipal": {"Durward": "arn:durward:iam::acme:user/ann"}},
        {"Principal": "*"},
        {"Action": ["o:Get*", "o:List"]},
        {"NotAction": "o:Get"},
        {"Condition": {"StringEquals": {"app:Id": "a"}}},
    ],
)
def test_the_constraints_on_the_parts_of_a_statement_equal_the_constraint_on_it(
    changes: dict[str, Any], effect: str
) -> None:
    """Also where a variable has no value, or one that cannot be read."""
    usual: dict[str, Any] = {"Effect": effect, "Action": "*", "Resource": "*", "Principal": "*"}
    for negated in ("Action", "Resource", "Principal"):
        if f"Not{negated}" in changes:
            del usual[negated]
    document = read_document(
        {"Version": "2012-10-17", "Statement": {**usual, **changes}}, "p", PolicyKind.RESOURCE
    )
    written = compile_statement(document.statements[0])
    for person in PEOPLE:
        for action in ("o:get", "o:put"):  # a search has them in lower case
            for last in ("order/a", "order/a/1"):
                for value in VALUES:
                    told: dict[str, Any] = {"app:Id": value, "app:Tenant": value}
                    context = told if value is not None else {}
                    resource = f"arn:durward:o:p:acme:{last}"
                    facts = AccessRequest(person, action, resource, context).facts
                    for wanted in (True, False):
                        parts = decompose(written, wanted, facts)
                        agrees = holds(written, facts) is wanted
                        assert of_parts(parts, facts) is agrees, (person, action, last, value)


def of_parts(node: Node, facts: Facts) -> bool:
    """Whether a request is as wished, each part taken apart in its turn."""
    match node:
        case OneOf(choices):
            return any(of_parts(each, facts) for each in choices)
        case AllOf(nodes):
            return all(of_parts(each, facts) for each in nodes)
        case Literal(predicate, wanted) if not isinstance(predicate, ConditionMatch):
            return of_parts(decompose(predicate, wanted, facts), facts)
        case _:
            return is_satisfied(node, facts)


def test_the_steps_of_a_question_are_bounded() -> None:
    work = Work(most=5, each=3)
    work.begin()
    work.spend(2)
    with pytest.raises(Exhausted, match="it takes too many steps"):
        work.spend()
    assert not work.is_done, "another search may begin"
    work.begin()
    with pytest.raises(Exhausted, match="the question takes too many steps"):
        work.spend()
    assert work.is_done


def test_taking_a_predicate_apart_has_a_limit_too() -> None:
    """Where nothing in it is a constraint, no step was counted."""
    nothing: Predicate = TRUE
    for _ in range(10):
        nothing = And((nothing,) * 3)
    with pytest.raises(Unknown, match="too many steps"):
        solve(nothing, work=Work(each=100))
    assert solve(And((TRUE,) * 50), work=Work(each=2)) is not None
