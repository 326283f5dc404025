"""Sign-ins under way: what was asked, and by which browser.

Anybody can begin one, so they are bounded: of a browser, of a source, in all. Where a bound is met
the oldest goes; of all, it is the oldest of whoever has most, so that who floods pushes out their
own. The sweeper deletes those that are over.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, select, update

from durward.core.values import Instant, SessionId
from durward.store.schema import interactions

PER_BROWSER = 20
"""Tabs that a person opened and forgot."""
PER_SOURCE = 1_000
"""Many people may share an address; at ten a second it is nearly two minutes' worth,
and signing in takes one."""
TOTAL = 20_000
"""At less than 10 KB each it is 200 MB at the very worst."""
ROOM = 100
"""How many more go where that is met: looking for them takes as long as ten sign-ins."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """A request that waits for a person; `request` is empty where nobody asked but the person."""

    id: str
    browser: bytes
    request: bytes
    began_at: Instant
    expires_at: Instant
    source: str
    """Where it was begun from, as it counts."""
    session: SessionId | None = None
    """The session of the person who signed in for it."""


def record_interaction(connection: Connection, interaction: Interaction) -> None:
    """Keep one, within the bounds.

    Two that are recorded at once may each see room for one: what is too many goes with the next.
    """
    c = interactions.c
    for whose, most in (
        (c.browser == interaction.browser, PER_BROWSER),
        (c.source == interaction.source, PER_SOURCE),
    ):
        if (over := _count(connection, whose) + 1 - most) > 0:
            _drop(connection, select(c.id).where(whose).order_by(c.began_at, c.id).limit(over))
    if (over := _count(connection) + 1 - TOTAL) > 0:
        _drop(connection, _of_the_busiest(over + ROOM))
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
    """One that is not over yet."""
    c = interactions.c
    statement = select(*(c.id, c.browser, c.request, c.began_at, c.expires_at, c.source, c.session))
    statement = statement.where(c.id == id, c.expires_at > now)
    row = connection.execute(statement.with_for_update() if lock else statement).first()
    return Interaction(*row) if row else None


def record_sign_in(connection: Connection, id: str, session: SessionId) -> None:
    """Note whose session the sign-in for it began, or renewed."""
    connection.execute(update(interactions).where(interactions.c.id == id).values(session=session))


def finish_interaction(connection: Connection, id: str) -> None:
    """It has its answer: it cannot be answered again."""
    connection.execute(delete(interactions).where(interactions.c.id == id))


def _count(connection: Connection, *whose: ColumnElement[bool]) -> int:
    statement = select(func.count()).select_from(interactions).where(*whose)
    return int(connection.execute(statement).scalar_one())


def _of_the_busiest(number: int) -> Select[tuple[str]]:
    """What goes if the oldest of the source that has most goes, so many times.

    That is: of each source the newest stay, and those that began first go first among equals.
    """
    c = interactions.c
    place = func.row_number().over(partition_by=c.source, order_by=(c.began_at.desc(), c.id))
    ranked = select(c.id, c.began_at, place.label("place")).subquery()
    order = (ranked.c.place.desc(), ranked.c.began_at, ranked.c.id)
    return select(ranked.c.id).order_by(*order).limit(number)


def _drop(connection: Connection, chosen: Select[tuple[str]]) -> None:
    """Delete them; one that is being answered stays: waiting for it could end in a deadlock."""
    c = interactions.c
    free = select(c.id).where(c.id.in_(chosen.correlate(None))).with_for_update(skip_locked=True)
    connection.execute(delete(interactions).where(c.id.in_(free.correlate(None))))
