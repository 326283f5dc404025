"""Tests and invariants of policies: a change that breaks one is not put in force."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.test_configuration import GOOD

from durward.core.access import Access
from durward.core.configuration.configuration import Configuration, read_configuration
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.errors import Misconfigured
from durward.core.invariants import (
    MAX_TOLD,
    PersonInvariants,
    check_invariants,
    suite_of,
    violations,
)
from durward.core.people.person import Entitlements, Person
from durward.core.policy.engine.request import Principal
from durward.core.policy.symbolic.work import Work
from durward.core.principals import People
from durward.core.values import UserId

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


def checked(found: Configuration) -> None:
    check_invariants(found, People.of_files(found))


def never(**statement: Any) -> dict[str, Any]:
    usual = {"Sid": "NobodyElse", "Effect": "Allow", "Action": "*", "Resource": "*"}
    return {"never": [{**usual, **statement}]}


def test_policies_that_pass_their_tests_are_taken() -> None:
    checked(configuration({"tests": [case()]}))
    other = "arn:durward:orders:*:globex:*"
    checked(configuration({"tests": [case()], **never(Resource=other)}))


def test_a_test_that_fails_says_what_was_expected_and_what_was_found() -> None:
    with pytest.raises(Misconfigured) as caught:
        checked(configuration({"tests": [case(expect="deny")]}))
    assert "own: a clerk reads: expected deny, found allow" in caught.value.problem
    assert "durward policy test" in caught.value.hint


def test_an_invariant_that_is_broken_says_who_may_do_what_on_what() -> None:
    with pytest.raises(Misconfigured) as caught:
        checked(configuration(never()))
    told = caught.value.problem
    assert "never `NobodyElse`" in told
    assert "user/ann may orders:Get on arn:durward:orders:" in told


def test_an_invariant_that_several_break_is_told_once_as_new() -> None:
    here = configuration(never(), users={"bob": {"tenant": "acme", "policies": ["all"]}})
    found = list(violations(Access(here), [suite_of(Access(here), "own")]))
    assert len(found) > 1
    assert [each.again for each in found] == [False, *(True for _ in found[1:])]


def test_of_many_that_fail_the_first_are_told_and_how_many_more() -> None:
    cases = [case(f"t{number}", expect="deny") for number in range(MAX_TOLD + 2)]
    with pytest.raises(Misconfigured) as caught:
        checked(configuration({"tests": cases}))
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
        checked(configuration({"tests": [wrong]}))
    assert "tests/own" in f"{caught.value.path} {caught.value.problem}"


def test_a_suite_can_be_given_in_place_of_the_declared_one() -> None:
    here = configuration({"tests": [case()]})
    given = suite_of(Access(here), "own", {"tests": [case(expect="deny")]})
    assert [str(each) for each in violations(Access(here), [given])] == [
        "own: a clerk reads: expected deny, found allow by `all/#1`"
    ]
    assert list(violations(Access(here), [])) == []


def somebody(*policies: str) -> Principal:
    return Principal("p_1", "user", "acme", policies=policies)


def test_one_person_is_asked_about_before_they_are_that_person() -> None:
    found = PersonInvariants(configuration(never(Action="orders:Get")))
    assert found
    assert not found.tell_apart
    assert found.check(somebody(), Work()) == ""
    with pytest.raises(Misconfigured, match="never `NobodyElse`: user/p_1 could orders:Get on"):
        found.check(somebody("all"), Work())


def test_what_is_not_settled_about_a_person_is_told_by_its_name() -> None:
    found = PersonInvariants(configuration(never(Action="orders:Get")))
    assert found.check(somebody("all"), Work(most=0)) == "own: never `NobodyElse`"


def test_an_invariant_that_reads_who_somebody_is_tells_people_apart() -> None:
    named = {"StringEquals": {"durward:Subject": "p_1"}}
    found = PersonInvariants(configuration(never(Action="orders:Get", Condition=named)))
    assert found.tell_apart
    other = replace(somebody("all"), subject="p_2")
    assert found.check(other, Work()) == ""
    with pytest.raises(Misconfigured):
        found.check(somebody("all"), Work())


def test_a_policy_that_somebody_may_get_later_tells_people_apart_too() -> None:
    """It is attached to nobody yet; whoever has it of their own is not like their class."""
    own = {"Effect": "Allow", "Action": "orders:Get", "Resource": "*"}
    named = {**own, "Condition": {"StringEquals": {"durward:Subject": "p_1"}}}
    more = {"for-one": {"Version": "2012-10-17", "Statement": [named]}}
    found = PersonInvariants(configuration(never(Action="orders:Get"), policies=more))
    assert found.tell_apart
    assert found.check(replace(somebody("for-one"), subject="p_2"), Work()) == ""
    with pytest.raises(Misconfigured):
        found.check(somebody("for-one"), Work())


def test_of_a_class_one_is_asked_about_unless_ids_make_a_difference() -> None:
    people = [
        Person(UserId(id), Entitlements.of("acme", [role]), disabled=id == "p_4")
        for id, role in (("p_1", "clerk"), ("p_2", "clerk"), ("p_3", "other"), ("p_4", "third"))
    ]
    alike = PersonInvariants(configuration(never(Action="orders:Get")))
    assert [one.id for one in alike.to_ask(people, ())] == ["p_1", "p_3"]
    assert [one.id for one in alike.to_ask(people, [people[0].class_key])] == ["p_3"]
    named = {"StringEquals": {"durward:Subject": "p_1"}}
    apart = PersonInvariants(configuration(never(Action="orders:Get", Condition=named)))
    assert [one.id for one in apart.to_ask(people, [people[0].class_key])] == ["p_1", "p_2", "p_3"]


def test_without_an_invariant_nobody_is_asked_about() -> None:
    assert not PersonInvariants(configuration({"tests": [case()]}))


def test_what_is_left_open_about_everybody_breaks_what_asks_who_they_are() -> None:
    named = {"StringEquals": {"durward:Subject": "nobody"}}
    here = configuration(never(Action="orders:Get", Condition=named))
    check_invariants(here, People.of_files(here))
    more = replace(People.of_files(here), left_open="there are too many")
    with pytest.raises(Misconfigured, match="cannot be settled: there are too many"):
        check_invariants(here, more)
    unasked = configuration(never(Resource="arn:durward:orders:*:globex:*"))
    check_invariants(unasked, replace(People.of_files(unasked), left_open="there are too many"))
