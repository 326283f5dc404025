"""What a question is taken apart into: nothing is lost by it, whatever the request."""

from random import Random  # noqa: TID251 - the same requests each time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.depth import depth
from tests.property.test_find import NAMED, VARIED, a_request, documents, read, texts_in

from durward.core.policy.engine.predicate import (
    ACTION,
    PRINCIPAL,
    RESOURCE,
    And,
    Facts,
    Not,
    Or,
    Predicate,
    compile_statement,
    holds,
)
from durward.core.policy.engine.request import read_context
from durward.core.policy.symbolic.cases import case_of, parted
from durward.core.policy.symbolic.relaxed import relaxed

REQUESTS = 60
SET_OPERATORS: list[dict[str, Any]] = [
    {"ForAllValues:StringNotEquals": {"app:Tags": ["${app:A}", "${app:B}"]}},
    {"ForAnyValue:StringNotLike": {"app:Tags": ["${app:A}*", "c"]}},
    {"ForAnyValue:StringEqualsIfExists": {"app:Tags": ["${app:X}", "a"]}},
    {"ArnLikeIfExists": {"app:X": ["arn:a:b:c:${app:A}:*", "arn:*:${app:B}:c:d:e"]}},
    {"ArnNotEquals": {"app:X": "arn:a:b:c:d:${app:A, 'a'}"}},
    {"StringNotEqualsIfExists": {"app:B": ["x${app:A}", "*${app:X}"]}},
    {"BoolIfExists": {"app:A": "${app:B, 'true'}"}},
]
DOCUMENT = documents([*VARIED, *SET_OPERATORS], NAMED)


def asked(document: Any) -> Predicate:
    """Everything that a document says, wanted and not wanted."""
    statements = [s for each in read(document) for s in each.statements]
    compiled = [compile_statement(each) for each in statements]
    return And((Or(tuple(compiled)), *(Not(each) for each in compiled[1:])))


def requests(document: Any, seed: int) -> list[Facts]:
    random = Random(seed)  # noqa: S311
    named = [*sorted(texts_in(document)), "arn:a:b:c:d:e", "arn:a:b:c:a:x"]
    found: list[Facts] = []
    for _ in range(REQUESTS):
        action, resource, context = a_request(random, named)
        facts = {ACTION: action, RESOURCE: resource, PRINCIPAL: ("x",)}
        found.append({**read_context(context), **facts})
    return found


@settings(max_examples=depth(75, long=150), deadline=None)
@given(DOCUMENT, st.integers(0, 999))
def test_what_is_said_without_variables_is_less(document: Any, seed: int) -> None:
    predicate = asked(document)
    weaker, stronger = relaxed(predicate), relaxed(predicate, wanted=False)
    for facts in requests(document, seed):
        if holds(predicate, facts):
            assert holds(weaker, facts), facts
        else:
            assert not holds(stronger, facts), facts


@settings(max_examples=depth(75, long=150), deadline=None)
@given(DOCUMENT, st.integers(0, 999))
def test_one_of_the_cases_holds_where_the_whole_does(document: Any, seed: int) -> None:
    predicate = asked(document)
    case = case_of(predicate)
    for facts in requests(document, seed):
        holds_whole = holds(predicate, facts)
        assert (case is not None and holds(case.predicate, facts)) is holds_whole, facts
        for choice in case.choices if case else ():
            cases = [holds(each.predicate, facts) for each in parted(case, choice)] if case else []
            assert any(cases) is holds_whole, facts


def test_what_a_set_operator_reads_for_each_value_is_no_choice() -> None:
    """Where one value cannot be compared, it is no help that another is one of the texts."""
    condition = {"ForAnyValue:StringEquals": {"app:Tags": ["a", "${app:B}"]}}
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
    (found,) = read({"Version": "2012-10-17", "Statement": [statement]})[0].statements
    predicate = compile_statement(found)
    facts: Facts = {ACTION: "a:b", RESOURCE: "a:b:c:d:e:f", "app:tags": ("a", "z"), "app:b": {}}
    case = case_of(predicate)
    assert case is not None
    assert not holds(predicate, facts)
    assert not holds(case.predicate, facts)
