"""What a policy document may hold; what it may not is refused, with its place."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durward.core.policy.language.document import Effect, PolicyKind, parse_document, read_document
from durward.core.policy.language.source import MAX_DOCUMENT_BYTES, PolicyError

YAML = b"""\
Version: 2012-10-17
Statement:
  - Sid: OwnTenant
    Effect: Allow
    Action: [orders:GetOrder, "orders:List*"]
    Resource: arn:durward:orders:*:${durward:TenantId}:order/*
    Condition:
      NumericLessThan: { durward:AuthAge: 300 }
      Bool: { durward:SecureTransport: true }
"""
STATEMENT = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def document(**elements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": {**STATEMENT, **elements}}


def problems(value: Any, kind: PolicyKind = PolicyKind.IDENTITY) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        read_document(value, "p", kind)
    return [str(problem) for problem in caught.value.problems]


def test_yaml_and_json_mean_the_same() -> None:
    from_yaml = parse_document(YAML, "p")
    (statement,) = from_yaml.statements
    assert statement.name == "OwnTenant"
    assert statement.effect is Effect.ALLOW
    assert [condition.operands[0].text for condition in statement.conditions] == ["300", "true"]
    as_json = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "OwnTenant",
                "Effect": "Allow",
                "Action": ["orders:GetOrder", "orders:List*"],
                "Resource": "arn:durward:orders:*:${durward:TenantId}:order/*",
                "Condition": {
                    "NumericLessThan": {"durward:AuthAge": 300},
                    "Bool": {"durward:SecureTransport": True},
                },
            }
        ],
    }
    from_json = parse_document(json.dumps(as_json).encode(), "p")
    assert [s.resources for s in from_json.statements] == [
        s.resources for s in from_yaml.statements
    ]


def test_all_problems_of_a_document_are_reported_at_once_with_their_places() -> None:
    text = YAML.replace(b"Allow", b"allow").replace(b"Bool:", b"Boole:").replace(b"300", b"soon")
    with pytest.raises(PolicyError) as caught:
        parse_document(text, "orders.yaml")
    told = str(caught.value).splitlines()
    condition = "/Statement/0/Condition"
    boole = "`Boole` is not an operator; did you mean `Bool`?"
    assert told == [
        "orders.yaml:4:13: /Statement/0/Effect: `Effect` is `Allow` or `Deny`",
        f"orders.yaml:8:43: {condition}/NumericLessThan/durward:AuthAge: `soon` is not a number",
        f"orders.yaml:9:14: {condition}/Boole: {boole}",
    ]


@pytest.mark.parametrize(
    ("elements", "told"),
    [
        ({"effect": "Deny"}, "did you mean `Effect`?"),
        ({"Actions": "*"}, "did you mean `Action`?"),
        ({"NotAction": "*"}, "exactly one of `Action` and `NotAction`"),
        ({"Action": "orders"}, "not an action"),
        ({"Action": "ord*:Get"}, "not an action"),
        ({"Action": []}, "an empty list"),
        ({"Action": [1]}, "not a string"),
        ({"Resource": "arn:aws:s3:::x"}, "not a resource"),
        ({"Resource": "arn:durward:orders:acme"}, "not a resource"),
        ({"Resource": "arn:durward:${durward:Stage}:x:y:z/1"}, "before the tenant"),
        ({"Resource": "arn:durward:o:s:t:"}, "names no resource"),
        ({"Resource": "arn:durward:o:s:t:" + "*a" * 17}, "wildcards"),
        ({"Resource": "arn:durward:o:s:t:${x"}, "without its end"),
        ({"Resource": "arn:durward:o:s:t:${x}"}, "names no key"),
        ({"Resource": "arn:durward:o:s:t:${a:b, 'a}b'}"}, "`${a:b, 'a}` has a default that"),
        ({"Condition": {"StringLike": {"a:b": "${a:c, 'it's'}"}}}, "without `'` and `}` in it"),
        ({"Condition": {"StringEquals": {"a:b": "${a:c, 'x}'}"}}}, "has a default that cannot"),
        ({"Principal": "*"}, "an identity policy has no `Principal`"),
        ({"Sid": "own tenant"}, "letters and digits"),
        ({"Sid": 1}, "letters and digits, as a string: quote it"),
        ({"Condition": []}, "not an object"),
        ({"Condition": {"StringEquals": "x"}}, "not an object of keys"),
        ({"Condition": {"StringEquals": {}}}, "has no key, so it would test nothing"),
        ({"Condition": {"StringEquals": {"x": "y"}}}, "is not a key"),
        ({"Condition": {"stringequals": {"a:b": "y"}}}, "did you mean `StringEquals`?"),
        ({"Condition": {"NumericGreaterThen": {"a:b": 1}}}, "mean `NumericGreaterThan`?"),
        (
            {"Condition": {"ForAllValue:StringEqualIfExists": {"a:b": "y"}}},
            "did you mean `ForAllValues:StringEqualsIfExists`?",
        ),
        ({"Condition": {"StringEqual": {"a:b/c": "y"}}}, "/Condition/StringEqual: `"),
        ({"Condition": {"StringEquals": {"a:b": []}}}, "an empty list"),
        ({"Condition": {"StringEquals": {"a:b": None}}}, "not a string, a number"),
        ({"Condition": {"StringEquals": {"a:b": "x" * 5000}}}, "longer than"),
        ({"Condition": {"StringEquals": {"a:b": ["x"] * 1001}}}, "more than 1000 values"),
        ({"Condition": {"NullIfExists": {"a:b": "true"}}}, "`Null` has no prefix or suffix"),
        ({"Condition": {"ForAllValues:Null": {"a:b": "true"}}}, "not an operator"),
        ({"Condition": {"Null": {"a:b": "maybe"}}}, "neither `true` nor `false`"),
        ({"Condition": {"ForSome:StringEquals": {"a:b": "x"}}}, "not an operator"),
        ({"Condition": {"NumericEquals": {"a:b": "12abc"}}}, "not a number"),
        ({"Condition": {"NumericEquals": {"a:b": "${a:b}"}}}, "not a number"),
        ({"Condition": {"DateLessThan": {"a:b": "2026-02-30"}}}, "not a date"),
        ({"Condition": {"DateLessThan": {"a:b": "soon"}}}, "neither a date"),
        ({"Condition": {"IpAddress": {"a:b": "10.0.0.0/33"}}}, "not an address"),
        ({"Condition": {"IpAddress": {"a:b": "10.0.0.0/0.0.0.255"}}}, "has a mask"),
        ({"Condition": {"Bool": {"a:b": "yes"}}}, "neither `true` nor `false`"),
        ({"Condition": {"Bool": {"a:b": ""}}}, "neither `true` nor `false`"),
        ({"Condition": {"Bool": {"a:b": "${*}"}}}, "nor a variable for one"),
        ({"Condition": {"Bool": {"a:b": "t${a:c}"}}}, "nor a variable for one"),
        ({"Condition": {"Bool": {"a:b": "${a:c, 'yes'}"}}}, "nor a variable for one"),
        ({"Condition": {"BinaryEquals": {"a:b": "%"}}}, "not base64"),
        ({"Condition": {"ArnLike": {"a:b": "orders/1"}}}, "not an ARN"),
    ],
)
def test_an_element_without_a_meaning_is_refused(elements: dict[str, Any], told: str) -> None:
    assert any(told in problem for problem in problems(document(**elements)))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([], "not an object"),
        ({"Version": "2012-10-17"}, "has no `Statement`"),
        ({"Statement": []}, "has no `Version`, which is `2012-10-17`"),
        ({"Version": "2008-10-17", "Statement": []}, "documents of 2008 have no variables"),
        ({"Version": 2, "Statement": []}, "`Version` is `2012-10-17`"),
        ({"Version": "2012-10-17", "Id": "x", "Statement": []}, "an identity policy has no `Id`"),
        ({"Version": "2012-10-17", "Statement": [1]}, "not an object"),
        ({"Version": "2012-10-17", "Statement": [STATEMENT] * 1001}, "more than 1000"),
        (
            {"Version": "2012-10-17", "Statement": [{**STATEMENT, "Sid": "A"}] * 2},
            "a second statement is named `A`",
        ),
    ],
)
def test_a_document_has_a_version_and_statements_and_nothing_else(value: Any, told: str) -> None:
    assert any(told in problem for problem in problems(value))


@pytest.mark.parametrize(
    ("elements", "told"),
    [
        ({}, "exactly one of `Principal`"),
        ({"Principal": {}}, "names nobody"),
        ({"Principal": "ann"}, "not an object"),
        ({"Principal": {"AWS": "*"}}, "not known here"),
        ({"Principal": {"Durward": "arn:durward:iam::acme:user/a*"}}, "not a principal"),
        ({"Principal": {"Durward": "arn:durward:iam:corp:acme:user/ann"}}, "not a principal"),
    ],
)
def test_the_policy_of_an_api_names_its_principals(elements: dict[str, Any], told: str) -> None:
    assert any(told in problem for problem in problems(document(**elements), PolicyKind.RESOURCE))


def test_the_policy_of_an_api_may_leave_out_the_resource() -> None:
    value = document(Principal={"Durward": ["*", "arn:durward:iam::acme:role/clerk"]})
    del value["Statement"]["Resource"]
    (statement,) = read_document(value, "p", PolicyKind.RESOURCE).statements
    assert statement.principals
    assert statement.principals.everybody
    assert statement.resources.patterns[0].text == "*"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"a: 1\na: 2", "occurs twice"),
        (b'{"a": 1, "a": 2}', "p:1:15: /: `a` occurs twice"),
        (b"a: &x [1]\nb: *x", "anchors and aliases"),
        (b"a: !!python/object:os.system {}", "tags are not read"),
        (b"? [a]\n: 1", "a key must be a string"),
        (b"[" * 50 + b"]" * 50, "nested"),
        (b"[" * 5000, "p:/: nested over"),
        (b"- " * 5000, "p:1:67: /: nested over"),
        (b"a: [${b:c}]", "p:1:6: /: expected ',' or ']', but got '{': inside"),
        (b"a: 1\n\tb: 2", "indented by spaces"),
        (b"a: \xc3\xa4\nb: \xe4", "p:2:4: /: not UTF-8"),
        (b"a: \xc3\xa4\nb: \xc3\xa4\x00", "p:2:5: /: not YAML: character U+0000"),
        (b'{"a": "\xe4"}', "p:1:8: /: not UTF-8"),
        (b"- " * 50 + b"x", "nested"),
        (b"a: [", "expected"),
        (b"\xff", "p:1:1: /: not UTF-8"),
        (b"a: \x00", "not YAML"),
        (b"{", "not valid JSON"),
        (b"a: b: c", "mapping values"),
        (b" " * (MAX_DOCUMENT_BYTES + 1), "larger than"),
        (b"", "not an object"),
    ],
)
def test_an_ambiguous_text_is_refused(text: bytes, told: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_document(text, "p")
    assert told in str(caught.value)


def test_an_unquoted_value_in_yaml_is_the_string_as_written() -> None:
    text = b"Version: 2012-10-17\nStatement:\n- {Effect: Allow, Action: '*', Resource: '*', "
    text += b"Condition: {StringEquals: {a:b: [no, 0o17, 1:20, 017, null-ish, 1.50, 7]}}}"
    (statement,) = parse_document(text, "p").statements
    texts = [operand.text for operand in statement.conditions[0].operands]
    assert texts == ["no", "0o17", "1:20", "017", "null-ish", "1.5", "7"]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_refused(text: bytes) -> None:
    with contextlib.suppress(PolicyError):
        parse_document(text, "p")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3)
    ),
    max_leaves=10,
)
elements = st.dictionaries(
    st.sampled_from([*STATEMENT, "NotAction", "NotResource", "Principal", "Condition", "Sid"]),
    json_values,
)


@given(elements, st.sampled_from(PolicyKind))
def test_any_json_is_a_document_or_refused(value: dict[str, Any], kind: PolicyKind) -> None:
    with contextlib.suppress(PolicyError):
        read_document({"Version": "2012-10-17", "Statement": [value]}, "p", kind)
