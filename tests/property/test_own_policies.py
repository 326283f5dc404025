"""Whatever somebody has of their own, the engine decides as the naive evaluator (ADR 24)."""

import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.depth import depth
from tests.oracle import naive_policy
from tests.property.test_policy_laws import SCOPES, crosses, documents, known, people, requests

from durward.core.policy.engine.bundle import Bundle, compile_bundle
from durward.core.policy.engine.request import AccessRequest, Principal

OWN = ("a", "b", "c")
NOT_OWN = ("api", "ghost")
"""A policy of an API, and one that is not there."""
chosen = st.lists(st.sampled_from([*OWN, *OWN, *NOT_OWN]), max_size=2).map(tuple)
asking = st.builds(
    lambda person, policies, boundary: replace(person, policies=policies, boundary=boundary),
    *(people, chosen, chosen),
)


@settings(max_examples=depth(120, long=1_500), deadline=None)
@given(
    st.fixed_dictionaries({name: documents() for name in (*OWN, "clerk")}),
    documents(principals=True),
    asking,
    requests,
)
def test_the_engine_decides_as_the_naive_evaluator_what_a_person_comes_with(
    named: dict[str, Any], api: dict[str, Any], person: Principal, request: AccessRequest
) -> None:
    documents_here = json.loads(json.dumps({**named, "api": api}))
    bundle = Bundle(
        documents=documents_here,
        identity={"role/clerk": ("clerk",)},
        resources={"orders": ("api",)},
    )
    request = replace(request, principal=person)
    answer = compile_bundle(bundle, SCOPES).evaluate(request)
    roles = [named["clerk"]] if "clerk" in person.roles else []
    if set(NOT_OWN) & {*person.policies, *person.boundary}:
        assert answer.result.value == "explicit deny"
        return
    boundary = [named[name] for name in person.boundary]
    expected = naive_policy.decide(
        {
            "identity": [[*(named[name] for name in person.policies), *roles]],
            "resource": [[api]],
            "ceilings": [boundary] if boundary else [],
        },
        list(person.arns),
        request.action,
        request.resource,
        known(request),
        cross_tenant=crosses(request),
        covered=person.scopes is None
        or ("read" in person.scopes and request.action == "orders:GetOrder"),
    )
    assert answer.result.value == expected


@given(asking, st.fixed_dictionaries({name: documents() for name in OWN}), requests)
def test_a_boundary_only_narrows(
    person: Principal, named: dict[str, Any], request: AccessRequest
) -> None:
    engine = compile_bundle(Bundle(documents=json.loads(json.dumps(named))), SCOPES)
    if engine.evaluate(replace(request, principal=person)).allowed:
        free = replace(person, boundary=())
        assert engine.evaluate(replace(request, principal=free)).allowed
