"""Decisions, conditions, matches and documents that others published, in import mode.

Each is asked of the engine and of the naive evaluator. What deviates stands in
`docs/divergences.md` with its reason, and here by its id; a case that begins to agree fails, so
that the list stays true.
"""

from typing import Any

import pytest
from tests.oracle import naive_policy
from tests.vectors.policies import (
    ACCOUNT,
    Caller,
    context_of,
    levels_of,
    names_of,
    parameters,
    policies_of,
    request_of,
)

from durward.core.errors import DurwardError
from durward.core.policy.language.dialect import AWS, AttachmentPoint
from durward.core.policy.language.document import parse_document
from durward.core.wire import compact_json

VERSION = "2012-10-17"
DEVIATING = {
    *("decisions_scality-0053", "decisions_scality-0056"),  # milliseconds since 1970
    *("documents_moto-0002", "documents_moto-0027"),  # no version; no statement
    *("documents_moto-0036", "documents_moto-0056", "documents_moto-0057"),  # rules of a service
    *("documents_moto-0076", "documents_moto-0109", "documents_moto-0115"),  # dates
    *("documents_moto-0088", "documents_moto-0120"),  # names nothing; null
}
USER = "arn:aws:iam::123456789012:user/test"


def answers(asked: dict[str, Any], layers: dict[str, Any]) -> set[str]:
    """What the engine and the naive evaluator say; one answer, where they agree."""
    request, caller = request_of(asked), Caller.of(asked["principal"])
    service = asked["action"].lower().partition(":")[0]
    found = policies_of(layers, caller, service).evaluate(request).result.value
    ceilings = [level for place in AttachmentPoint for level in levels_of(layers, place)]
    home = caller.account if caller else None
    naive = naive_policy.decide(
        {
            "identity": [naive_policy.listed(layers.get("identity") or [])],
            "resource": [naive_policy.listed(layers.get("resource") or [])],
            "ceilings": [naive_policy.listed(level) for level in ceilings],
        },
        names_of(asked["principal"]),
        asked["action"],
        request.resource,
        naive_policy.read_context(asked.get("context") or {}),
        cross_tenant=home is not None and (asked.get("resource_account") or home) != home,
    )
    return {found.replace(" ", "_"), naive.replace(" ", "_")}


def allowed(
    statement: dict[str, Any], action: str, resource: str, context: Any, place: AttachmentPoint
) -> set[bool]:
    """Whether a statement applies, in a policy of that place, to a user of the account."""
    asked = {"principal": USER, "action": action, "resource": resource, "context": context}
    asked["resource_account"] = ACCOUNT
    everything = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    document = {"Version": VERSION, "Statement": statement}
    layers: dict[str, Any] = {"identity": [everything], place.value: document}
    if place is AttachmentPoint.RESOURCE:
        layers = {"resource": {**document, "Statement": {**statement, "Principal": "*"}}}
    elif place in {AttachmentPoint.SERVICE_CONTROL, AttachmentPoint.RESOURCE_CONTROL}:
        layers[place.value] = [[document]]
    found = answers(asked, layers)
    if (
        place is not AttachmentPoint.IDENTITY
    ):  # where short ARNs mean what the naive evaluator does not know
        caller = Caller.of(USER)
        found = {policies_of(layers, caller, "s3").evaluate(request_of(asked)).result.value}
    return {answer == "allow" for answer in found}


@pytest.mark.parametrize("case", parameters("decision"))
def test_a_decision_is_as_published(case: dict[str, Any]) -> None:
    expected = case["expect"]["decision"]
    (found,) = answers(case["request"], case["policies"])
    assert found.endswith(expected) is (case["id"] not in DEVIATING)


@pytest.mark.parametrize("case", parameters("condition"))
def test_a_condition_holds_as_published(case: dict[str, Any]) -> None:
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": case["condition"]}
    found = allowed(
        statement, "s3:Get", "arn:aws:s3:::b/k", case["context"], AttachmentPoint.IDENTITY
    )
    assert found == {case["expect"]}


@pytest.mark.parametrize("case", parameters("resource_match", "action_match"))
def test_a_pattern_matches_as_published(case: dict[str, Any]) -> None:
    element = "Action" if case["kind"] == "action_match" else "Resource"
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    del statement[element]
    statement[f"Not{element}" if case.get("negated") else element] = case["patterns"]
    action = case["value"] if element == "Action" else "s3:Get"
    resource = case["value"] if element == "Resource" else "arn:aws:s3:::b/k"
    found = allowed(statement, action, resource, case.get("context"), place_of(case))
    assert found == {case["expect"]}


def place_of(case: dict[str, Any]) -> AttachmentPoint:
    """Where the policy of a case is attached."""
    kind = str(case.get("policy_type") or AttachmentPoint.IDENTITY)
    return AttachmentPoint({"pb": "boundary", "vpce": "endpoint"}.get(kind, kind))


@pytest.mark.parametrize("case", parameters("document"))
def test_a_document_is_valid_as_published(case: dict[str, Any]) -> None:
    document = case["document"]
    text = document.encode() if isinstance(document, str) else compact_json(document)
    try:
        parse_document(text, "p", dialect=AWS)
        valid = True
    except DurwardError:
        valid = False
    assert valid is (case["expect"]["valid"] is not (case["id"] in DEVIATING))


def test_keys_of_the_same_meaning_are_known_by_our_names() -> None:
    assert context_of({"aws:SourceIp": "10.0.0.1", "aws:RequestTag/Team": "x", "s3:a": "y"}) == {
        "durward:sourceip": "10.0.0.1",
        "durward:requesttag/team": "x",
        "s3:a": "y",
    }
