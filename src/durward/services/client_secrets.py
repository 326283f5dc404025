"""Secrets of clients: made when a client needs one, replaced on request."""

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
    """Whether a client authenticates by a secret, and has none."""
    return client.has_secret and not load_secrets(connection, name)


def mint_client_secret(connection: Connection, client: ClientId, audit: AuditContext) -> Secret:
    """Make a secret: it is shown once to the caller, and stored as a hash."""
    secret = new_secret("dws")
    record_secret(connection, client, secret, audit)
    return secret


def replace_secret(
    connection: Connection, context: Context, client: ClientId, audit: AuditContext
) -> Secret:
    """Make a secret in place of all of the client's; tokens that it got for itself end.

    Raises Misconfigured if the client is not declared, or does not authenticate by a secret.
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
