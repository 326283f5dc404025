"""Why a decision was made: from its record and the policies of then, and from nothing else."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from durward.core.address import Address
from durward.core.api import Api
from durward.core.audit.event import AuditEvent
from durward.core.edge.decide import Decider
from durward.core.edge.decision_record import DecisionRecord, Stage, policies_named
from durward.core.edge.explained import Unexplained, explained
from durward.core.edge.facts import CheckRequest
from durward.core.edge.inputs import MAX_CHARACTERS, inputs_of
from durward.core.edge.parts import digest_of, part_of_policies
from durward.core.edge.snapshot import Snapshot
from durward.core.openapi.operations import Operation
from durward.core.policy.analysis.explain import Explanation, explain
from durward.core.policy.engine.bundle import Bundle, compile_bundle
from durward.core.policy.engine.decision import Result
from durward.core.policy.engine.request import AccessRequest
from durward.core.upstream import Upstream
from durward.core.values import ApiId, DecisionId, Instant

READ = Operation(
    "Read",
    "GET",
    "/{t}/o/{id}",
    "o:Read",
    resource="o/{id}",
    tenant="{t}",
    scopes=(frozenset({"o:read"}),),
)
STATUS = Operation("Status", "GET", "/status", "o:Status", public=True)
API = Api(ApiId("o"), "http://api", "s", Upstream((Address("/x.sock"),)), (READ, STATUS), {})
NOW = 1_800_000_000
ASKED = CheckRequest(
    id=DecisionId("d_1"),
    method="GET",
    path="/acme/o/1",
    api="o",
    operation="Read",
    claims={
        "sub": "ann",
        "client_id": "desk",
        "tenant": "acme",
        "roles": ["clerk"],
        "scope": "o:read",
        "acr": "1",
        "iat": NOW - 10,
        "jti": "t",
    },
    token_header={"typ": "at+jwt"},
    source="192.0.2.7",
    user_agent="curl/8",
    at=Instant(NOW * 1_000_000),
)


def allow(**condition: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "o:*", "Resource": "*", "Condition": condition}
    return {"Version": "2012-10-17", "Statement": {"Sid": "S", **statement}}


def bundle(clerk: dict[str, Any], **roles: dict[str, Any]) -> Bundle:
    documents = {"clerk": clerk, **roles}
    return Bundle(documents, {f"role/{name}": (name,) for name in documents})


def decide(policies: Bundle, asked: CheckRequest = ASKED) -> DecisionRecord:
    """As the record is read again, from a spool and from the log."""
    decision = Decider(Snapshot(7, "http://issuer", (), (API,), policies)).decide(asked)
    read = DecisionRecord.from_wire(decision.to_wire())
    event = AuditEvent.from_wire(read.event().to_wire())
    assert policies_named(event) == (read.inputs.policies if read.inputs else None)
    told = msgspec.convert({**event.facts, "id": event.id, "at": event.at}, DecisionRecord)
    assert told == read == decision
    return told


def why(decision: DecisionRecord, policies: Bundle) -> Explanation:
    found = explained(decision, part_of_policies(policies))
    assert isinstance(found, Explanation), found
    return found


STRONG = allow(StringEquals={"durward:Acr": "2"})


def test_a_denial_is_explained_when_it_is_asked_for() -> None:
    decision = decide(bundle(STRONG))
    assert (decision.allowed, decision.stage) == (False, Stage.POLICY)
    assert decision.reason == "no statement allows it"
    assert decision.explanation is None, "nobody has asked"
    lines = list(why(decision, bundle(STRONG)).lines())
    assert "nearest: Allow in `clerk/S` (identity policy)" in lines
    assert "  StringEquals durward:Acr wants `2`, was `1`" in lines
    assert "nearest miss: with durward:Acr `2` it would be allowed" in lines


def test_a_deny_is_explained_by_what_it_looked_at() -> None:
    never = allow(StringEquals={"durward:Acr": "1"})
    never["Statement"]["Effect"] = "Deny"
    decision = decide(bundle(allow(), never=never), as_roles("clerk", "never"))
    assert decision.because == ("never/S",)
    found = why(decision, bundle(allow(), never=never))
    assert found.result is Result.EXPLICIT_DENY
    assert decision.reason == found.reason == "denied by `never/S`"
    assert "denied: `never/S` (identity policy)" in list(found.lines())


def as_roles(*roles: str) -> CheckRequest:
    return replace(ASKED, claims={**(ASKED.claims or {}), "roles": list(roles)})


def test_an_allow_has_the_statement_that_gave_it() -> None:
    decision = decide(bundle(allow()))
    assert (decision.allowed, decision.because) == (True, ("clerk/S",))
    assert why(decision, bundle(allow())).is_allowed


@pytest.mark.requirement("ZT-5")
def test_policies_of_today_have_no_say() -> None:
    decision = decide(bundle(STRONG))
    for today in (bundle(allow()), Bundle(), bundle(allow(StringEquals={"durward:Acr": "9"}))):
        found = explained(decision, part_of_policies(today))
        assert isinstance(found, Unexplained)
        assert "are no longer stored" in found.why
    gone = explained(decision, None)
    assert isinstance(gone, Unexplained)
    assert decision.inputs
    assert decision.inputs.policies in gone.why


def test_another_decision_than_was_made_is_not_told() -> None:
    decision = decide(bundle(STRONG))
    assert decision.inputs
    inputs = msgspec.structs.replace(decision.inputs, context={"durward:acr": "2"})
    forged = msgspec.structs.replace(decision, inputs=inputs)
    found = explained(forged, part_of_policies(bundle(STRONG)))
    assert isinstance(found, Unexplained)
    assert "to another decision" in found.why


def test_only_what_policies_about_the_action_read_is_recorded() -> None:
    decision = decide(bundle(STRONG))
    assert decision.inputs
    assert decision.inputs.context == {"durward:acr": "1"}
    assert decision.inputs.scopes_needed == ("o:read",)
    read = allow(StringLike={"durward:UserAgent": "x*"})
    agent = decide(bundle(read)).inputs
    assert agent
    assert agent.context == {"durward:useragent": "curl/8"}


def test_what_a_role_would_be_asked_about_is_recorded_of_a_denial() -> None:
    """Else a nearest miss would be told that asks for what there was."""
    policies = bundle(STRONG, boss=allow(StringEquals={"durward:SourceIp": "192.0.2.7"}))
    decision = decide(policies)
    found = why(decision, policies)
    known = compile_bundle(policies, {"o:read": frozenset({"o:Read"})})
    assert decision.inputs
    assert decision.inputs.context["durward:sourceip"] == "192.0.2.7"
    assert [str(each) for each in found.misses] == ["with durward:Acr `2`"]
    assert "durward:sourceip" in known.context_keys(asked_of(decision), as_member=True)
    assert "durward:sourceip" not in known.context_keys(asked_of(decision), as_member=False)


def asked_of(decision: DecisionRecord) -> AccessRequest:
    return AccessRequest(None, decision.action or "", decision.resource or "")


@pytest.mark.parametrize("agent", ["x" * MAX_CHARACTERS, "\udc80"])
def test_what_is_too_long_or_no_text_is_not_recorded_and_that_is_told(agent: str) -> None:
    read = bundle(allow(StringLike={"durward:UserAgent": "?y*"}))
    decision = decide(read, replace(ASKED, user_agent=agent))
    assert not decision.allowed
    assert len(decision.to_wire()) < MAX_CHARACTERS
    found = explained(decision, part_of_policies(read))
    assert isinstance(found, Unexplained)
    assert "`durward:useragent`" in found.why


def test_a_token_of_many_roles_does_not_make_records_large() -> None:
    many = as_roles(*(f"{'x' * 100}{number}" for number in range(150)))
    decision = decide(bundle(STRONG), many)
    assert len(decision.to_wire()) < MAX_CHARACTERS
    found = explained(decision, part_of_policies(bundle(STRONG)))
    assert isinstance(found, Unexplained)
    assert "`principal`" in found.why


def test_a_request_of_nobody_is_explained() -> None:
    nobody = replace(ASKED, path="/status", operation="Status", claims=None, token_header=None)
    decision = decide(bundle(STRONG), nobody)
    assert decision.inputs
    assert (decision.inputs.kind, decision.subject) == ("", None)
    assert why(decision, bundle(STRONG)).reason == "no statement allows it"


def test_a_value_that_cannot_be_read_is_one_again() -> None:
    deny = allow(StringEquals={"app:level": "1"})
    deny["Statement"]["Effect"] = "Deny"
    policies = bundle(allow(), never=deny)
    known = compile_bundle(policies, {})
    asked = AccessRequest(None, "o:Read", "arn:durward:o:s:acme:o/1", {"app:level": {"no": "text"}})
    inputs = inputs_of(known, "", asked, allowed=False)
    assert inputs.context == {"app:level": None}


def test_what_no_policy_decided_has_its_reason_alone() -> None:
    scope = replace(ASKED, claims={**(ASKED.claims or {}), "scope": "other"})
    decision = decide(bundle(STRONG), scope)
    assert (decision.stage, decision.inputs) == (Stage.SCOPE, None)
    assert explained(decision, None) is None


def test_reasons_that_were_recorded_with_an_older_decision_stand() -> None:
    known = compile_bundle(bundle(STRONG), {})
    asked = AccessRequest(None, "o:Read", "arn:durward:o:s:acme:o/1")
    old = msgspec.structs.replace(
        decide(bundle(STRONG)), inputs=None, explanation=explain(known, asked)
    )
    assert explained(old, None) == old.explanation


@pytest.mark.parametrize(
    "part", [b"{", b'{"format":1}', b'{"format":9}', part_of_policies(bundle({"Statement": 1}))]
)
def test_policies_that_cannot_be_read_here_explain_nothing(part: bytes) -> None:
    decision = decide(bundle(STRONG))
    assert decision.inputs
    inputs = msgspec.structs.replace(decision.inputs, policies=digest_of(part))
    found = explained(msgspec.structs.replace(decision, inputs=inputs), part)
    assert isinstance(found, Unexplained)
    assert "cannot be read" in found.why or "unknown format" in found.why


def test_what_the_token_names_is_part_of_the_record() -> None:
    told = ASKED.claims
    assert told is not None
    no_reads = allow()
    no_reads["Statement"]["Action"] = "o:Other"
    policies = replace(bundle(allow(), cap=no_reads), identity={"role/clerk": ("clerk",)})
    for claim, name, reason in (
        ("boundary", "cap", "not allowed by the permissions boundary"),
        ("boundary", "ghost", "the token names policy `ghost`, which is not here"),
        ("policies", "ghost", "the token names policy `ghost`, which is not here"),
    ):
        decision = decide(policies, replace(ASKED, claims={**told, claim: [name]}))
        assert (decision.allowed, decision.reason) == (False, reason)
        found = why(decision, policies)
        assert found.reason == reason
        assert found.misses == ()
    assert "denied: `ghost/(not here)` (identity policy)" in list(found.lines())


def test_what_was_decided_when_people_were_in_the_policies_is_explained_by_these() -> None:
    """A record of before names no policies of the person's own."""
    former = replace(bundle(allow()), identity={"user/ann": ("clerk",)})
    decision = decide(former)
    assert decision.because == ("clerk/S",)
    assert why(decision, former).because == ("clerk/S",)
