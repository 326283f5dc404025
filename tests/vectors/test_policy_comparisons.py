"""Pairs of policies that others published with the answer: what does one allow and not the other?

The two that deviate are proven wrong in `docs/divergences.md`.
"""

from typing import Any

import pytest
from tests.vectors.policies import parameters

from durward.core.policy.dialect import imported
from durward.core.policy.document import Kind, read_document
from durward.core.policy.find import Side, find
from durward.core.policy.pattern import action_pattern
from durward.core.policy.predicate import Acts

WRONG = {("compare_quacky-0033", "p2_minus_p1"), ("compare_quacky-0045", "p2_minus_p1")}


def side(policy: dict[str, Any]) -> Side:
    """A policy on its own; of 2008 it is read as of 2012, which differs in variables alone."""
    found = policy["Statement"]
    statements = found if isinstance(found, list) else [found]
    named = any(element in each for each in statements for element in ("Principal", "NotPrincipal"))
    document: Any = {"Statement": statements}
    kind = Kind.RESOURCE if named else Kind.IDENTITY
    return Side([read_document(document, "p", kind, imported())], crossing=True)


@pytest.mark.parametrize("case", parameters("compare"))
def test_a_comparison_is_as_published(case: dict[str, Any]) -> None:
    one, other = side(case["policy1"]), side(case["policy2"])
    for question, witness in (("p1_minus_p2", find(one, other)), ("p2_minus_p1", find(other, one))):
        agrees = (witness is not None) is (case["expect"][question] == "SAT")
        assert agrees is ((case["id"], question) not in WRONG), question


@pytest.mark.parametrize("case", parameters("any_resource"))
def test_an_action_is_allowed_on_some_resource_as_published(case: dict[str, Any]) -> None:
    statements = [each for policy in case["policies"] for each in policy["Statement"]]
    under = Acts((action_pattern(case["action"]),), complement=False)
    assert (find(side({"Statement": statements}), under=under) is not None) is case["expect"]
