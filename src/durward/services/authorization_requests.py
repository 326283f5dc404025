"""Read an authorization request, which a browser brings whole or by reference (RFC 9126)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec
from sqlalchemy import Connection

from durward.core.audit.event import AuditContext, EventKind
from durward.core.authn.network_prefix import counted_source
from durward.core.configuration.client import Client
from durward.core.errors import ProtocolError
from durward.core.oauth.authorize import (
    AuthorizationRequest,
    RedirectTarget,
    is_still_proven,
    read_request,
    read_target,
)
from durward.core.oauth.form import one, parse_form, required
from durward.core.oauth.pushed_request import (
    LIFETIME,
    PushedRequest,
    invalid_request_uri,
    pushed_form,
    read_reference,
    request_uri,
)
from durward.core.values import ClientId, Instant, Seconds, later
from durward.entropy import new_secret
from durward.services.client_authentication import (
    ClientRequest,
    authenticate,
    check_grant_type,
    record_refusal,
)
from durward.services.context import Context
from durward.services.hints import read_hint
from durward.store.pushed_requests import find_pushed, record_pushed

GRANT = "authorization_code"


@dataclass(frozen=True)
class Pushed:
    """What a client is told: the reference of its request, or an error."""

    request_uri: str = ""
    lifetime: Seconds = LIFETIME
    error: ProtocolError | None = None
    client: ClientId | None = None
    """The client that an error is about, where it is a declared one."""


def read_whole(
    connection: Connection,
    context: Context,
    parameters: Mapping[str, tuple[str, ...]],
    target: RedirectTarget,
    now: Instant,
) -> AuthorizationRequest:
    """All of a request but its target, by the same rules for both endpoints (AS-66).

    Raises ProtocolError.
    """
    configuration = context.published.configuration
    client = configuration.clients[target.client]
    hint = one(parameters, "id_token_hint")
    subject = None if hint is None else read_hint(connection, context, hint).subject
    demanded = context.requirements(target.client, client)
    return read_request(parameters, target, client, configuration.apis, subject, demanded, now)


def push(
    connection: Connection, context: Context, request: ClientRequest, audit: AuditContext
) -> Pushed:
    """Take the request of a client that proves itself, and answer a reference (RFC 9126 §2)."""
    client: ClientId | None = None
    proven = False
    try:
        form = parse_form(request.body)
        client, registered = authenticate(connection, context, request.authorization, form, audit)
        audit = audit.by(client)
        proven = registered.authentication != "none"
        check_grant_type(registered, GRANT, (GRANT,))
        parameters = pushed_form(form, client)
        target = read_target(parameters, {client: registered})
        whole = read_whole(connection, context, parameters, target, audit.at)
    except ProtocolError as error:
        record_refusal(
            *(connection, context, client, error, audit),
            proven=proven,
            kind=EventKind.AUTHORIZATION_REFUSED,
        )
        return Pushed(error=error, client=client)
    reference = new_secret("dwo")
    kept = PushedRequest(
        reference.sha256(),
        client,
        msgspec.json.encode(whole),
        audit.at,
        later(audit.at, LIFETIME),
        _counted(client, registered, audit),
    )
    record_pushed(connection, kept)
    return Pushed(request_uri(reference))


def _counted(client: ClientId, registered: Client, audit: AuditContext) -> str:
    """Who is counted: anybody can say the name of a public client."""
    if registered.authentication != "none":
        return f"clients/{client}"
    return f"sources/{counted_source(audit.source)}"


def read_pushed(
    connection: Connection,
    context: Context,
    parameters: Mapping[str, tuple[str, ...]],
    now: Instant,
) -> AuthorizationRequest | None:
    """The request that was pushed; None where the browser brought it whole.

    What else stands in the URL counts nothing (RFC 9101 §5). Until the reference is known to be the
    client's nothing is sent anywhere. Raises ProtocolError `invalid_request_uri`.
    """
    reference = read_reference(parameters)
    if reference is None:
        return None
    client_id = required(parameters, "client_id")
    found = find_pushed(connection, reference.sha256(), now)
    if found is None:
        raise invalid_request_uri("unknown, completed or expired")
    if found.client != client_id:
        raise invalid_request_uri(f"the request is `{found.client}`'s")
    request = msgspec.json.decode(found.request, type=AuthorizationRequest)
    client = context.published.configuration.clients.get(found.client)
    if client is None or not is_still_proven(request.target, client):
        raise invalid_request_uri("the client is declared otherwise now")
    return replace(request, pushed=found.hash)
