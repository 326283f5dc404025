"""Secrets of clients: made when a client needs one, replaced when asked for."""

from sqlalchemy import Connection

from durward.core.audit.event import AuditContext
from durward.core.configuration.client import Client
from durward.core.edge.revocation import RevocationKind
from durward.core.errors import Misconfigured
from durward.core.values import ClientId, Secret
from durward.entropy import new_secret
from durward.services.context import Context
from durward.store.clients import forget_secrets, load_secrets, record_secret
from durward.store.revocations import record_revocation


def needs_secret(connection: Connection, name: ClientId, client: Client) -> bool:
    """Whether a client proves itself by a secret, and has none."""
    return client.has_secret and not load_secrets(connection, name)


def mint_client_secret(connection: Connection, client: ClientId, audit: AuditContext) -> Secret:
    """A new secret: shown once to whoever asked for it, kept as a hash."""
    secret = new_secret("dws")
    record_secret(connection, client, secret, audit)
    return secret


def replace_secret(
    connection: Connection, context: Context, client: ClientId, audit: AuditContext
) -> Secret:
    """A new secret in place of all that the client has; tokens that it got for itself end.

    Raises Misconfigured where there is no such client, or it has no secrets.
    """
    declared = context.published.configuration.clients.get(client)
    if declared is None:
        raise Misconfigured(f"clients/{client}", "is not declared", hint="durward export")
    if not declared.has_secret:
        problem = f"proves itself by `{declared.authentication}`, not by a secret"
        raise Misconfigured(f"clients/{client}", problem)
    forget_secrets(connection, client, audit)
    record_revocation(connection, RevocationKind.SUBJECT, client, audit)
    return mint_client_secret(connection, client, audit)
