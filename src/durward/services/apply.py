"""`plan` and `apply`: from what is declared to what should be."""

import asyncio
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection

from durward.core.audit.event import AuditContext
from durward.core.values import ClientId, Secret
from durward.keys.envelope import KeyFile
from durward.services import candidate
from durward.services.candidate import Candidate, ChangeReport, DeclarationChange, DesiredState
from durward.services.client_secrets import mint_client_secret, needs_secret
from durward.services.deprovision import deprovision
from durward.services.envoy_check import EnvoyCheck
from durward.services.publish import ATTEMPTS, overtaken, publish
from durward.services.use_cases import UseCases
from durward.store.database import attempt
from durward.store.declarations import change_declarations
from durward.store.history import record_changes
from durward.store.snapshots import hold_version

OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done, and the clients that would get a secret."""

    changes: tuple[DeclarationChange, ...]
    secrets: tuple[ClientId, ...]
    report: ChangeReport


@dataclass(frozen=True)
class Applied:
    """What was done, and the secrets that were made: they are shown to their owner now or never."""

    version: int
    """The version that says what was wanted: the one that was published, or where nothing changed
    the one that it was compared with."""
    changes: tuple[DeclarationChange, ...] = ()
    secrets: tuple[tuple[ClientId, Secret], ...] = ()
    report: ChangeReport = field(default_factory=ChangeReport)


async def plan(use_cases: UseCases, wanted: DesiredState, envoy: EnvoyCheck) -> Plan:
    """What `apply` would do; it would be taken. Raises Misconfigured, Unavailable."""
    planned = await _candidate(use_cases, wanted, envoy)
    return Plan(planned.changes, planned.secrets, planned.report)


async def apply(use_cases: UseCases, wanted: DesiredState, envoy: EnvoyCheck) -> Applied:
    """Write the change, publish the next snapshot, make a secret for each client that needs one.

    Everything or nothing; without a change nothing is published, nor where a declared test of the
    policies fails, they name what there is not, or an edge could not take it. What is in force when
    the checks are done is what they began with: else they are done again, `ATTEMPTS` times. Raises
    Misconfigured, Unavailable (`unsettled` where it may be done all the same), and Conflict where
    others came first every time.
    """
    for _ in range(ATTEMPTS):
        checked = await _candidate(use_cases, wanted, envoy)
        if not checked.steps and not checked.secrets:
            return Applied(checked.version)
        context = use_cases.context()
        use = partial(
            put_in_force, checked=checked, issuer=context.issuer, key_file=context.key_file
        )
        with attempt() as made:
            done = await use_cases.transactions.write(made.at(use), OPERATOR, alone=True)
        if done is not None:
            return done
    raise overtaken("apply")


def put_in_force(
    connection: Connection,
    audit: AuditContext,
    *,
    checked: Candidate,
    issuer: str,
    key_file: KeyFile,
) -> Applied | None:
    """Write what was checked, in one short transaction; None where the version is another now."""
    if hold_version(connection) != checked.version:
        return None
    steps = [(change.step, stored) for change, stored in checked.steps]
    change_declarations(connection, steps, audit)
    record_changes(connection, checked.version + 1, steps)
    deprovision(connection, checked.before, checked.after, audit)
    secrets = [
        (name, mint_client_secret(connection, name, audit))
        for name in checked.secrets
        if needs_secret(connection, name, checked.after.clients[name])
    ]
    version = checked.version
    if checked.steps:
        version = publish(
            *(connection, checked.after, checked.parts, checked.cause),
            *(issuer, key_file, audit),
        ).version
    return Applied(version, checked.changes, tuple(secrets), checked.report)


async def _candidate(use_cases: UseCases, wanted: DesiredState, envoy: EnvoyCheck) -> Candidate:
    found = await use_cases.transactions.read(partial(candidate.find, wanted=wanted))
    known, issuer = use_cases.publication.published, use_cases.context().issuer
    return await asyncio.to_thread(candidate.check, found, wanted, known, envoy, issuer)
