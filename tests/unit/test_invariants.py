"""Tests and invariants of policies: a change that breaks one is not put in force."""

from typing import Any

import pytest
from tests.unit.test_configuration import GOOD

from durward.core.configuration.configuration import Configuration, read_configuration
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.errors import Misconfigured
from durward.core.invariants import MAX_TOLD, check_invariants, suite_of, violations

ORDER = "arn:durward:orders:default:acme:a"
WHEN = {"action": "orders:Get", "resource": ORDER}


def configuration(suite: dict[str, Any], **changes: dict[str, Any]) -> Configuration:
    """What is declared, with one suite; `changes` replace bodies by kind."""
    declared = {kind: {**bodies, **changes.get(kind, {})} for kind, bodies in GOOD.items()}
    declared["tests"] = {"own": suite}
    return read_configuration(
        Declaration(DeclarationKind(kind), name, body)
        for kind, bodies in declared.items()
        for name, body in bodies.items()
    )


def case(name: str = "a clerk reads", *, expect: str = "allow", **changes: Any) -> dict[str, Any]:
    """A test of what Ann may do; changes go where they belong."""
    when = {key: value for key, value in changes.items() if key in WHEN}
    given = {key: value for key, value in changes.items() if key not in WHEN}
    return {
        "name": name,
        "given": {"principal": "ann", **given},
        "when": {**WHEN, **when},
        "expect": expect,
    }


def never(**statement: Any) -> dict[str, Any]:
    usual = {"Sid": "NobodyElse", "Effect": "Allow", "Action": "*", "Resource": "*"}
    return {"never": [{**usual, **statement}]}


def test_policies_that_pass_their_tests_are_taken() -> None:
    check_invariants(configuration({"tests": [case()]}))
    other = "arn:durward:orders:*:globex:*"
    check_invariants(configuration({"tests": [case()], **never(Resource=other)}))


def test_a_test_that_fails_says_what_was_expected_and_what_was_found() -> None:
    with pytest.raises(Misconfigured) as caught:
        check_invariants(configuration({"tests": [case(expect="deny")]}))
    assert "own: a clerk reads: expected deny, found allow" in caught.value.problem
    assert "durward policy test" in caught.value.hint


def test_an_invariant_that_is_broken_says_who_may_do_what_on_what() -> None:
    with pytest.raises(Misconfigured) as caught:
        check_invariants(configuration(never()))
    told = caught.value.problem
    assert "never `NobodyElse`" in told
    assert "user/ann may orders:Get on arn:durward:orders:" in told


def test_an_invariant_that_several_break_is_told_once_as_new() -> None:
    here = configuration(never(), users={"bob": {"tenant": "acme", "policies": ["all"]}})
    found = list(violations(here, [suite_of(here, "own")]))
    assert len(found) > 1
    assert [each.again for each in found] == [False, *(True for _ in found[1:])]


def test_of_many_that_fail_the_first_are_told_and_how_many_more() -> None:
    cases = [case(f"t{number}", expect="deny") for number in range(MAX_TOLD + 2)]
    with pytest.raises(Misconfigured) as caught:
        check_invariants(configuration({"tests": cases}))
    assert caught.value.problem.count("expected deny") == MAX_TOLD
    assert "and 2 more" in caught.value.problem


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (case(action="orders:Gte"), "no operation"),
        (case(action="orders:*"), "a request has one action"),
        (case(resource="order/1"), "is not a resource"),
        (case(resource="arn:durward:oders:default:acme:a"), "unknown API"),
        (case(context={"durward:Subjekt": "x"}), "unknown key"),
        (case(principal="eve"), "eve"),
        (case(expect="maybe"), "expect"),
    ],
)
def test_a_test_that_names_what_there_is_not_is_refused_as_it_would_always_be_denied(
    wrong: dict[str, Any], told: str
) -> None:
    with pytest.raises(Misconfigured, match=told) as caught:
        check_invariants(configuration({"tests": [wrong]}))
    assert "tests/own" in f"{caught.value.path} {caught.value.problem}"


def test_a_suite_can_be_given_in_place_of_the_declared_one() -> None:
    here = configuration({"tests": [case()]})
    given = suite_of(here, "own", {"tests": [case(expect="deny")]})
    assert [str(each) for each in violations(here, [given])] == [
        "own: a clerk reads: expected deny, found allow by `all/#1`"
    ]
    assert list(violations(here, [])) == []
