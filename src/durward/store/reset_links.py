"""Links by which people choose a new password, kept as hashes.

A person has one that was asked for, and one that an operator had sent: a stranger may ask, and must
not end what an operator sent.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from durward.core.audit.event import AuditContext, EventKind
from durward.core.values import Instant, Seconds, UserId, later
from durward.store.audit import record_event
from durward.store.holds import check_held, hold_person_of
from durward.store.schema import reset_links


@dataclass(frozen=True, slots=True)
class ResetLink:
    """Whose link it is, and the address that it was sent to, in canonical form."""

    user: UserId
    address: str
    invited: bool = False
    """Whether an operator had it sent, to an address that an operator gave."""


def record_reset_link(
    connection: Connection,
    secret: bytes,
    link: ResetLink,
    lifetime: Seconds,
    audit: AuditContext,
) -> None:
    """Keep the hash of a new link in place of the one before of its kind; the person is held."""
    check_held(connection, link.user)
    c = reset_links.c
    former = (c.user == link.user, c.invited.is_(link.invited))
    connection.execute(delete(reset_links).where(*former))
    values = {
        "user": link.user,
        "hash": secret,
        "address": link.address,
        "invited": link.invited,
        "made_at": audit.at,
        "expires_at": later(audit.at, lifetime),
    }
    connection.execute(insert(reset_links).values(**values))
    record_event(connection, audit.event(EventKind.RESET_LINK_MADE, f"users/{link.user}"))


def find_reset_link(
    connection: Connection, secret: bytes, now: Instant, *, hold: bool = False
) -> ResetLink | None:
    """The link of a hash, if it has not expired; `hold` locks its person before it is read."""
    c = reset_links.c
    here = c.hash == secret
    if hold and hold_person_of(connection, c.user, reset_links, here) is None:
        return None
    found = select(c.user, c.address, c.invited).where(here, c.expires_at > now)
    row = connection.execute(found).first()
    return ResetLink(row.user, row.address, row.invited) if row else None


def forget_reset_link(connection: Connection, user: UserId) -> None:
    """End the links of a person, who is held."""
    check_held(connection, user)
    connection.execute(delete(reset_links).where(reset_links.c.user == user))
