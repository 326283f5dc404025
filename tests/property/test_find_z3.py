"""What the solver finds, and what it proves: held against z3 on random questions.

z3 is asked by a translation of its own (`tests/oracle/z3_policy.py`); what either of the two finds
is replayed on the naive evaluator. Not asked here: what bytes are as texts, and other principals
than users. A key that has a set operator anywhere in the question may have several values.
"""

import copy
from collections.abc import Callable, Sequence
from random import Random  # noqa: TID251 - the same questions each time
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.oracle import naive_policy, z3_policy
from tests.oracle.z3_texts import Beyond

from durward.core.policy.analysis.find import Witness, find
from durward.core.policy.analysis.policy_stack import PolicyStack
from durward.core.policy.language.document import Document, read_document
from durward.core.policy.symbolic.unknown import Unknown

Choose = Callable[[Sequence[Any]], Any]
Question = tuple[Any, Any, Any, bool]
"""What allows, its ceiling or None, what does not, and whether resources of others count."""

A, B, TAGS = "${app:A}", "${app:B}", "${app:Tags}"
SUBJECT, TENANT = "${durward:Subject}", "${durward:TenantId}"
SIGNS = ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
LITERAL = ("a", "b", "ab", "A", "k", "7")
EQUAL = (*LITERAL, "*", A, B, f"x{A}", f"{B}y", f"{A}-{B}", "${app:A, 'a'}", SUBJECT, TENANT, TAGS)
LIKE = (*EQUAL, "a*", "*b", "?", "a?", "*a*", f"{A}*", f"*{B}", f"*{A}*", f"a{B}?", f"{A}?")
TEXTUAL = {
    "StringEquals": EQUAL,
    "StringNotEquals": EQUAL,
    "StringLike": LIKE,
    "StringNotLike": LIKE,
    "StringEqualsIgnoreCase": (*LITERAL, "ss", A),
    "StringNotEqualsIgnoreCase": (*LITERAL, "ss"),
}
DATES = ("1970-01-01T00:00:04Z", "1970-01-01T00:00:04.5Z", "1970-01-01", "1970-02", "4")
NETWORKS = ("10.0.0.0/8", "10.0.0.0/9", "10.0.0.1", "2001:db8::/32", "::ffff:10.0.0.0/104", "::/0")
ARNS = (
    *("arn:aws:iam::1:user/a", "arn:*:*:*:*:*", "arn:aws:*:*:1:*", "arn:aws:iam::?:user/*"),
    *(f"arn:aws:iam::{A}:user/{B}", f"arn:aws:{B}::{A}:*"),
)
TYPED: list[tuple[Sequence[str], Sequence[str], Sequence[str]]] = [
    ([f"Numeric{sign}" for sign in SIGNS], ("N", "N", "A", "D"), ("4", "4.5", "5", "7", "-1", "0")),
    ([f"Date{sign}" for sign in SIGNS], ("D", "D", "N", "X"), DATES),
    (("IpAddress", "NotIpAddress"), ("Ip", "Ip", "Ip", "B"), NETWORKS),
    (("Bool",), ("M", "M", "A"), ("true", "false", B)),
    (("ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"), ("R", "R", "X"), ARNS),
    (("BinaryEquals",), ("Bin",), ("QQ==", "QUI=", "")),
]
"""Operators, the names of keys that they stand on, and values."""
LASTS = (
    *(f"order/{A}", f"order/{B}", f"order/o-{A}", f"order/{A}/*", f"order/{SUBJECT}"),
    *(f"{A}-{B}", f"*/{A}", f"{A}/{A}", f"order/{TAGS}", "order/${app:A, 'a'}", "order/a/b"),
    *("order/7", "order/a*", "order/*", "order/?", "q-r", "*", "*a*b"),
)
TENANTS = ("acme", "acme", "acme", "*", "globex", TENANT, "", A, "a*")
ACTIONS: list[Any] = ["*", "orders:Get*", "orders:GetOrder", ["orders:GetOrder", "orders:List"]]
ACTIONS += ["orders:*t*", "orders:?ist"]


def some(choose: Choose, values: Sequence[str]) -> Any:
    return choose(values) if choose([True, True, False]) else [choose(values), choose(values)]


def a_condition(choose: Choose) -> tuple[str, str, Any]:
    kind = choose(["text", "text", "text", "other", "other", "null"])
    if kind == "null":
        keys = ["A", "B", "X", "N", "D", "Ip", "R", "Tags"]
        return "Null", f"app:{choose(keys)}", choose(["true", "false"])
    several = choose(["", "", "", "", "ForAnyValue:", "ForAllValues:"])
    if kind == "text":
        operator = choose(list(TEXTUAL))
        keys = ["app:A", "app:B", "app:X"] * 3 + ["app:Tags", "durward:Subject", "durward:TenantId"]
        key = choose(["app:Tags", "app:Tags", "app:A", "durward:Roles"] if several else keys)
        values = some(choose, TEXTUAL[operator])
    else:
        operators, names, constants = choose(TYPED)
        operator, values = choose(operators), some(choose, constants)
        key = f"app:{choose(names)}{'s' * bool(several)}"
    return f"{several}{operator}{choose(['', '', '', '', 'IfExists'])}", key, values


def a_resource(choose: Choose) -> Any:
    return choose(["*", f"arn:durward:orders:s:{choose(TENANTS)}:{choose(LASTS)}"])


def a_statement(choose: Choose) -> Any:
    statement: dict[str, Any] = {
        "Effect": choose(["Allow", "Allow", "Deny"]),
        choose(["Action", "Action", "NotAction"]): choose(ACTIONS),
        choose(["Resource", "Resource", "Resource", "NotResource"]): a_resource(choose),
        "Condition": {},
    }
    for _ in range(choose([0, 1, 1, 2, 3])):
        add_condition(statement, choose)
    return statement


def add_condition(statement: Any, choose: Choose) -> None:
    operator, key, values = a_condition(choose)
    statement["Condition"].setdefault(operator, {})[key] = values


def a_document(choose: Choose) -> Any:
    listed = [a_statement(choose) for _ in range(choose([1, 2, 3]))]
    return {"Version": "2012-10-17", "Statement": listed}


def changed(choose: Choose, document: Any) -> Any:
    """Almost the same."""
    other = copy.deepcopy(document)
    statement = choose(range(len(other["Statement"])))
    match choose(["condition", "resource", "fewer", "more"]):
        case "condition":
            add_condition(other["Statement"][statement], choose)
        case "resource":
            other["Statement"][statement].pop("NotResource", None)
            other["Statement"][statement]["Resource"] = a_resource(choose)
        case "fewer":
            other["Statement"][statement]["Condition"] = {}
        case _:
            other["Statement"].append(a_statement(choose))
    return other


def a_question(choose: Choose) -> Question:
    one = a_document(choose)
    other = choose([a_document, lambda choose: changed(choose, one)])(choose)
    pair = choose([(one, other), (other, one)])
    ceiling = choose([None, None, None, a_document])
    return pair[0], ceiling and ceiling(choose), pair[1], choose([True, False])


@st.composite
def questions(draw: st.DrawFn) -> Question:
    return a_question(lambda choices: draw(st.sampled_from(choices)))


def read(document: dict[str, Any]) -> list[Document]:
    return [read_document(document, "p")]


def found_by_us(question: Question) -> Witness | None:
    one, ceiling, other, cross_tenant = question
    granting = PolicyStack(read(one), [read(ceiling)] if ceiling else [], cross_tenant=cross_tenant)
    return find(granting, PolicyStack(read(other), cross_tenant=cross_tenant))


def found_by_z3(question: Question) -> z3_policy.Answer:
    one, ceiling, other, cross_tenant = question
    granting = z3_policy.Side([one], [[ceiling]] if ceiling else [])
    return z3_policy.ask(granting, z3_policy.Side([other]), cross_tenant=cross_tenant)


def is_shown(question: Question, action: str, resource: str, context: dict[str, Any]) -> bool:
    """Whether a request is allowed by the one below its ceiling, and not by the other."""
    one, ceiling, other, _ = question
    asked = (["x"], action, resource, naive_policy.read_context(context))
    capped = {"identity": [[one]], "ceilings": [[ceiling]] if ceiling else []}
    return (
        naive_policy.decide(capped, *asked) == "allow"
        and naive_policy.decide({"identity": [[other]]}, *asked) != "allow"
    )


def compare(question: Question) -> str:
    """Hold the two answers against each other; which of them were given."""
    try:
        answer = found_by_z3(question)
    except Beyond:
        return "z3 is not asked"
    if answer.request:
        request = answer.request
        assert is_shown(question, request.action, request.resource, request.context), request
    try:
        witness = found_by_us(question)
    except Unknown:
        return "undecided" if answer.is_settled else "neither knows"
    if witness:
        asked = witness.request
        context = {k: v for k, v in asked.facts.items() if ":" in k and v not in (None, ())}
        assert is_shown(question, asked.action, asked.resource, context), context
        assert answer.request or answer.is_bounded or not answer.is_settled, context
    else:
        assert not answer.request, answer.request
    if not answer.is_settled:
        return "z3 gives up"
    return "both find one" if answer.request else "both find none"


@settings(max_examples=80)
@given(questions())
def test_z3_gives_the_same_answer(question: Question) -> None:
    event(compare(question))


def test_most_questions_are_settled_by_both() -> None:
    random = Random(7)  # noqa: S311 - the same each time
    answers = [compare(a_question(random.choice)) for _ in range(40)]
    assert answers.count("both find one") >= 6
    assert answers.count("both find none") >= 8
