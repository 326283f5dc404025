"""The record of a decision: the request, the inputs, the deciding policies.

A decision point writes its own records; a line of Envoy's log of refusals is converted to one. A
record has no token, no query and no body; its path is a template if the operation is known.
"""

from enum import StrEnum
from typing import Self

import msgspec

from durward.core.audit.event import AuditEvent, EventKind
from durward.core.edge.inputs import Inputs
from durward.core.policy.analysis.explain import Explanation
from durward.core.values import DecisionId, Instant

NO_DECISION = "ext_authz_error"
"""Envoy's response code detail when no decision point answered."""
END = "-end"
"""The suffix of a decision's id for a request that Envoy refused after it was allowed."""


class Stage(StrEnum):
    """The step in which a request was decided."""

    PARSER = "parser"
    LIMIT = "limit"
    ROUTE = "route"
    TOKEN = "token"  # noqa: S105 - a stage's name
    FRESHNESS = "freshness"
    RESOURCE = "resource"
    SCOPE = "scope"
    POLICY = "policy"
    AUDIT = "audit"
    DECISION_POINT = "decision point"
    SERVICE = "service"


class DecisionRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One decided request.

    If policies decided, `because` names the deciding statements and `inputs` has all that they
    read: the explanation is computed from these on demand (`explained.py`). `explanation` is set in
    records of older versions, and in a response that has the explanation.

    `asked_by` is the AuthZEN caller, if any; `after` is the decision that had allowed the request,
    if it was refused afterwards.
    """

    id: DecisionId
    at: Instant
    allowed: bool
    status: int
    stage: Stage
    reason: str
    method: str
    path: str
    source: str
    operation: str | None = None
    action: str | None = None
    resource: str | None = None
    subject: str | None = None
    client: str | None = None
    tenant: str | None = None
    snapshot: int | None = None
    asked_by: str | None = None
    after: DecisionId | None = None
    because: tuple[str, ...] = ()
    inputs: Inputs | None = None
    explanation: Explanation | None = None
    host: str = ""
    """The host that the client named: it decides which APIs there are."""

    def to_wire(self) -> bytes:
        """One JSON object."""
        return msgspec.json.encode(self)

    def event(self) -> AuditEvent:
        """The event of the audit log."""
        facts = msgspec.to_builtins(self)
        return AuditEvent(
            id=self.id,
            at=self.at,
            kind=EventKind.DECISION,
            actor=self.subject or "nobody",
            target=self.resource or self.path,
            tenant=self.tenant,
            facts={name: value for name, value in facts.items() if name not in {"id", "at"}},
        )

    @classmethod
    def from_wire(cls, line: bytes) -> Self:
        """Read a decision that was written by `to_wire`. Raises msgspec.DecodeError."""
        return msgspec.json.decode(line, type=cls)


def policies_named(event: AuditEvent) -> str | None:
    """The hash of the policies of a recorded decision; None for any other event."""
    inputs = event.facts.get("inputs") if event.kind is EventKind.DECISION else None
    digest = inputs.get("policies") if isinstance(inputs, dict) else None
    return digest if isinstance(digest, str) else None


class EnvoyLine(msgspec.Struct, frozen=True):
    """A line of Envoy's log of refusals; `allowed` is the decision that had allowed the request."""

    at: str
    early_id: str
    status: int
    id: str | None = None
    allowed: str | None = None
    method: str | None = None
    path: str | None = None
    template: str | None = None
    api: str | None = None
    operation: str | None = None
    action: str | None = None
    details: str | None = None
    source: str | None = None
    sub: str | None = None
    client_id: str | None = None
    tenant: str | None = None
    host: str | None = None

    @classmethod
    def from_wire(cls, line: bytes) -> Self:
        """Read a line. Raises msgspec.DecodeError."""
        return msgspec.json.decode(line, type=cls)

    def decision(self) -> DecisionRecord:
        """The record of a decision that Envoy made by itself.

        Its id ends with END if a decision point allowed the request before, or may have recorded a
        decision before it died: both decisions are events.
        """
        stage, reason = self._why()
        own_id = f"d_{self.id or self.early_id}"
        return DecisionRecord(
            id=DecisionId(f"{own_id}{END}" if self.allowed or self._is_undecided else own_id),
            after=DecisionId(self.allowed) if self.allowed else None,
            at=Instant(int(self.at)),
            allowed=False,
            status=self.status,
            stage=stage,
            reason=reason,
            method=self.method or "",
            path=self.template or self.path or "",
            source=self.source or "",
            operation=f"{self.api}:{self.operation}" if self.operation else None,
            action=self.action,
            subject=self.sub,
            client=self.client_id,
            tenant=self.tenant,
            host=self.host or "",
        )

    @property
    def _is_undecided(self) -> bool:
        return (self.details or "").startswith(NO_DECISION)

    def _why(self) -> tuple[Stage, str]:
        details = self.details or ""
        if self.status == MISDIRECTED and details == "direct_response":
            return Stage.ROUTE, "the connection was made for another host"
        for beginning, (stage, reason) in REASONS.items():
            if details.startswith(beginning):
                return stage, reason
        if details.startswith(TOKEN_REFUSED):
            why = details.removeprefix(TOKEN_REFUSED).strip("{}").replace("_", " ")
            return Stage.TOKEN, TOKEN_REASONS.get(why, f"the token: {why}")
        what = "the control plane" if self.operation is None else "the service"
        if TLS_FAILED in details:
            words = next((words for part, words in UNVERIFIED.items() if part in details), NO_TLS)
            return Stage.SERVICE, f"{what} {words}"
        for beginning, words in UNANSWERED.items():
            if details.startswith(beginning):
                return Stage.SERVICE, f"{what} {words}"
        if self.operation is None:
            return Stage.PARSER, f"Envoy refused the request: {details}"
        return Stage.SERVICE, f"the service did not answer: {details}"


MISDIRECTED = 421
REASONS = {
    "direct_response": (Stage.ROUTE, "no such operation is declared"),
    "route_not_found": (Stage.ROUTE, "no such operation is declared"),
    "rbac_access_denied_matched_policy[bad-scheme": (
        Stage.TOKEN,
        "the Authorization header is not of the scheme `Bearer`",
    ),
    "rbac_access_denied_matched_policy[bad-form": (
        Stage.TOKEN,
        "the Authorization header is not one token that was signed with ES256",
    ),
    "rbac_access_denied_matched_policy[our-cookie": (
        Stage.LIMIT,
        "the cookies are too long to take Durward's own out",
    ),
    "rbac_access_denied_matched_policy[bad-typ": (
        Stage.TOKEN,
        "the token is not an access token: its `typ` is not `at+jwt`",
    ),
    "rbac_access_denied_matched_policy[bad-alg": (
        Stage.TOKEN,
        "the token is signed with an algorithm that is not allowed",
    ),
    "rbac_access_denied_matched_policy[bad-crit": (
        Stage.TOKEN,
        "the token has critical header parameters",
    ),
    "rbac_access_denied_matched_policy[revoked-before": (
        Stage.TOKEN,
        "the token was issued before the subject's tokens were revoked",
    ),
    "rbac_access_denied_matched_policy[revoked-client": (
        Stage.TOKEN,
        "the token was issued before the client's tokens were revoked",
    ),
    "rbac_access_denied_matched_policy[revoked-": (Stage.TOKEN, "the token was revoked"),
    "rbac_access_denied_matched_policy[unknown-revocations": (
        Stage.FRESHNESS,
        "the node has no record of what is revoked, and has not heard it from the control plane",
    ),
    "local_rate_limited": (Stage.LIMIT, "too many requests came from this address"),
    "overload": (Stage.LIMIT, "the edge has more to do than it has memory for"),
    "request_payload_too_large": (Stage.LIMIT, "the body is too large"),
    "request_headers_too_large": (Stage.LIMIT, "the headers are too large"),
    "http1.headers_too_large": (Stage.LIMIT, "the headers are too large"),
    "http1.too_many_headers": (Stage.LIMIT, "there are too many headers"),
    "request_overall_timeout": (Stage.LIMIT, "the request took too long to arrive"),
    "request_header_timeout": (Stage.LIMIT, "the headers took too long to arrive"),
    "upgrade_failed": (Stage.ROUTE, "WebSocket is not supported"),
    "rbac_access_denied_matched_policy[not-one-host": (
        Stage.PARSER,
        "the request does not name one host",
    ),
    "path_normalization_failed": (Stage.PARSER, "the path has an escape that is not allowed"),
    NO_DECISION: (Stage.DECISION_POINT, "no decision point answered"),
}
"""The meaning of Envoy's response code details, by their prefixes."""

UNANSWERED = {
    "upstream_reset_before_response_started{overflow": "has too many requests waiting",
    "upstream_reset_before_response_started{remote_connection_failure": "cannot be reached",
    "upstream_reset_before_response_started{local_connection_failure": "cannot be reached",
    "upstream_reset_before_response_started{connection_timeout": "cannot be reached in time",
    "upstream_reset_before_response_started": "broke the connection before it answered",
    "upstream_reset_after_response_started": "broke the connection while it answered",
    "upstream_response_timeout": "did not answer in time",
    "response_timeout": "did not answer in time",
    "no_healthy_upstream": "cannot be reached",
}
"""Failures of a service behind Envoy, by the prefixes of Envoy's response code details."""

TLS_FAILED, NO_TLS = "TLS_error", "does not speak TLS as it is declared"
UNVERIFIED = {
    "SAN_matcher": "has a certificate for another name",
    "certificate_has_expired": "has a certificate that expired",
    "local_issuer_certificate": "has a certificate of a CA that is not trusted",
    "self_signed_certificate": "has a certificate of a CA that is not trusted",
    "self-signed_certificate": "has a certificate of a CA that is not trusted",
    "CERTIFICATE_VERIFY_FAILED": "has a certificate that is not valid",
}
"""Certificates of a service that were refused, by parts of Envoy's response code details."""

TOKEN_REFUSED = "jwt_authn_access_denied"  # noqa: S105 - Envoy's word for it
TOKEN_REASONS = {
    "Jwt is missing": "no access token was sent",
    "Jwt is expired": "the access token has expired",
    "Jwt not yet valid": "the access token is not valid yet",
    "Jwt verification fails": "the access token's signature is not valid",
    "Jwt issuer is not configured": "the access token is of another issuer",
    "Audiences in Jwt are not allowed": "the access token is for another resource",
    "Jwks doesn't have key to match kid or alg from Jwt": "no key of the issuer fits the token",
}
"""Messages of Envoy's JWT filter, in our words; any other message is quoted."""
