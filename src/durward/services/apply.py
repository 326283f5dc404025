"""`plan` and `apply`: from what is declared to what should be."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection

from durward.core.audit.event import AuditContext
from durward.core.values import ClientId, Secret
from durward.keys.envelope import KeyFile
from durward.services import candidate
from durward.services.candidate import Candidate, Change, ChangeReport, Wanted
from durward.services.client_secrets import mint_client_secret, needs_secret
from durward.services.deprovision import deprovision
from durward.services.envoy_check import EnvoyCheck
from durward.services.publish import ATTEMPTS, Published, overtaken, publish
from durward.store.database import Database, attempt
from durward.store.declarations import put_declaration, remove_declaration
from durward.store.history import record_change
from durward.store.snapshots import hold_version

NewAuditContext = Callable[[], AuditContext]
Known = Callable[[], Published]


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done, and the clients that would get a secret."""

    changes: tuple[Change, ...]
    secrets: tuple[ClientId, ...]
    report: ChangeReport


@dataclass(frozen=True)
class Applied:
    """What was done, and the secrets that were made: they are shown to their owner now or never."""

    version: int
    """The version that says what was wanted: the one that was published, or where nothing changed
    the one that it was compared with."""
    changes: tuple[Change, ...] = ()
    secrets: tuple[tuple[ClientId, Secret], ...] = ()
    published: Published | None = None
    """None where nothing changed."""
    report: ChangeReport = field(default_factory=ChangeReport)


async def plan(
    database: Database, wanted: Wanted, known: Known, envoy: EnvoyCheck, issuer: str
) -> Plan:
    """What `apply` would do; it would be taken. Raises Misconfigured, Unavailable."""
    planned = await _candidate(database, wanted, known, envoy, issuer)
    return Plan(planned.changes, planned.secrets, planned.report)


async def apply(
    database: Database,
    wanted: Wanted,
    known: Known,
    envoy: EnvoyCheck,
    *,
    issuer: str,
    key_file: KeyFile,
    new_audit: NewAuditContext,
) -> Applied:
    """Write the change, publish the next snapshot, make a secret for each client that needs one.

    Everything or nothing; without a change nothing is published, nor where a declared test of the
    policies fails, they name what there is not, or an edge could not take it. What is in force when
    the checks are done is what they began with: else they are done again, `ATTEMPTS` times. Raises
    Misconfigured, Unavailable (`unsettled` where it may be done all the same), and Conflict where
    others came first every time.
    """
    for _ in range(ATTEMPTS):
        checked = await _candidate(database, wanted, known, envoy, issuer)
        if not checked.steps and not checked.secrets:
            return Applied(checked.version)
        with attempt() as made:
            use = partial(
                put_in_force, checked=checked, issuer=issuer, key_file=key_file, new_audit=new_audit
            )
            done = await database.write(made.at(use))
        if done is not None:
            return done
    raise overtaken("apply")


def put_in_force(
    connection: Connection,
    checked: Candidate,
    issuer: str,
    key_file: KeyFile,
    new_audit: NewAuditContext,
) -> Applied | None:
    """Write what was checked, in one short transaction; None where the version is another now."""
    if hold_version(connection) != checked.version:
        return None
    audit = new_audit()  # its time is later than that of all that was issued before
    for change, stored in checked.steps:
        use = remove_declaration if change.step == "remove" else put_declaration
        use(connection, stored, audit)
        record_change(connection, checked.version + 1, change.step, stored)
    deprovision(connection, checked.before, checked.after, audit)
    secrets = [
        (name, mint_client_secret(connection, name, audit))
        for name in checked.secrets
        if needs_secret(connection, name, checked.after.clients[name])
    ]
    published = None
    if checked.steps:
        published = publish(
            *(connection, checked.after, checked.parts, checked.cause),
            *(issuer, key_file, audit),
        )
    version = published.version if published else checked.version
    return Applied(version, checked.changes, tuple(secrets), published, checked.report)


async def _candidate(
    database: Database, wanted: Wanted, known: Known, envoy: EnvoyCheck, issuer: str
) -> Candidate:
    found = await database.read(partial(candidate.find, wanted=wanted))
    return await asyncio.to_thread(candidate.check, found, wanted, known(), envoy, issuer)
