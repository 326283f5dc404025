"""Each node of a policy knows where it was written, and is the same wherever that is."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durward.core.policy.engine.atoms import equals
from durward.core.policy.language.dialect import AWS, Dialect, imported
from durward.core.policy.language.document import (
    Actions,
    Condition,
    Document,
    Resources,
    Statement,
    document_kind,
    read_document,
)
from durward.core.policy.language.source import place_finder

N = TypeVar("N", Actions, Resources, Condition)
ARN = "arn:durward:iam::acme:user/"
TEXTS = ["a", "b*", "${durward:Subject}"]
CONDITIONS: list[tuple[str, list[Any]]] = [
    ("StringLike", TEXTS),
    ("ForAnyValue:StringNotEqualsIfExists", TEXTS),
    ("NumericLessThan", [1, "2.5", 3.0]),
    ("Bool", [True, "false"]),
]
KEYS = ["durward:Subject", "App:Team/a", "app:x/y/z"]
SHAPES = [
    {"Action": "*"},
    {"Action": ["orders:Get*", "*"]},
    {"NotAction": ["orders:GetOrder"]},
]
RESOURCES = ["*", "arn:durward:orders:*:${durward:TenantId}:order/*"]


def one_or_several(values: list[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from(values) | st.lists(st.sampled_from(values), min_size=1, max_size=3)


asked = st.lists(st.sampled_from(CONDITIONS), unique_by=lambda each: each[0])


@st.composite
def statements(draw: st.DrawFn) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": draw(st.sampled_from(["Allow", "Deny"]))}
    shape: dict[str, Any] = draw(st.sampled_from(SHAPES))
    statement |= shape
    statement[draw(st.sampled_from(["Resource", "NotResource"]))] = draw(one_or_several(RESOURCES))
    conditions: dict[str, Any] = {}
    for name, values in draw(asked):
        keys = draw(st.lists(st.sampled_from(KEYS), unique=True, min_size=1))
        conditions[name] = {key: draw(one_or_several(values)) for key in keys}
    if draw(st.booleans()):
        keys = draw(st.lists(st.sampled_from(KEYS), unique=True, min_size=1))
        conditions["Null"] = {key: draw(one_or_several(["true", False])) for key in keys}
    is_empty_told: bool = draw(st.booleans())
    if conditions or is_empty_told:
        statement["Condition"] = conditions
    return statement


documents = (statements() | st.lists(statements(), max_size=3)).map(
    lambda found: {"Version": "2012-10-17", "Statement": found}
)


def at(value: Any, pointer: str) -> Any:
    """What stands there (RFC 6901 §4)."""
    for name in pointer.split("/")[1:]:
        key = name.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) else str(value)


def values_of(element: Any) -> list[str]:
    return [as_text(each) for each in (element if isinstance(element, list) else [element])]


def check_places(document: Document, value: Any) -> None:
    """Every pointer leads to what the node was read from, and every node has its own."""
    for number, statement in enumerate(document.statements):
        listed = value["Statement"]
        assert at(value, statement.pointer) is (
            listed[number] if isinstance(listed, list) else listed
        )
        for place, text in _values(statement):
            assert as_text(at(value, place)) == text
        elements: list[tuple[str, Actions | Resources]] = [
            ("Action", statement.actions),
            ("Resource", statement.resources),
        ]
        for element, node in elements:
            pointer = node.pointer
            assert pointer is not None
            assert pointer.rpartition("/")[2] == f"{'Not' if node.complement else ''}{element}"
            assert len(node.placed) == len(values_of(at(value, pointer)))
        asked = at(value, statement.pointer).get("Condition", {})
        spelled = [(name, key) for name, keys in asked.items() for key in keys]
        assert [(each.name, each.written) for each in statement.conditions] == spelled
        for condition in statement.conditions:
            assert at(value, condition.operator_pointer) is asked[condition.name]
            assert at(value, condition.pointer) is asked[condition.name][condition.written]


def _values(statement: Statement) -> Iterator[tuple[str, str]]:
    yield from ((place, pattern.text) for place, pattern in statement.actions.placed)
    yield from ((place, pattern.text) for place, pattern in statement.resources.placed)
    for condition in statement.conditions:
        yield from ((place, operand.text) for place, operand in condition.placed)
        if condition.name != "Null":
            assert len({place for place, _ in condition.placed}) == len(condition.operands)


@given(documents)
def test_every_pointer_leads_to_the_source_of_its_node(value: Any) -> None:
    check_places(read_document(value, "p"), value)


@given(documents)
def test_nodes_are_equal_whatever_their_places(value: Any) -> None:
    for statement in read_document(value, "p").statements:
        moved = replace(
            statement,
            pointer="/elsewhere",
            actions=_moved(statement.actions),
            resources=_moved(statement.resources),
            conditions=tuple(map(_moved, statement.conditions)),
        )
        assert moved.pointer != statement.pointer
        assert moved == statement
        assert hash(moved) == hash(statement)
        assert repr(moved) == repr(statement)


def _moved(node: N) -> N:
    return replace(node, within="/elsewhere", is_list=not node.is_list)


@pytest.mark.parametrize("dialect", [AWS, imported()])
def test_a_pointer_escapes_the_characters_of_a_key(dialect: Dialect) -> None:
    condition = {"StringEquals": {"aws:RequestTag/a~b": ["x", "y"]}}
    statement = {"Effect": "Allow", "Action": "s3:Get", "Resource": "*", "Condition": condition}
    value: Any = {"Version": "2012-10-17", "Statement": [statement]}
    document = read_document(value, "p", dialect=dialect)
    (found,) = document.statements[0].conditions
    assert found.pointer == "/Statement/0/Condition/StringEquals/aws:RequestTag~1a~0b"
    check_places(document, value)


def test_a_refused_value_of_an_imported_document_keeps_its_place() -> None:
    condition = {"Bool": {"aws:SecureTransport": "perhaps"}}
    statement = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}
    value: Any = {"Version": "2012-10-17", "Statement": statement}
    document = read_document(value, "p", dialect=imported())
    (found,) = document.statements[0].conditions
    assert found.refused
    assert found.pointer == "/Statement/Condition/Bool/aws:SecureTransport"


@pytest.mark.parametrize("element", ["Principal", "NotPrincipal"])
def test_a_principal_has_a_place_and_an_implied_resource_has_none(element: str) -> None:
    statement = {"Effect": "Deny", "Action": "*", element: {"Durward": [f"{ARN}ann"]}}
    value: Any = {"Version": "2012-10-17", "Statement": [statement]}
    (found,) = read_document(value, "p", document_kind(value)).statements
    assert found.principals
    assert at(value, found.principals.pointer) is statement[element]
    assert (found.resources.pointer, found.resources.placed) == (None, ())
    assert found.resources.patterns


def test_a_node_that_comes_from_no_document_has_no_place() -> None:
    assert equals("durward:subject", "ann").condition.within == ""


def test_line_and_column_are_found_by_the_place_of_a_node() -> None:
    text = b"""\
Version: 2012-10-17
Statement:
  - Effect: Allow
    Action: orders:GetOrder
    Resource:
      - '*'
    Condition:
      StringEquals:
        durward:Subject: [ann, bob]
"""
    value: Any = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "orders:GetOrder",
                "Resource": ["*"],
                "Condition": {"StringEquals": {"durward:Subject": ["ann", "bob"]}},
            }
        ],
    }
    (statement,) = read_document(value, "p").statements
    find, (condition,) = place_finder(text), statement.conditions
    places = [place for place, _ in (*statement.resources.placed, *condition.placed)]
    assert [find(place) for place in (statement.pointer, *places)] == [
        (3, 5),
        (6, 9),
        (9, 27),
        (9, 32),
    ]
