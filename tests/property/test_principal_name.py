"""What is said about the name of who asks, and about its parts instead: it is the same."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.depth import depth

from durward.core.policy.engine.predicate import And, compile_statement, holds
from durward.core.policy.engine.request import PRINCIPAL_ARN, AccessRequest, Principal
from durward.core.policy.language.document import read_document
from durward.core.policy.symbolic.principal_name import taken_apart

NAMES = [
    "arn:durward:iam::acme:user/ann",
    "arn:durward:iam::acme:user/a*",
    "arn:durward:iam::*:client/*",
    "arn:durward:iam::a?me:*/a*",
    "arn:durward:iam::*:*",
    "arn:aws:iam::acme:user/ann",
    "arn:*:*:*:*:?ser/*n*",
    "arn:durward:iam::acme:*user/*",
]
SPELLINGS = [*NAMES, "*", "*user/a*", "*:acme:*", "arn:*ann", "*:*:*:*:*:*/ann", "a*:?me:*", "ann"]
OPERATORS = [
    *((name, NAMES) for name in ("ArnLike", "ArnNotLike", "ArnEqualsIfExists", "ArnNotEquals")),
    *((name, SPELLINGS) for name in ("StringLike", "StringNotLike", "StringLikeIfExists")),
    *((name, SPELLINGS) for name in ("StringEquals", "StringNotEquals")),
    ("ForAnyValue:StringLike", SPELLINGS),
    ("StringEqualsIgnoreCase", SPELLINGS),
]
VARIABLE = "${durward:PrincipalArn}"
OTHERS: list[dict[str, Any]] = [
    {"StringEquals": {"app:X": VARIABLE}},
    {"StringNotLike": {"app:X": f"*{VARIABLE}"}},
    {"StringEquals": {"durward:PrincipalArn": "${app:X}"}},
    {"Null": {"durward:PrincipalArn": "false"}},
    {"Null": {"durward:PrincipalArn": "true"}},
]
RESOURCES = [
    "*",
    f"arn:durward:orders:s:acme:order/{VARIABLE}",
    "arn:durward:orders:s:acme:order/*",
]
PEOPLE = [
    Principal(subject, kind, tenant)
    for subject in ("ann", "bob", "a:b", "a/n")
    for kind in ("user", "client", "session")
    for tenant in ("acme", "globex")
]


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    if draw(st.booleans()):
        return draw(st.sampled_from(OTHERS))
    operator, names = draw(st.sampled_from(OPERATORS))
    listed = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3))
    return {operator: {"durward:PrincipalArn": listed}}


@settings(max_examples=depth(100, long=200), deadline=None)
@given(conditions(), st.sampled_from(RESOURCES), st.sampled_from(["Allow", "Deny"]))
def test_of_everybody_the_same_holds(condition: Any, resource: str, effect: str) -> None:
    statement = {"Effect": effect, "Action": "*", "Resource": resource, "Condition": condition}
    document = read_document({"Version": "2012-10-17", "Statement": [statement]}, "p")
    predicate = And(tuple(map(compile_statement, document.statements)))
    apart = taken_apart(predicate)
    for person in PEOPLE:
        name = str(person.facts[PRINCIPAL_ARN])
        for last in ("order/1", f"order/{name}"):
            for value in (name, "x", f"x{name}"):
                asked = AccessRequest(
                    person, "a:b", f"arn:durward:orders:s:acme:{last}", {"app:X": value}
                )
                assert holds(apart, asked.facts) is holds(predicate, asked.facts), (name, value)
