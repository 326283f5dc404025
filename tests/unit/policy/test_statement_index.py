"""Many statements about one place: each decides as it would alone.

From a handful on they are told apart by the letters of their patterns and by the values that their
conditions want; that is how it is quick, and must not show in any decision.
"""

from typing import Any

import pytest

from durward.core.policy.engine.evaluate import Policies, PolicySet
from durward.core.policy.engine.index import MAX_INLINE
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.language.document import read_document

ANN = Principal("ann", "user", "acme", ("clerk",))
MANY = 20
LEVEL = "app:Level"


def clerks(*statements: dict[str, Any]) -> PolicySet:
    usual = {"Effect": "Allow", "Action": "orders:Get"}
    body: list[Any] = [{"Sid": f"S{n}", **usual, **each} for n, each in enumerate(statements)]
    document = read_document({"Version": "2012-10-17", "Statement": body}, "p")
    return PolicySet(Policies(identity={"role/clerk": [document]}))


def because(policies: PolicySet, last: str = "order/1", **context: Any) -> tuple[str, ...]:
    """The statements that decided, for a resource of the tenant that ends so."""
    told = {f"app:{key}": value for key, value in context.items()}
    resource = f"arn:durward:orders:prod:acme:{last}"
    return policies.evaluate(AccessRequest(ANN, "orders:Get", resource, told)).because


def order(last: str) -> dict[str, Any]:
    return {"Resource": f"arn:durward:orders:*:acme:order/{last}"}


def wants(operator: str, values: Any, key: str = LEVEL) -> dict[str, Any]:
    return {"Resource": "*", "Condition": {operator: {key: values}}}


def test_of_many_patterns_with_wildcards_the_one_that_matches_applies() -> None:
    policies = clerks(*(order(f"*-part{n:02}-*") for n in range(MANY)))
    for n in range(MANY):
        assert because(policies, f"order/x-part{n:02}-y") == (f"p/S{n}",)
    assert because(policies, "order/x-part99-y") == because(policies, "order/") == ()


def test_of_many_conditions_on_one_key_the_one_with_the_value_applies() -> None:
    policies = clerks(*(wants("StringEquals", [f"v{n}", f"w{n}"]) for n in range(MANY)))
    for n in range(MANY):
        assert because(policies, Level=f"v{n}") == because(policies, Level=f"w{n}") == (f"p/S{n}",)
    assert because(policies, Level="v99") == because(policies) == ()


def test_among_many_only_a_plain_equality_is_found_by_its_value() -> None:
    """A negated one, one for a key that may be absent, one with a variable: each is asked."""
    few = [
        wants("StringNotEquals", "low"),
        wants("StringEqualsIfExists", "high"),
        wants("StringEquals", ["${durward:Subject}", "high"]),
        wants("ForAnyValue:StringEquals", "high"),
        wants("StringLike", "hi*"),
    ]
    others = [wants("StringEquals", f"v{n}") for n in range(MANY)]
    for place, one in enumerate(few):
        alone, among = clerks(one), clerks(*others, one)
        for told in (
            {},
            {"Level": "high"},
            {"Level": "low"},
            {"Level": "ann"},
            {"Level": ["high"]},
        ):
            assert bool(because(alone, **told)) is bool(because(among, **told)), (place, told)


@pytest.mark.parametrize("value", [["v3"], ["v3", "v4"], 3, True, {"v3": 1}])
def test_among_many_a_value_that_is_no_single_string_is_compared_as_alone(value: Any) -> None:
    one = wants("StringEquals", "v3")
    many = clerks(*(wants("StringEquals", f"v{n}") for n in range(MANY)))
    assert bool(because(clerks(one), Level=value)) is bool(because(many, Level=value))


def test_a_deny_is_found_among_many_statements_that_allow() -> None:
    deny = {"Effect": "Deny", **order("*secret*")}
    policies = clerks(*(order(f"*-{n:03}-*") for n in range(MANY)), deny)
    assert because(policies, "order/a-001-b") == ("p/S1",)
    assert because(policies, "order/a-001-secret") == (f"p/S{MANY}",)


def test_many_statements_about_any_resource_each_apply_by_their_condition() -> None:
    assert MANY > MAX_INLINE
    everything = [
        {"NotResource": f"arn:durward:orders:*:*:order/{n}", **wants("StringEquals", f"v{n}")}
        for n in range(MANY)
    ]
    for each in everything:
        del each["Resource"]
    policies = clerks(*everything)
    assert because(policies, "order/1", Level="v2") == ("p/S2",)
    assert because(policies, "order/2", Level="v2") == ()


def test_deep_resources_differ_also_beyond_the_indexed_levels() -> None:
    deep = "a/1/b/2/c/3/d"
    policies = clerks(*({"Resource": f"arn:durward:orders:*:*:{deep}/{n}/*"} for n in range(MANY)))
    for n in range(MANY):
        assert because(policies, f"{deep}/{n}/x") == (f"p/S{n}",)
    assert because(policies, f"{deep}/99/x") == ()


def test_a_malformed_resource_name_is_matched_by_a_star_alone() -> None:
    policies = clerks(*(order(f"{n}") for n in range(MANY)), {"Resource": "*"})
    asked = AccessRequest(ANN, "orders:Get", "not-an-arn", {})
    alone = clerks({"Resource": "*"}).evaluate(asked)
    assert policies.evaluate(asked).result is alone.result
