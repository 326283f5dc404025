"""Sign-ins under way: what was asked, and by which browser."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from durward.core.values import Instant, SessionId
from durward.store.schema import interactions


@dataclass(frozen=True, slots=True)
class Interaction:
    """A request that waits for a person; `request` is empty where nobody asked but the person."""

    id: str
    browser: bytes
    request: bytes
    began_at: Instant
    expires_at: Instant
    session: SessionId | None = None
    """The session of the person who signed in for it."""


def record_interaction(connection: Connection, interaction: Interaction, now: Instant) -> None:
    """Keep one, and forget those that nobody came back to."""
    connection.execute(delete(interactions).where(interactions.c.expires_at <= now))
    connection.execute(
        insert(interactions).values(
            id=interaction.id,
            browser=interaction.browser,
            request=interaction.request,
            began_at=interaction.began_at,
            expires_at=interaction.expires_at,
        )
    )


def find_interaction(
    connection: Connection,
    id: str,
    now: Instant,
    *,
    lock: bool = False,
) -> Interaction | None:
    """One that is not over yet."""
    c = interactions.c
    statement = select(c.id, c.browser, c.request, c.began_at, c.expires_at, c.session)
    statement = statement.where(c.id == id, c.expires_at > now)
    row = connection.execute(statement.with_for_update() if lock else statement).first()
    return Interaction(*row) if row else None


def record_sign_in(connection: Connection, id: str, session: SessionId) -> None:
    """Note whose session the sign-in for it began, or renewed."""
    connection.execute(update(interactions).where(interactions.c.id == id).values(session=session))


def finish_interaction(connection: Connection, id: str) -> None:
    """It has its answer: it cannot be answered again."""
    connection.execute(delete(interactions).where(interactions.c.id == id))
