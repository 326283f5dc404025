"""Browsers that people have signed in at before. Their secrets are kept as hashes."""

from sqlalchemy import Connection, delete, insert, select, update

from durward.core.authn.known_browser import MOST, UNUSED
from durward.core.values import Instant, Seconds, UserId, later
from durward.store.schema import known_browsers


def is_known_browser(
    connection: Connection, secret: bytes, now: Instant, *, user: UserId | None = None
) -> bool:
    """Whether the browser of a secret's hash is known for this person, or for anybody."""
    c = known_browsers.c
    statement = select(c.user).where(c.secret == secret, c.last_at > later(now, Seconds(-UNUSED)))
    if user is not None:
        statement = statement.where(c.user == user)
    return connection.execute(statement.limit(1)).first() is not None


def record_known_browser(connection: Connection, user: UserId, secret: bytes, now: Instant) -> None:
    """Record a sign-in at a browser; beyond the limit the least recently used one is removed.

    The caller holds the row of the person's password, so that sign-ins come one by one.
    """
    c = known_browsers.c
    mine = c.user == user
    connection.execute(
        delete(known_browsers).where(mine, c.last_at <= later(now, Seconds(-UNUSED)))
    )
    here = mine & (c.secret == secret)
    if connection.execute(update(known_browsers).where(here).values(last_at=now)).rowcount:
        return
    newest = select(c.secret).where(mine).order_by(c.last_at.desc(), c.secret)
    surplus = connection.execute(newest.offset(MOST - 1)).scalars().all()
    connection.execute(delete(known_browsers).where(mine, c.secret.in_(surplus)))
    fresh = {"user": user, "secret": secret, "first_at": now, "last_at": now}
    connection.execute(insert(known_browsers).values(**fresh))


def forget_known_browsers(connection: Connection, user: UserId) -> None:
    """Forget all known browsers of a person."""
    connection.execute(delete(known_browsers).where(known_browsers.c.user == user))
