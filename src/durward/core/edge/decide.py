"""One request at the edge: from the facts that Envoy verified to a decision.

Nothing here trusts a header that a client could have sent: the facts come from Envoy alone, and the
operation that Envoy's route named must be the one that our own matcher finds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from durward.core.edge.decision import Stage
from durward.core.edge.snapshot import Api, Snapshot
from durward.core.openapi.matcher import Matcher
from durward.core.openapi.operations import Operation, resource_arn
from durward.core.values import DecisionId
from durward.core.wire import Json

ACCESS_TOKEN_TYPES = {"at+jwt", "application/at+jwt"}


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """What Envoy tells of a request. `claims` is None where no token was sent."""

    id: DecisionId
    method: str
    path: str
    api: str
    operation: str
    claims: Mapping[str, Json] | None
    token_header: Mapping[str, Json] | None
    source: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The decision, where it fell, and what it was about."""

    allowed: bool
    stage: Stage
    reason: str
    operation: Operation | None = None
    resource: str | None = None


class Decider:
    """Decides requests under one snapshot. Everything that can be prepared is, at load."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.version = snapshot.version
        self._apis: dict[str, tuple[Api, Matcher]] = {
            api.id: (api, Matcher(api.operations)) for api in snapshot.apis
        }

    def decide(self, request: CheckRequest) -> Outcome:
        """Default deny: only what a statement allows passes, and there is no statement yet."""
        known = self._apis.get(request.api)
        path = request.path.partition("?")[0]
        found = known[1].match(request.method, path) if known else None
        if known is None or found is None or found[0].id != request.operation:
            return Outcome(allowed=False, stage=Stage.ROUTE, reason="no such operation")
        operation, values = found
        if refused := _token_problem(request, operation):
            return Outcome(allowed=False, stage=Stage.TOKEN, reason=refused, operation=operation)
        return _decide_object(known[0], operation, values)


def _decide_object(api: Api, operation: Operation, values: Mapping[str, str]) -> Outcome:
    resource = resource_arn(operation, api.id, api.stage, values)
    if resource is None:
        reason = "a value of the path cannot name a resource"
        return Outcome(allowed=False, stage=Stage.RESOURCE, reason=reason, operation=operation)
    return Outcome(
        allowed=False,
        stage=Stage.POLICY,
        reason=f"no statement allows `{operation.action}`",
        operation=operation,
        resource=resource,
    )


def _token_problem(request: CheckRequest, operation: Operation) -> str | None:
    if request.claims is None:
        return None if operation.public else "no access token was verified"
    kind = (request.token_header or {}).get("typ")
    if not isinstance(kind, str) or kind.lower() not in ACCESS_TOKEN_TYPES:
        return "the token is not an access token"
    subject = request.claims.get("sub")
    return None if isinstance(subject, str) and subject else "the token names no subject"
