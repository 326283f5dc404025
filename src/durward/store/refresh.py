"""Refresh tokens, by their hashes, in families; the key of a family is encrypted."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from durward.core.oauth.grants.refresh_token import Presented
from durward.core.values import ClientId, GrantId, Instant
from durward.store.holds import hold_person_of
from durward.store.schema import families, grants, refresh_tokens


@dataclass(frozen=True, slots=True)
class Family:
    """The family of a grant."""

    grant: GrantId
    client: ClientId
    key: bytes
    expires_at: Instant

    def __repr__(self) -> str:
        return f"Family({self.grant}, •••)"


def start_family(connection: Connection, family: Family, first: bytes, now: Instant) -> None:
    """Begin a family with its first token's hash."""
    values = {
        "grant": family.grant,
        "client": family.client,
        "key": family.key,
        "expires_at": family.expires_at,
    }
    connection.execute(insert(families).values(**values))
    add_refresh(connection, family.grant, first, now)


def hold_refresh(connection: Connection, token_hash: bytes) -> None:
    """Lock the person of a token's grant, if there is one, before its rows.

    Use cases that end a family lock in the same order; else they and a refresh could deadlock.
    """
    t = refresh_tokens.c
    both = refresh_tokens.join(grants, t.grant == grants.c.id)
    hold_person_of(connection, grants.c.user, both, t.hash == token_hash)


def find_refresh(connection: Connection, token_hash: bytes) -> tuple[Family, Presented] | None:
    """The facts about a token, locked until this use case ends; None once its family has ended."""
    t, f = refresh_tokens.c, families.c
    statement = (
        select(f.grant, f.client, f.key, f.expires_at, t.spent_at)
        .join_from(refresh_tokens, families, t.grant == f.grant)
        .where(t.hash == token_hash)
        .with_for_update()
    )
    row = connection.execute(statement).first()
    if row is None:
        return None
    family = Family(row.grant, row.client, row.key, row.expires_at)
    return family, Presented(row.spent_at, row.expires_at)


def spend_refresh(connection: Connection, token_hash: bytes, now: Instant) -> bool:
    """Spend a token; return whether this was its first use."""
    t = refresh_tokens.c
    here = (t.hash == token_hash) & t.spent_at.is_(None)
    return connection.execute(update(refresh_tokens).where(here).values(spent_at=now)).rowcount == 1


def add_refresh(connection: Connection, grant: GrantId, token_hash: bytes, now: Instant) -> None:
    """Store the hash of a family's next token."""
    values = {"hash": token_hash, "grant": grant, "issued_at": now}
    connection.execute(insert(refresh_tokens).values(**values))
