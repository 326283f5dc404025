"""The feed of revocations for edges, and the canaries that prove a push."""

from dataclasses import dataclass

from sqlalchemy import Connection

from durward.core.edge.envoy.revocation_maps import FILTERS, canary_session
from durward.core.edge.revocation import KEPT, Revocation
from durward.core.oauth.claims import ACCESS_TOKEN_TYPE, TokenGrant, access_claims
from durward.core.values import ClientId, Instant, Seconds, SessionId, TenantId, later
from durward.entropy import new_id
from durward.services.context import Context
from durward.services.keyring import ACCESS
from durward.store.revocations import (
    MAX_LISTED,
    last_revocation,
    load_revocations,
    revoked_at,
)


@dataclass(frozen=True)
class RevocationFeed:
    """One response: the revocations after a sequence number, up to another."""

    sequence: int
    at: int
    """The time of the last of them: number and time together identify it."""
    entries: tuple[Revocation, ...]


def load_feed(connection: Connection, after: int, at: int, now: Instant) -> RevocationFeed:
    """The revocations that an edge lacks that has read up to `after`.

    If the revocation of that number was not made at `at`, the edge gets all of them: the store was
    restored, and gave numbers again. So does an edge that was off for so long that the row is gone.
    """
    start = after if revoked_at(connection, after) == at else 0
    found = load_revocations(connection, start, later(now, Seconds(-KEPT)))
    if len(found) == MAX_LISTED:
        return RevocationFeed(found[-1].sequence, found[-1].at, tuple(found))
    return RevocationFeed(*last_revocation(connection), tuple(found))


def canary_tokens(context: Context, audience: str, now: Instant) -> dict[str, str]:
    """Canaries: for each filter of an edge a real token that it must refuse.

    Its session is always revoked, and its subject does not exist. It is for the API that the edge
    names, declared here or not, since only the node knows which APIs are in force there.
    """
    signer = context.signer(ACCESS)
    tokens = {}
    for name in FILTERS:
        nobody = TokenGrant(
            subject=f"durward:{name}",
            client=ClientId(f"durward:{name}"),
            tenant=TenantId("durward"),
            audiences=(audience,),
            scopes=(),
            session=SessionId(canary_session(name)),
        )
        claims = access_claims(nobody, context.issuer, new_id("t"), now, context.tokens)
        tokens[name] = signer.token(ACCESS_TOKEN_TYPE, claims, signer.kid)
    return tokens
