"""Questions about values of every kind, and about variables that stand in several places.

A value that shows a difference is found wherever there is one; where there is none it is proven.
"""

from typing import Any

import pytest
from tests.unit.policy.test_questions import allow, deny, documents, side

from durward.core.policy.analysis.find import find
from durward.core.policy.analysis.policy_stack import PolicyStack
from durward.core.policy.engine.predicate import compile_statement
from durward.core.policy.language.document import PolicyKind, read_document
from durward.core.policy.symbolic.solve import solve
from durward.core.policy.symbolic.unknown import Exhausted, Unknown
from durward.core.policy.symbolic.work import Work


@pytest.mark.parametrize(
    ("operator", "values"),
    [
        ("BinaryEquals", ["aGk=", "AA=="]),
        ("IpAddress", ["10.0.0.0/8", "2001:db8::/32"]),
        ("NumericEquals", ["0", "-1.5"]),
        ("DateEquals", ["2026-01-01T00:00:00Z"]),
        ("NumericLessThan", ["1e-30"]),
        ("DateGreaterThan", ["2026-01-01T00:00:00Z"]),
    ],
)
def test_a_value_other_than_the_denied_ones_is_found(operator: str, values: list[str]) -> None:
    condition: dict[str, Any] = {operator: {"app:X": values}}
    some = allow(**condition)
    assert find(side(some)) is not None
    readable = allow(Null={"app:X": "false"})
    witness = find(side(readable), side(some))
    assert witness is not None
    assert "app:X" in witness.request.context
    assert find(side(some, deny(**condition))) is None


def test_a_denied_number_or_date_has_other_spellings() -> None:
    """`5`, `05` and `5.0` are one number, and three texts."""
    day = "2026-01-01T00:00:00Z"
    for operator, text in (("NumericEquals", "5"), ("DateEquals", day)):
        typed: dict[str, Any] = {operator: {"app:A": text}}
        same = allow(**typed, StringEquals={"app:X": "${app:A}"})
        witness = find(side(same, deny(StringEquals={"app:X": [text, f"0{text}"]})))
        assert witness is not None
        found = witness.request.context
        assert found["app:X"] == found["app:A"]
        assert found["app:X"] not in {text, f"0{text}"}


@pytest.mark.parametrize(
    ("wanted", "denied", "is_possible"),
    [
        ("a-${app:A}-b", "*-${app:A}-*", False),
        ("a-${app:A}-b", "a-${app:A}-c", True),
        ("${app:A}${app:A}", "x*", True),
        ("${app:A}/${app:B}", "${app:B}/${app:A}", True),
        ("*${app:A}*", "${app:A}", True),
        ("${app:A}*", "*", False),
        ("q${app:A}", "?${app:A}", False),
    ],
)
def test_a_variable_in_two_patterns_has_one_value(
    wanted: str, denied: str, is_possible: bool
) -> None:
    both = side(allow(StringLike={"app:X": wanted}), deny(StringLike={"app:X": denied}))
    assert (find(both) is not None) is is_possible


@pytest.mark.parametrize(
    ("one", "other", "is_possible"),
    [
        ("a-${app:A}-*", "*-${app:A}-b", True),
        ("a${app:A}", "b${app:A}", False),
        ("a${app:A}*", "a${app:A}?", True),
        ("a${app:A}b", "a${app:A}b", True),
        ("x-${app:A}*", "x-${app:A}-${app:B}", True),
    ],
)
def test_two_patterns_require_the_same_value_of_a_variable(
    one: str, other: str, is_possible: bool
) -> None:
    ceiling = [documents(allow(StringLike={"app:X": other}))]
    both = PolicyStack(documents(allow(StringLike={"app:X": one})), ceiling)
    witness = find(both)
    assert (witness is not None) is is_possible


def test_a_variable_without_a_value_satisfies_nothing_and_hides_nothing() -> None:
    absent: dict[str, Any] = {"Null": {"app:A": "true"}}
    assert find(side(allow(**absent, StringEquals={"app:X": "${app:A}"}))) is None
    assert find(side(allow("arn:durward:orders:*:*:order/${app:A}", **absent))) is None
    one_of = allow(**absent, StringEquals={"app:X": ["${app:A}", "b"]})
    witness = find(side(one_of))
    assert witness is not None
    assert witness.request.context["app:X"] == "b"


def of_api(*principals: Any, key: str = "Principal") -> PolicyStack:
    statements = [{**allow(), key: each} for each in principals]
    body: Any = {"Version": "2012-10-17", "Statement": statements}
    return PolicyStack([read_document(body, "p", PolicyKind.RESOURCE)])


def test_access_of_everybody_is_wider_than_that_of_a_named_principal() -> None:
    ann = "arn:durward:iam::acme:user/ann"
    everybody, named = of_api("*"), of_api({"Durward": ann})
    witness = find(everybody, named)
    assert witness is not None
    assert witness.request.principal is None or ann not in witness.request.principal.arns
    assert find(named, everybody) is None


def test_a_request_must_satisfy_several_choices_at_once() -> None:
    kinds = allow(StringLike={"app:X": ["a*", "b*"], "app:Y": ["c*", "d*"]})
    taken = deny(StringLike={"app:X": "a*", "app:Y": "c*"}), deny(StringLike={"app:X": "b*"})
    witness = find(side(kinds, *taken))
    assert witness is not None
    found = witness.request.context
    assert (str(found["app:X"])[0], str(found["app:Y"])[0]) == ("a", "d")
    assert find(side(kinds, *taken, deny(StringLike={"app:Y": "d*"}))) is None


def test_a_search_of_too_many_steps_is_reported_and_the_question_continues() -> None:
    (statement,) = documents(allow(StringLike={"app:X": "*a${app:A}*", "app:Y": "${app:A}b*"}))[
        0
    ].statements
    predicate = compile_statement(statement)
    assert solve(predicate) is not None
    with pytest.raises(Unknown, match="too many steps") as caught:
        solve(predicate, work=Work(each=1))
    assert not isinstance(caught.value, Exhausted)


def test_a_question_that_has_no_steps_left_ends() -> None:
    (statement,) = documents(allow(StringLike={"app:X": "*a*"}))[0].statements
    with pytest.raises(Exhausted, match="the question takes too many steps"):
        solve(compile_statement(statement), work=Work(most=1))
