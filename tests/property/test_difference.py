"""Laws of what is told of a change: nothing of equals, something of every member that differs."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from durward.core.difference import differences, excerpt
from durward.core.openapi.operation_changes import operation_changes
from durward.core.openapi.operations import Operation, resource_arn
from durward.core.policy.analysis.allows import Allows
from durward.core.policy.analysis.statement_changes import policy_changes
from durward.core.policy.engine.bundle import Bundle, compile_bundle
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.language.document import read_document
from durward.core.wire import sorted_json

NAMES = st.sampled_from(["a", "b", "Sid", "name", "c/d"])
PLAIN = st.none() | st.booleans() | st.integers(-2, 2) | st.floats(-1, 1) | st.text(max_size=3)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
BODIES = st.dictionaries(NAMES, VALUES, max_size=5)
SCOPES = st.lists(st.frozensets(st.sampled_from("rw")), max_size=2).map(tuple)
OPERATIONS = st.lists(
    st.builds(
        Operation,
        id=st.sampled_from(["One", "Two"]),
        method=st.sampled_from(["GET", "PUT"]),
        path=st.sampled_from(["/o", "/o/{id}", "/o/{name}", "/p"]),
        action=st.sampled_from(["o:One", "o:Two"]),
        public=st.booleans(),
        scopes=SCOPES,
        resource=st.none() | st.just("order/1"),
        fresh=st.booleans(),
    ),
    max_size=5,
    unique_by=lambda operation: operation.route,
)
STATEMENT = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Deny"]),
        "Action": st.sampled_from(["o:One", ["o:One"], ["o:One", "o:Two"]]),
        "Resource": st.sampled_from(["*", ["*"]]),
    }
)
POLICIES = st.dictionaries(st.sampled_from(["A", "B", "C"]), STATEMENT, max_size=3).map(
    lambda found: {
        "Version": "2012-10-17",
        "Statement": [{"Sid": sid, **statement} for sid, statement in found.items()],
    }
)


@given(BODIES)
def test_of_equal_values_nothing_is_told(body: Any) -> None:
    assert not list(differences(body, body))


@given(BODIES, BODIES)
def test_every_member_that_differs_is_told_and_no_other(before: Any, after: Any) -> None:
    told = {found.path[0] for found in differences(before, after)}
    missing = object()
    differing = {
        name
        for name in before.keys() | after.keys()
        if spelled(before.get(name, missing), missing) != spelled(after.get(name, missing), missing)
    }
    assert told == differing


def spelled(value: Any, missing: object) -> bytes | None:
    return None if value is missing else sorted_json(value)


@given(BODIES, BODIES)
def test_the_way_back_tells_the_same_places(before: Any, after: Any) -> None:
    there = {found.path for found in differences(before, after)}
    assert there == {found.path for found in differences(after, before)}


@given(OPERATIONS, OPERATIONS)
def test_the_order_of_operations_does_not_matter(before: Any, after: Any) -> None:
    found = set(operation_changes(before, after))
    assert set(operation_changes(before[::-1], sorted(after, key=str))) == found
    assert bool(found) == (set(before) != set(after))


@given(POLICIES, POLICIES)
def test_every_policy_that_differs_is_told(before: Any, after: Any) -> None:
    found = list(policy_changes(before, after))
    assert bool(found) == (sorted_json(before) != sorted_json(after))
    assert not list(policy_changes(before, before))


@given(st.text(max_size=200))
def test_what_is_shown_can_be_printed_and_is_bounded(text: str) -> None:
    assert excerpt(text).isprintable()
    assert len(excerpt(text)) <= 960


ACTIONS = st.sampled_from(["o:One", "o:T*", "o:*", "*", "o:*e", "o:?wo", "p:One"])
TARGETS = st.sampled_from(
    [
        "*",
        "arn:durward:o:*:*:*",
        "arn:durward:o:s:*:order/*",
        "arn:durward:o:z:*:order/*",
        "arn:durward:o:s:${durward:TenantId}:or*",
        "arn:durward:o:s:acme:order/1",
        "arn:durward:*:*:*:invoice/*",
        "arn:durward:o:s:*:*/1",
        "arn:durward:o:s:*:${durward:Subject}*",
    ]
)
ALLOW = st.builds(
    lambda action, resource, nots: {
        "Effect": "Allow",
        f"{'Not' * nots[0]}Action": action,
        f"{'Not' * nots[1]}Resource": resource,
    },
    st.lists(ACTIONS, min_size=1, max_size=2),
    st.lists(TARGETS, min_size=1, max_size=10),
    st.tuples(st.booleans(), st.booleans()),
)


@given(
    st.lists(ALLOW, max_size=4),
    st.sampled_from(["o:One", "o:Two"]),
    st.sampled_from([None, "order/{id}", "order/1", "invoice/{id}/line/1"]),
    st.sampled_from([None, "{tenant}", "acme"]),
    st.sampled_from(["1", "7", "order"]),
    st.sampled_from(["acme", "globex"]),
)
def test_what_somebody_can_do_is_never_told_to_be_allowed_by_no_policy(
    statements: Any, action: str, resource: str | None, tenant: str | None, value: str, of: str
) -> None:
    document = {"Version": "2012-10-17", "Statement": statements}
    bundle = Bundle(documents={"given": document}, identity={"user/order": ("given",)})
    operation = Operation("Id", "GET", "/", action, resource=resource, tenant=tenant)
    arn = resource_arn(operation, "o", "s", {"id": value, "tenant": of})
    assert arn is not None
    request = AccessRequest(Principal("order", "user", "acme"), action, arn)
    if compile_bundle(bundle, {}).evaluate(request).allowed:
        assert Allows([read_document(document, "given")]).may_meet(operation, "o", "s")
