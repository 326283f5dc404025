"""Pushed authorization requests, each under the hash of its reference, until it is completed.

Whoever names a public client can push one, so they are bounded as pending sign-ins are: for a
client that has proven itself, for the source of any other, and in all.
"""

from sqlalchemy import Connection, delete, insert, select

from durward.core.oauth.pushed_request import PushedRequest
from durward.core.values import ClientId, Instant
from durward.store.bounds import Bounded
from durward.store.schema import pushed_requests

PER_COUNTED = 10_000
"""The limit of a client, or of a source: five a second for as long as a row is kept."""
TOTAL = 20_000
"""The limit of all clients that have proven themselves, and again of all others: strangers never
displace what clients push. At less than 20 KB each it is 800 MB at worst."""
ROOM = 100
"""The number deleted beyond that limit."""
BOUNDED = Bounded(pushed_requests, pushed_requests.c.pushed_at, pushed_requests.c.source)


def record_pushed(connection: Connection, pushed: PushedRequest) -> None:
    """Store a pushed request, within the limits."""
    c = pushed_requests.c
    kind = pushed.source.partition("/")[0]
    among = c.source.startswith(f"{kind}/", autoescape=True)
    some = [(c.source == pushed.source, PER_COUNTED)]
    BOUNDED.make_room(connection, some, TOTAL, ROOM, among)
    connection.execute(
        insert(pushed_requests).values(
            hash=pushed.hash,
            client=pushed.client,
            request=pushed.request,
            pushed_at=pushed.pushed_at,
            expires_at=pushed.expires_at,
            source=pushed.source,
        )
    )


def find_pushed(connection: Connection, reference: bytes, now: Instant) -> PushedRequest | None:
    """A pushed request that was not completed and has not expired."""
    c = pushed_requests.c
    columns = (c.hash, c.client, c.request, c.pushed_at, c.expires_at, c.source)
    row = connection.execute(
        select(*columns).where(c.hash == reference, c.expires_at > now)
    ).first()
    if row is None:
        return None
    return PushedRequest(row.hash, ClientId(row.client), *row[2:])


def forget_pushed(connection: Connection, client: ClientId) -> None:
    """Remove all of a client: who has its name next did not push them."""
    connection.execute(delete(pushed_requests).where(pushed_requests.c.client == client))


def finish_pushed(connection: Connection, reference: bytes) -> bool:
    """Complete a pushed request: true for the first that does; an expired one may be completed.

    A person may take half an hour, and may have two pages of it open.
    """
    here = pushed_requests.c.hash == reference
    return connection.execute(delete(pushed_requests).where(here)).rowcount == 1
