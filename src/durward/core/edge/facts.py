"""The facts of a request at the edge: the principal and the context for policies."""

from collections.abc import Mapping
from dataclasses import dataclass

from durward.core.api import Api
from durward.core.authn.factors import is_multi_factor
from durward.core.errors import ErrorCode, ProtocolError
from durward.core.oauth.claims import BOUNDARY, POLICIES
from durward.core.openapi.operations import Operation
from durward.core.openapi.template import filled
from durward.core.policy.engine.predicate import Value
from durward.core.policy.engine.request import Principal
from durward.core.policy.language.document import value_text
from durward.core.values import DecisionId, Instant, numeric_date
from durward.core.wire import Json


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """Envoy's facts about a request. `claims` is None without a token.

    `heartbeat` is the last time at which the node had every revocation in force; None: never.
    """

    id: DecisionId
    at: Instant
    method: str
    path: str
    api: str
    operation: str
    claims: Mapping[str, Json] | None
    token_header: Mapping[str, Json] | None
    source: str
    tls: str = ""
    user_agent: str = ""
    heartbeat: Instant | None = None
    host: str = ""
    """The host that the client named, as Envoy passes it on: perhaps with a port."""


def principal_of(request: CheckRequest) -> Principal | None:
    """The principal, from verified claims only (RFC 9068 §2.2); None without a token.

    A client that acts for itself is its own subject (RFC 9068 §2.2: `sub`). Raises ProtocolError if
    the person's own policies or boundary are malformed: they never count as none.
    """
    claims = request.claims
    if claims is None:
        return None
    subject, client = text(claims, "sub"), text(claims, "client_id")
    policies = names_of_documents(claims, POLICIES) if POLICIES in claims else ()
    boundary = names_of_documents(claims, BOUNDARY) if BOUNDARY in claims else ()
    if subject == client and (policies or boundary):
        problem = "the token of a client names policies of a person"
        raise ProtocolError(ErrorCode.INVALID_TOKEN, problem)
    return Principal(
        subject=subject,
        kind="client" if subject == client else "user",
        tenant=text(claims, "tenant"),
        roles=texts(claims, "roles"),
        groups=texts(claims, "groups"),
        client=client,
        scopes=frozenset(text(claims, "scope").split()) | {""},
        policies=policies,
        boundary=boundary,
    )


def context_of(
    request: CheckRequest, api: Api, operation: Operation, values: Mapping[str, str]
) -> dict[str, Value]:
    """The context keys of a request, in lower case; a key without a value is absent."""
    now = numeric_date(request.at)
    facts: dict[str, Value] = {
        "requestmethod": operation.method,  # HEAD is decided as its GET
        # As it was matched: one path, however its signs were escaped; no value has a `/`.
        "requestpath": filled(operation.path, values),
        "operationid": operation.id,
        "sourceip": request.source,
        "securetransport": "true" if request.tls else "false",
        "tlsversion": request.tls or None,
        "useragent": request.user_agent or None,
        "stage": api.stage,
        "currenttime": str(now),
        "epochtime": str(now),
        "resourcetenant": filled(operation.tenant, values),
        "resourceowner": filled(operation.owner, values),
        **{f"pathparam/{name.lower()}": value for name, value in values.items()},
    }
    if request.claims is not None:
        facts |= _of_token(request.claims, now)
    return {f"durward:{name}": value for name, value in facts.items() if value is not None}


def _of_token(claims: Mapping[str, Json], now: int) -> dict[str, Value]:
    amr = texts(claims, "amr")
    issued, signed_in = claims.get("iat"), claims.get("auth_time")
    facts: dict[str, Value] = {
        "issuer": text(claims, "iss") or None,
        "audience": texts(claims, "aud"),
        "sessionid": text(claims, "sid") or None,
        "acr": text(claims, "acr") or None,
        "amr": amr,
        "multifactorauthpresent": "true" if is_multi_factor(amr) else "false",
        "tokenbinding": "none" if not isinstance(claims.get("cnf"), dict) else "bound",
    }
    if isinstance(issued, int | float):
        facts |= {"tokenissuetime": str(int(issued)), "tokenage": str(now - int(issued))}
    if isinstance(signed_in, int | float):
        facts |= {"authtime": str(int(signed_in)), "authage": str(now - int(signed_in))}
    for name, value in claims.items():
        if (spelled := value_text(value)) is not None:
            facts[f"tokenclaim/{name.lower()}"] = spelled
    return facts


def text(claims: Mapping[str, Json], name: str) -> str:
    """A string claim; empty if it is not a string."""
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def names_of_documents(claims: Mapping[str, Json], name: str) -> tuple[str, ...]:
    """The documents that a claim names (ADR 24). Raises ProtocolError, even if it is absent."""
    value = claims.get(name)
    listed = value if isinstance(value, list) else []
    found = tuple(item for item in listed if isinstance(item, str) and item)
    if not found or len(found) != len(listed):
        problem = f"the claim `{name}` of the token is not a list of names"
        raise ProtocolError(ErrorCode.INVALID_TOKEN, problem)
    return found


def texts(claims: Mapping[str, Json], name: str) -> tuple[str, ...]:
    """A claim that is a list of strings, or one string (RFC 7519 §4.1.3)."""
    value = claims.get(name)
    if isinstance(value, str):
        return (value,)
    listed = value if isinstance(value, list) else []
    return tuple(item for item in listed if isinstance(item, str))
