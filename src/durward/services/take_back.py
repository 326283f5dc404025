"""What a change of declarations takes back from people and clients at once."""

from collections.abc import Iterator

from sqlalchemy import Connection

from durward.core.audit.event import Trail
from durward.core.edge.revocation import Kind
from durward.core.estate.client import Client
from durward.core.estate.estate import Estate
from durward.core.estate.user import User
from durward.core.values import ClientId, UserId
from durward.store.clients import forget_secrets
from durward.store.grants import end_grant, forget_consents, live_grants
from durward.store.known_browsers import forget_known_browsers
from durward.store.people import forget_password
from durward.store.revocations import record_revocation
from durward.store.sessions import end_session, open_sessions


def take_back(connection: Connection, before: Estate, after: Estate, trail: Trail) -> None:
    """Revoke tokens that say what is not so any more; end what a disabled one had (AS-104).

    Whoever is declared anew under a name that was there before inherits nothing from that one.
    """
    for name in changed_users(before, after):
        record_revocation(connection, Kind.SUBJECT, name, trail)
        if is_gone(after.users.get(name)):
            for session in open_sessions(connection, UserId(name)):
                end_session(connection, session.id, "the account was disabled", trail)
            forget_known_browsers(connection, UserId(name))
            for grant in live_grants(connection, user=UserId(name)):
                end_grant(connection, grant.id, "the account was disabled", trail)
    for name in changed_clients(before, after):
        record_revocation(connection, Kind.SUBJECT, name, trail)
        if is_gone(after.clients.get(name)):
            for grant in live_grants(connection, client=ClientId(name)):
                end_grant(connection, grant.id, "the client was disabled", trail)
    forget(connection, before, after, trail)


def forget(connection: Connection, before: Estate, after: Estate, trail: Trail) -> None:
    """What somebody proved themselves with, and agreed to, goes with their name or their method.

    Also of those that come: what lies there by their name is not theirs.
    """
    for name in sorted(before.users.keys() ^ after.users.keys()):
        forget_password(connection, UserId(name), trail)
        forget_known_browsers(connection, UserId(name))
        forget_consents(connection, trail, user=UserId(name))
    changed = before.clients.keys() ^ after.clients.keys()
    for name in sorted(changed):
        forget_consents(connection, trail, client=ClientId(name))
    for name, client in after.clients.items():
        known = before.clients.get(name)
        if known and known.has_secret and not client.has_secret:
            changed.add(name)
    for name in sorted(changed):
        forget_secrets(connection, ClientId(name), trail)


def is_gone(body: User | Client | None) -> bool:
    """Whether nobody can act in that name any more."""
    return body is None or body.disabled


def changed_users(before: Estate, after: Estate) -> Iterator[str]:
    """People whose tokens would say something else now."""
    for name, user in before.users.items():
        if _said(user) != _said(after.users.get(name)):
            yield name


def changed_clients(before: Estate, after: Estate) -> Iterator[str]:
    """Clients whose own tokens would say something else now."""
    for name, client in before.clients.items():
        if _said_of_client(client) != _said_of_client(after.clients.get(name)):
            yield name


def _said(user: User | None) -> tuple[object, ...] | None:
    return None if user is None else (user.tenant, user.roles, user.groups, user.disabled)


def _said_of_client(client: Client | None) -> tuple[object, ...] | None:
    if client is None:
        return None
    return (client.tenant, client.roles, client.scopes, client.apis, client.grants, client.disabled)
