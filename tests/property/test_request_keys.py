"""What is put into conditions about every request changes none of their answers."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from durward.core.policy.engine.predicate import compile_statement, holds, keys_of
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.language.document import read_document
from durward.core.policy.symbolic.request_keys import (
    RESOURCE_TENANT,
    reading,
    with_lists,
    with_tenant_of_resource,
)

OPERATORS = [
    "StringEquals",
    "StringNotEquals",
    "StringLike",
    "StringNotLike",
    "StringEqualsIgnoreCase",
]
VALUES = ["acme", "a*", "?cme", "*", "", "a:b", "${app:X}", "x${app:X}", "${durward:TenantId}"]
VALUES += ["${app:X, 'acme'}", "${*}", "ACME", "${durward:ResourceTenant}"]
KEYS = ["durward:ResourceTenant", "durward:ResourceTenant", "durward:Amr", "app:X"]


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    key = draw(st.sampled_from(KEYS))
    if draw(st.integers(0, 5)) == 0:
        return {"Null": {key: draw(st.sampled_from(["true", "false", ["true", "false"]]))}}
    quantifier = draw(st.sampled_from(["", "", "", "ForAnyValue:", "ForAllValues:"]))
    name = quantifier + draw(st.sampled_from(OPERATORS)) + draw(st.sampled_from(["", "IfExists"]))
    return {name: {key: draw(st.lists(st.sampled_from(VALUES), min_size=1, max_size=2))}}


@given(
    conditions(),
    conditions(),
    st.sampled_from(["Allow", "Deny"]),
    st.sampled_from(["acme", "globex", "*", ""]),
    st.sampled_from([None, "acme", "*", ["acme"], {}]),
    st.sampled_from([None, ["acme"], ["x", "acme"]]),
)
def test_a_condition_on_the_tenant_is_one_on_the_name(
    one: Any, other: Any, effect: str, tenant: str, value: Any, amr: Any
) -> None:
    statement: Any = {
        "Effect": effect,
        "Action": "*",
        "Resource": "*",
        "Condition": {**one, **other},
    }
    document = read_document({"Version": "2012-10-17", "Statement": statement}, "p")
    predicate = compile_statement(document.statements[0])
    context = {"durward:ResourceTenant": tenant or None, "app:X": value, "durward:Amr": amr}
    name = f"arn:durward:o:s:{tenant}:order/1"
    facts = AccessRequest(Principal("ann", "user", "acme"), "o:Get", name, context).facts
    expected = holds(predicate, facts)
    assert holds(with_tenant_of_resource(predicate), facts) is expected
    assert holds(with_lists(predicate, {"durward:amr"}), facts) is expected
    renamed = reading(predicate, {"app:x": "app:x@before"})
    assert "app:x" not in keys_of(renamed)
    assert holds(renamed, {**facts, "app:x@before": facts["app:x"], "app:x": "other"}) is expected


def test_the_tenant_is_read_where_a_variable_stands_for_it_alone() -> None:
    condition = {"StringLike": {"durward:ResourceTenant": "a*"}, "Null": {"app:X": "true"}}
    statement: Any = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
    document = read_document({"Version": "2012-10-17", "Statement": statement}, "p")
    told = with_tenant_of_resource(compile_statement(document.statements[0]))
    assert RESOURCE_TENANT not in keys_of(told)
