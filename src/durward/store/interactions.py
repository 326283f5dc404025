"""Pending sign-ins: the authorization request, and the browser.

Unauthenticated clients can begin one, so they are bounded: for a browser, a source, and in all. At
a bound the oldest is deleted; at the bound for all, the oldest of the source with most, so that a
flood displaces its own. The sweeper deletes expired ones.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from durward.core.values import Instant, SessionId
from durward.store.bounds import Bounded
from durward.store.schema import interactions

PER_BROWSER = 20
"""The limit of a browser: tabs that a person opened and forgot."""
PER_SOURCE = 1_000
"""The limit of a source: many people may share an address. At ten a second it is nearly two
minutes' worth, and signing in takes one."""
TOTAL = 20_000
"""The limit in all: at less than 10 KB each it is 200 MB at worst."""
ROOM = 100
"""The number deleted beyond that limit: to find them takes as long as ten sign-ins."""
BOUNDED = Bounded(interactions, interactions.c.began_at, interactions.c.source)


@dataclass(frozen=True, slots=True)
class Interaction:
    """A pending sign-in; `request` is empty for a sign-in at the issuer's own pages."""

    id: str
    browser: bytes
    request: bytes
    began_at: Instant
    expires_at: Instant
    source: str
    """The source from which it was begun, as it is counted."""
    session: SessionId | None = None
    """The session that a sign-in for this request began or renewed."""


def record_interaction(connection: Connection, interaction: Interaction) -> None:
    """Store a pending sign-in, within the limits."""
    c = interactions.c
    some = [
        (c.browser == interaction.browser, PER_BROWSER),
        (c.source == interaction.source, PER_SOURCE),
    ]
    BOUNDED.make_room(connection, some, TOTAL, ROOM)
    connection.execute(
        insert(interactions).values(
            id=interaction.id,
            browser=interaction.browser,
            request=interaction.request,
            began_at=interaction.began_at,
            expires_at=interaction.expires_at,
            source=interaction.source,
        )
    )


def find_interaction(
    connection: Connection,
    id: str,
    now: Instant,
    *,
    lock: bool = False,
) -> Interaction | None:
    """A pending sign-in that has not expired."""
    c = interactions.c
    statement = select(*(c.id, c.browser, c.request, c.began_at, c.expires_at, c.source, c.session))
    statement = statement.where(c.id == id, c.expires_at > now)
    row = connection.execute(statement.with_for_update() if lock else statement).first()
    return Interaction(*row) if row else None


def record_sign_in(connection: Connection, id: str, session: SessionId) -> None:
    """Store the session that the sign-in for it began or renewed."""
    connection.execute(update(interactions).where(interactions.c.id == id).values(session=session))


def finish_interaction(connection: Connection, id: str) -> None:
    """Remove an answered one: it cannot be answered again."""
    connection.execute(delete(interactions).where(interactions.c.id == id))
