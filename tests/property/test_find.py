"""What the solver finds, and what it proves: held against the naive evaluator."""

from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracle import naive_policy

from durward.core.policy.document import Document, read_document
from durward.core.policy.find import Side, Witness, find, redundant
from durward.core.policy.solver.undecided import Undecided

CONDITIONS: list[dict[str, Any]] = [
    {},
    {"StringEquals": {"app:Color": ["red", "green"]}},
    {"StringNotEquals": {"app:Color": "red"}},
    {"StringLike": {"app:Color": "r*"}},
    {"StringNotLikeIfExists": {"app:Color": "*e*"}},
    {"StringEqualsIgnoreCase": {"app:Color": "RED"}},
    {"Null": {"app:Color": "true"}},
    {"NumericLessThan": {"app:Level": "10"}},
    {"NumericGreaterThanEquals": {"app:Level": "9.5"}},
    {"NumericNotEquals": {"app:Level": ["9.7", "3"]}},
    {"IpAddress": {"app:Ip": ["10.0.0.0/8", "2001:db8::/32"]}},
    {"NotIpAddress": {"app:Ip": "10.0.0.0/9"}},
    {"ForAnyValue:StringEquals": {"app:Tags": ["a", "b"]}},
    {"ForAllValues:StringEquals": {"app:Tags": ["a", "c"]}},
    {"ForAllValues:StringNotLike": {"app:Tags": "a*"}},
    {"Bool": {"app:Mfa": "true"}},
    {"BoolIfExists": {"app:Mfa": "false"}},
    {"StringEquals": {"durward:TenantId": "acme"}},
    {"StringEquals": {"durward:Subject": "ann"}},
]
ACTIONS = ["*", "orders:Get*", "orders:GetOrder", ["orders:GetOrder", "orders:List"]]
RESOURCES = ["*", "arn:durward:orders:s:acme:*", "arn:durward:orders:s:*:order/*"]
RESOURCES += [
    "arn:durward:orders:s:${durward:TenantId}:order/*",
    "arn:durward:orders:s:acme:order/1",
]
VALUES: dict[str, list[Any]] = {
    "app:color": [None, "red", "green", "RED", "blue", "x"],
    "app:level": [None, "3", "9.5", "9.7", "10", "99", "x"],
    "app:ip": [None, "10.0.0.1", "10.200.0.1", "2001:db8::1", "1.1.1.1", "x"],
    "app:tags": [None, ("a",), ("b",), ("a", "c"), ("ab", "b"), ("d",)],
    "app:mfa": [None, "true", "false"],
}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    statements = []
    for _ in range(draw(st.integers(1, 3))):
        condition: dict[str, Any] = {}
        for block in draw(st.lists(st.sampled_from(CONDITIONS), max_size=2)):
            condition |= block
        statements.append(
            {
                "Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"])),
                draw(st.sampled_from(["Action", "Action", "NotAction"])): draw(
                    st.sampled_from(ACTIONS)
                ),
                draw(st.sampled_from(["Resource"] * 3 + ["NotResource"])): draw(
                    st.sampled_from(RESOURCES)
                ),
                "Condition": condition,
            }
        )
    return {"Version": "2012-10-17", "Statement": statements}


def read(document: dict[str, Any]) -> list[Document]:
    return [read_document(document, "p")]


def says(document: dict[str, Any], witness: Witness) -> bool:
    request = witness.request
    context = {k: v for k, v in request.facts.items() if ":" in k and v not in (None, ())}
    asked = (request.action, request.resource, naive_policy.read_context(context))
    layers = {"identity": [[document]]}
    names = list(request.principal.arns) if request.principal else []
    return naive_policy.decide(layers, names, *asked) == "allow"


def some_requests(draw: Any) -> tuple[str, str, dict[str, Any]]:
    context = {key: draw(st.sampled_from(listed)) for key, listed in VALUES.items()}
    tenant = draw(st.sampled_from(["acme", "globex"]))
    subject = draw(st.sampled_from(["ann", "bob"]))
    context |= {"durward:tenantid": tenant, "durward:subject": subject}
    action = draw(st.sampled_from(["orders:GetOrder", "orders:List", "other:X"]))
    last = draw(st.sampled_from(["order/1", "order/2", "report/1"]))
    return action, f"arn:durward:orders:s:{tenant}:{last}", context


@settings(max_examples=400, deadline=None)
@given(documents(), documents(), st.data())
def test_a_witness_is_one_and_a_proof_has_no_exception(
    one: dict[str, Any], other: dict[str, Any], data: st.DataObject
) -> None:
    try:
        witness = find(Side(read(one)), Side(read(other)))
    except Undecided:
        return
    if witness:
        assert says(one, witness)
        assert not says(other, witness)
        return
    for _ in range(30):
        action, resource, context = some_requests(data.draw)
        asked = (["x"], action, resource, naive_policy.read_context(context))
        answers = [
            naive_policy.decide({"identity": [[document]]}, *asked) for document in (one, other)
        ]
        assert answers[0] != "allow" or answers[1] == "allow"


@settings(max_examples=60, deadline=None)
@given(documents(), documents())
def test_a_ceiling_caps_what_is_found(grant: dict[str, Any], ceiling: dict[str, Any]) -> None:
    try:
        witness = find(Side(read(grant), [read(ceiling)]))
    except Undecided:
        return
    if witness:
        assert says(grant, witness)
        assert says(ceiling, witness)


@settings(max_examples=60, deadline=None)
@given(documents())
def test_what_is_redundant_changes_nothing(document: dict[str, Any]) -> None:
    try:
        names = list(redundant(read(document)))
    except Undecided:
        return
    for name in names:
        place = int(name.rpartition("#")[2]) - 1
        fewer = [s for at, s in enumerate(document["Statement"]) if at != place]
        less = {**document, "Statement": fewer}
        grid = product(VALUES["app:color"], VALUES["app:level"], VALUES["app:mfa"])
        for color, level, mfa in grid:
            context = {"app:color": color, "app:level": level, "app:mfa": mfa}
            context |= {"durward:tenantid": "acme", "durward:subject": "ann"}
            asked = (["x"], "orders:GetOrder", "arn:durward:orders:s:acme:order/1", context)
            answers = {
                naive_policy.decide({"identity": [[each]]}, *asked) == "allow"
                for each in (document, less)
            }
            assert len(answers) == 1
