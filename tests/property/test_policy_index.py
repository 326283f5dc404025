"""Many statements: the index, the memory and the validity of answers change no answer."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.depth import depth
from tests.oracle import naive_policy
from tests.property.test_policy_laws import (
    blocks,
    contexts,
    documents,
    known,
    policies,
    requests,
)

from durward.core.policy.engine.evaluate import Policies, PolicySet
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.engine.validity import valid_until
from durward.core.policy.language.document import read_document
from durward.core.values import from_numeric_date

LETTERS = ["ann", "doc", "orders", "a", "/", "*", "?", "1", "${durward:Subject}", "${app:Level}"]
LASTS = st.lists(st.sampled_from(LETTERS), min_size=1, max_size=5).map("".join)
TENANTS = st.sampled_from(["acme", "acme", "globex", "*", "${durward:TenantId}", "${app:Level}"])
RESOURCES = st.builds("arn:durward:orders:s:{}:{}".format, TENANTS, LASTS)
ANN = Principal("ann", "user", "acme", ("clerk",))


@st.composite
def crowds(draw: st.DrawFn) -> dict[str, Any]:
    """A document whose statements stand close together in an index."""
    statements = []
    for _ in range(draw(st.integers(9, 24))):
        statement: dict[str, Any] = {
            "Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"])),
            "Action": draw(st.sampled_from(["orders:GetOrder", "*"])),
            draw(st.sampled_from(["Resource"] * 4 + ["NotResource"])): draw(RESOURCES),
        }
        if draw(st.integers(0, 2)) == 0:
            statement["Condition"] = draw(blocks())
        statements.append(statement)
    return {"Version": "2012-10-17", "Statement": statements}


def set_of(document: dict[str, Any]) -> PolicySet:
    return PolicySet(Policies(identity={"role/clerk": [read_document(document, "p")]}))


@settings(max_examples=depth(100, long=1_000))
@given(crowds(), LASTS, contexts)
def test_a_crowd_decides_as_the_naive_evaluator(
    document: dict[str, Any], last: str, context: dict[str, Any]
) -> None:
    text = last.replace("${durward:Subject}", "ann").replace("${app:Level}", "10")
    request = AccessRequest(ANN, "orders:GetOrder", f"arn:durward:orders:s:acme:{text}", context)
    layers: dict[str, list[list[dict[str, Any]]]] = {"identity": [[document]]}
    asked = (list(ANN.arns), request.action, request.resource, known(request))
    assert set_of(document).evaluate(request).result.value == naive_policy.decide(layers, *asked)


@settings(max_examples=depth(150, long=300))
@given(
    st.lists(documents(), max_size=2),
    st.lists(documents(principals=True), max_size=2),
    st.one_of(st.none(), st.lists(documents(), max_size=1)),
    requests,
    requests,
)
def test_a_remembered_answer_is_the_answer(
    identity: list[dict[str, Any]],
    resource: list[dict[str, Any]],
    boundary: list[dict[str, Any]] | None,
    one: AccessRequest,
    other: AccessRequest,
) -> None:
    engine = policies(identity, resource, boundary)
    parts = ("principal", "action", "resource", "context")
    asked = [one, *(replace(one, **{part: getattr(other, part)}) for part in parts), other]
    asked += [replace(each, owner="globex") for each in asked]
    for request in [*asked, *asked]:
        assert engine.recall(request) == engine.evaluate(request)


TIMES = [
    *({"NumericLessThan": {"durward:TokenAge": age}} for age in ("30", "60.5")),
    *({"NumericGreaterThanEquals": {"durward:AuthAge": age}} for age in ("0", "90")),
    {"NumericEquals": {"durward:AuthAge": "95"}},
    {"DateLessThan": {"durward:CurrentTime": "2001-09-09T01:47:00Z"}},
    {"DateGreaterThanEquals": {"durward:EpochTime": "1000000060"}},
    {"NumericNotEquals": {"durward:EpochTime": "1000000030"}},
    {"StringLike": {"durward:EpochTime": "*5"}},
    {"StringEquals": {"durward:Subject": "ann"}},
]
SECONDS = 200
NOW = 1_000_000_000


@given(st.lists(st.sampled_from(TIMES), min_size=1, max_size=3), st.integers(0, SECONDS))
def test_an_answer_holds_until_its_end(wanted: list[dict[str, Any]], passed: int) -> None:
    effects = ["Allow", "Deny", "Allow"]
    statements = [
        {"Effect": effect, "Action": "*", "Resource": "*", "Condition": condition}
        for effect, condition in zip(effects, wanted, strict=False)
    ]
    engine = set_of({"Version": "2012-10-17", "Statement": statements})

    def at(second: int) -> AccessRequest:
        times = {name: str(NOW + second) for name in ("durward:CurrentTime", "durward:EpochTime")}
        ages = {"durward:TokenAge": str(second + 20), "durward:AuthAge": str(second + 5)}
        resource = "arn:durward:orders:s:acme:order/1"
        return AccessRequest(ANN, "orders:GetOrder", resource, times | ages)

    until = valid_until(engine, at(0), from_numeric_date(NOW))
    if until is None or from_numeric_date(NOW + passed) < until:
        assert engine.evaluate(at(passed)).result is engine.evaluate(at(0)).result
