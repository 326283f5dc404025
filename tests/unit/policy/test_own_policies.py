"""What a person has of their own comes with the person, by name (ADR 24)."""

from dataclasses import replace
from typing import Any

import pytest

from durward.core.policy.analysis.explain import explain
from durward.core.policy.engine.absent import NOT_HERE
from durward.core.policy.engine.bundle import Bundle, compile_bundle
from durward.core.policy.engine.decision import Layer, Result
from durward.core.policy.engine.evaluate import MAX_BOUNDARIES, PolicySet
from durward.core.policy.engine.filter import Listed, remaining
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.language.dialect import OWN

ANN = Principal("ann", "user", "acme", ("clerk",))
ORDER = "arn:durward:orders:s:acme:order/1"


def policy(effect: str, action: str, **more: Any) -> dict[str, Any]:
    statement = {"Sid": "S", "Effect": effect, "Action": action, "Resource": "*", **more}
    return {"Version": "2012-10-17", "Statement": statement}


BUNDLE = Bundle(
    documents={
        "get": policy("Allow", "orders:Get"),
        "put": policy("Allow", "orders:Put"),
        "cap-get": policy("Allow", "orders:Get"),
        "cap-put": policy("Allow", "orders:Put"),
        "never": policy("Deny", "orders:Get"),
        "of-api": policy("Allow", "orders:Drop", Principal="*"),
    },
    identity={"role/clerk": ("get", "put")},
    resources={"orders": ("of-api",)},
)
POLICIES = compile_bundle(BUNDLE, {})


def asked(action: str, person: Principal = ANN) -> AccessRequest:
    return AccessRequest(person, f"orders:{action}", ORDER)


def with_own(*policies: str, boundary: tuple[str, ...] = ()) -> Principal:
    return replace(ANN, policies=policies, boundary=boundary)


def test_an_own_policy_grants_to_a_person_who_names_it() -> None:
    stranger = Principal("eve", "user", "acme")
    assert not POLICIES.evaluate(asked("Get", stranger)).allowed
    found = POLICIES.evaluate(asked("Get", replace(stranger, policies=("get",))))
    assert found.because == ("get/S",)
    assert not POLICIES.evaluate(asked("Get", stranger)).allowed, "another one of that name"


def test_all_documents_of_a_boundary_cap_together() -> None:
    get, both = with_own(boundary=("cap-get",)), with_own(boundary=("cap-get", "cap-put"))
    assert [POLICIES.evaluate(asked(each, get)).allowed for each in ("Get", "Put")] == [True, False]
    assert POLICIES.evaluate(asked("Put", get)).blocked_by == (Layer.BOUNDARY,)
    assert all(POLICIES.evaluate(asked(each, both)).allowed for each in ("Get", "Put"))


@pytest.mark.parametrize(
    "person",
    [
        with_own("ghost"),
        with_own("get", "ghost"),
        with_own(boundary=("ghost",)),
        with_own(boundary=("cap-get", "ghost")),
    ],
)
@pytest.mark.parametrize("action", ["Get", "Put", "Drop", "Other"])
def test_the_name_of_an_unknown_policy_denies_everything(person: Principal, action: str) -> None:
    request = asked(action, person)
    found = POLICIES.evaluate(request)
    assert (found.result, found.because) == (Result.EXPLICIT_DENY, (f"ghost/{NOT_HERE}",))
    elsewhere = replace(request, resource=ORDER.replace("acme", "globex"))
    assert POLICIES.evaluate(elsewhere).result is Result.EXPLICIT_DENY
    unnamed = POLICIES.evaluate(replace(request, resource="no ARN"))
    assert unnamed.result is Result.EXPLICIT_DENY
    why = explain(POLICIES, request)
    assert why.reason == "the token names policy `ghost`, which is not here"
    assert why.misses == ()


def test_with_the_name_of_an_unknown_policy_every_list_is_empty() -> None:
    listed = Listed("orders", "s", "acme", "order/", frozenset())
    for person, cases in ((ANN, 1), (with_own("ghost"), 0), (with_own(boundary=("ghost",)), 0)):
        request = listed.request(person, "orders:Get", {})
        assert len(remaining(POLICIES, request, listed)) == cases


@pytest.mark.parametrize("person", [with_own("of-api"), with_own(boundary=("of-api",))])
def test_the_policy_of_an_api_cannot_be_an_own_policy(person: Principal) -> None:
    assert POLICIES.evaluate(asked("Get", person)).because == (f"of-api/{NOT_HERE}",)


def test_no_sid_can_imitate_an_unknown_document() -> None:
    assert not OWN.sid.match(NOT_HERE)


def test_another_statement_that_denies_is_still_reported() -> None:
    found = explain(POLICIES, asked("Get", with_own("never")))
    assert found.reason == "denied by `never/S`"


def test_people_with_different_own_policies_share_no_decision() -> None:
    spelled = {
        replace(ANN, policies=policies, boundary=boundary, roles=roles, groups=groups).spelled
        for policies in ((), ("get",), ("cap-get",), ("get", "cap-get"))
        for boundary in ((), ("get",), ("cap-get",))
        for roles in ((), ("get",))
        for groups in ((), ("get",))
    }
    assert len(spelled) == 4 * 3 * 2 * 2
    for person, allowed in ((ANN, True), (with_own(boundary=("cap-put",)), False), (ANN, True)):
        assert POLICIES.recall(asked("Get", person)).allowed is allowed


def test_however_many_boundaries_are_named_few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_BOUNDARIES <= 4_096
    monkeypatch.setattr("durward.core.policy.engine.evaluate.MAX_BOUNDARIES", 3)
    policies: Any = compile_bundle(BUNDLE, {})
    for number in range(1, 20):
        person = with_own(*["ghost"] * number, boundary=("cap-get",) * number)
        policies.evaluate(asked("Get", person))
        assert len(policies._own_boundaries) <= 3
    assert policies._own == {}, "what is not here is made anew"


def test_an_empty_set_of_policies_knows_no_names() -> None:
    empty = compile_bundle(Bundle(), {})
    assert isinstance(empty, PolicySet)
    assert empty.evaluate(asked("Get", with_own("get"))).result is Result.EXPLICIT_DENY
