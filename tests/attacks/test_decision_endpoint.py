"""Who asks the decision point without being somebody who may ask, or tells more than they may."""

import json
from dataclasses import replace
from typing import Any

import httpx2
import msgspec
import pytest
from tests.issuer import API, ISSUER, Issuer
from tests.records import allow, declarations

from durward.core.audit.event import AuditEvent
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.edge.decision_record import DecisionRecord
from durward.core.edge.explained import explained
from durward.core.policy.analysis.explain import Explanation
from durward.core.values import ClientId
from durward.store.snapshots import KEPT

pytestmark = pytest.mark.anyio

ACCESS = f"{ISSUER}/access/v1"
PATHS = ("evaluation", "evaluations", "search/subject", "search/resource", "search/action")
ASKED: dict[str, Any] = {
    "subject": {"type": "user", "id": "alice"},
    "action": {"name": "read"},
    "resource": {"type": "record", "id": "record-1"},
}


async def ask(
    issuer: Issuer, token: str | None, path: str = "evaluation", **changes: Any
) -> httpx2.Response:
    headers = {"content-type": "application/json"}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    async with issuer.http() as http:
        body = json.dumps({**ASKED, **changes})
        return await http.post(f"/access/v1/{path}", content=body, headers=headers)


async def gate(issuer: Issuer, name: str = "gate") -> str:
    """The token of an enforcement point that asks about records."""
    await issuer.apply(*declarations())
    return await issuer.own_token(name, ACCESS)


async def test_the_questions_of_these_tests_are_otherwise_answered(issuer: Issuer) -> None:
    token = await gate(issuer)
    for path in PATHS:
        assert (await ask(issuer, token, path)).status_code == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("token", [None, "", "x", "e30.e30."])
async def test_nobody_asks_without_a_token_of_ours(
    issuer: Issuer, path: str, token: str | None
) -> None:
    reply = await ask(issuer, token, path)
    assert reply.status_code == 401
    assert "resource_metadata=" in reply.headers["www-authenticate"]
    assert "decision" not in reply.text
    assert not any('"kind":"decision"' in event for event in await issuer.events())


@pytest.mark.requirement("AS-41", "AS-51")
async def test_tokens_for_apis_and_of_people_are_not_for_decisions(issuer: Issuer) -> None:
    await gate(issuer)
    service = await issuer.own_token("reporting", API)
    tokens = await issuer.browser().tokens()
    for token in (service, tokens["access_token"], tokens["id_token"]):
        assert (await ask(issuer, token)).status_code == 401


async def test_a_client_that_is_not_declared_to_ask_gets_no_token_to_ask(issuer: Issuer) -> None:
    await gate(issuer)
    reply = await issuer.token("reporting", grant_type="client_credentials", resource=ACCESS)
    assert reply.status_code == 400
    assert reply.json()["error"] == "invalid_target"


async def test_a_token_to_ask_opens_no_api(issuer: Issuer) -> None:
    token = await gate(issuer)
    assert (await issuer.userinfo(token)).status_code == 401


async def test_an_enforcement_point_learns_nothing_of_apis_of_others(issuer: Issuer) -> None:
    token = await gate(issuer, "other-gate")
    known: dict[str, Any] = {"action": {"name": "records:read"}}
    assert (await ask(issuer, token, **known)).json()["decision"] is False
    assert (await ask(issuer, token, "search/subject", **known)).json()["results"] == []
    assert (await ask(issuer, token, "search/resource", **known)).json()["results"] == []
    assert (await ask(issuer, token, "search/action")).json()["results"] == []


@pytest.mark.requirement("AS-104")
@pytest.mark.parametrize("change", [{"disabled": True}, {"authzen_apis": []}])
async def test_who_may_not_ask_any_more_is_refused_at_once(
    issuer: Issuer, change: dict[str, Any]
) -> None:
    token = await gate(issuer)
    (declared,) = [one for one in declarations() if one.name == "gate"]
    await issuer.apply(replace(declared, body={**declared.body, **change}))
    issuer.clock.forward(1)
    assert (await ask(issuer, token)).status_code == 401


@pytest.mark.requirement("ZT-8")
async def test_a_token_is_for_five_minutes(issuer: Issuer) -> None:
    token = await gate(issuer)
    issuer.clock.forward(299)
    assert (await ask(issuer, token)).status_code == 200
    issuer.clock.forward(1)
    assert (await ask(issuer, token)).status_code == 401


async def test_a_disabled_person_is_denied_and_found_nowhere(issuer: Issuer) -> None:
    token = await gate(issuer)
    gone = Declaration(
        DeclarationKind.USER, "alice", {"tenant": "acme", "roles": ["author"], "disabled": True}
    )
    await issuer.apply(gone)
    assert (await ask(issuer, token)).json()["decision"] is False
    found = (await ask(issuer, token, "search/subject")).json()["results"]
    assert found == [{"type": "user", "id": "bob"}]


async def test_a_denial_does_not_tell_the_caller_what_policies_say(issuer: Issuer) -> None:
    token = await gate(issuer)
    told = await ask(issuer, token, action={"name": "write"}, subject={"type": "user", "id": "bob"})
    assert told.json()["decision"] is False
    assert "archivists" not in told.text
    id = told.json()["context"]["id"]
    event = await issuer.plane.log.event(id)
    assert event is not None
    assert event.facts["asked_by"] == "gate"
    assert "archivists" in (await explanation(issuer, event)), "`explain` tells it"


async def explanation(issuer: Issuer, event: AuditEvent) -> str:
    """As `durward explain` makes it, whatever was applied meanwhile."""
    for number in range(KEPT + 1):
        other = {"Sid": f"S{number}", **allow("read")}
        body: dict[str, Any] = {"Version": "2012-10-17", "Statement": [other]}
        await issuer.apply(Declaration(DeclarationKind.POLICY, "archivists", body))
    decision = msgspec.convert({**event.facts, "id": event.id, "at": event.at}, DecisionRecord)
    assert decision.inputs is not None
    digest = decision.inputs.policies
    found = explained(decision, (await issuer.plane.fleet.parts([digest])).get(digest))
    assert isinstance(found, Explanation), found
    return "\n".join(found.lines())


async def test_a_denial_tells_the_caller_which_sign_in_would_do(issuer: Issuer) -> None:
    token = await gate(issuer)
    wanted = {"StringEquals": {"durward:acr": "2"}}
    body: dict[str, Any] = {"Version": "2012-10-17", "Statement": allow("delete", **wanted)}
    await issuer.apply(Declaration(DeclarationKind.POLICY, "archivists", body))
    bob = {"type": "user", "id": "bob"}
    told = await ask(issuer, token, action={"name": "delete"}, subject=bob)
    assert told.json()["decision"] is False
    assert told.json()["context"]["acr_values"] == "2"


async def test_a_body_without_end_is_not_read(issuer: Issuer) -> None:
    token = await gate(issuer)
    reply = await ask(issuer, token, context={"x": "y" * 300_000})
    assert reply.status_code == 400


async def test_every_decision_of_a_batch_is_in_the_log(issuer: Issuer) -> None:
    token = await gate(issuer)
    reply = await ask(issuer, token, "evaluations", evaluations=[{}, {"subject": {}}, {}])
    told = reply.json()["evaluations"]
    assert [one["decision"] for one in told] == [True, False, True]
    first, unread, third = reply.headers["durward-decision"].split(", ")
    assert unread == "-"
    for id, decision in ((first, told[0]), (third, told[2])):
        event = await issuer.plane.log.event(id)
        assert event is not None
        assert event.facts["allowed"] is decision["decision"]


async def test_equal_batches_get_equal_bodies(issuer: Issuer) -> None:
    token = await gate(issuer)
    bob = {"subject": {"type": "user", "id": "bob"}, "action": {"name": "write"}}
    first, second = [
        await ask(issuer, token, "evaluations", evaluations=[{}, bob, {"subject": {}}])
        for _ in range(2)
    ]
    assert first.content == second.content
    assert first.headers["durward-decision"] != second.headers["durward-decision"]
    single = await ask(issuer, token)
    assert single.json()["context"]["id"] == single.headers["durward-decision"]


async def test_a_default_of_a_batch_may_be_a_part(issuer: Issuer) -> None:
    token = await gate(issuer)
    whole = {"resource": ASKED["resource"]}
    reply = await ask(
        issuer,
        token,
        "evaluations",
        resource={"type": "record"},
        subject={"properties": {"a": 1}},
        action={},
        evaluations=[{**ASKED}, {**whole}, {**ASKED, "resource": {"id": "record-1"}}],
    )
    assert reply.status_code == 200
    assert [one["decision"] for one in reply.json()["evaluations"]] == [True, False, False]
    nothing: list[dict[str, Any]] = [{}, {"evaluations": []}]
    for alone in nothing:
        body = {"resource": {"type": "record"}, **alone}
        assert (await ask(issuer, token, "evaluations", **body)).status_code == 400


async def test_how_a_search_goes_on_stands_before_what_it_found(issuer: Issuer) -> None:
    token = await gate(issuer)
    for path in ("subject", "resource", "action"):
        reply = await ask(issuer, token, f"search/{path}")
        assert list(reply.json()) == ["page", "results"]


@pytest.mark.parametrize("number", ["9007199254740993", "1" * 400, "1e400", "1e-400", "-1e309"])
async def test_a_number_that_others_would_read_as_another_one_is_refused(
    issuer: Issuer, number: str
) -> None:
    token = await gate(issuer)
    body = json.dumps({**ASKED, "context": {"durward:RiskScore": "N"}}).replace('"N"', number)
    async with issuer.http() as http:
        headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
        reply = await http.post("/access/v1/evaluation", content=body, headers=headers)
    assert reply.status_code == 400


@pytest.mark.requirement("AS-104")
async def test_who_was_revoked_asks_no_more_by_tokens_up_to_that_second(issuer: Issuer) -> None:
    before = await gate(issuer)
    issuer.clock.forward(1)
    same_second = await issuer.own_token("gate", ACCESS)
    issuer.secrets["gate"] = (
        await issuer.plane.administration.new_client_secret(ClientId("gate"))
    ).reveal()
    issuer.clock.forward(1)
    later = await issuer.own_token("gate", ACCESS)
    told = [(await ask(issuer, token)).status_code for token in (before, same_second, later)]
    assert told == [401, 401, 200]


@pytest.mark.parametrize(
    ("semantic", "actions", "expected"),
    [
        ("execute_all", ["read", "write", "read"], [True, False, True]),
        ("deny_on_first_deny", ["read", "write", "read"], [True, False]),
        ("permit_on_first_permit", ["write", "read", "write"], [False, True]),
    ],
)
async def test_a_batch_ends_where_the_caller_wants(
    issuer: Issuer, semantic: str, actions: list[str], expected: list[bool]
) -> None:
    token = await gate(issuer)
    reply = await ask(
        issuer,
        token,
        "evaluations",
        subject={"type": "user", "id": "bob"},
        options={"evaluations_semantic": semantic},
        evaluations=[{"action": {"name": name}} for name in actions],
    )
    assert [one["decision"] for one in reply.json()["evaluations"]] == expected
