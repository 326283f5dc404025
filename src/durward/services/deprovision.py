"""What a change takes back at once: from clients, and from the grants of whoever changed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from sqlalchemy import Connection

from durward.core.audit.event import AuditContext
from durward.core.configuration.client import Client
from durward.core.configuration.configuration import Configuration
from durward.core.edge.revocation import RevocationKind
from durward.core.oauth.grant import Grant
from durward.core.oauth.grants.authorization_code import is_still_sent_to
from durward.core.oauth.standing import Ended
from durward.core.people.person import Person
from durward.core.values import ClientId, GrantId, UserId
from durward.services.standing import standing_in
from durward.store.batches import BATCH
from durward.store.clients import forget_secrets
from durward.store.grants import (
    end_grants,
    end_refresh,
    find_grants,
    forget_consents,
    narrow_grants,
    open_codes,
)
from durward.store.people import load_people
from durward.store.pushed_requests import forget_pushed
from durward.store.revocations import record_revocation
from durward.store.sessions import load_session


def deprovision(
    connection: Connection, before: Configuration, after: Configuration, audit: AuditContext
) -> None:
    """Revoke tokens that say what is not so any more; end what a disabled one had (AS-104).

    Whoever is declared anew under a name that was there before inherits nothing from that one.
    What changes of people, `services/people` follows.
    """
    clients = list(changed_clients(before, after))
    end_misdirected(connection, before, after, audit)
    for name in clients:
        lent = _lent(before, name) != _lent(after, name)
        record_revocation(
            connection, RevocationKind.CLIENT if lent else RevocationKind.SUBJECT, name, audit
        )
    _end_what_fell(connection, after, _touched(connection, [], clients), audit)
    end_client_credentials(connection, before, after, audit)


def end_grants_of(
    connection: Connection,
    configuration: Configuration,
    people: Sequence[UserId],
    now: Mapping[UserId, Person],
    audit: AuditContext,
) -> None:
    """End or narrow the grants of people who changed; `now` are those who are left of them."""
    touched = _touched(connection, people, [])
    of_people = ((grant, now.get(grant.user), agreed) for grant, _, agreed in touched)
    _end_what_fell(connection, configuration, of_people, audit)


Touched: TypeAlias = tuple[Grant, Person | None, frozenset[str] | None]
"""A grant, whose it is, and what they let its client do there."""


def _end_what_fell(
    connection: Connection,
    after: Configuration,
    touched: Iterable[Touched],
    audit: AuditContext,
) -> None:
    """End the grants of changed people and clients that do not stand any more (ADR 23).

    From those that stand what they lost is taken for good: given back it is not theirs.
    What took it away revoked its person or its client, so many need no entries of their own.
    """
    fallen: dict[str, list[GrantId]] = {}
    narrower: dict[tuple[str, ...], list[GrantId]] = {}
    final: list[GrantId] = []
    for grant, person, consented in touched:
        kept = standing_in(after, person, grant, consented)
        if isinstance(kept, Ended):
            fallen.setdefault(kept.reason, []).append(grant.id)
            continue
        if grant.outlives_session and not kept.outlives_session:
            session = load_session(connection, grant.session)
            if session is None or session.ended_at is not None:
                fallen.setdefault("its session is over", []).append(grant.id)
                continue
        if kept.scopes != grant.scopes:
            narrower.setdefault(kept.scopes, []).append(grant.id)
        if not kept.renewable:
            final.append(grant.id)
    for reason, ids in fallen.items():
        end_grants(connection, ids, reason, audit)
    for scopes, ids in narrower.items():
        narrow_grants(connection, ids, scopes, audit)
    end_refresh(connection, final, audit)


def end_misdirected(
    connection: Connection, before: Configuration, after: Configuration, audit: AuditContext
) -> None:
    """End grants whose code must not be redeemed now, also where it may be again in its minute.

    It went to an address that is not the client's any more, or would open a family that the client
    may not have.
    """
    for name, client in after.clients.items():
        known = before.clients.get(name)
        if known is None or _redeems(known) == _redeems(client):
            continue
        waiting = open_codes(connection, audit.at, client=ClientId(name))
        elsewhere = [code.grant for code in waiting if not is_still_sent_to(code, client)]
        end_grants(connection, elsewhere, "its code went where the client is no more", audit)
        if "refresh_token" in known.grants and "refresh_token" not in client.grants:
            reason = "its code was for a client that may refresh"
            end_grants(connection, [code.grant for code in waiting], reason, audit)


def _redeems(client: Client) -> tuple[object, ...]:
    """What the codes of a client depend on, beside what tokens say."""
    refreshes = "refresh_token" in client.grants
    return (client.redirect_uris, client.authentication == "none", refreshes)


def _touched(
    connection: Connection, users: Sequence[str], clients: Sequence[str]
) -> Iterator[Touched]:
    """Live grants of any of them, a batch of names and of rows at a time."""
    for first in range(0, max(len(users), len(clients)), BATCH):
        some = users[first : first + BATCH], clients[first : first + BATCH]
        last: GrantId | None = None
        while found := find_grants(connection, *some, after=last, limit=BATCH):
            people = load_people(connection, (grant.user for grant, _ in found))
            yield from ((grant, people.get(grant.user), agreed) for grant, agreed in found)
            last = found[-1][0].id


def end_client_credentials(
    connection: Connection, before: Configuration, after: Configuration, audit: AuditContext
) -> None:
    """What a client proved itself with, and was let do, goes with its name or its method.

    Also of those that come: what lies there by their name is not theirs.
    """
    changed = before.clients.keys() ^ after.clients.keys()
    for name in sorted(changed):
        forget_consents(connection, audit, client=ClientId(name))
        forget_pushed(connection, ClientId(name))
    for name, client in after.clients.items():
        known = before.clients.get(name)
        if known and known.has_secret and not client.has_secret:
            changed.add(name)
    for name in sorted(changed):
        forget_secrets(connection, ClientId(name), audit)


def changed_clients(before: Configuration, after: Configuration) -> Iterator[str]:
    """Clients of which a token would say something else now, or would not be issued."""
    for name in before.clients:
        if _said_of_client(before, name) != _said_of_client(after, name):
            yield name


def _said_of_client(configuration: Configuration, name: str) -> tuple[object, ...] | None:
    client = configuration.clients.get(name)
    if client is None:
        return None
    # Who has the key of before may hold what it got: as where a secret is replaced.
    return (client.tenant, client.roles, client.proves_itself_by, _lent(configuration, name))


def _lent(configuration: Configuration, name: str) -> tuple[object, ...] | None:
    """What tokens of a client say that it does for people too."""
    client = configuration.clients.get(name)
    if client is None:
        return None
    apis = [configuration.apis[api] for api in client.apis if api in configuration.apis]
    scopes = [(api.audience, set(client.scopes) & api.scopes.keys()) for api in apis]
    return (client.scopes, client.grants, client.disabled, client.asks_nobody, scopes)
