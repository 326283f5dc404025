"""Who may do what: each rule by which policies decide, one by one."""

from typing import Any

import pytest

from durward.core.policy.engine.decision import Layer, Result
from durward.core.policy.engine.evaluate import Policies, PolicySet
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.language.document import PolicyKind, read_document

ANN = Principal("ann", "user", "acme", roles=("clerk",), client="cli")
ORDER = "arn:durward:orders:prod:acme:order/1"
OWN = {
    "Sid": "Own",
    "Effect": "Allow",
    "Action": "orders:Get*",
    "Resource": "arn:durward:orders:*:${durward:TenantId}:order/*",
}


def policy(
    *statements: dict[str, Any], name: str = "p", kind: PolicyKind = PolicyKind.IDENTITY
) -> Any:
    return read_document({"Version": "2012-10-17", "Statement": list(statements)}, name, kind)


def request(
    principal: Principal | None = ANN, resource: str = ORDER, **context: str | tuple[str, ...]
) -> AccessRequest:
    facts = {f"durward:{key}": value for key, value in context.items()}
    return AccessRequest(principal, "orders:GetOrder", resource, facts)


def with_role(*statements: dict[str, Any], **others: Any) -> PolicySet:
    return PolicySet(Policies(identity={"role/clerk": [policy(*statements)]}, **others))


@pytest.mark.requirement("ZT-6")
def test_a_role_allows_in_its_own_tenant_and_the_decision_names_the_statement() -> None:
    answer = with_role(OWN).evaluate(request())
    assert (answer.result, answer.because) == (Result.ALLOW, ("p/Own",))


@pytest.mark.requirement("ZT-6")
def test_a_deny_in_any_policy_beats_every_allow() -> None:
    deny = {"Sid": "Never", "Effect": "Deny", "Action": "*", "Resource": "*"}
    answer = with_role(OWN, deny).evaluate(request())
    assert (answer.result, answer.because) == (Result.EXPLICIT_DENY, ("p/Never",))


def test_a_resource_of_another_tenant_needs_an_allow_of_both_sides() -> None:
    everything = {"Sid": "All", "Effect": "Allow", "Action": "*", "Resource": "*"}
    theirs = "arn:durward:orders:prod:globex:order/1"
    assert with_role(everything).evaluate(request(resource=theirs)).blocked_by == (Layer.RESOURCE,)
    shared = {**everything, "Principal": {"Durward": "arn:durward:iam::acme:user/ann"}}
    both = with_role(everything, resources={"orders": [policy(shared, kind=PolicyKind.RESOURCE)]})
    assert both.evaluate(request(resource=theirs)).allowed


def test_without_a_token_only_the_policy_of_the_api_allows_anything() -> None:
    anybody = {"Effect": "Allow", "Action": "orders:GetOrder", "Principal": "*"}
    public = PolicySet(Policies(resources={"orders": [policy(anybody, kind=PolicyKind.RESOURCE)]}))
    assert public.evaluate(request(None)).allowed
    assert not with_role(OWN).evaluate(request(None)).allowed


@pytest.mark.parametrize("layer", ["boundaries", "guardrails"])
def test_a_boundary_or_a_guardrail_caps_what_the_policy_of_the_api_allows_too(layer: str) -> None:
    anybody = {"Effect": "Allow", "Action": "*", "Principal": "*"}
    cap = policy({**OWN, "Action": "orders:ListOrders"}, name="cap")
    ceiling: Any = {"user/ann": [cap]} if layer == "boundaries" else [[cap]]
    resources = {"orders": [policy(anybody, kind=PolicyKind.RESOURCE)]}
    capped = PolicySet(Policies(resources=resources, **{layer: ceiling}))
    assert capped.evaluate(request()).result is Result.IMPLICIT_DENY


def test_the_boundary_of_a_client_caps_the_people_who_use_it() -> None:
    cap = policy({**OWN, "Action": "orders:ListOrders"}, name="cap")
    capped = with_role(OWN, boundaries={"client/cli": [cap]})
    assert capped.evaluate(request()).blocked_by == (Layer.BOUNDARY,)


def test_a_scope_takes_permissions_away_and_never_gives_any() -> None:
    engine = with_role(OWN, scopes={"read": frozenset({"orders:GetOrder"})})
    scoped = Principal("ann", "user", "acme", ("clerk",), scopes=frozenset({"read"}))
    other = Principal("ann", "user", "acme", ("clerk",), scopes=frozenset({"write"}))
    stranger = Principal("eve", "user", "acme", scopes=frozenset({"read"}))
    assert engine.evaluate(request(scoped)).allowed
    assert engine.evaluate(request(other)).blocked_by == (Layer.SESSION,)
    assert not engine.evaluate(request(stranger)).allowed


def test_the_context_of_a_request_cannot_replace_its_principal() -> None:
    theirs = "arn:durward:orders:prod:globex:order/1"
    forged = request(resource=theirs, tenantid="globex", subject="bob", roles=("admin",))
    assert not with_role(OWN).evaluate(forged).allowed


def test_a_list_of_resources_is_decided_as_each_by_itself() -> None:
    policies = with_role(OWN)
    theirs = "arn:durward:orders:prod:globex:order/1"
    answers = policies.evaluate_many(ANN, "orders:GetOrder", [(ORDER, {}), (theirs, {})])
    assert [answer.allowed for answer in answers] == [True, False]


def test_what_can_returns_the_allowed_actions() -> None:
    asked = ["orders:GetOrder", "orders:GetLines", "orders:CancelOrder"]
    assert with_role(OWN).what_can(request(), asked) == {"orders:GetOrder", "orders:GetLines"}
