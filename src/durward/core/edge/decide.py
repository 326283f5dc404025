"""One request at the edge: from the facts that Envoy verified to a decision.

Nothing here trusts a header that a client could have sent: the facts come from Envoy alone, and the
operation that Envoy's route named must be the one that our own router finds among all APIs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from durward.core.api import Api, scopes_of
from durward.core.edge.decision import Stage
from durward.core.edge.facts import CheckRequest, context_of, principal_of, text
from durward.core.edge.snapshot import Snapshot
from durward.core.oauth.protected_resource import metadata_url
from durward.core.openapi.operations import Operation, resource_arn
from durward.core.openapi.router import Route, Router
from durward.core.policy.analysis.explain import Explanation, explain
from durward.core.policy.engine.bundle import compile_bundle
from durward.core.policy.engine.request import MAX_LISTED, AccessRequest, Principal
from durward.core.values import MICROSECONDS

ACCESS_TOKEN_TYPES = {"at+jwt", "application/at+jwt"}
FRESH_SECONDS = 30
"""How old the last contact with the control plane may be for an operation that must be fresh."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The decision, where it fell, and what it was about."""

    allowed: bool
    stage: Stage
    reason: str
    operation: Operation | None = None
    resource: str | None = None
    explanation: Explanation | None = None
    challenge: str = ""


class Decider:
    """Decides requests under one snapshot. Everything that can be prepared is, at load."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Raises PolicyError where a policy of the snapshot cannot be read."""
        self.version = snapshot.version
        self._router = Router(
            Route(operation.method, operation.path, (api, operation))
            for api in snapshot.apis
            for operation in api.operations
        )
        self._policies = compile_bundle(snapshot.policies, scopes_of(snapshot.apis))

    def decide(self, request: CheckRequest) -> Outcome:
        """Default deny: only what a statement allows passes."""
        found = self._router.match(request.method, request.path.partition("?")[0])
        if found is None:
            return Outcome(allowed=False, stage=Stage.ROUTE, reason="no such operation")
        (api, operation), values = found[0].what, found[1]
        if (api.id, operation.id) != (request.api, request.operation):
            return Outcome(allowed=False, stage=Stage.ROUTE, reason="no such operation")
        if refused := _token_problem(request, operation):
            return Outcome(allowed=False, stage=Stage.TOKEN, reason=refused, operation=operation)
        if operation.fresh and not _is_fresh(request):
            reason = "the node has not heard from the control plane, and the operation is `fresh`"
            return Outcome(allowed=False, stage=Stage.FRESHNESS, reason=reason, operation=operation)
        return self._decide_object(api, operation, values, request)

    def _decide_object(
        self, api: Api, operation: Operation, values: Mapping[str, str], request: CheckRequest
    ) -> Outcome:
        resource = resource_arn(operation, api.id, api.stage, values)
        if resource is None:
            reason = "a value of the path cannot name a resource"
            return Outcome(allowed=False, stage=Stage.RESOURCE, reason=reason, operation=operation)
        principal = principal_of(request)
        if refused := _scope_problem(operation, principal):
            return Outcome(
                allowed=False,
                stage=Stage.SCOPE,
                reason=refused,
                operation=operation,
                resource=resource,
                challenge=insufficient_scope(api, operation),
            )
        context = context_of(request, api, operation, values)
        asked = AccessRequest(principal, operation.action, resource, context)
        answer = self._policies.evaluate(asked)
        explanation = None if answer.allowed else explain(self._policies, asked)
        return Outcome(
            allowed=answer.allowed,
            stage=Stage.POLICY,
            reason=explanation.reason if explanation else f"allowed by {', '.join(answer.because)}",
            operation=operation,
            resource=resource,
            explanation=explanation,
        )


def insufficient_scope(api: Api, operation: Operation) -> str:
    """The challenge that names a scope which would do (RFC 6750 §3.1, RFC 9728 §5.1)."""
    scope = " ".join(sorted(operation.scopes[0]))
    metadata = metadata_url(api.audience)
    return f'Bearer error="insufficient_scope", scope="{scope}", resource_metadata="{metadata}"'


def _token_problem(request: CheckRequest, operation: Operation) -> str | None:
    """What an access token must have beside what Envoy has verified (RFC 9068 §2.1, §2.2)."""
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
    """A contact in the future is none: then one of the clocks cannot be believed."""
    if request.heartbeat is None:
        return False
    return abs(request.at - request.heartbeat) <= FRESH_SECONDS * MICROSECONDS


def _scope_problem(operation: Operation, principal: Principal | None) -> str | None:
    if principal is None or principal.scopes is None or operation.allows_scopes(principal.scopes):
        return None
    wanted = " or ".join(f"`{' '.join(sorted(scopes))}`" for scopes in operation.scopes)
    return f"the token lacks the scope {wanted}"
