"""Grants, their authorization codes, and consents."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from durward.core.audit.event import AuditContext, EventKind
from durward.core.edge.revocation import RevocationKind
from durward.core.oauth.grant import Grant
from durward.core.oauth.grants.authorization_code import Code
from durward.core.values import ClientId, GrantId, Instant, SessionId, UserId
from durward.store.audit import record_event
from durward.store.batches import in_batches
from durward.store.holds import check_held, hold_person_of
from durward.store.revocations import record_revocation
from durward.store.schema import codes, consents, families, grants, refresh_tokens

MAX_EACH = 200
"""The number of grants ended at once that get an entry each; a delta of an edge holds 300."""


def record_grant(
    connection: Connection,
    grant: Grant,
    code: Code,
    code_hash: bytes,
    audit: AuditContext,
    *,
    waiver: str | None = None,
) -> None:
    """Store a grant and its code; the person is held. The event names a waiver that was used."""
    check_held(connection, grant.user)
    connection.execute(
        insert(grants).values(
            id=grant.id,
            user=grant.user,
            client=grant.client,
            tenant=grant.tenant,
            audience=grant.audience or "",
            scopes=" ".join(grant.scopes),
            session=grant.session,
            methods=" ".join(grant.methods),
            authenticated_at=grant.authenticated_at,
            nonce=grant.nonce,
            created_at=grant.created_at,
        )
    )
    connection.execute(
        insert(codes).values(
            hash=code_hash,
            grant=code.grant,
            client=code.client,
            redirect_uri=code.redirect_uri,
            challenge=code.challenge or "",
            expires_at=code.expires_at,
        )
    )
    event = audit.event(
        EventKind.GRANT_CREATED,
        f"grants/{grant.id}",
        tenant=grant.tenant,
        client=grant.client,
        audience=grant.audience,
        scopes=list(grant.scopes),
        session=grant.session,
        **({"waiver": waiver} if waiver else {}),
    )
    record_event(connection, event)


def find_code(connection: Connection, code_hash: bytes) -> tuple[Code, Instant | None] | None:
    """A code and the time of its redemption, locked until this use case ends."""
    c = codes.c
    statement = select(
        *(c.grant, c.client, c.redirect_uri, c.challenge, c.expires_at, c.redeemed_at)
    )
    row = connection.execute(statement.where(c.hash == code_hash).with_for_update()).first()
    return (_code(row), row.redeemed_at) if row else None


def redeem_code(connection: Connection, code_hash: bytes, now: Instant) -> bool:
    """Spend a code; whether this was its first use (OAuth 2.1 draft-15 §4.1.3)."""
    here = (codes.c.hash == code_hash) & codes.c.redeemed_at.is_(None)
    return connection.execute(update(codes).where(here).values(redeemed_at=now)).rowcount == 1


def hold_grant(connection: Connection, id: GrantId) -> None:
    """Hold the person of a grant, if there is one."""
    hold_person_of(connection, grants.c.user, grants, grants.c.id == id)


def find_grant(connection: Connection, id: GrantId) -> Grant | None:
    """A grant, also one that has ended."""
    row = connection.execute(_selected().where(grants.c.id == id)).first()
    return _grant(row) if row else None


def live_grants(
    connection: Connection,
    *,
    user: UserId | None = None,
    session: SessionId | None = None,
    client: ClientId | None = None,
) -> list[Grant]:
    """The grants that have not ended, of a person, of a session, or at a client."""
    statement = _selected().where(grants.c.ended_at.is_(None))
    for column, wanted in ((grants.c.user, user), (grants.c.session, session)):
        statement = statement if wanted is None else statement.where(column == wanted)
    statement = statement if client is None else statement.where(grants.c.client == client)
    return [_grant(row) for row in connection.execute(statement.order_by(grants.c.created_at))]


def find_grants(
    connection: Connection,
    users: Sequence[str],
    clients: Sequence[str],
    *,
    after: GrantId | None,
    limit: int,
) -> list[tuple[Grant, frozenset[str] | None]]:
    """The grants that have not ended, of any of these people or clients, with their consents.

    A consent is None if the person never consented. The grants are in the order of their ids,
    beyond `after`: a change processes all that it affects in batches.
    """
    c = grants.c
    here = c.ended_at.is_(None) & or_(c.user.in_(users), c.client.in_(clients))
    here = here if after is None else here & (c.id > after)
    a = consents.c
    its = (a.user == c.user) & (a.client == c.client) & (a.audience == c.audience)
    statement = _selected().add_columns(a.scopes.label("agreed"))
    statement = statement.outerjoin_from(grants, consents, its).where(here)
    rows = connection.execute(statement.order_by(c.id).limit(limit))
    return [(_grant(row), _agreed(row.agreed)) for row in rows]


def open_codes(connection: Connection, now: Instant, *, client: ClientId) -> list[Code]:
    """The codes of a client that are neither redeemed nor expired."""
    c = codes.c
    statement = select(*(c.grant, c.client, c.redirect_uri, c.challenge, c.expires_at))
    here = (c.client == client) & c.redeemed_at.is_(None) & (c.expires_at > now)
    return [_code(row) for row in connection.execute(statement.where(here).order_by(c.grant))]


def narrow_grants(
    connection: Connection, ids: Sequence[GrantId], scopes: tuple[str, ...], audit: AuditContext
) -> None:
    """Restrict grants to these of their scopes, for good. Their people are held."""
    for some in in_batches(ids):
        c = grants.c
        here = c.id.in_(some) & c.ended_at.is_(None)
        first_granted = func.coalesce(c.granted, c.scopes)
        narrower = {"scopes": " ".join(scopes), "granted": first_granted}
        change = update(grants).where(here).values(narrower)
        rows = connection.execute(change.returning(c.id, c.user)).all()
        for row in sorted(rows):
            check_held(connection, row.user)
            event = audit.event(EventKind.GRANT_NARROWED, f"grants/{row.id}", scopes=list(scopes))
            record_event(connection, event)


def end_refresh(connection: Connection, ids: Sequence[GrantId], audit: AuditContext) -> None:
    """End the refresh tokens of grants; their other tokens live until they expire.

    Their people are held.
    """
    for some in in_batches(ids):
        users = select(grants.c.user).where(grants.c.id.in_(some)).distinct()
        for user in connection.execute(users).scalars():
            check_held(connection, user)
        gone = delete(families).where(families.c.grant.in_(some)).returning(families.c.grant)
        ended = sorted(connection.execute(gone).scalars())
        connection.execute(delete(refresh_tokens).where(refresh_tokens.c.grant.in_(some)))
        for id in ended:
            record_event(connection, audit.event(EventKind.REFRESH_ENDED, f"grants/{id}"))


def end_grant(connection: Connection, id: GrantId, reason: str, audit: AuditContext) -> bool:
    """End a grant, with all its tokens; return whether it was still alive."""
    return end_grants(connection, [id], reason, audit) == 1


def end_grants(
    connection: Connection,
    ids: Sequence[GrantId],
    reason: str,
    audit: AuditContext,
    *,
    instead: tuple[RevocationKind, str] | None = None,
) -> int:
    """End grants, with all their tokens; return how many were alive. Their people are held.

    Each gets a revocation. If there are more than `MAX_EACH`, they get one for what they have in
    common `instead`; None: it exists already.
    """
    each = len(ids) <= MAX_EACH
    if not each and instead is not None:
        record_revocation(connection, *instead, audit)
    number = 0
    for some in in_batches(ids):
        c = grants.c
        here = c.id.in_(some) & c.ended_at.is_(None)
        change = update(grants).where(here).values(ended_at=audit.at).returning(c.id, c.user)
        rows = connection.execute(change).all()
        for user in {row.user for row in rows}:
            check_held(connection, user)
        ended = sorted(row.id for row in rows)
        number += len(ended)
        if ended:
            connection.execute(delete(families).where(families.c.grant.in_(ended)))
            connection.execute(delete(refresh_tokens).where(refresh_tokens.c.grant.in_(ended)))
        for id in ended:
            record_event(
                connection, audit.event(EventKind.GRANT_ENDED, f"grants/{id}", reason=reason)
            )
            if each:
                record_revocation(connection, RevocationKind.GRANT, id, audit)
    return number


def load_consent(
    connection: Connection, user: UserId, client: ClientId, audience: str | None
) -> frozenset[str] | None:
    """The scopes that a person consented to for a client and API; None if they never consented."""
    statement = select(consents.c.scopes).where(_consent(user, client, audience))
    return _agreed(connection.execute(statement).scalar())


def record_consent(
    connection: Connection,
    user: UserId,
    client: ClientId,
    audience: str | None,
    scopes: frozenset[str],
    audit: AuditContext,
) -> None:
    """Store the consent of a person; they are held."""
    check_held(connection, user)
    listed = sorted(scopes)
    values = {"scopes": " ".join(listed), "given_at": audit.at}
    here = _consent(user, client, audience)
    if not connection.execute(update(consents).where(here).values(**values)).rowcount:
        named = {"user": user, "client": client, "audience": audience or ""}
        connection.execute(insert(consents).values(**named, **values))
    target = f"clients/{client}"
    event = audit.event(EventKind.CONSENT_GIVEN, target, audience=audience, scopes=list(listed))
    record_event(connection, event)


def withdraw_consent(
    connection: Connection, user: UserId, client: ClientId, audit: AuditContext
) -> None:
    """Remove a consent of a person, and end the grants that depend on it; they are held."""
    check_held(connection, user)
    here = (consents.c.user == user) & (consents.c.client == client)
    connection.execute(delete(consents).where(here))
    record_event(connection, audit.event(EventKind.CONSENT_WITHDRAWN, f"clients/{client}"))
    ids = [grant.id for grant in live_grants(connection, user=user, client=client)]
    instead = (RevocationKind.SUBJECT, user)
    end_grants(connection, ids, "consent withdrawn", audit, instead=instead)


def forget_consents(
    connection: Connection,
    audit: AuditContext,
    *,
    user: UserId | None = None,
    client: ClientId | None = None,
) -> None:
    """Remove all consents of a person, or all for a client."""
    c = consents.c
    here = c.client == client if user is None else c.user == user
    found = connection.execute(select(c.user, c.client).where(here).distinct()).all()
    connection.execute(delete(consents).where(here))
    for row in sorted(found):
        event = audit.event(EventKind.CONSENT_WITHDRAWN, f"clients/{row.client}", user=row.user)
        record_event(connection, event)


def _agreed(scopes: str | None) -> frozenset[str] | None:
    return None if scopes is None else frozenset(scopes.split())


def _consent(user: UserId, client: ClientId, audience: str | None) -> ColumnElement[bool]:
    c = consents.c
    return (c.user == user) & (c.client == client) & (c.audience == (audience or ""))


def _code(row: Any) -> Code:
    challenge = row.challenge or None  # "" is no challenge that a verifier could have
    return Code(row.grant, row.client, row.redirect_uri, challenge, row.expires_at)


def _selected() -> Select[tuple[object, ...]]:
    c = grants.c
    return select(
        *(c.id, c.user, c.client, c.tenant, c.audience, c.scopes, c.session, c.methods),
        *(c.authenticated_at, c.nonce, c.created_at, c.ended_at, c.granted),
    )


def _grant(row: Row[tuple[object, ...]]) -> Grant:
    left = tuple(row.scopes.split())
    return Grant(
        id=row.id,
        user=row.user,
        client=row.client,
        tenant=row.tenant,
        audience=row.audience or None,
        scopes=left,
        session=row.session,
        methods=tuple(row.methods.split()),
        authenticated_at=row.authenticated_at,
        nonce=row.nonce,
        created_at=row.created_at,
        ended_at=row.ended_at,
        lost=tuple(one for one in (row.granted or "").split() if one not in left),
    )
