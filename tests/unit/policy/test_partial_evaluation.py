"""What is left of a policy once some of a request is known: that is not asked again."""

import pytest
from tests.unit.policy.test_decisions import ORDER, OWN, policy, request, with_role

from durward.core.policy.engine.predicate import (
    Constant,
    Not,
    Or,
    ResourceMatch,
    compile_statement,
    holds,
    keys_of,
)
from durward.core.policy.engine.residual import Beginning, residual
from durward.core.policy.language.pattern import parse_resource


def test_known_values_are_not_evaluated_again() -> None:
    read = policy({**OWN, "Condition": {"StringEquals": {"durward:Acr": "mfa"}}})
    predicate = compile_statement(read.statements[0])
    assert keys_of(predicate) == {"action", "resource", "durward:tenantid", "durward:acr"}
    known = {"action": "orders:GetOrder", "resource": ORDER, "durward:tenantid": "acme"}
    rest = residual(predicate, known)
    assert keys_of(rest) == {"durward:acr"}
    assert residual(rest, {"durward:acr": "mfa"}) == Constant(value=True)
    assert residual(predicate, {"action": "orders:CancelOrder"}) == Constant(value=False)
    either = Or((Not(rest), rest))
    assert keys_of(either) == {"durward:acr"}
    assert holds(either, {"durward:acr": "x"})
    assert residual(either, {"durward:acr": "x"}) == Constant(value=True)
    assert keys_of(residual(either, {})) == {"durward:acr"}
    assert residual(Or(()), {}) == Constant(value=False)
    assert keys_of(Constant(value=True)) == frozenset()


def test_only_keys_that_the_policies_name_change_the_remainder() -> None:
    condition = {"NumericLessThan": {"durward:AuthAge": 60}}
    keys = with_role({**OWN, "Condition": condition}).keys_read(request())
    assert {"durward:authage", "durward:tenantid", "resource"} <= keys
    assert "durward:sourceip" not in keys


@pytest.mark.parametrize(
    ("last", "left"),
    [
        ("*", Constant(value=True)),
        ("order/*", Constant(value=True)),
        ("ord*", Constant(value=True)),
        ("report/*", Constant(value=False)),
        ("order", None),
        ("order/1*", None),
        ("order/?", None),
        ("*/1", None),
        ("${durward:Subject}*", None),
    ],
)
def test_the_beginning_of_a_resource_decides_every_pattern_that_it_can(
    last: str, left: Constant | None
) -> None:
    pattern = parse_resource(f"arn:durward:orders:prod:${{durward:TenantId}}:{last}")
    names = ResourceMatch((pattern,), complement=False, on_error=False)
    resource = ("arn", "durward", "orders", "prod", "acme", Beginning("order/"))
    found = residual(names, {"durward:tenantid": "acme"}, resource)
    assert found == left if left else isinstance(found, ResourceMatch)
