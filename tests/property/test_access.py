"""Questions about everybody declared, against the engine on every request of a small world."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.depth import depth
from tests.unit.test_access import OWN, access, policy

from durward.core.access import Access, access_changes, names_of_principal
from durward.core.configuration.declaration import DeclarationKind
from durward.core.policy.engine.bundle import compile_bundle
from durward.core.policy.engine.evaluate import PolicySet
from durward.core.policy.engine.request import AccessRequest, Principal

RESOURCES = [OWN, "arn:durward:orders:*:*:*", "arn:durward:orders:*:globex:order/1", "*"]
CLERKS = "arn:durward:iam::acme:role/clerk"
PRINCIPALS: list[Any] = [
    "*",
    {"Durward": CLERKS},
    {"Durward": ["arn:durward:iam::globex:role/clerk", "arn:durward:iam::acme:user/abe"]},
]
CONDITIONS: list[dict[str, Any]] = [
    {},
    {"StringEquals": {"durward:ResourceTenant": "${durward:TenantId}"}},
    {"StringNotEquals": {"durward:ResourceTenant": "globex"}},
    {"StringEquals": {"durward:Subject": "abe"}},
    {"StringEquals": {"durward:ClientId": "kiosk"}},
    {"NumericLessThan": {"durward:AuthAge": "60"}},
    {"NumericGreaterThan": {"durward:AuthAge": "59"}},
    {"StringNotEquals": {"durward:PathParam/id": "2"}},
    {"StringEquals": {"durward:PathParam/id": "2", "durward:RequestMethod": "GET"}},
]
bare = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Allow", "Deny"]),
        "Action": st.sampled_from(["orders:GetOrder", "*", "bills:*"]),
        "Resource": st.sampled_from(RESOURCES),
        "Condition": st.sampled_from(CONDITIONS),
    }
)
identity = st.lists(bare, min_size=1, max_size=3)
named = st.builds(lambda found, who: {**found, "Principal": who}, bare, st.sampled_from(PRINCIPALS))
resource = st.lists(named, max_size=3)
guardrail = st.none() | st.lists(bare, min_size=1, max_size=2)


def world(first: list[Any], second: list[Any], level: list[Any] | None) -> Access:
    more: dict[DeclarationKind, dict[str, Any]] = {}
    if level:
        more = {DeclarationKind.POLICY: {"level": policy(*level)}, DeclarationKind.CLIENT: {}}
        more[DeclarationKind.ROLE] = {"clerk": {"policies": ["identity"], "boundary": ["level"]}}
    return access(policy(*first), policy(*second) if second else None, more=more)


def requests(principal: Principal) -> Iterator[AccessRequest]:
    for client, tenant, id, age in product(
        ("desk", "kiosk"), ("acme", "globex"), ("1", "2"), (0, 59, 59.5, 60)
    ):
        context = {
            "durward:ResourceTenant": tenant,
            "durward:AuthAge": str(age),
            "durward:PathParam/id": id,
            "durward:RequestMethod": "GET",
        }
        person = replace(principal, client=client)
        name = f"arn:durward:orders:default:{tenant}:order/{id}"
        yield AccessRequest(person, "orders:GetOrder", name, context)


def allowed(policies: PolicySet, principal: Principal) -> list[AccessRequest]:
    return [each for each in requests(principal) if policies.evaluate(each).allowed]


@settings(max_examples=60)
@given(identity, resource, guardrail)
def test_who_can_is_everybody_whom_the_engine_allows(
    first: list[Any], second: list[Any], level: list[Any] | None
) -> None:
    asked = world(first, second, level)
    policies = compile_bundle(asked.configuration.bundle, {})
    found = {
        names_of_principal(known.principal)[0]: known
        for known in asked.who_can("orders:GetOrder", "*")
    }
    for principal in asked.principals:
        name = names_of_principal(principal)[0]
        if allowed(policies, principal):
            assert name in found, allowed(policies, principal)[0]
    for known in found.values():
        assert policies.evaluate(known.witness.request).allowed, known.witness


@settings(max_examples=40)
@given(identity, resource, identity, resource)
def test_a_change_is_what_the_engine_decides_otherwise(
    first: list[Any], second: list[Any], third: list[Any], fourth: list[Any]
) -> None:
    old, new = world(first, second, None), world(third, fourth, None)
    before, after = (compile_bundle(each.configuration.bundle, {}) for each in (old, new))
    found = {names_of_principal(change.principal)[0]: change for change in access_changes(old, new)}
    for principal in old.principals:
        change = found.get(names_of_principal(principal)[0])
        for each in requests(principal):
            was, is_now = before.evaluate(each).allowed, after.evaluate(each).allowed
            if was is not is_now:
                assert change, each
                assert change.gained if is_now else change.lost, each
    for change in found.values():
        for witness, there, here in ((change.gained, after, before), (change.lost, before, after)):
            if witness:
                assert there.evaluate(witness.request).allowed, witness
                assert not here.evaluate(witness.request).allowed, witness


@settings(max_examples=depth(20, long=80))
@given(identity, resource, guardrail)
def test_without_all_that_is_redundant_the_engine_decides_the_same(
    first: list[Any], second: list[Any], level: list[Any] | None
) -> None:
    asked = world(first, second, level)
    gone = {each.statement for each in asked.redundant() if not each.undecided}

    def left(name: str, statements: list[Any]) -> list[Any]:
        return [s for at, s in enumerate(statements, 1) if f"{name}/#{at}" not in gone]

    less = world(
        left("identity", first),
        left("resource", second) or ([NOBODYS] if second else []),
        (left("level", level) or [NOTHING]) if level else None,
    )
    before, after = (compile_bundle(each.configuration.bundle, {}) for each in (asked, less))
    for principal in asked.principals:
        for each in requests(principal):
            assert before.evaluate(each).allowed is after.evaluate(each).allowed, each


NOTHING: dict[str, Any] = {"Effect": "Allow", "Action": "bills:Other", "Resource": "*"}
NOBODYS: dict[str, Any] = {**NOTHING, "Principal": "*"}
"""In place of a policy of which nothing is left."""
