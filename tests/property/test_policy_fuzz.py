"""Anything at all as a policy or as a request: an error that says what is wrong, or a decision."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durward.core.errors import DurwardError
from durward.core.policy.engine.decision import Result
from durward.core.policy.engine.evaluate import Policies, PolicySet
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.language.dialect import AWS, OWN, Dialect
from durward.core.policy.language.document import (
    Document,
    PolicyKind,
    parse_document,
    read_document,
)
from durward.core.policy.language.source import PolicyError

WORDS = [
    *("Version", "Statement", "Effect", "Allow", "Deny", "Action", "NotAction", "Resource", "*"),
    *("2012-10-17", "Condition", "StringLike", "Principal", "Sid", "durward:Subject", "${a:b}"),
    *("arn:durward:o:s:t:*", "arn:aws:s3:*", "ForAllValues:Bool", "Null", "true", "${", "-1"),
]
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text()
)
values: st.SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=25,
)
dialects = st.sampled_from([OWN, AWS])
kinds = st.sampled_from(list(PolicyKind))


@given(values, kinds, dialects)
def test_any_value_is_a_document_or_refused(value: Any, kind: PolicyKind, dialect: Dialect) -> None:
    with contextlib.suppress(PolicyError):
        assert isinstance(read_document(value, "p", kind, dialect), Document)


@given(st.binary() | st.text().map(str.encode), dialects)
def test_any_bytes_are_a_document_or_refused(text: bytes, dialect: Dialect) -> None:
    with contextlib.suppress(DurwardError):
        assert isinstance(parse_document(text, "p", dialect=dialect), Document)


@given(
    st.text() | st.sampled_from(["orders:Get", ""]),
    st.text() | st.sampled_from(["arn:durward:o:s:t:order/1"]),
    st.dictionaries(st.text() | st.sampled_from(["durward:subject", "app:x"]), values),
)
def test_any_request_is_decided(action: str, resource: str, context: dict[str, Any]) -> None:
    statements: list[Any] = [
        {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
        for condition in (
            {"NumericLessThan": {"app:X": 5}},
            {"ForAnyValue:IpAddress": {"app:X": "10.0.0.0/8"}},
            {"ArnLike": {"app:X": "arn:*:*:*:*:${durward:Subject}"}},
        )
    ]
    document = read_document({"Version": "2012-10-17", "Statement": statements}, "p")
    request = AccessRequest(Principal("ann", "user", "t"), action, resource, context)
    answer = PolicySet(Policies(identity={"user/ann": [document]})).evaluate(request)
    if "app:x" not in {key.lower() for key in context}:
        assert answer.result is Result.IMPLICIT_DENY


HUGE = 300_000


@pytest.mark.parametrize(
    "text",
    [
        b"[" * HUGE,
        b'{"a":' * HUGE,
        b"- " * HUGE,
        b'{"Version": "2012-10-17", "Statement": [' + b"{}," * HUGE + b"{}]}",
        b'{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"arn:durward:o:s:t:'
        + b"*a" * 1_000
        + b'"}}',
    ],
    ids=["lists", "objects", "yaml", "statements", "stars"],
)
@pytest.mark.timeout(20)
def test_deep_huge_and_hard_documents_are_refused(text: bytes) -> None:
    with pytest.raises(DurwardError):
        parse_document(text, "p")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("value", [["x" * 50] * 100_000, "x" * 1_000_000, ["x" * 10_000]])
def test_values_without_end_are_not_looked_at(value: Any) -> None:
    hard = ["*" + "*a" * 14 + str(place) for place in range(1_000)]
    condition = {"ForAnyValue:StringLike": {"app:X": hard}}
    for effect, expected in (("Allow", Result.IMPLICIT_DENY), ("Deny", Result.EXPLICIT_DENY)):
        statement: Any = {"Effect": effect, "Action": "*", "Resource": "*", "Condition": condition}
        document = read_document({"Version": "2012-10-17", "Statement": statement}, "p")
        policies = PolicySet(Policies(identity={"user/ann": [document]}))
        request = AccessRequest(
            Principal("ann", "user", "t"), "orders:Get", "arn:a:b:c:t:d", {"app:X": value}
        )
        assert policies.evaluate(request).result is expected
