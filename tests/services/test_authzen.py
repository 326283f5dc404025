"""Decisions for enforcement points of others: who may ask, about what, and what is recorded.

That each answer is as the certification wants is for tests/vectors/test_authzen.py.
"""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Connection
from tests.issuer import ISSUER
from tests.records import declarations
from tests.services.replica import Replica, given

from durward.core.audit.event import AuditContext, AuditEvent, EventKind
from durward.core.configuration.declaration import DeclarationKind
from durward.core.errors import ErrorCode, ProtocolError
from durward.services.authzen import UNDECIDED, Answer, AuthzenService
from durward.services.context import Context

pytestmark = pytest.mark.anyio
HERE = f"{ISSUER}/access/v1"
GATE = DeclarationKind.CLIENT, "gate"


def asked(action: str = "read", id: str = "record-1", subject: str = "alice") -> dict[str, Any]:
    return {
        "subject": {"type": "user", "id": subject},
        "action": {"name": action},
        "resource": {"type": "record", "id": id},
    }


async def token(replica: Replica, client: str = "gate") -> str:
    form = {"grant_type": "client_credentials", "resource": HERE}
    return given(await replica.exchange(client, **form))["access_token"]


@dataclass
class Gate:
    """A caller: each question is one transaction that only reads."""

    replica: Replica
    bearer: str
    events: list[AuditEvent] = field(default_factory=list)
    decisions: list[str] = field(default_factory=list)

    async def ask(self, question: str, body: bytes) -> Answer:
        """Answer by one of the methods of the service."""

        def use(connection: Connection, context: Context, audit: AuditContext) -> Answer:
            service = AuthzenService(connection, context, self.bearer, audit)
            try:
                answer: Answer = getattr(service, question)(body)
            finally:
                self.events += service.events
                self.decisions += service.decisions
            return answer

        return await self.replica.plane.use_cases.read(use, "test")


async def opened(replica: Replica, bearer: str) -> Gate:
    await replica.write(
        lambda connection, context, audit: AuthzenService(connection, context, bearer, audit)
    )
    return Gate(replica, bearer)


@pytest.fixture
async def gate(replica: Replica) -> Replica:
    """The records are declared, and a client that may ask about them."""
    await replica.apply(*declarations())
    return replica


async def test_a_decision_names_its_record_and_not_why(gate: Replica) -> None:
    """Why it was denied is for `durward explain`: the caller is nobody's operator."""
    service = await opened(gate, await token(gate))
    allowed = await service.ask("evaluate", json.dumps(asked()).encode())
    denied = await service.ask(
        "evaluate", json.dumps(asked(subject="bob", action="delete")).encode()
    )
    assert (allowed["decision"], denied["decision"]) == (True, False)
    assert [event.kind for event in service.events] == [EventKind.DECISION] * 2
    assert [each["context"]["id"] for each in (allowed, denied)] == service.decisions  # type: ignore[call-overload,index]
    assert "archivists" not in json.dumps(denied)


@pytest.mark.parametrize(
    "changes",
    [{"id": "no-such-record"}, {"subject": "nobody"}, {"action": "orders:GetOrder"}],
)
async def test_what_there_is_not_is_denied_and_recorded(
    gate: Replica, changes: dict[str, str]
) -> None:
    service = await opened(gate, await token(gate))
    answer = await service.ask("evaluate", json.dumps(asked(**changes)).encode())
    assert answer["decision"] is False
    assert len(service.events) == 1


async def test_who_may_ask_about_another_api_is_denied_everything_of_this_one(
    gate: Replica,
) -> None:
    service = await opened(gate, await token(gate, "other-gate"))
    assert (await service.ask("evaluate", json.dumps(asked()).encode()))["decision"] is False


async def test_of_a_batch_each_is_decided_and_one_that_cannot_be_read_is_denied(
    gate: Replica,
) -> None:
    service = await opened(gate, await token(gate))
    batch = {"evaluations": [asked(), {"subject": 1}, asked(subject="nobody")]}
    answers: Any = (await service.ask("evaluate_many", json.dumps(batch).encode()))["evaluations"]
    assert [each["decision"] for each in answers] == [True, False, False]
    assert service.decisions[1] == UNDECIDED
    assert len(service.events) == 2
    assert all("id" not in each["context"] for each in answers), "a header has them"


@pytest.mark.parametrize(
    ("semantic", "answered"),
    [("execute_all", 3), ("deny_on_first_deny", 2), ("permit_on_first_permit", 1)],
)
async def test_a_batch_ends_where_its_caller_wants(
    gate: Replica, semantic: str, answered: int
) -> None:
    service = await opened(gate, await token(gate))
    batch = {
        "options": {"evaluations_semantic": semantic},
        "evaluations": [asked(), asked(subject="nobody"), asked()],
    }
    answers: Any = (await service.ask("evaluate_many", json.dumps(batch).encode()))["evaluations"]
    assert len(answers) == len(service.decisions) == answered


async def test_a_search_finds_what_would_be_allowed_and_is_recorded_once(gate: Replica) -> None:
    service = await opened(gate, await token(gate))
    people: Any = await service.ask(
        "search_subjects", json.dumps({**asked("write"), "subject": {"type": "user"}}).encode()
    )
    assert [each["id"] for each in people["results"]] == ["alice"]
    records: Any = await service.ask(
        "search_resources",
        json.dumps({**asked("write", subject="bob"), "resource": {"type": "record"}}).encode(),
    )
    assert [each["id"] for each in records["results"]] == ["record-2"]
    actions: Any = await service.ask(
        "search_actions",
        json.dumps({"subject": asked()["subject"], "resource": asked()["resource"]}).encode(),
    )
    assert {each["name"] for each in actions["results"]} == {"read", "write"}
    assert [event.kind for event in service.events] == [EventKind.SEARCH] * 3


@pytest.mark.parametrize(
    "changes", [{"disabled": True}, {"authzen_apis": []}, {"roles": ["author"]}]
)
async def test_a_caller_asks_as_long_as_it_may_whatever_its_token_says(
    gate: Replica, changes: dict[str, Any]
) -> None:
    bearer = await token(gate)
    await opened(gate, bearer)
    await gate.change(*GATE, **changes)
    with pytest.raises(ProtocolError) as caught:
        await opened(gate, bearer)
    assert caught.value.code is ErrorCode.INVALID_TOKEN


async def test_the_token_of_a_person_or_for_another_resource_asks_nothing(gate: Replica) -> None:
    for name in ("ann", "bob"):
        await gate.give_password(name)
    persons = await gate.tokens(await gate.sign_in())
    form = {"grant_type": "client_credentials", "resource": "https://orders.example"}
    elsewhere = given(await gate.exchange("reporting", **form))
    for bearer in (persons["access_token"], elsewhere["access_token"], "x.y.z"):
        with pytest.raises(ProtocolError):
            await opened(gate, bearer)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"subject": {"type": "user"}}', b"\xff"])
async def test_what_cannot_be_read_is_told_and_decides_nothing(gate: Replica, body: bytes) -> None:
    service = await opened(gate, await token(gate))
    for question in ("evaluate", "search_subjects", "search_actions"):
        with pytest.raises(ProtocolError):
            await service.ask(question, body)
    assert service.events == []
