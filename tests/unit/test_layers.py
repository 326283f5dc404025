"""Guardrails of tenants and policies of groups, as they are declared."""

from typing import Any

import pytest
from tests.unit.test_access import OWN, access, found_by, never, policy

from durward.core.access import Access, access_changes
from durward.core.configuration.configuration import read_configuration
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.configuration.declaration_changes import Sides, details
from durward.core.edge.parts import (
    POLICIES,
    TENANT_GUARDRAILS,
    TOKEN_POLICIES,
    PoliciesPart,
    part_of_policies,
    read_part,
)
from durward.core.errors import Misconfigured
from durward.core.policy.engine.bundle import compile_bundle
from durward.core.policy.engine.decision import Layer, Result
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.values import Instant

ACMES = "arn:durward:orders:default:acme:order/1"
NO_WRITES = policy({"Action": "orders:Get*", "Resource": "*"})
ALL = {"Action": "orders:*", "Resource": "*"}


def declared(guardrails: tuple[str, ...] = (), **groups: Any) -> Access:
    more: dict[DeclarationKind, dict[str, Any]] = {
        DeclarationKind.TENANT: {"acme": {"guardrails": [*guardrails]}},
        DeclarationKind.POLICY: {
            "no-writes": NO_WRITES,
            "nothing": policy({"Action": "orders:Other", "Resource": "*"}),
            "wide": policy(ALL),
        },
    }
    return access(policy({"Action": "bills:Other", "Resource": OWN}), more=more | groups_of(groups))


def groups_of(groups: dict[str, Any]) -> dict[DeclarationKind, dict[str, Any]]:
    return {
        DeclarationKind.GROUP: groups,
        DeclarationKind.USER: {
            "ann": {"tenant": "acme", "roles": ["clerk"], "groups": ["staff", "undeclared"]},
            "bob": {"tenant": "globex", "roles": ["clerk"], "groups": ["staff"]},
        },
    }


def decided(asked: Access, tenant: str = "acme", *, action: str = "orders:GetOrder") -> Any:
    policies = compile_bundle(asked.configuration.bundle, {})
    person = Principal("ann", "user", tenant, ("clerk",), ("staff", "undeclared"))
    resource = ACMES.replace("acme", tenant)
    return policies.evaluate(AccessRequest(person, action, resource))


def test_a_policy_of_a_group_grants_to_whoever_is_in_it() -> None:
    asked = declared(staff={"policies": ["wide"]})
    answer = decided(asked)
    assert answer.because == ("wide/#1",)
    assert decided(declared()).result is Result.IMPLICIT_DENY
    assert found_by(asked, never(Action="orders:GetOrder")) == ["user/ann", "user/bob"]
    capped = declared(staff={"policies": ["wide"], "boundary": ["nothing"]})
    assert decided(capped).blocked_by == (Layer.BOUNDARY,)


def test_each_guardrail_caps_the_tenants_own_and_nobody_else() -> None:
    staff = {"policies": ["wide"]}
    one = declared(("no-writes",), staff=staff)
    assert decided(one).allowed
    assert decided(one, action="orders:DropOrder").blocked_by == (Layer.GUARDRAIL,)
    assert decided(one, "globex", action="orders:DropOrder").allowed
    both = declared(("no-writes", "nothing"), staff=staff)
    assert decided(both).blocked_by == (Layer.GUARDRAIL,)
    assert decided(both, "globex").allowed
    assert found_by(both, never(Action="orders:GetOrder")) == ["user/bob"]
    (change,) = access_changes(one, both)
    assert (change.principal.subject, change.gained) == ("ann", None)
    assert change.lost is not None
    assert "nothing" not in both.idle


def test_a_policy_that_is_not_declared_is_no_guardrail_and_no_groups() -> None:
    for more in (
        {DeclarationKind.TENANT: {"acme": {"guardrails": ["ghost"]}}},
        {DeclarationKind.GROUP: {"staff": {"policies": ["ghost"]}}},
    ):
        with pytest.raises(Misconfigured, match="`ghost`, which is not declared"):
            access(policy({"Resource": OWN}), more=more)


@pytest.mark.parametrize(
    ("kind", "before", "after", "widens"),
    [
        (DeclarationKind.TENANT, {}, {"guardrails": ["no-writes"]}, False),
        (DeclarationKind.TENANT, {"guardrails": ["no-writes"]}, {}, True),
        (DeclarationKind.GROUP, {}, {"policies": ["wide"]}, True),
        (DeclarationKind.GROUP, {"policies": ["wide"]}, {}, False),
        (DeclarationKind.GROUP, {"boundary": ["wide"]}, {}, True),
        (DeclarationKind.USER, {"tenant": "acme", "groups": ["capped"]}, {"tenant": "acme"}, True),
        (DeclarationKind.USER, {"tenant": "acme", "groups": ["other"]}, {"tenant": "acme"}, False),
    ],
)
def test_what_may_allow_more_is_marked(
    kind: DeclarationKind, before: Any, after: Any, widens: bool
) -> None:
    declarations = [
        Declaration(DeclarationKind.TENANT, "acme", {}),
        Declaration(DeclarationKind.POLICY, "wide", policy(ALL)),
        Declaration(DeclarationKind.GROUP, "capped", {"boundary": ["wide"]}),
    ]
    configuration = read_configuration(declarations)
    found = details(kind, "x", before, after, Sides(configuration, configuration, Instant(0)))
    assert [detail.widens for detail in found] == [widens]


def test_a_node_that_does_not_know_what_caps_takes_no_such_policies() -> None:
    """It would let through what they cap: the part says what it needs.

    Whether a person has a boundary the part cannot tell, so it needs every time that tokens are
    asked for it.
    """
    for guardrails, needs in (
        (("no-writes",), (TENANT_GUARDRAILS, TOKEN_POLICIES)),
        ((), (TOKEN_POLICIES,)),
    ):
        part = part_of_policies(declared(guardrails).configuration.bundle)
        content = read_part(POLICIES, part).content
        assert isinstance(content, PoliciesPart)
        assert content.needs == needs
