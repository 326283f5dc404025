"""Decisions that enforcement points of others ask for (AuthZEN Authorization API 1.0).

A caller proves itself by an access token of its own, and asks about the APIs that it is declared to
evaluate. Each decision and each search is an event, recorded before it is answered.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from durward.core.audit.event import AuditContext, AuditEvent, EventKind
from durward.core.authzen.page import PersonPlace, page_of_people, paged
from durward.core.authzen.pdp_metadata import ACCESS_PATH, EVALUATION_PATH
from durward.core.authzen.question import Directory, UnknownEntity
from durward.core.authzen.requests import Action as Named
from durward.core.authzen.requests import (
    ActionSearch,
    Entity,
    Evaluation,
    ResourceSearch,
    Semantic,
    SubjectSearch,
    read_batch,
    read_body,
)
from durward.core.edge.decision_record import DecisionRecord, Stage
from durward.core.edge.inputs import inputs_of
from durward.core.edge.revocation import RevocationKind
from durward.core.errors import ErrorCode, ProtocolError
from durward.core.people.person import Person
from durward.core.policy.analysis.explain import MAX_CANDIDATES
from durward.core.policy.analysis.nearest_miss import nearest_miss
from durward.core.policy.analysis.nearest_statements import examined, nearest
from durward.core.policy.engine.decision import Decision, reason_of
from durward.core.policy.engine.evaluate import PolicySet
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.principals import CLIENT, USER
from durward.core.values import ClientId, DecisionId, from_numeric_date
from durward.core.wire import JsonLike
from durward.entropy import new_id
from durward.services.access_token import verify_access_token
from durward.services.context import Context
from durward.services.subject_search import PeopleSearch
from durward.store.people import load_person
from durward.store.revocations import load_revocations

Answer = dict[str, JsonLike]
Search = SubjectSearch | ResourceSearch | ActionSearch
UNDECIDED = "-"
STEP_UP = {"durward:Acr": "acr_values", "durward:Amr": "amr_values"}


class AuthzenService:
    """Where one caller asks, within one transaction that only reads."""

    def __init__(
        self, connection: Connection, context: Context, token: str, audit: AuditContext
    ) -> None:
        """Raises ProtocolError `invalid_token`."""
        self.events: list[AuditEvent] = []
        """What is to be recorded before anybody is answered."""
        self.decisions: list[str] = []
        """The id of each evaluation's decision, in order; `UNDECIDED` of one that has none."""
        self._policies = context.published.policies
        self._digest = context.published.policies_digest
        self._version = context.published.version
        self._caller = caller_of(connection, context, token, audit)
        self._audit = audit.by(self._caller)
        configuration = context.published.configuration
        authzen_apis = configuration.clients[self._caller].authzen_apis
        self._people: dict[str, Person | None] = {}
        self._directory = Directory(configuration, authzen_apis, audit.at, self._person)
        self._connection = connection

    def evaluate(self, body: bytes) -> Answer:
        """One decision. Raises ProtocolError `invalid_request`."""
        return self._decide(read_body(body, Evaluation))

    def evaluate_many(self, body: bytes) -> Answer:
        """Several, in order, up to the one at which the caller wants to stop (§7.1.2).

        Raises ProtocolError `invalid_request`.
        """
        batch, evaluations = read_batch(body)
        if not evaluations:
            return self.evaluate(body)
        stops_at = {Semantic.UNTIL_DENY: False, Semantic.UNTIL_PERMIT: True}
        answers: list[Answer] = []
        for asked in evaluations:
            if isinstance(asked, ProtocolError):
                self.decisions.append(UNDECIDED)
                answer = _unread(asked)
            else:
                answer = _without_id(self._decide(asked))
            answers.append(answer)
            if answer["decision"] is stops_at.get(batch.options.evaluations_semantic):
                break
        return {"evaluations": answers}

    def search_subjects(self, body: bytes) -> Answer:
        """Who may do it. Raises ProtocolError `invalid_request`."""
        asked = read_body(body, SubjectSearch)
        kind = asked.subject.type
        if kind == USER:
            found, following = page_of_people(self._people_who_may(asked), asked.page)
            self._searched(asked, found)
        else:

            def question(id: str) -> Evaluation:
                subject = Entity(kind, id, asked.subject.properties)
                return Evaluation(subject, asked.action, asked.resource, asked.context)

            clients = self._directory.clients() if kind == CLIENT else ()
            found, following = self._found(clients, asked, question)
        return result_page([{"type": kind, "id": id} for id in found], following)

    def _people_who_may(self, asked: SubjectSearch) -> Iterable[tuple[PersonPlace, bool]]:
        about = self._directory.about(
            asked.action, asked.resource, asked.subject.properties, asked.context
        )
        if isinstance(about, UnknownEntity):
            return ()

        def narrowed(person: Principal) -> Principal | None:
            return self._directory.narrowed(person, asked.context)

        search = PeopleSearch(self._connection, self._policies, narrowed, about)
        return search.steps(PersonPlace.of(asked.page.token))

    def _person(self, id: str) -> Person | None:
        if id not in self._people:
            self._people[id] = load_person(self._connection, id)
        return self._people[id]

    def search_resources(self, body: bytes) -> Answer:
        """To which declared objects it may be done. Raises ProtocolError `invalid_request`."""
        asked = read_body(body, ResourceSearch)
        kind = asked.resource.type

        def question(id: str) -> Evaluation:
            resource = Entity(kind, id, asked.resource.properties)
            return Evaluation(asked.subject, asked.action, resource, asked.context)

        ids = self._directory.resources(asked.action, kind)
        found, following = self._found(ids, asked, question)
        return result_page([{"type": kind, "id": id} for id in found], following)

    def search_actions(self, body: bytes) -> Answer:
        """What may be done. Raises ProtocolError `invalid_request`."""
        asked = read_body(body, ActionSearch)

        def question(name: str) -> Evaluation:
            return Evaluation(asked.subject, Named(name), asked.resource, asked.context)

        names = self._directory.actions(asked.resource.type)
        found, following = self._found(names, asked, question)
        return result_page([{"name": name} for name in found], following)

    def _found(
        self, names: Iterable[str], asked: Search, question: Callable[[str], Evaluation]
    ) -> tuple[list[str], str]:
        """A page of the names whose question is answered with yes; the search is recorded."""
        found, following = paged(names, asked.page, lambda name: self._allows(question(name)))
        self._searched(asked, found)
        return found, following

    def _searched(self, asked: Search, found: Sequence[str]) -> None:
        facts: dict[str, Any] = {"search": type(asked).__name__, "results": len(found)}
        if not isinstance(asked, ActionSearch):
            facts["action"] = asked.action.name
        event = self._audit.event(EventKind.SEARCH, f"clients/{self._caller}", **facts)
        self.events.append(event)

    def _allows(self, asked: Evaluation) -> bool:
        request = self._directory.request(asked)
        return not isinstance(request, UnknownEntity) and self._policies.evaluate(request).allowed

    def _decide(self, asked: Evaluation) -> Answer:
        """Decide, and record it; why it was denied is for `explain`, not for the caller."""
        request = self._directory.request(asked)
        if isinstance(request, UnknownEntity):
            decision = self._decision(asked, Stage.RESOURCE, request.reason)
            return self._answer(decision, request.reason)
        answer = self._policies.evaluate(request)
        inputs = inputs_of(self._policies, self._digest, request, allowed=answer.allowed)
        who = request.principal
        decision = msgspec.structs.replace(
            self._decision(
                asked,
                Stage.POLICY,
                reason_of(answer.result, answer.because, answer.blocked_by, inputs.scopes_needed),
            ),
            allowed=answer.allowed,
            action=request.action,
            resource=request.resource,
            client=who.client or None if who else None,
            tenant=who.tenant if who else None,
            because=answer.because,
            inputs=inputs,
        )
        return self._answer(decision, answer.result.value, step_up(self._policies, request, answer))

    def _decision(self, asked: Evaluation, stage: Stage, reason: str) -> DecisionRecord:
        return DecisionRecord(
            id=DecisionId(new_id("d")),
            at=self._audit.at,
            allowed=False,
            status=200,
            stage=stage,
            reason=reason,
            method="POST",
            path=EVALUATION_PATH,
            source=self._audit.source,
            action=asked.action.name,
            resource=f"{asked.resource.type}/{asked.resource.id}",
            subject=asked.subject.id,
            snapshot=self._version,
            asked_by=self._caller,
        )

    def _answer(self, decision: DecisionRecord, outcome: str, more: Answer | None = None) -> Answer:
        self.events.append(decision.event())
        self.decisions.append(decision.id)
        context: Answer = {"id": decision.id, "reason": outcome, **(more or {})}
        return {"decision": decision.allowed, "context": context}


def result_page(results: list[Answer], following: str) -> Answer:
    """A page of results (§8.2.2): how it goes on comes first, for who reads a long one."""
    return {"page": {"next_token": following}, "results": [*results]}


def _without_id(answer: Answer) -> Answer:
    """An answer within a batch: who asks alike is answered alike, and a header has the ids."""
    context = answer["context"]
    assert isinstance(context, Mapping)  # noqa: S101 - `_answer` made it
    return {**answer, "context": {name: value for name, value in context.items() if name != "id"}}


def caller_of(
    connection: Connection, context: Context, token: str, audit: AuditContext
) -> ClientId:
    """The client that acts for itself by this token, and may still ask.

    Raises ProtocolError `invalid_token`.
    """
    audience = context.issuer + ACCESS_PATH
    claims = verify_access_token(context, token, audience=audience, now=audit.at)
    name, issued = str(claims.get("client_id")), claims.get("iat")
    client = context.published.configuration.clients.get(name)
    is_own = claims.get("sub") == name and isinstance(issued, int)
    if client is None or client.disabled or not client.authzen_apis or not is_own:
        raise ProtocolError(ErrorCode.INVALID_TOKEN, "the token is not valid any more")
    since = from_numeric_date(int(str(issued)))
    revoked = load_revocations(connection, 0, since)
    own = {(RevocationKind.SUBJECT, name), (RevocationKind.CLIENT, name)}
    if any((found.kind, found.value) in own for found in revoked):
        raise ProtocolError(ErrorCode.INVALID_TOKEN, "the token is not valid any more")
    return ClientId(name)


def _unread(error: ProtocolError) -> Answer:
    """An evaluation of a batch that cannot be read is denied, with what is wrong (§7.2)."""
    return {"decision": False, "context": {"error": {"status": 400, "message": error.public}}}


def step_up(policies: PolicySet, request: AccessRequest, answer: Decision) -> Answer:
    """What a stronger sign-in would have to be, where that alone would do.

    It is looked for where a policy about the action reads how somebody signed in, and nowhere else:
    a denial waits for nothing that is not in its answer.
    """
    read = policies.context_keys(request, as_member=True)
    if answer.allowed or not any(key.lower() in read for key in STEP_UP):
        return {}
    near = nearest(answer, examined(policies, request, answer))
    changes = nearest_miss(policies, request, answer, near[:MAX_CANDIDATES])
    if len(changes) == 1 and changes[0].key in STEP_UP and changes[0].value:
        return {STEP_UP[changes[0].key]: changes[0].value}
    return {}
