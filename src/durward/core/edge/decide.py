"""Decide one request at the edge, from the facts that Envoy verified.

No header of a client is trusted: the facts come from Envoy only, and the operation of Envoy's route
must be the one that our own router finds among all APIs.
"""

from collections.abc import Mapping

from durward.core.api import Api, scopes_of
from durward.core.edge.decision_record import DecisionRecord, Stage
from durward.core.edge.facts import CheckRequest, context_of, principal_of, text
from durward.core.edge.inputs import Inputs, inputs_of
from durward.core.edge.parts import digest_of, policies_that_decide
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import ProtocolError
from durward.core.host import MAX_RECORDED_HOST_CHARACTERS
from durward.core.oauth.protected_resource import metadata_url
from durward.core.openapi.operations import Operation, resource_arn
from durward.core.openapi.router import Route, Router
from durward.core.policy.engine.bundle import compile_bundle
from durward.core.policy.engine.decision import reason_of
from durward.core.policy.engine.request import MAX_LISTED, AccessRequest, Principal
from durward.core.values import MICROSECONDS
from durward.core.wire import Json

ACCESS_TOKEN_TYPES = {"at+jwt", "application/at+jwt"}
FRESH_SECONDS = 30
"""The maximum age of the last contact with the control plane, for fresh operations."""
ALLOWED, UNAUTHENTICATED, FORBIDDEN, UNAVAILABLE = 200, 401, 403, 503


class Decider:
    """Decides requests under one snapshot, which is compiled at load."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Compile a snapshot. Raises PolicyError if a policy is malformed."""
        self.version = snapshot.version
        self._operations = {
            f"{api.id}:{operation.id}": (api, operation)
            for api in snapshot.apis
            for operation in api.operations
        }
        self._router = Router(
            Route(operation.method, operation.path, (api, operation), api.hosts)
            for api, operation in self._operations.values()
        )
        self._policies = compile_bundle(snapshot.policies, scopes_of(snapshot.apis))
        self._tokens_since = snapshot.tokens_since
        self._digest = digest_of(policies_that_decide(snapshot))

    def decide(self, request: CheckRequest) -> DecisionRecord:
        """Decide a request: it passes only if a statement allows it. The result is the record."""
        path = request.path.partition("?")[0]
        found = self._router.match(request.method, path, request.host)
        if found is None:
            return self._decision(request, Stage.ROUTE, "no such operation")
        (api, operation), values = found[0].what, found[1]
        if (api.id, operation.id) != (request.api, request.operation):
            return self._decision(request, Stage.ROUTE, "no such operation")
        if refused := _token_problem(request, operation):
            return self._decision(request, Stage.TOKEN, refused, operation)
        if request.claims is not None and self._is_outdated(request.claims):
            reason = "the token was issued before tokens named the policies of their person"
            return self._decision(request, Stage.TOKEN, reason, operation, status=UNAUTHENTICATED)
        if operation.fresh and not _is_fresh(request):
            reason = "the node has not heard from the control plane, and the operation is `fresh`"
            return self._decision(request, Stage.FRESHNESS, reason, operation)
        return self._decide_object(api, operation, values, request)

    def challenge(self, decision: DecisionRecord) -> str:
        """The challenge of a refusal; empty if another token alone would not help."""
        known = self._operations.get(decision.operation or "")
        if known and decision.stage is Stage.SCOPE:
            return insufficient_scope(*known)
        return outdated(known[0]) if known and decision.status == UNAUTHENTICATED else ""

    def is_strict(self, decision: DecisionRecord) -> bool:
        """Whether the record must be durable before the response: refusals, and most writes."""
        known = self._operations.get(decision.operation or "")
        return not decision.allowed or known is None or known[1].strict_audit

    def _is_outdated(self, claims: Mapping[str, Json]) -> bool:
        """Whether a token is too old to name its person's boundary (ADR 24)."""
        issued = claims.get("iat")
        since = self._tokens_since
        return since > 0 and not (isinstance(issued, int | float) and issued >= since)

    def _decide_object(
        self, api: Api, operation: Operation, values: Mapping[str, str], request: CheckRequest
    ) -> DecisionRecord:
        resource = resource_arn(operation, api.id, api.stage, values)
        if resource is None:
            reason = "a value of the path cannot name a resource"
            return self._decision(request, Stage.RESOURCE, reason, operation)
        try:
            principal = principal_of(request)
        except ProtocolError as error:
            return self._decision(request, Stage.TOKEN, error.public, operation)
        if refused := _scope_problem(operation, principal):
            return self._decision(request, Stage.SCOPE, refused, operation, resource=resource)
        context = context_of(request, api, operation, values)
        asked = AccessRequest(principal, operation.action, resource, context)
        answer = self._policies.evaluate(asked)
        inputs = inputs_of(self._policies, self._digest, asked, allowed=answer.allowed)
        return self._decision(
            request,
            Stage.POLICY,
            reason_of(answer.result, answer.because, answer.blocked_by, inputs.scopes_needed),
            operation,
            allowed=answer.allowed,
            resource=resource,
            because=answer.because,
            inputs=inputs,
        )

    def _decision(
        self,
        request: CheckRequest,
        stage: Stage,
        reason: str,
        operation: Operation | None = None,
        *,
        allowed: bool = False,
        resource: str | None = None,
        because: tuple[str, ...] = (),
        inputs: Inputs | None = None,
        status: int = FORBIDDEN,
    ) -> DecisionRecord:
        claims = request.claims or {}
        refused = UNAVAILABLE if stage is Stage.FRESHNESS else status
        return DecisionRecord(
            id=request.id,
            at=request.at,
            allowed=allowed,
            status=ALLOWED if allowed else refused,
            stage=stage,
            reason=reason,
            method=request.method,
            path=operation.path if operation else request.path.partition("?")[0],
            source=request.source,
            operation=f"{request.api}:{operation.id}" if operation else None,
            action=operation.action if operation else None,
            resource=resource,
            subject=text(claims, "sub") or None,
            client=text(claims, "client_id") or None,
            tenant=text(claims, "tenant") or None,
            snapshot=self.version,
            because=because,
            inputs=inputs,
            host=request.host[:MAX_RECORDED_HOST_CHARACTERS],
        )


def insufficient_scope(api: Api, operation: Operation) -> str:
    """The challenge with a sufficient scope (RFC 6750 §3.1, RFC 9728 §5.1)."""
    scope = " ".join(sorted(operation.scopes[0]))
    metadata = metadata_url(api.audience)
    return f'Bearer error="insufficient_scope", scope="{scope}", resource_metadata="{metadata}"'


def outdated(api: Api) -> str:
    """The challenge for a token that a new one can replace: as for an expired token."""
    metadata = metadata_url(api.audience)
    told = 'error_description="The access token expired"'
    return f'Bearer error="invalid_token", {told}, resource_metadata="{metadata}"'


def _token_problem(request: CheckRequest, operation: Operation) -> str | None:
    """The problem of a token beyond Envoy's checks, if any (RFC 9068 §2.1, §2.2)."""
    if request.claims is None:
        return None if operation.public else "no access token was verified"
    kind = (request.token_header or {}).get("typ")
    if not isinstance(kind, str) or kind.lower() not in ACCESS_TOKEN_TYPES:
        return "the token is not an access token"
    if any(isinstance(c, list) and len(c) > MAX_LISTED for c in request.claims.values()):
        return f"a claim of the token lists more than {MAX_LISTED} values"
    named = all(text(request.claims, name) for name in ("sub", "client_id", "jti"))
    issued = request.claims.get("iat")
    if named and isinstance(issued, int | float):
        return None
    return "the token does not name its subject, its client, its time of issue and itself"


def _is_fresh(request: CheckRequest) -> bool:
    """Whether the last contact is recent; one in the future does not count: a clock is wrong."""
    if request.heartbeat is None:
        return False
    return abs(request.at - request.heartbeat) <= FRESH_SECONDS * MICROSECONDS


def _scope_problem(operation: Operation, principal: Principal | None) -> str | None:
    if principal is None or principal.scopes is None or operation.allows_scopes(principal.scopes):
        return None
    wanted = " or ".join(f"`{' '.join(sorted(scopes))}`" for scopes in operation.scopes)
    return f"the token lacks the scope {wanted}"
