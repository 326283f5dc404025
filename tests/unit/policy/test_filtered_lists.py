"""A list that is filtered by the policies: a member is in it where one request for it is allowed.

The answer for a list is what is left of the policies before any member is seen. It is compared here
with the decision about each member by itself; tests/contract/test_filter.py does so in databases.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from durward.core.policy.engine.evaluate import Policies, PolicySet
from durward.core.policy.engine.filter import Listed, TenantCase, remaining
from durward.core.policy.engine.predicate import TRUE, holds
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.language.document import PolicyKind, read_document

ANN = Principal("ann", "user", "acme", ("clerk",), scopes=None)
STATUS = "durward:ResourceAttr/Status"
MEMBERS: list[tuple[str, dict[str, Any]]] = [
    (f"arn:durward:orders:prod:{tenant}:order/{number}", {STATUS: status})
    for tenant in ("acme", "globex")
    for number in ("1", "2", "own-ann")
    for status in ("open", "closed")
]


def statement(effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": "orders:Get", "Resource": "*", **more}


def documents(*statements: dict[str, Any], kind: PolicyKind = PolicyKind.IDENTITY) -> list[Any]:
    return [read_document({"Version": "2012-10-17", "Statement": [*statements]}, "p", kind)]


def clerks(*statements: dict[str, Any], **others: Any) -> PolicySet:
    return PolicySet(Policies(identity={"role/clerk": documents(*statements)}, **others))


def of_api(*statements: dict[str, Any]) -> dict[str, Any]:
    named = [{"Principal": "*", **each} for each in statements]
    return {"resources": {"orders": documents(*named, kind=PolicyKind.RESOURCE)}}


def is_in(cases: tuple[TenantCase, ...], request: AccessRequest) -> bool:
    """Whether a member is in the list: some case is its own, no Deny holds and every level does."""

    def one(predicates: Any) -> bool:
        return any(holds(each.predicate, request.facts) for each in predicates)

    return any(
        holds(case.tenant, request.facts) and not one(case.denies) and all(map(one, case.levels))
        for case in cases
    )


def in_both(
    policies: PolicySet,
    principal: Principal | None = ANN,
    tenant: str | None = None,
    context: Mapping[str, object] | None = None,
) -> set[str]:
    """The members that the list has, which are those that are allowed one by one."""
    listed = Listed("orders", "prod", tenant, "order/", frozenset({STATUS.lower()}))
    cases = remaining(policies, listed.request(principal, "orders:Get", context or {}), listed)
    found = set()
    for resource, told in MEMBERS:
        if tenant is not None and f":{tenant}:" not in resource:
            continue
        known = {**(context or {}), **told}
        request = AccessRequest(principal, "orders:Get", resource, known)
        allowed = policies.evaluate(request).allowed
        assert is_in(cases, request) is allowed, request
        if allowed:
            found.add(f"{resource.removeprefix('arn:durward:orders:prod:')} {told[STATUS]}")
    return found


def test_a_list_is_empty_if_no_policy_allows_anything() -> None:
    assert in_both(clerks(statement(Action="orders:Create"))) == set()
    assert in_both(clerks(statement(Resource="arn:durward:bills:*:*:*"))) == set()
    assert in_both(PolicySet(Policies()), None) == set()


def test_a_condition_on_an_attribute_filters_each_member() -> None:
    is_open = {"StringEquals": {STATUS: "open"}}
    assert in_both(clerks(statement(Condition=is_open))) == {
        f"acme:order/{number} open" for number in ("1", "2", "own-ann")
    }


def test_a_pattern_with_the_principal_selects_the_principals_members() -> None:
    own = "arn:durward:orders:*:${durward:TenantId}:order/own-${durward:Subject}"
    assert in_both(clerks(statement(Resource=own))) == {
        "acme:order/own-ann open",
        "acme:order/own-ann closed",
    }


def test_a_deny_removes_the_members_that_it_matches_and_no_others() -> None:
    deny = statement("Deny", Resource="arn:durward:orders:*:*:order/1")
    assert {found.split()[0] for found in in_both(clerks(statement(), deny))} == {
        "acme:order/2",
        "acme:order/own-ann",
    }
    assert in_both(clerks(statement(), statement("Deny"))) == set()


def test_a_condition_on_the_principal_is_decided_before_any_member() -> None:
    strong = {"StringEquals": {"durward:acr": "2"}}
    policies = clerks(statement(Condition=strong))
    assert in_both(policies) == set()
    assert len(in_both(policies, context={"durward:acr": "2"})) == 6


def test_members_of_another_tenant_need_the_grant_of_both() -> None:
    both = clerks(statement(), **of_api(statement()))
    assert len(in_both(both)) == len(MEMBERS)
    assert {found.partition(":")[0] for found in in_both(clerks(statement()))} == {"acme"}
    only = PolicySet(Policies(**of_api(statement())))
    assert {found.partition(":")[0] for found in in_both(only)} == {"acme"}


def test_without_a_token_a_list_has_what_the_policy_of_the_api_allows_everybody() -> None:
    is_open = {"StringEquals": {STATUS: "open"}}
    public = PolicySet(Policies(**of_api(statement(Condition=is_open))))
    assert {found.split()[1] for found in in_both(public, None)} == {"open"}
    assert in_both(clerks(statement()), None) == set()


def test_every_boundary_and_guardrail_must_allow_a_member() -> None:
    boundary = documents(statement(Resource="arn:durward:orders:*:*:order/1"))
    guardrail = documents(statement(Condition={"StringEquals": {STATUS: "open"}}))
    capped = clerks(
        statement(),
        boundaries={"role/clerk": boundary, "user/ann": boundary},
        guardrails=[guardrail],
    )
    assert in_both(capped) == {"acme:order/1 open"}


@pytest.mark.parametrize(("scopes", "members"), [(("orders:read",), 6), (("other",), 0), ((), 0)])
def test_a_scope_that_does_not_cover_the_action_leaves_an_empty_list(
    scopes: tuple[str, ...], members: int
) -> None:
    policies = clerks(statement(), scopes={"orders:read": frozenset({"orders:Get"})})
    asks = Principal("ann", "user", "acme", ("clerk",), scopes=frozenset(scopes))
    assert len(in_both(policies, asks)) == members


def test_a_list_of_one_tenant_has_that_tenants_members() -> None:
    both = clerks(statement(), **of_api(statement()))
    for tenant in ("acme", "globex"):
        assert {found.partition(":")[0] for found in in_both(both, ANN, tenant)} == {tenant}
    assert in_both(clerks(statement()), ANN, "globex") == set()
    assert in_both(both, ANN, "") == in_both(both, None, "a:b") == set(), "no member is of these"


def test_no_condition_remains_if_a_statement_allows_every_member() -> None:
    listed = Listed("orders", "prod", "acme", "order/", frozenset())
    request = listed.request(ANN, "orders:Get", {})
    assert remaining(clerks(statement()), request, listed) == (TenantCase(TRUE, (), ()),)
    assert remaining(clerks(statement(), statement("Deny")), request, listed) == ()
