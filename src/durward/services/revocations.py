"""The feed of what is revoked, as edges follow it."""

from dataclasses import dataclass

from sqlalchemy import Connection

from durward.core.edge.envoy.revocation import FILTERS, canary_session
from durward.core.edge.revocation import KEPT, Revocation
from durward.core.oauth.claims import ACCESS_TOKEN_TYPE, TokenGrant, access_claims
from durward.core.values import ClientId, Instant, Seconds, SessionId, TenantId, later
from durward.entropy import new_id
from durward.services.context import Context
from durward.services.keyring import ACCESS
from durward.store.revocations import MAX_LISTED, load_revocations, newest_revocation


@dataclass(frozen=True)
class Feed:
    """One answer: what came after a sequence number, up to another."""

    sequence: int
    entries: tuple[Revocation, ...]


def load_feed(connection: Connection, after: int, now: Instant) -> Feed:
    """What an edge that has read up to `after` does not know yet.

    One that claims to know more than there is gets everything: the store was put back.
    """
    newest = newest_revocation(connection)
    start = after if after <= newest else 0
    found = load_revocations(connection, start, later(now, Seconds(-KEPT)))
    sequence = found[-1].sequence if len(found) == MAX_LISTED else newest
    return Feed(sequence, tuple(found))


def canaries(context: Context, now: Instant) -> dict[str, str]:
    """For each filter of an edge a real token that it must refuse: good for nothing else.

    Its session is revoked from the beginning, its subject is nobody.
    """
    api = next(iter(context.published.estate.apis.values()), None)
    if api is None:
        return {}
    signer = context.signer(ACCESS)
    tokens = {}
    for name in FILTERS:
        nobody = TokenGrant(
            subject=f"durward:{name}",
            client=ClientId(f"durward:{name}"),
            tenant=TenantId("durward"),
            audiences=(api.audience,),
            scopes=(),
            session=SessionId(canary_session(name)),
        )
        claims = access_claims(nobody, context.issuer, new_id("t"), now, context.tokens)
        tokens[name] = signer.token(ACCESS_TOKEN_TYPE, claims, signer.kid)
    return tokens
