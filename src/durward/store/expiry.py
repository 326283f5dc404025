"""What may be deleted: for each table the rows that nothing depends on any more.

The absence of a row must refuse what its presence refused. Margins are generous, because clocks of
replicas differ, and a token that is alive must find what says that it is not good.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, exists, func, or_, select, tuple_

from durward.core.authn.known_browser import UNUSED
from durward.core.authn.session import SessionPolicy
from durward.core.authn.throttle import ACCOUNT, PAIR, SOURCE
from durward.core.edge.revocation import LONGEST_TOKEN
from durward.core.oauth.authorize import INTERACTION_LIFETIME
from durward.core.oauth.scopes import OFFLINE
from durward.core.values import Instant, Seconds, later
from durward.store import schema

MARGIN = Seconds(86_400)
"""How long what is over is kept: more than any access token lives, and any clock is wrong."""
assert MARGIN > LONGEST_TOKEN  # noqa: S101 - else a living token would find nothing of its grant
ASSERTION_MARGIN = Seconds(600)
FORGOTTEN = Seconds(max(limit.forgotten for limit in (PAIR, SOURCE, ACCOUNT)))
CHECKPOINTS_KEPT = 10_000
REPORTS_KEPT = Seconds(90 * 86_400)


VERSIONS_KEPT = 100
HISTORY = Seconds(400 * 86_400)
"""How far one can go back: a year and a month."""


@dataclass(frozen=True)
class Due:
    """Rows of one table that may go."""

    table: Table
    where: ColumnElement[bool]


def find_due(connection: Connection, due: Due, limit: int) -> Sequence[Any]:
    """The keys of some rows that may go; reading holds up nobody."""
    keys = list(due.table.primary_key)
    return connection.execute(select(*keys).where(due.where).limit(limit)).all()


def delete_due(connection: Connection, due: Due, keys: Sequence[Any]) -> int:
    """Delete those of the rows that still may go; how many.

    A row that somebody holds, a replica that sweeps too among them, is not waited for.
    """
    columns = list(due.table.primary_key)
    key: Any = columns[0] if len(columns) == 1 else tuple_(*columns)
    named = [row[0] if len(columns) == 1 else tuple(row) for row in keys]
    free = select(*columns).where(key.in_(named), due.where).with_for_update(skip_locked=True)
    return connection.execute(delete(due.table).where(key.in_(free.correlate(None)))).rowcount


def assertions(now: Instant) -> Due:
    """Those that are refused as expired, whoever's clock says so."""
    table = schema.consumed
    return Due(table, table.c.expires_at <= later(now, Seconds(-ASSERTION_MARGIN)))


def attempts(now: Instant) -> Due:
    """Counts that are forgotten, which would begin anew, and those of nothing."""
    c = schema.attempts.c
    nothing = (c.failures == 0) & (c.last_at <= later(now, Seconds(-60)))
    return Due(schema.attempts, or_(c.last_at <= later(now, Seconds(-FORGOTTEN)), nothing))


def people_classes(now: Instant) -> Due:
    """Classes of which there is nobody.

    Whoever adds somebody notes that the class is used before they refer to it, in the transaction
    that does: one that was not used for a margin is referred to by nobody who is not seen yet.
    """
    c, p = schema.people_classes.c, schema.people.c
    unused = c.used_at <= later(now, Seconds(-MARGIN))
    return Due(schema.people_classes, unused & ~exists().where(p["class"] == c.id))


def known_browsers(now: Instant) -> Due:
    """Browsers that are not known any more."""
    table = schema.known_browsers
    return Due(table, table.c.last_at <= later(now, Seconds(-UNUSED)))


def reset_links(now: Instant) -> Due:
    """Links that nobody used in time."""
    table = schema.reset_links
    return Due(table, table.c.expires_at <= now)


def interactions(now: Instant) -> Due:
    """Sign-ins that nobody came back to."""
    table = schema.interactions
    return Due(table, table.c.expires_at <= now)


def pushed_requests(now: Instant) -> Due:
    """Those that expired, and for which no sign-in can wait any more."""
    table = schema.pushed_requests
    waited = later(now, Seconds(-INTERACTION_LIFETIME))
    return Due(table, table.c.expires_at <= waited)


def sessions(now: Instant, policy: SessionPolicy) -> Due:
    """Sessions that ended or expired a margin ago: without them a cookie and a `sid` are unknown.

    What they had revoked stands in the feed by itself.
    """
    c, before = schema.sessions.c, later(now, Seconds(-MARGIN))
    over = or_(
        c.ended_at <= before,
        c.seen_at <= later(before, Seconds(-policy.idle)),
        c.started_at <= later(before, Seconds(-policy.absolute)),
    )
    return Due(schema.sessions, over)


def grants(now: Instant) -> Due:
    """Grants on which nothing can be issued, and of whose tokens none is alive.

    They ended a margin ago, or their session is gone and they do not outlive it, or their family
    expired, or they never had one. A code that comes again, or a spent refresh token, finds what
    it would end for as long as there is anything to end.
    """
    g, f, s = schema.grants.c, schema.families.c, schema.sessions.c
    before = later(now, Seconds(-MARGIN))
    # A scope that has this within its name only keeps the grant for longer.
    outlives = g.scopes.contains(OFFLINE, autoescape=True)
    bound = ~outlives & ~exists().where(s.id == g.session)
    renewable = exists().where(f.grant == g.id, f.expires_at > before)
    over = or_(g.ended_at <= before, g.ended_at.is_(None) & or_(bound, ~renewable))
    return Due(schema.grants, (g.created_at <= before) & over)


def codes() -> Due:
    """Codes, redeemed or not, whose grant is gone: till then one that comes again is told apart."""
    table = schema.codes
    return Due(table, ~exists().where(schema.grants.c.id == table.c.grant))


def refresh_tokens() -> Due:
    """Tokens, spent or not, of a family whose grant is gone."""
    table, f, g = schema.refresh_tokens, schema.families.c, schema.grants.c
    gone = select(f.grant).where(~exists().where(g.id == f.grant))
    return Due(table, table.c.grant.in_(gone))


def families() -> Due:
    """Families without a grant and without tokens: the last that goes of it."""
    table, t, g = schema.families, schema.refresh_tokens.c, schema.grants.c
    empty = ~exists().where(t.grant == table.c.grant)
    return Due(table, ~exists().where(g.id == table.c.grant) & empty)


def revocations(now: Instant) -> Due:
    """What concerns no living token; the newest stays, since sequence numbers go on from it."""
    c = schema.revocations.c
    newest = select(func.max(schema.revocations.alias().c.sequence)).scalar_subquery()
    return Due(schema.revocations, (c.at <= later(now, Seconds(-MARGIN))) & (c.sequence < newest))


def node_reports(now: Instant) -> Due:
    """What nodes told long ago."""
    table = schema.node_reports
    return Due(table, table.c.at <= later(now, Seconds(-REPORTS_KEPT)))


def versions(now: Instant) -> Due:
    """What is older than the history reaches, but never one of the newest."""
    c = schema.versions.c
    other = schema.versions.alias().c
    newest = select(other.version).order_by(other.version.desc())
    oldest = newest.offset(VERSIONS_KEPT - 1).limit(1).scalar_subquery()
    old = c.published_at <= later(now, Seconds(-HISTORY))
    return Due(schema.versions, old & (c.version < oldest))


def replaced_changes() -> Due:
    """What no version that is kept is made of: replaced before the oldest one, or by it.

    A removal goes once nothing is left that it removed, else that would be back.
    """
    c = schema.changes.c
    first = select(func.min(schema.versions.c.version)).scalar_subquery()
    newer, older = schema.changes.alias().c, schema.changes.alias().c
    replaced = exists().where(
        newer.kind == c.kind,
        newer.name == c.name,
        newer.version > c.version,
        newer.version <= first,
    )
    left = exists().where(older.kind == c.kind, older.name == c.name, older.version < c.version)
    return Due(schema.changes, (c.version < first) & or_(replaced, c.body.is_(None) & ~left))


def checkpoints() -> Due:
    """All but the newest: the log itself yields the root of every size."""
    c = schema.checkpoints.c
    other = schema.checkpoints.alias().c
    oldest = select(other.size).order_by(other.size.desc()).offset(CHECKPOINTS_KEPT - 1).limit(1)
    return Due(schema.checkpoints, c.size < oldest.scalar_subquery())


def work(now: Instant) -> Due:
    """What nobody does any more, such as mails where no server of mails is set since."""
    table = schema.work
    return Due(table, table.c.expires_at <= later(now, Seconds(-MARGIN)))
