"""Client authentication, by a method that the client is registered for, against the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

from sqlalchemy import Connection

from durward.core.audit.event import AuditContext, EventKind
from durward.core.authn.budget import Buckets, Budget
from durward.core.configuration.client import Client
from durward.core.errors import ErrorCode, ProtocolError, Reason
from durward.core.jose.jwk import KeySet
from durward.core.oauth.client_auth import (
    LONGEST_ASSERTION,
    AssertionProof,
    NoProof,
    SecretProof,
    check_method,
    client_authentication_failed,
    read_proof,
    secret_matches,
    verify_assertion,
)
from durward.core.oauth.metadata import TOKEN_PATH
from durward.core.values import MICROSECONDS, ClientId, Instant, Seconds
from durward.services.context import Context
from durward.services.unrecorded import record_anonymous
from durward.store.audit import record_event
from durward.store.clients import consume_assertion, load_secrets
from durward.store.expiry import ASSERTION_MARGIN

ASSERTIONS_KEPT = 100_000
ASSERTIONS_BUDGET = Budget(burst=ASSERTIONS_KEPT * LONGEST_ASSERTION, per_second=ASSERTIONS_KEPT)
"""Of seconds that the used assertions of a client are kept in all: on an average so many are kept
at once, whether these are few that live long, or many that live shortly (Little's law)."""
TOO_MANY_ASSERTIONS = "the client used too many assertions that live long; let them live shorter"


class AssertionRoom:
    """The budgets of one process: a client that has proven itself cannot fill the store either."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._buckets = Buckets(ASSERTIONS_BUDGET)

    def take(self, client: ClientId, kept: Seconds, now: Instant) -> bool:
        """Whether a client may use one more assertion that is kept for so long."""
        with self._lock:
            return not self._buckets.take(client, now, kept)


@dataclass(frozen=True)
class ClientRequest:
    """A request to an endpoint where clients authenticate."""

    authorization: str | None
    body: bytes


def authenticate(
    connection: Connection,
    context: Context,
    authorization: str | None,
    form: Mapping[str, tuple[str, ...]],
    audit: AuditContext,
) -> tuple[ClientId, Client]:
    """The authenticated client. Raises ProtocolError `invalid_request`, `invalid_client`."""
    match read_proof(authorization, form):
        case SecretProof(client, _, method) as proof:
            registered = _registered(context, client, method)
            _check_secret(connection, proof)
        case AssertionProof(client) as proof:
            registered = _registered(context, client, "private_key_jwt")
            keys = KeySet.parse(dict(registered.jwks or {"keys": []}))
            audiences = (context.issuer, context.issuer + TOKEN_PATH)
            demanded = context.requirements(client, registered)
            once = verify_assertion(proof, client, keys, audiences, demanded, audit.at)
            kept = Seconds((once.expires_at - audit.at) // MICROSECONDS + ASSERTION_MARGIN)
            if not context.has_assertion_room(client, kept, audit.at):
                raise ProtocolError(ErrorCode.TEMPORARILY_UNAVAILABLE, TOO_MANY_ASSERTIONS)
            if not consume_assertion(connection, client, once.jti, once.expires_at, audit.at):
                raise client_authentication_failed("the assertion was used before")
        case NoProof(client):
            registered = _registered(context, client, "none")
    return client, registered


def _check_secret(connection: Connection, proof: SecretProof) -> None:
    """Compare the secret: the right one is accepted, even during guesses of others (AS-25)."""
    if not secret_matches(proof, load_secrets(connection, proof.client)):
        problem = f"the secret of `{proof.client}` is wrong"
        raise client_authentication_failed(problem, Reason.WRONG_SECRET, proof.client)


def _registered(context: Context, client: ClientId, method: str) -> Client:
    found = context.published.configuration.clients.get(client)
    if found is None:
        # The name may be a secret in the wrong field: only existing names are recorded.
        raise client_authentication_failed("unknown client", Reason.UNKNOWN_CLIENT)
    if found.disabled:
        problem = f"the client `{client}` is disabled"
        raise client_authentication_failed(problem, Reason.CLIENT_DISABLED, client)
    if method not in found.methods:
        problem = f"`{client}` is registered for {found.authentication}, not {method}"
        raise client_authentication_failed(problem, Reason.METHOD_NOT_DECLARED, client)
    check_method(method, context.requirements(client, found))
    return found


def record_refusal(
    connection: Connection,
    context: Context,
    client: ClientId | None,
    error: ProtocolError,
    audit: AuditContext,
    *,
    proven: bool,
    kind: EventKind = EventKind.TOKEN_REFUSED,
) -> None:
    """Record a refusal; that of an unauthenticated client only within the budget of events."""
    event = audit.event(
        kind,
        f"clients/{client}" if client else "clients/?",
        **error.facts,
    )
    if proven:
        record_event(connection, event)
    else:
        record_anonymous(connection, context, event)


def check_grant_type(client: Client, kind: str, known: tuple[str, ...]) -> None:
    """Refuse an unknown grant type, or one not of this client (AS-29). Raises ProtocolError."""
    if kind not in known:
        raise ProtocolError(ErrorCode.UNSUPPORTED_GRANT_TYPE, "the grant type is not supported")
    if kind not in client.grants:
        public = "the client may not use this grant type"
        reason = Reason.GRANT_NOT_DECLARED
        raise ProtocolError(ErrorCode.UNAUTHORIZED_CLIENT, public, reason=reason)
