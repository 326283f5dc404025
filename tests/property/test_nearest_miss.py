"""The nearest miss, held against the naive evaluator: it would be allowed, and by nothing less."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.depth import depth
from tests.oracle import naive_policy

from durward.core.policy.analysis.explain import explain
from durward.core.policy.analysis.nearest_miss import MAX_CHANGES, Miss
from durward.core.policy.engine.evaluate import Policies, PolicySet
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.language.document import Document, PolicyKind, read_document

SCOPES = {"read": frozenset({"orders:Get"}), "write": frozenset({"orders:Put"})}
TEXTS = ("app:a", "app:b", "durward:acr")
KEYS = (*TEXTS, "app:level")
"""Conditions on a key are of one kind, of which every value that would do can be found."""
VALUES = ("1", "2", "3")
CONDITIONS: list[dict[str, Any]] = [
    *({"StringEquals": {key: listed}} for key in TEXTS for listed in ("1", ["1", "2"], ["2", "3"])),
    *({"StringNotEquals": {key: value}} for key in TEXTS for value in "12"),
    *({f"Numeric{name}": {"app:level": "2"}} for name in ("LessThan", "NotEquals", "GreaterThan")),
    *({"Null": {key: present}} for key in KEYS for present in ("true", "false")),
    {"ForAnyValue:StringEquals": {"durward:Roles": "boss"}},
    {"StringEquals": {"durward:TenantId": "globex"}},
]
conditions = st.lists(st.sampled_from(CONDITIONS), max_size=3).map(
    lambda found: {name: keys for each in found for name, keys in each.items()}
)
statements = st.builds(
    lambda effect, action, resource, condition: {
        "Effect": effect,
        "Action": action,
        "Resource": resource,
        "Condition": condition,
    },
    st.sampled_from(["Allow", "Allow", "Allow", "Deny"]),
    st.sampled_from(["*", "orders:Get", "orders:Put"]),
    st.sampled_from(["*", "arn:durward:orders:s:${durward:TenantId}:*"]),
    conditions,
)
documents = st.lists(statements, min_size=1, max_size=3).map(
    lambda found: {"Version": "2012-10-17", "Statement": found}
)
contexts = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES))
requests = st.builds(
    lambda scopes, roles, action, tenant, context: AccessRequest(
        Principal("ann", "user", "acme", roles, scopes=scopes),
        action,
        f"arn:durward:orders:s:{tenant}:order/1",
        context,
    ),
    st.sampled_from([None, frozenset({"read"}), frozenset[str]()]),
    st.sampled_from([(), ("clerk",)]),
    st.sampled_from(["orders:Get", "orders:Put"]),
    st.sampled_from(["acme", "acme", "globex"]),
    contexts,
)
World = dict[str, dict[str, Any]]
"""A document by what it is attached to."""
worlds = st.fixed_dictionaries(
    {"role/clerk": documents, "role/boss": documents, "user/ann": documents},
    optional={"boundary": documents, "resource": documents},
)


def engine(world: World) -> PolicySet:
    def read(name: str, kind: PolicyKind = PolicyKind.IDENTITY) -> list[Document]:
        return [read_document(world[name], name.replace("/", "-"), kind)] if name in world else []

    return PolicySet(
        Policies(
            identity={name: read(name) for name in world if "/" in name},
            boundaries={"user/ann": read("boundary")} if "boundary" in world else {},
            resources={"orders": [read_document(open_to_all(world), "r", PolicyKind.RESOURCE)]}
            if "resource" in world
            else {},
            scopes=SCOPES,
        )
    )


def open_to_all(world: World) -> dict[str, Any]:
    found = world["resource"]
    return {**found, "Statement": [{**each, "Principal": "*"} for each in found["Statement"]]}


def is_allowed(world: World, request: AccessRequest) -> bool:
    """By the naive evaluator, which shares no code with the engine."""
    person = request.principal
    assert person is not None
    attached = ["user/ann", *(f"role/{role}" for role in person.roles)]
    about = {
        "durward:principalarn": f"arn:durward:iam::{person.tenant}:user/ann",
        "durward:tenantid": person.tenant,
        "durward:roles": person.roles,
        "durward:scopes": tuple(person.scopes or ()),
    }
    layers: dict[str, Any] = {
        "identity": [[world[name] for name in attached if name in world]],
        "resource": [[open_to_all(world)]] if "resource" in world else [],
        "ceilings": [[world["boundary"]]] if "boundary" in world else [],
    }
    covers = {name for name, actions in SCOPES.items() if request.action in actions}
    answer = naive_policy.decide(
        layers,
        list(person.arns),
        request.action,
        request.resource,
        naive_policy.read_context(dict(request.context)) | about,
        cross_tenant=request.resource.split(":")[4] != person.tenant,
        covered=person.scopes is None or not covers.isdisjoint(person.scopes),
    )
    return answer == "allow"


def changed(request: AccessRequest, changes: tuple[Miss, ...]) -> AccessRequest:
    for each in changes:
        person = request.principal
        assert person is not None
        match each.kind:
            case "scope":
                person = replace(person, scopes=(person.scopes or frozenset()) | {each.value})
            case "role":
                person = replace(person, roles=(*person.roles, each.value))
            case "tenant":
                person = replace(person, tenant=each.value)
            case _:
                key = each.key.lower()
                context = {k: v for k, v in request.context.items() if k.lower() != key}
                request = replace(request, context={**context, key: each.value or None})
        request = replace(request, principal=person)
    return request


def every_change(request: AccessRequest) -> Iterator[Miss]:
    """One of each that makes a difference: what no condition speaks of is all alike."""
    yield from (Miss("scope", "durward:Scopes", each) for each in SCOPES)
    yield from (Miss("role", "durward:Roles", each) for each in ("clerk", "boss"))
    yield Miss("tenant", "durward:TenantId", request.resource.split(":")[4])
    for key in KEYS:
        yield from (Miss("value", key, value) for value in (*VALUES, "0", "2.5", ""))


@settings(max_examples=depth(150, long=300))
@given(worlds, requests)
def test_the_nearest_miss_is_allowed_and_nothing_less_is(
    world: World, request: AccessRequest
) -> None:
    found = explain(engine(world), request)
    if is_allowed(world, request):
        assert found.misses == ()
        return
    if not found.misses:
        return
    assert is_allowed(world, changed(request, found.misses)), found.misses
    known = list(every_change(request))
    for size in range(1, len(found.misses)):
        for fewer in combinations(known, size):
            if len({each.value if each.kind == "role" else each.key for each in fewer}) == size:
                assert not is_allowed(world, changed(request, fewer)), (found.misses, fewer)


@settings(max_examples=depth(100, long=200))
@given(worlds, requests)
def test_where_none_is_told_no_single_change_is_enough(
    world: World, request: AccessRequest
) -> None:
    found = explain(engine(world), request)
    if not found.misses and not is_allowed(world, request):
        for each in every_change(request):
            assert not is_allowed(world, changed(request, (each,))), each
    assert len(found.misses) <= MAX_CHANGES
