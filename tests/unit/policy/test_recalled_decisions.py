"""Remembered decisions: never another's, never one that time has overtaken, never too many."""

from dataclasses import replace
from typing import Any

import pytest

from durward.core.policy.engine.evaluate import MAX_TOLD, MAX_TOLD_CHARACTERS, Policies, PolicySet
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.language.document import read_document

ANN = Principal("ann", "user", "acme", roles=("clerk",))
ORDER = "arn:durward:orders:prod:acme:order/1"
GET = "orders:GetOrder"


def clerks(condition: dict[str, Any]) -> PolicySet:
    statement = {"Effect": "Allow", "Action": GET, "Resource": "*", "Condition": condition}
    document: dict[str, Any] = {"Version": "2012-10-17", "Statement": statement}
    identity = {"role/clerk": [read_document(document, "p")]}
    return PolicySet(Policies(identity=identity, scopes={"read": frozenset({GET})}))


def kept(policies: PolicySet) -> int:
    return sum(len(told) for _, told in policies._told.values())


def test_the_same_request_gets_the_remembered_decision() -> None:
    policies = clerks({})
    first = policies.recall(AccessRequest(ANN, GET, ORDER))
    assert policies.recall(AccessRequest(replace(ANN), GET, ORDER)) is first
    assert kept(policies) == 1


def test_a_remembered_decision_ends_when_a_condition_on_time_turns() -> None:
    policies = clerks({"NumericLessThan": {"durward:TokenAge": 30}})

    def allowed(age: int) -> bool:
        request = AccessRequest(ANN, GET, ORDER, {"durward:TokenAge": age})
        return policies.recall(request).allowed

    assert [allowed(age) for age in (29, 29, 30, 30, 29)] == [True, True, False, False, True]


@pytest.mark.parametrize("key", ["Device", "device"])
def test_requests_that_differ_in_a_key_that_the_policies_read_are_told_apart(key: str) -> None:
    policies = clerks({"StringEquals": {"app:Device": "known"}})
    for device, path in [("known", "/a"), ("known", "/b"), ("other", "/b"), (None, "/b")]:
        context = {f"app:{key}": device, "durward:RequestPath": path}
        request = AccessRequest(ANN, GET, ORDER, context)
        assert policies.recall(request).allowed is (device == "known")
    assert kept(policies) == 3


@pytest.mark.parametrize("value", [{}, [[]], object(), [1, 2], "\ud800", 1.5, ["x"] * 1_000])
def test_a_request_with_any_value_gets_a_decision(value: object) -> None:
    policies = clerks({"StringEquals": {"app:Device": "known"}})
    request = AccessRequest(ANN, GET, ORDER, {"app:Device": value})
    assert [policies.recall(request).allowed for _ in "ab"] == [False, False]


def test_principals_that_differ_never_share_a_remembered_decision() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"subject": "ann''user"},
        {"kind": "client"},
        {"tenant": "globex"},
        {"roles": ()},
        {"roles": (), "groups": ("clerk",)},
        {"roles": ("clerk", "admin")},
        {"roles": ("clerk', 'admin",)},
        {"client": "cli"},
        {"scopes": frozenset()},
        {"scopes": frozenset({""})},
        {"scopes": frozenset({"a", "b"})},
        {"scopes": frozenset({"a b"})},
    ]
    spelled = {replace(ANN, **change).spelled for change in changes}
    assert len(spelled) == len(changes)


def test_the_order_of_scopes_makes_no_other_principal() -> None:
    scopes = [f"scope-{place}" for place in range(50)]
    one, other = (replace(ANN, scopes=frozenset(each)) for each in (scopes, scopes[::-1]))
    assert one.spelled == other.spelled


def test_no_name_of_an_action_gives_the_decision_of_another_principal() -> None:
    policies, reader = clerks({}), replace(ANN, scopes=frozenset({"read"}))
    assert policies.recall(AccessRequest(reader, GET, ORDER)).allowed
    feigned = AccessRequest(None, reader.spelled + GET, ORDER)
    assert not policies.recall(feigned).allowed
    assert not policies.evaluate(feigned).allowed


def test_no_name_of_a_user_gives_them_the_role_of_another() -> None:
    policies = clerks({})
    assert policies.recall(AccessRequest(ANN, GET, ORDER)).allowed
    feigned = Principal("ann''acme'''('clerk',)()None", "user", "")
    assert not policies.recall(AccessRequest(feigned, GET, ORDER)).allowed


def test_requests_for_ever_new_resources_fill_no_memory() -> None:
    policies = clerks({})
    for place in range(MAX_TOLD + 10):
        policies.recall(AccessRequest(ANN, GET, f"{ORDER}/{place}"))
    assert kept(policies) == 10


def test_a_very_long_request_is_decided_and_not_remembered() -> None:
    policies = clerks({})
    long = "x" * MAX_TOLD_CHARACTERS
    asked = [
        AccessRequest(ANN, GET, f"{ORDER}/{long}"),
        AccessRequest(replace(ANN, groups=(long,)), GET, ORDER),
    ]
    assert all(policies.recall(request).allowed for request in [*asked, *asked])
    assert kept(policies) == 0
