"""Tests of policies, and the faults that they notice."""

import re
from dataclasses import replace
from typing import Any

import pytest

from durward.core.policy.analysis.mutants import mutants
from durward.core.policy.analysis.suite import failed_tests, read_suite
from durward.core.policy.engine.evaluate import Policies, PolicySet
from durward.core.policy.engine.request import Principal
from durward.core.policy.language.document import read_document
from durward.core.policy.language.source import PolicyError

POLICY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Own",
            "Effect": "Allow",
            "Action": ["o:Get", "o:List"],
            "Resource": "arn:durward:o:s:${durward:TenantId}:*",
            "Condition": {"Bool": {"durward:MultiFactorAuthPresent": "true"}},
        }
    ],
}
ANN = Principal("ann", "user", "acme", ("clerk",))
MFA = {"durward:MultiFactorAuthPresent": "true"}
WHEN = {"action": "o:Get", "resource": "arn:durward:o:s:acme:x/1"}
ENGINE = PolicySet(Policies(identity={"role/clerk": [read_document(POLICY, "p")]}))


def case(expect: Any, **given: Any) -> dict[str, Any]:
    return {"name": "it", "given": {"principal": "ann", **given}, "when": WHEN, "expect": expect}


def failures(*cases: Any, **more: Any) -> list[str]:
    suite = read_suite({"tests": list(cases), **more}, "x.test.yaml", {"ann": ANN})
    return [str(found) for found in failed_tests(suite, ENGINE.evaluate)]


@pytest.mark.parametrize("expect", ["allow", {"allow": "p/Own"}])
def test_a_test_passes_where_the_decision_is_as_expected(expect: Any) -> None:
    assert failures(case(expect, context=MFA)) == []


@pytest.mark.parametrize("expect", ["deny", {"deny": "identity policy"}])
def test_a_test_may_name_the_layer_that_must_deny(expect: Any) -> None:
    assert failures(case(expect)) == []
    reason = " by `identity policy`" if isinstance(expect, dict) else ""
    told = f"it: expected deny{reason}, found allow by `p/Own`"
    assert failures(case(expect, context=MFA)) == [told]


def test_a_test_fails_where_the_right_decision_has_another_reason() -> None:
    assert failures(case({"deny": "guardrail"})) != []
    assert failures(case({"allow": "p/Other"}, context=MFA)) != []


def test_the_defaults_of_a_suite_hold_for_each_of_its_tests() -> None:
    assert failures(case("allow"), given={"context": MFA}) == []
    described = {"principal": {"subject": "eve", "tenant": "acme", "roles": ["clerk"]}}
    assert failures(case("allow", **described), given={"context": MFA}) == []


@pytest.mark.parametrize(
    ("suite", "told"),
    [
        ([], "not an object"),
        ({"test": []}, "`test` is not known here"),
        ({"tests": {}}, "/tests"),
        ({"tests": [{}]}, "`action` is a text"),
        ({"tests": [case("perhaps")]}, "/tests/0/expect"),
        ({"tests": [case("allow", principal="eve")]}, "`eve` is not declared"),
        ({"tests": [case("allow", context=[])]}, "/tests/0/given/context"),
        ({"never": [{"Effect": "Allow"}]}, "/never/0"),
    ],
)
def test_a_suite_that_cannot_be_read_is_refused_with_the_place(suite: Any, told: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_suite(suite, "x", {"ann": ANN})
    assert told in str(caught.value)


ROWS = {
    "arn:durward:o:s:acme:x/1": MFA,
    "arn:durward:o:s:acme:x/2": {},
    "arn:durward:o:s:globex:x/3": MFA,
}


def rows(expect: Any, listed: Any = ROWS) -> dict[str, Any]:
    when = {"action": "o:List", "rows": listed}
    return {"name": "it", "given": {"principal": "ann"}, "when": when, "expect": expect}


def test_a_test_of_a_list_names_the_rows_that_are_expected() -> None:
    assert failures(rows({"rows": ["arn:durward:o:s:acme:x/1"]})) == []
    assert failures(rows({"rows": []})) == [
        "it: arn:durward:o:s:acme:x/1: expected deny, found allow by `p/Own`"
    ]
    wanted = "it: arn:durward:o:s:acme:x/2: expected allow"
    assert [told[: len(wanted)] for told in failures(rows({"rows": list(ROWS)[:2]}))] == [wanted]


@pytest.mark.parametrize(
    ("test", "told"),
    [
        (rows("allow"), "/tests/0/expect: `expect` names the `rows`"),
        (rows({"rows": ["x"]}), "`x` is none of the rows"),
        (rows({"rows": "x"}), "a list of texts"),
        (rows({"rows": []}, {}), "/tests/0/when/rows: at most"),
        (rows({"rows": []}, {"a/b": 1}), "/tests/0/when/rows/a~1b: not an object"),
    ],
)
def test_a_test_of_a_list_whose_rows_cannot_be_read_is_refused(test: Any, told: str) -> None:
    with pytest.raises(PolicyError, match=re.escape(told)):
        failures(test)


def test_every_small_fault_of_a_policy_is_tried_once() -> None:
    made = [(found.pointer, found.change) for found in mutants({"p": POLICY})]
    assert made == [
        ("/Statement/0/Effect", "`Deny` instead"),
        ("/Statement/0/Resource", "any resource"),
        ("/Statement/0/Action/0", "one less"),
        ("/Statement/0/Action/1", "one less"),
        ("/Statement/0/Condition/Bool/durward:MultiFactorAuthPresent", "not asked"),
    ]
    for found in mutants({"p": POLICY}):
        assert found.body != POLICY
        read_document(found.body, "p")


def test_a_principal_by_its_declared_name_has_its_declared_own_policies() -> None:
    """As where roles are described: a test must not lose a boundary by saying more of somebody."""
    capped = replace(ANN, policies=("more",), boundary=("cap",))
    described: dict[str, Any] = {"subject": "ann", "tenant": "acme", "roles": ["boss"]}
    other = {**described, "policies": [], "boundary": ["wide"]}

    def asking(person: Any) -> Principal | None:
        suite: Any = {"tests": [case("deny", principal=person)]}
        (found,) = read_suite(suite, "x", {"user/ann": capped}).cases
        return found.request.principal

    boss = replace(capped, roles=("boss",))
    assert asking(described) == boss
    assert asking(other) == replace(boss, policies=(), boundary=("wide",))
    assert asking({**described, "subject": "eve"}) == Principal("eve", "user", "acme", ("boss",))
    with pytest.raises(PolicyError, match="a list of texts"):
        asking({**described, "boundary": "wide"})
