"""The feed of what is revoked, as edges follow it."""

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
    """One answer: what came after a sequence number, up to another."""

    sequence: int
    at: int
    """When the last of them was made: by both it is known again."""
    entries: tuple[Revocation, ...]


def load_feed(connection: Connection, after: int, at: int, now: Instant) -> RevocationFeed:
    """What an edge that has read up to `after` does not know yet.

    Where the revocation of that number is not the one that the edge knows, made at `at`, it gets
    all: the store was put back, and numbers were given anew. So does one that was off for so long
    that the row is gone.
    """
    start = after if revoked_at(connection, after) == at else 0
    found = load_revocations(connection, start, later(now, Seconds(-KEPT)))
    if len(found) == MAX_LISTED:
        return RevocationFeed(found[-1].sequence, found[-1].at, tuple(found))
    return RevocationFeed(*last_revocation(connection), tuple(found))


def canaries(context: Context, audience: str, now: Instant) -> dict[str, str]:
    """For each filter of an edge a real token that it must refuse: good for nothing else.

    Its session is revoked from the beginning, its subject is nobody. It is for the API that the
    edge asks for, declared here or not: a node proves by what is in force there, and which of the
    APIs that is, it alone knows.
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
