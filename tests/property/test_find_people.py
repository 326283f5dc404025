"""Questions about who asks: names, tenants, roles, and variables that read them.

Held against every request of a small world, by the rules of evaluation.
"""

from itertools import product
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.depth import depth

from durward.core.policy.analysis.find import find
from durward.core.policy.analysis.policy_stack import PolicyStack
from durward.core.policy.engine.predicate import Predicate, holds
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.language.document import Document, PolicyKind, read_document
from durward.core.policy.symbolic.unknown import Unknown

ANN = "arn:durward:iam::acme:user/ann"
WHO: list[dict[str, Any]] = [
    {"Principal": "*"},
    {"Principal": {"Durward": ANN}},
    {"Principal": {"Durward": ["arn:durward:iam::globex:user/bob", ANN]}},
    {"Principal": {"Durward": "arn:durward:iam::acme:role/clerk"}},
    {"NotPrincipal": {"Durward": ANN}},
]
RESOURCES = [
    "*",
    "arn:durward:orders:s:acme:order/*",
    "arn:durward:orders:s:${durward:TenantId}:order/*",
    "arn:durward:orders:s:${app:A}:order/*",
    "arn:durward:orders:s:*:order/${durward:Subject}",
    "arn:durward:orders:s:*:${durward:PrincipalType}/*",
    "arn:durward:orders:s:*:order/${app:A}",
]
CONDITIONS: list[dict[str, Any]] = [
    {},
    {"StringEquals": {"durward:TenantId": "acme"}},
    {"StringNotEquals": {"durward:TenantId": ["acme", "${app:A}"]}},
    {"StringLike": {"durward:Subject": "a*"}},
    {"StringNotEquals": {"durward:Subject": "ann"}},
    {"StringEquals": {"durward:PrincipalType": "client"}},
    {"ArnLike": {"durward:PrincipalArn": "arn:durward:iam::*:user/a*"}},
    {"StringNotLike": {"durward:PrincipalArn": "*:acme:*"}},
    {"StringEquals": {"app:A": "${durward:TenantId}"}},
    {"StringNotEquals": {"app:A": "${durward:Subject}"}},
    {"StringEqualsIfExists": {"app:A": "${durward:PrincipalArn}"}},
    {"ForAnyValue:StringEquals": {"durward:Roles": "clerk"}},
    {"ForAllValues:StringEquals": {"durward:Roles": ["clerk", "boss"]}},
    {"Null": {"durward:ClientId": "false"}},
    {"Null": {"durward:TenantId": "true"}},
]
PEOPLE = [
    Principal(subject, kind, tenant, roles=roles, client=client)
    for subject, kind in (("ann", "user"), ("bob", "user"), ("ann", "client"))
    for tenant in ("acme", "globex")
    for roles in ((), ("clerk",), ("boss", "x"))
    for client in ("", "app")
]
TENANTS = ("acme", "globex", "")
LASTS = ("order/1", "order/ann", "order/acme", "user/1", "client/1")
VALUES = (None, "acme", "globex", "ann", "x", ANN)


@st.composite
def policies(draw: st.DrawFn) -> Document:
    def statement() -> dict[str, Any]:
        condition: dict[str, Any] = {}
        for found in draw(st.lists(st.sampled_from(CONDITIONS), max_size=2)):
            condition |= found
        return {
            "Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"])),
            "Action": "*",
            "Resource": draw(st.sampled_from(RESOURCES)),
            "Condition": condition,
            **draw(st.sampled_from(WHO)),
        }

    listed: Any = [statement() for _ in range(draw(st.integers(1, 2)))]
    return read_document({"Version": "2012-10-17", "Statement": listed}, "p", PolicyKind.RESOURCE)


def is_shown(one: Predicate, other: Predicate, asked: AccessRequest) -> bool:
    return holds(one, asked.facts) and not holds(other, asked.facts)


@settings(max_examples=depth(37, long=450), deadline=None)
@given(policies(), policies(), st.booleans(), st.none() | st.sampled_from(PEOPLE))
def test_of_everybody_somebody_is_found_or_nobody_is(
    granting: Document, other: Document, cross_tenant: bool, person: Principal | None
) -> None:
    granted, left = (
        PolicyStack([each], cross_tenant=cross_tenant, principal=person)
        for each in (granting, other)
    )
    one, another = (side.whole.predicate(lambda _: True) for side in (granted, left))
    try:
        witness = find(granted, left)
    except Unknown as error:
        event(f"undecided: {error}")
        return
    if witness:
        event("found")
        assert is_shown(one, another, witness.request)
        assert cross_tenant or not witness.request.is_cross_tenant
        return
    event("proven")
    people = [person] if person else PEOPLE
    for who, tenant, last, value in product(people, TENANTS, LASTS, VALUES):
        asked = AccessRequest(who, "a:b", f"arn:durward:orders:s:{tenant}:{last}", {"app:A": value})
        if cross_tenant or not asked.is_cross_tenant:
            assert not is_shown(one, another, asked), asked
