"""The record of a decision, and Envoy's own refusals read as such."""

import json

import msgspec
import pytest

from durward.core.edge.decision_record import DecisionRecord, EnvoyLine, Stage
from durward.core.policy.analysis.explain import Explanation
from durward.core.policy.analysis.nearest_miss import Miss
from durward.core.policy.engine.decision import Layer, Result
from durward.core.values import DecisionId, Instant

DECISION = DecisionRecord(
    id=DecisionId("d_1"),
    at=Instant(1),
    allowed=False,
    status=403,
    stage=Stage.POLICY,
    reason="no statement allows it",
    method="GET",
    path="/v1/{tenant}",
    source="127.0.0.1",
    subject="ann",
    explanation=Explanation(Result.IMPLICIT_DENY, (), (), ()),
)


def line(**fields: object) -> EnvoyLine:
    usual = {"at": "1795504781436099", "early_id": "1795504781436099-2", "id": "f56", "status": 401}
    return EnvoyLine.from_wire(json.dumps({**usual, **fields}).encode())


def test_a_decision_is_read_as_it_was_written() -> None:
    assert DecisionRecord.from_wire(DECISION.to_wire()) == DECISION
    assert b"client" not in DECISION.to_wire()


def test_an_explanation_is_read_as_it_was_written() -> None:
    acr, site = Miss("sign-in", "durward:acr", "2"), Miss("value", "app:site", "hq")
    alone = Explanation(Result.IMPLICIT_DENY, (), (Layer.IDENTITY,), (), miss=acr)
    several = Explanation(Result.IMPLICIT_DENY, (), (Layer.IDENTITY,), (), together=(acr, site))
    for each in (alone, several):
        decision = msgspec.structs.replace(DECISION, explanation=each)
        assert DecisionRecord.from_wire(decision.to_wire()) == decision


def test_an_explanation_of_before_several_changes_were_told_is_read() -> None:
    miss = {"kind": "sign-in", "key": "durward:acr", "value": "2"}
    usual = {"result": "implicit deny", "because": [], "blocked_by": [], "candidates": []}
    older = msgspec.convert({**usual, "miss": miss}, Explanation)
    assert "nearest miss: with durward:acr `2` it would be allowed" in list(older.lines())


def test_what_is_no_decision_is_not_read_as_one() -> None:
    with pytest.raises(msgspec.DecodeError):
        DecisionRecord.from_wire(b'{"id": 1}')


def test_a_request_on_another_hosts_connection_is_told_from_an_undeclared_one() -> None:
    """RFC 9110 §15.5.20: both are answered without a service."""
    line = {"at": "1", "early_id": "1-1", "details": "direct_response"}
    reasons = {
        status: EnvoyLine.from_wire(json.dumps({**line, "status": status}).encode())
        .decision()
        .reason
        for status in (404, 421)
    }
    assert reasons == {
        404: "no such operation is declared",
        421: "the connection was made for another host",
    }


@pytest.mark.parametrize(
    ("details", "stage", "words"),
    [
        ("direct_response", Stage.ROUTE, "no such operation"),
        ("path_normalization_failed", Stage.PARSER, "escape"),
        ("http1.codec_error", Stage.PARSER, "http1.codec_error"),
        ("request_payload_too_large", Stage.LIMIT, "too large"),
        ("ext_authz_error", Stage.DECISION_POINT, "no decision point"),
        ("jwt_authn_access_denied{Jwt_is_missing}", Stage.TOKEN, "was sent"),
        ("jwt_authn_access_denied{Jwt_is_odd}", Stage.TOKEN, "Jwt is odd"),
        ("rbac_access_denied_matched_policy[bad-typ]", Stage.TOKEN, "at+jwt"),
        ("rbac_access_denied_matched_policy[revoked-sid]", Stage.TOKEN, "revoked"),
    ],
)
def test_why_envoy_refused_is_told_in_our_words(details: str, stage: Stage, words: str) -> None:
    decision = line(details=details).decision()
    assert (decision.stage, decision.allowed) == (stage, False)
    assert words in decision.reason


def test_a_service_that_does_not_answer_is_told_apart_from_a_refusal() -> None:
    decision = line(details="upstream_reset", api="o", operation="Get", status=503).decision()
    assert decision.stage is Stage.SERVICE
    assert decision.operation == "o:Get"


TLS = (
    "upstream_reset_before_response_started{remote_connection_failure|TLS_error:|268435581:"
    "SSL_routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:verify_cert_failed"
)


@pytest.mark.parametrize(
    ("details", "words"),
    [
        (
            "upstream_reset_before_response_started{remote_connection_failure,Connection_refused}",
            "cannot be reached",
        ),
        ("upstream_reset_before_response_started{connection_termination}", "broke the connection"),
        (f"{TLS}:_certificate_has_expired:TLS_error_end}}", "has a certificate that expired"),
        (
            f"{TLS}:_SAN_matcher,_certificate_SANs_are_[]:TLS_error_end}}",
            "has a certificate for another name",
        ),
        (
            f"{TLS}:_unable_to_get_local_issuer_certificate:TLS_error_end}}",
            "has a certificate of a CA that is not trusted",
        ),
        (f"{TLS}:_something_new:TLS_error_end}}", "has a certificate that is not valid"),
        ("upstream_reset_before_response_started{TLS_error:x}", "does not speak TLS"),
        ("upstream_response_timeout", "did not answer in time"),
        ("response_timeout", "did not answer in time"),
    ],
)
def test_who_did_not_answer_is_told_in_our_words(details: str, words: str) -> None:
    for operation, whom in (("Get", "the service"), (None, "the control plane")):
        decision = line(details=details, operation=operation, status=503).decision()
        assert decision.stage is Stage.SERVICE
        assert decision.reason.startswith(f"{whom} {words}")


def test_the_path_is_the_template_where_an_operation_is_known() -> None:
    assert line(path="/v1/acme", template="/v1/{tenant}").decision().path == "/v1/{tenant}"
    assert line(path="/v1/acme").decision().path == "/v1/acme"


def test_before_there_is_a_request_its_connection_names_the_decision() -> None:
    assert line(id=None).decision().id == "d_1795504781436099-2"
    assert line().decision().id == "d_f56"


def test_what_ends_an_allowed_request_is_a_record_of_its_own() -> None:
    before = line().decision()
    ended = line(allowed="d_f56", details="upstream_reset", operation="Get", status=503).decision()
    assert (ended.id, ended.after, ended.allowed) == ("d_f56-end", "d_f56", False)
    assert before.after is None
    assert ended.event().id != before.event().id
    assert ended.event().facts["after"] == "d_f56"


def test_a_decision_that_was_never_heard_of_stays_beside_what_envoy_answered() -> None:
    """A decision point that died after it had recorded, and before it had answered."""
    unheard = line(details="ext_authz_error", status=503).decision()
    assert (unheard.id, unheard.after, unheard.allowed) == ("d_f56-end", None, False)
    assert line(details="request_payload_too_large", status=413).decision().id == "d_f56"
