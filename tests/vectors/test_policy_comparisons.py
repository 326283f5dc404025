"""Pairs of policies that others published with the answer: what does one allow and not the other?

The two that deviate are proven wrong in `docs/divergences.md`.
"""

from typing import Any

import pytest
from tests.oracle import naive_policy, z3_policy
from tests.vectors.policies import parameters

from durward.core.policy.analysis.find import find
from durward.core.policy.analysis.policy_stack import PolicyStack
from durward.core.policy.engine.predicate import ActionMatch
from durward.core.policy.language.dialect import imported
from durward.core.policy.language.document import PolicyKind, read_document
from durward.core.policy.language.pattern import action_pattern

WRONG = {("compare_quacky-0033", "p2_minus_p1"), ("compare_quacky-0045", "p2_minus_p1")}
DEVIATING = {None, *(case for case, _ in WRONG)}
"""By the names of their cases; where there are no vectors, the one that says so has none."""


def side(policy: dict[str, Any]) -> PolicyStack:
    """A policy on its own; of 2008 it is read as of 2012, which differs in variables alone."""
    found = policy["Statement"]
    statements = found if isinstance(found, list) else [found]
    named = any(element in each for each in statements for element in ("Principal", "NotPrincipal"))
    document: Any = {"Statement": statements}
    kind = PolicyKind.RESOURCE if named else PolicyKind.IDENTITY
    return PolicyStack([read_document(document, "p", kind, imported())], cross_tenant=True)


@pytest.mark.parametrize("case", parameters("compare"))
def test_a_comparison_is_as_published(case: dict[str, Any]) -> None:
    one, other = side(case["policy1"]), side(case["policy2"])
    for question, witness in (("p1_minus_p2", find(one, other)), ("p2_minus_p1", find(other, one))):
        agrees = (witness is not None) is (case["expect"][question] == "SAT")
        assert agrees is ((case["id"], question) not in WRONG), question


@pytest.mark.parametrize("case", parameters("compare")[::8])
def test_z3_finds_the_same_in_a_comparison(case: dict[str, Any]) -> None:
    one, other = ({"Statement": case[name]["Statement"]} for name in ("policy1", "policy2"))
    for allowing, denying in ((one, other), (other, one)):
        witness = find(side(allowing), side(denying))
        answer = z3_policy.ask(
            z3_policy.Side([allowing]), z3_policy.Side([denying]), cross_tenant=True
        )
        if answer.request:
            assert allows(allowing, answer.request)
            assert not allows(denying, answer.request)
        if answer.is_settled:
            assert (witness is None) is (answer.request is None)


@pytest.mark.parametrize("case", [case for case in parameters("compare") if case.id in DEVIATING])
def test_z3_proves_that_a_published_label_is_wrong(case: dict[str, Any]) -> None:
    one, other = (z3_policy.Side([case[name]]) for name in ("policy1", "policy2"))
    assert z3_policy.ask(other, one, cross_tenant=True) == z3_policy.PROVEN


def allows(policy: dict[str, Any], request: z3_policy.Request) -> bool:
    """Whether a policy on its own allows what z3 found; the resource may be of any account."""
    asked = (request.principals, request.action, request.resource)
    context = naive_policy.read_context(request.context)
    by_resource = z3_policy.names_somebody(policy)
    applying = {
        statement["Effect"]
        for statement in z3_policy.statements([policy])
        if naive_policy.applies(
            statement, *asked, context, cross_tenant=True, by_resource=by_resource
        )
    }
    return applying == {"Allow"}


@pytest.mark.parametrize("case", parameters("any_resource"))
def test_an_action_is_allowed_on_some_resource_as_published(case: dict[str, Any]) -> None:
    statements = [each for policy in case["policies"] for each in policy["Statement"]]
    under = ActionMatch((action_pattern(case["action"]),), complement=False)
    assert (find(side({"Statement": statements}), under=under) is not None) is case["expect"]
