"""Housekeeping: how the rows of each table end, and the one sweeper that deletes them.

Rows are looked for where nobody waits for it, and deleted a few at a time. Several replicas may
sweep at once: what one holds the others leave alone.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from durward.core.audit.event import AuditContext
from durward.core.authn.session import SessionPolicy
from durward.core.values import Instant
from durward.services.unrecorded import Unrecorded
from durward.store import expiry
from durward.store.audit import ingest_events
from durward.store.database import Database
from durward.store.expiry import Due, delete_due, find_due
from durward.store.keys import remove_keys

BATCH = 500
"""Rows of one transaction: it holds the writer for some milliseconds."""
BATCHES = 200
"""Of one table in one round: after a long stop the others have their turn too."""

Sweep: TypeAlias = Callable[[Database, Instant, SessionPolicy], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Retention:
    """One table: when its rows end, why there are never too many, and what deletes them."""

    table: str
    ends: str
    bound: str
    sweep: Sweep | None = None
    """None where rows end with what they belong to, in the transaction that ends it."""


def in_batches(due: Callable[[Instant, SessionPolicy], Due]) -> Sweep:
    """Delete what is due, a batch at a time; how many rows."""

    async def sweep(database: Database, now: Instant, policy: SessionPolicy) -> int:
        rows, total = due(now, policy), 0
        for _ in range(BATCHES):
            gone = await _batch(database, rows)
            total += gone
            if not gone:  # nothing is left, or another replica has it in hand
                break
        return total

    return sweep


async def _batch(database: Database, due: Due) -> int:
    keys = await database.read(lambda c: find_due(c, due, BATCH))
    return await database.write(lambda c: delete_due(c, due, keys), apart=True) if keys else 0


async def destroy_keys(database: Database, now: Instant, _: SessionPolicy) -> int:
    """Destroy the private halves of keys whose end has come."""
    return await database.write(lambda c: remove_keys(c, now))


RETENTION: tuple[Retention, ...] = (
    Retention(
        "audit_outbox",
        "moved to the log twice a second, or set aside where it cannot be in order",
        "what is recorded meanwhile: see the log",
    ),
    Retention(
        "audit_log",
        "never: it is the evidence",
        "by what operators, proven clients and people who signed in do; of all others an event "
        "each up to `ANONYMOUS_EVENTS`, then one a minute",
    ),
    Retention("audit_head", "never", "one row"),
    Retention(
        "audit_checkpoints",
        "once 10 000 are newer: the log yields the root of any size, and auditors keep their own",
        "10 000, and those of a minute",
        in_batches(lambda _, __: expiry.checkpoints()),
    ),
    Retention("declarations", "removed by `apply`", "by operators"),
    Retention(
        "signing_keys",
        "the private half at its end; the public one stays, as evidence of what it signed",
        "by operators: two for each rotation",
        destroy_keys,
    ),
    Retention("snapshots", "once ten are newer, where the next one is published", "10"),
    Retention(
        "snapshot_parts",
        "once no kept snapshot names it and no decision in the log was made by it, where the next "
        "one is published",
        "by what ten snapshots say, and by operators: each change of the policies",
    ),
    Retention("deployment", "never", "one row"),
    Retention("nodes", "by `edge forget`", "50"),
    Retention(
        "node_reports",
        "with its node, or after 90 days",
        "1 000 changes of each node",
        in_batches(lambda now, _: expiry.node_reports(now)),
    ),
    Retention(
        "versions",
        "after 400 days, but for the newest hundred",
        "by operators",
        in_batches(lambda now, _: expiry.versions(now)),
    ),
    Retention(
        "changes",
        "once no version that is kept is made of it",
        "by operators: what is declared, and what changed in 400 days or a hundred versions",
        in_batches(lambda _, __: expiry.replaced_changes()),
    ),
    Retention("client_secrets", "with the client, or where the next one is made", "by operators"),
    Retention(
        "consumed_assertions",
        "ten minutes after the assertion expired: until then it must be known as used",
        "100 000 of each client that a replica served at once, and as many again until those end",
        in_batches(lambda now, _: expiry.assertions(now)),
    ),
    Retention("people", "where somebody is deleted, or removed from the files", "1 000 000"),
    Retention(
        "people_classes",
        "a day after the last person of it was added or changed, where nobody is of it",
        "by how people differ in tenant, roles, groups and policies",
        in_batches(lambda now, _: expiry.people_classes(now)),
    ),
    Retention("identifiers", "with the person", "20 of each person"),
    Retention("groups", "where it is deleted", "10 000"),
    Retention("group_members", "with the person, or the group", "100 of each person"),
    Retention(
        "retired_people",
        "never: an id is given once",
        "by operators: one for each person who was deleted",
    ),
    Retention(
        "subjects",
        "never: an id is given once",
        "by operators: one for each client, and each person whose id was chosen",
    ),
    Retention("passwords", "with the person", "by operators: one for each person"),
    Retention(
        "reset_links",
        "where it is used, half an hour after it was made, or with the password that it replaces",
        "one for each person",
        in_batches(lambda now, _: expiry.reset_links(now)),
    ),
    Retention(
        "attempts",
        "an hour after the last one, when it is forgotten anyway; a count of nothing in a minute",
        "what the budgets of the sign-in and the token endpoint let through in an hour",
        in_batches(lambda now, _: expiry.attempts(now)),
    ),
    Retention(
        "known_browsers",
        "after 90 days without a sign-in, or with the person's password",
        "by people who sign in: 20 of each",
        in_batches(lambda now, _: expiry.known_browsers(now)),
    ),
    Retention(
        "interactions",
        "half an hour after it began, or when it is answered",
        "20 of a browser, 1 000 of a source, 20 000 in all, of less than 10 KB each",
        in_batches(lambda now, _: expiry.interactions(now)),
    ),
    Retention(
        "pushed_requests",
        "when it is completed, or half an hour after its 90 seconds: so long its person may take",
        "10 000 of a client, or of the source of a public one, 20 000 of each kind; below 20 KB",
        in_batches(lambda now, _: expiry.pushed_requests(now)),
    ),
    Retention(
        "sessions",
        "a day after it ended or expired: its access tokens have expired long before, and what was "
        "revoked stands in the feed",
        "by people who sign in",
        in_batches(expiry.sessions),
    ),
    Retention(
        "consents",
        "where it is withdrawn, or with the person or the client",
        "by people: one for each client and API",
    ),
    Retention(
        "grants",
        "a day after it ended, its session is swept, or its family expired: nothing is issued on "
        "it any more, and none of its tokens is alive",
        "by people who sign in",
        in_batches(lambda now, _: expiry.grants(now)),
    ),
    Retention(
        "authorization_codes",
        "after its grant: until then one that comes again ends what it gave",
        "one for each grant",
        in_batches(lambda _, __: expiry.codes()),
    ),
    Retention(
        "refresh_tokens",
        "where its grant ends, or after it: until then one that comes again ends the family",
        "by clients that hold a grant: one for each refresh, for the life of a family",
        in_batches(lambda _, __: expiry.refresh_tokens()),
    ),
    Retention(
        "refresh_families",
        "where its grant ends, or after it",
        "one for each grant",
        in_batches(lambda _, __: expiry.families()),
    ),
    Retention(
        "revocations",
        "after a day, when no token is alive that it refuses; the newest stays, since numbers go "
        "on from it",
        "by operators and people who sign in",
        in_batches(lambda now, _: expiry.revocations(now)),
    ),
    Retention(
        "work",
        "where it is done, or given up with an event; a day after its end where nobody does it",
        "10 000 of each kind",
        in_batches(lambda now, _: expiry.work(now)),
    ),
)
"""Every table, in the order of sweeping: what stands on a row is looked at after it."""


async def sweep(database: Database, now: Instant, policy: SessionPolicy) -> dict[str, int]:
    """One round over all tables; how many rows ended in each. Raises Unavailable."""
    return {kept.table: await kept.sweep(database, now, policy) for kept in RETENTION if kept.sweep}


async def tell_unrecorded(database: Database, unrecorded: Unrecorded, audit: AuditContext) -> None:
    """Record in one event what was refused or left out since the one before. Raises Unavailable.

    Where it is not known whether it was recorded, the same event is sent again and counts once.
    """
    if event := unrecorded.untold(audit):
        await database.write(lambda c: ingest_events(c, [event]))
        unrecorded.mark_recorded()
