"""The engine against a naive evaluator, and the laws that every policy set obeys."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.depth import depth
from tests.oracle import naive_policy

from durward.core.policy.analysis.explain import explain
from durward.core.policy.engine.decision import Result
from durward.core.policy.engine.evaluate import Policies, PolicySet
from durward.core.policy.engine.predicate import (
    FALSE,
    TRUE,
    compile_statement,
    holds,
)
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.engine.residual import residual
from durward.core.policy.language.document import Document, PolicyKind, read_document
from durward.core.policy.language.pattern import ARN_SEGMENTS

KEYS = ["durward:Subject", "durward:TenantId", "durward:Roles", "durward:SourceIp", "app:Level"]
TEXTS = [
    "ann",
    "bob",
    "acme",
    "globex",
    "Acme",
    "a*",
    "*",
    "10",
    "9.5",
    "2026-01-01",
    "10.0.0.1",
    "true",
    "True",
    "FALSE",
]
TEXTS += ["arn:durward:orders:s:acme:order/1"]
OPERATORS = [
    *("StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase"),
    *("NumericLessThan", "NumericEquals", "NumericNotEquals", "NumericGreaterThanEquals"),
    *("DateLessThan", "DateGreaterThan", "Bool", "IpAddress", "NotIpAddress", "ArnLike"),
    "ArnNotLike",
]
SEGMENTS = ["*", "acme", "globex", "${durward:TenantId}", "a*e"]
NAMES = ["order/*", "order/1", "order/${durward:Subject}", "*", "report/?"]
ACTIONS = ["*", "orders:*", "orders:Get*", "orders:getorder", "orders:CancelOrder", "other:*"]

resources = st.builds("arn:durward:orders:*:{}:{}".format, *map(st.sampled_from, (SEGMENTS, NAMES)))
some_resources = st.one_of(st.just("*"), resources, st.lists(resources, min_size=1, max_size=3))
some_actions = st.one_of(
    st.sampled_from(ACTIONS), st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=2)
)
PLAIN = ["ann", "acme", "globex", "a*", "10", "${durward:Subject}", "${app:Level, 'ann'}", "${*}"]
FITTING = {
    "String": [*PLAIN, "a?n", "*"],
    "Numeric": ["10", "9.5", "11", "1e1"],
    "Date": ["2026-01-01", "2025-12-31T23:00:00Z", "10"],
    "Bool": ["true", "false", "${app:Level}", "${durward:Subject, 'true'}"],
    "Ip": ["10.0.0.0/8", "10.0.0.1", "::ffff:10.0.0.0/104", "2001:db8::/32"],
    "Arn": [
        *("arn:durward:orders:*:acme:order/*", "arn:*:*:*:${durward:TenantId}:*"),
        *("arn:*:*:${app:Level}:*:*", "arn:*:${app:Level}:*:*:${durward:SourceIp}"),
        "arn:*:${durward:SourceIp}:*:*:${app:Level}",
    ],
}


@st.composite
def blocks(draw: st.DrawFn, at_least: int = 0) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for _ in range(draw(st.integers(at_least, 2))):
        if draw(st.integers(0, 8)) == 0:
            name, fitting = "Null", ["true", "false"]
        else:
            base = draw(st.sampled_from(OPERATORS))
            family = next(text for text in FITTING if text in base)
            prefix = draw(st.sampled_from(["", "", "ForAllValues:", "ForAnyValue:"]))
            name = prefix + base + draw(st.sampled_from(["", "", "IfExists"]))
            fitting = FITTING[family]
        values = draw(st.lists(st.sampled_from(fitting), min_size=1, max_size=2))
        found.setdefault(name, {})[draw(st.sampled_from(KEYS))] = values
    return found


PRINCIPALS = [
    "*",
    {"Durward": "arn:durward:iam::acme:user/ann"},
    {"Durward": ["arn:durward:iam::acme:role/clerk", "arn:durward:iam::globex:user/bob"]},
]


@st.composite
def statements(draw: st.DrawFn, *, principals: bool = False) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"])),
        draw(st.sampled_from(["Action", "Action", "NotAction"])): draw(some_actions),
        draw(st.sampled_from(["Resource", "Resource", "NotResource"])): draw(some_resources),
    }
    if draw(st.booleans()):
        statement["Condition"] = draw(blocks())
    if principals:
        named = draw(st.sampled_from(["Principal", "NotPrincipal"]))
        statement[named] = draw(st.sampled_from(PRINCIPALS))
    return statement


def documents(*, principals: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda found: {"Version": "2012-10-17", "Statement": found},
        st.lists(statements(principals=principals), max_size=3),
    )


plain = st.one_of(st.sampled_from(TEXTS), st.integers(), st.booleans(), st.floats())
odd = st.sampled_from([{}, {"a": 1}, [["x"]], [None, "10"], object(), 10**50])
values = st.one_of(
    st.sampled_from(TEXTS), st.lists(plain, max_size=3).map(tuple), plain, st.none(), odd
)
spellings = st.sampled_from([*KEYS, *(key.lower() for key in KEYS)])
contexts = st.dictionaries(spellings, values)
people = st.builds(
    Principal,
    subject=st.sampled_from(["ann", "bob", "a*"]),
    kind=st.just("user"),
    tenant=st.sampled_from(["acme", "globex"]),
    roles=st.lists(st.sampled_from(["clerk", "admin"]), max_size=2, unique=True).map(tuple),
    scopes=st.sampled_from([None, frozenset[str](), frozenset({"read"})]),
)
requests = st.builds(
    AccessRequest,
    principal=st.one_of(st.none(), people),
    action=st.sampled_from(["orders:GetOrder", "orders:CancelOrder"]),
    resource=st.builds(
        "arn:durward:orders:s:{}:{}".format,
        st.sampled_from(["acme", "globex", ""]),
        st.sampled_from(["order/1", "order/ann", "order/a*", "report/x"]),
    )
    | st.sampled_from(["*", "", "order/1", "arn:durward:orders", "arn:durward:orders:s::"]),
    context=contexts,
)
IDENTITY = [
    *("durward:principalarn", "durward:principaltype", "durward:subject", "durward:tenantid"),
    *("durward:clientid", "durward:roles", "durward:groups", "durward:scopes"),
]
SCOPES = {"read": frozenset({"orders:GetOrder"})}


def known(request: AccessRequest) -> dict[str, Any]:
    """What the oracle knows of a request, without the engine's reading of it."""
    person, about = request.principal, dict.fromkeys(IDENTITY)
    if person:
        about |= {
            "durward:principalarn": f"arn:durward:iam::{person.tenant}:user/{person.subject}",
            "durward:principaltype": "user",
            "durward:subject": person.subject,
            "durward:tenantid": person.tenant,
            "durward:roles": person.roles,
            "durward:scopes": tuple(person.scopes or ()),
        }
    return naive_policy.read_context(dict(request.context)) | about


def crosses(request: AccessRequest) -> bool:
    segments = request.resource.split(":", 5)
    home = request.principal.tenant if request.principal else ""
    return bool(home) and len(segments) == 6 and segments[4] not in ("", home)


def accepted(document: dict[str, Any], kind: PolicyKind, name: str) -> Document:
    return read_document(json.loads(json.dumps(document)), name, kind)


def policies(
    identity: list[dict[str, Any]],
    resource: list[dict[str, Any]],
    boundary: list[dict[str, Any]] | None = None,
) -> PolicySet:
    read = [accepted(d, PolicyKind.IDENTITY, f"i{n}") for n, d in enumerate(identity)]
    named = [accepted(d, PolicyKind.RESOURCE, f"r{n}") for n, d in enumerate(resource)]
    caps = [accepted(d, PolicyKind.IDENTITY, f"b{n}") for n, d in enumerate(boundary or [])]
    people = ["user/ann", "user/bob", "user/a*"]
    return PolicySet(
        Policies(
            identity=dict.fromkeys(people, read),
            resources={"orders": named},
            boundaries=dict.fromkeys(people, caps) if boundary is not None else {},
            scopes=SCOPES,
        )
    )


@settings(max_examples=depth(200, long=1_800))
@given(
    st.lists(documents(), max_size=2),
    st.lists(documents(principals=True), max_size=2),
    st.one_of(st.none(), st.lists(documents(), max_size=1)),
    requests,
)
def test_the_engine_decides_as_the_naive_evaluator(
    identity: list[dict[str, Any]],
    resource: list[dict[str, Any]],
    boundary: list[dict[str, Any]] | None,
    request: AccessRequest,
) -> None:
    engine = policies(identity, resource, boundary)
    person = request.principal
    layers = {
        "identity": [identity] if person else [],
        "resource": [resource],
        "ceilings": [boundary] if person and boundary is not None else [],
    }
    covered = (
        person is None
        or person.scopes is None
        or ("read" in person.scopes and request.action == "orders:GetOrder")
    )
    expected = naive_policy.decide(
        layers,
        list(person.arns) if person else [],
        request.action,
        request.resource,
        known(request),
        cross_tenant=crosses(request),
        covered=covered,
    )
    answer = engine.evaluate(request)
    assert answer.result.value == expected
    explanation = explain(engine, request)
    assert explanation.result is answer.result
    assert explanation.reason
    assert list(explanation.lines()) is not None


@settings(max_examples=depth(375, long=4_500))
@given(st.sampled_from(["Allow", "Deny"]), blocks(at_least=1), people, contexts)
def test_a_condition_holds_where_the_naive_evaluator_says_so(
    effect: str, block: dict[str, Any], person: Principal, context: dict[str, Any]
) -> None:
    statement = {"Effect": effect, "Action": "*", "Resource": "*", "Condition": block}
    read = accepted({"Version": "2012-10-17", "Statement": statement}, PolicyKind.IDENTITY, "p")
    request = AccessRequest(person, "orders:GetOrder", "arn:a:b:c:d:e", context)
    expected = naive_policy.conditions_hold(statement, known(request))
    assert holds(compile_statement(read.statements[0]), request.facts) is expected


@given(st.lists(documents(), max_size=3), statements(), requests)
def test_adding_a_deny_never_widens(
    identity: list[dict[str, Any]], statement: dict[str, Any], request: AccessRequest
) -> None:
    deny = {"Version": "2012-10-17", "Statement": {**statement, "Effect": "Deny"}}
    before, after = policies(identity, []), policies([*identity, deny], [])
    if after.evaluate(request).allowed:
        assert before.evaluate(request).allowed


@given(st.permutations(range(3)), st.lists(documents(), min_size=3, max_size=3), requests)
def test_order_is_irrelevant(
    order: list[int], identity: list[dict[str, Any]], request: AccessRequest
) -> None:
    one, other = policies(identity, []), policies([identity[place] for place in order], [])
    assert one.evaluate(request).result is other.evaluate(request).result


@given(requests)
def test_the_empty_set_denies(request: AccessRequest) -> None:
    assert PolicySet(Policies()).evaluate(request).result is Result.IMPLICIT_DENY


@given(st.lists(documents(), max_size=2), requests)
def test_scopes_only_narrow(identity: list[dict[str, Any]], request: AccessRequest) -> None:
    engine = policies(identity, [])
    person = request.principal
    if person and engine.evaluate(request).allowed:
        free = Principal(person.subject, person.kind, person.tenant, person.roles)
        unscoped = AccessRequest(free, request.action, request.resource, request.context)
        # A condition may itself read the scopes; what the session policy does can only narrow.
        if "durward:scopes" not in json.dumps(identity).lower():
            assert engine.evaluate(unscoped).allowed


@given(statements(), requests, st.sets(st.sampled_from(["action", "resource", *KEYS])))
def test_what_remains_after_partial_evaluation_means_the_same(
    statement: dict[str, Any], request: AccessRequest, named: set[str]
) -> None:
    read = accepted({"Version": "2012-10-17", "Statement": statement}, PolicyKind.IDENTITY, "p")
    facts = request.facts
    predicate = compile_statement(read.statements[0])
    some = {key.lower(): facts.get(key.lower()) for key in named}
    assert holds(residual(predicate, some), facts) is holds(predicate, facts)
    everything = {key.lower(): facts.get(key.lower()) for key in KEYS} | dict(facts)
    assert residual(predicate, everything) in (TRUE, FALSE)


@settings(max_examples=depth(250, long=500))
@given(
    statements(),
    requests,
    st.sets(st.sampled_from(["action", *map(str.lower, KEYS)])),
    st.sets(st.integers(0, 5)),
)
def test_a_resource_known_in_part_leaves_what_means_the_same(
    statement: dict[str, Any], request: AccessRequest, named: set[str], places: set[int]
) -> None:
    read = accepted({"Version": "2012-10-17", "Statement": statement}, PolicyKind.IDENTITY, "p")
    facts = request.facts
    predicate = compile_statement(read.statements[0])
    some = {key: facts.get(key) for key in named}
    parts = [text if at in places else None for at, text in enumerate(request.segments)]
    told = parts if len(parts) == ARN_SEGMENTS else ()
    assert holds(residual(predicate, some, told), facts) is holds(predicate, facts)
