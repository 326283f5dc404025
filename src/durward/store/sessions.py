"""Sessions of users in browsers. Their secrets are stored as hashes."""

from sqlalchemy import Connection, Row, Select, insert, select, update

from durward.core.audit.event import AuditContext, EventKind
from durward.core.authn.session import Session
from durward.core.edge.revocation import RevocationKind
from durward.core.values import Instant, SessionId, UserId
from durward.store.audit import record_event
from durward.store.grants import end_grants, live_grants
from durward.store.holds import check_held, hold_person_of
from durward.store.revocations import record_revocation
from durward.store.schema import sessions


def start_session(
    connection: Connection, session: Session, secret: bytes, audit: AuditContext
) -> None:
    """Store a new session under the hash of its secret; its person is held."""
    check_held(connection, session.user)
    connection.execute(
        insert(sessions).values(
            id=session.id,
            secret=secret,
            user=session.user,
            tenant=session.tenant,
            methods=" ".join(session.methods),
            started_at=session.started_at,
            authenticated_at=session.authenticated_at,
            seen_at=session.seen_at,
            source=session.source,
            agent=session.agent,
        )
    )
    event = audit.event(
        EventKind.SESSION_STARTED,
        f"sessions/{session.id}",
        tenant=session.tenant,
        methods=list(session.methods),
    )
    record_event(connection, event)


def renew_session(
    connection: Connection,
    id: SessionId,
    secret: bytes,
    methods: tuple[str, ...],
    audit: AuditContext,
) -> None:
    """Renew a session after another sign-in of its person, under a new secret (AS-102).

    The person is held.
    """
    values = {
        "secret": secret,
        "methods": " ".join(methods),
        "authenticated_at": audit.at,
        "seen_at": audit.at,
    }
    change = update(sessions).where(sessions.c.id == id).values(**values)
    for user in connection.execute(change.returning(sessions.c.user)).scalars():
        check_held(connection, user)
    record_event(connection, audit.event(EventKind.SESSION_RENEWED, f"sessions/{id}"))


def session_user(connection: Connection, secret: bytes) -> UserId | None:
    """The user of the session of a secret's hash, also of one that has ended."""
    found = select(sessions.c.user).where(sessions.c.secret == secret)
    return connection.execute(found).scalar()


def hold_session(connection: Connection, secret: bytes) -> Session | None:
    """Lock the person of a secret's hash, and load the session, also one that has ended."""
    user = hold_person_of(connection, sessions.c.user, sessions, sessions.c.secret == secret)
    return None if user is None else find_session(connection, secret)


def find_session(connection: Connection, secret: bytes) -> Session | None:
    """The session of a secret's hash, also one that has ended."""
    row = connection.execute(_selected().where(sessions.c.secret == secret)).first()
    return _session(row) if row else None


def load_session(connection: Connection, id: SessionId) -> Session | None:
    """A session by its id, also one that has ended."""
    row = connection.execute(_selected().where(sessions.c.id == id)).first()
    return _session(row) if row else None


def open_sessions(connection: Connection, user: UserId) -> list[Session]:
    """The sessions of a person that have not ended; the core decides whether they have expired."""
    statement = _selected().where(sessions.c.user == user, sessions.c.ended_at.is_(None))
    rows = connection.execute(statement.order_by(sessions.c.started_at))
    return [_session(row) for row in rows]


def touch_session(connection: Connection, id: SessionId, now: Instant) -> None:
    """Record the use of a session."""
    connection.execute(update(sessions).where(sessions.c.id == id).values(seen_at=now))


def end_session(connection: Connection, id: SessionId, reason: str, audit: AuditContext) -> bool:
    """End a session and every grant that does not outlive it (AS-85); return whether it was open.

    Its person is held.
    """
    here = (sessions.c.id == id) & sessions.c.ended_at.is_(None)
    change = update(sessions).where(here).values(ended_at=audit.at).returning(sessions.c.user)
    user = connection.execute(change).scalar()
    if user is None:
        return False
    check_held(connection, user)
    record_event(connection, audit.event(EventKind.SESSION_ENDED, f"sessions/{id}", reason=reason))
    record_revocation(connection, RevocationKind.SESSION, id, audit)
    bound = [one.id for one in live_grants(connection, session=id) if not one.outlives_session]
    # Their tokens name the session, which is revoked: they need no entries of their own.
    end_grants(connection, bound, "the session ended", audit)
    return True


def _selected() -> Select[tuple[object, ...]]:
    c = sessions.c
    return select(
        *(c.id, c.user, c.tenant, c.methods, c.started_at, c.authenticated_at),
        *(c.seen_at, c.source, c.agent, c.ended_at),
    )


def _session(row: Row[tuple[object, ...]]) -> Session:
    return Session(
        id=row.id,
        user=row.user,
        tenant=row.tenant,
        methods=tuple(row.methods.split()),
        started_at=row.started_at,
        authenticated_at=row.authenticated_at,
        seen_at=row.seen_at,
        source=row.source,
        agent=row.agent,
        ended_at=row.ended_at,
    )
