"""The person's own page: who I am, where I am signed in, what I let applications do (AS-21)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from durward.core.audit.event import AuditContext
from durward.core.authn.session import Session
from durward.core.oauth.grant import Grant
from durward.core.people.person import Person
from durward.core.values import ClientId, Secret, SessionId
from durward.services.context import Context
from durward.services.sessions import in_use, live_session
from durward.store.grants import live_grants, withdraw_consent
from durward.store.sessions import end_session, load_session, open_sessions


@dataclass(frozen=True)
class Overview:
    """What a person sees of themselves."""

    session: Session
    person: Person
    sessions: Sequence[Session]
    grants: Sequence[Grant]


def overview(
    connection: Connection, context: Context, secret: Secret | None, audit: AuditContext
) -> Overview | None:
    """The page's facts; None where nobody is signed in."""
    here = live_session(connection, context, secret, audit.at)
    if here is None:
        return None
    session = here.session
    in_use(connection, session, audit.at)
    live = [
        found
        for found in open_sessions(connection, session.user)
        if found.is_live(audit.at, context.sessions)
    ]
    return Overview(session, here.person, live, live_grants(connection, user=session.user))


def end_own_session(
    connection: Connection,
    context: Context,
    secret: Secret | None,
    id: str,
    audit: AuditContext,
) -> bool:
    """End a session of the person who is signed in; nobody else's."""
    here = live_session(connection, context, secret, audit.at)
    wanted = load_session(connection, SessionId(id))
    if here is None or wanted is None or wanted.user != here.person.id:
        return False
    return end_session(connection, wanted.id, "ended by its person", audit.by(here.person.id))


def withdraw(
    connection: Connection,
    context: Context,
    secret: Secret | None,
    client: str,
    audit: AuditContext,
) -> bool:
    """Take back what the person let a client do."""
    here = live_session(connection, context, secret, audit.at)
    if here is None:
        return False
    person = here.person.id
    # Later than what was issued before the person was held: a not-before may be made of it.
    audit = replace(audit, at=context.clock())
    withdraw_consent(connection, person, ClientId(client), audit.by(person))
    return True
