"""`plan` and `apply`: from what is declared to what should be."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection

from durward.core.audit.event import AuditContext
from durward.core.errors import Conflict, Misconfigured, Unavailable
from durward.core.values import ClientId, Secret
from durward.keys.envelope import KeyFile
from durward.services import candidate
from durward.services.candidate import (
    AT_ONCE,
    Candidate,
    ChangeReport,
    DeclarationChange,
    DesiredState,
)
from durward.services.client_secrets import mint_client_secret, needs_secret
from durward.services.declared_people import (
    MAX_APART,
    check_clients,
    check_conflicts,
    check_entitlements,
)
from durward.services.deprovision import deprovision
from durward.services.envoy_check import EnvoyCheck
from durward.services.people import PersonStep, take
from durward.services.publish import ATTEMPTS, overtaken, publish
from durward.services.use_cases import UseCases
from durward.store.database import attempt
from durward.store.declarations import change_declarations
from durward.store.history import record_changes
from durward.store.holds import hold_declared, hold_people
from durward.store.people import (
    load_class_keys,
    load_entitlements,
    load_people,
    people_fingerprint,
)
from durward.store.snapshots import hold_version, newest_version
from durward.store.subjects import SubjectKind, give_ids
from durward.store.unsettled import settle_classes

OPERATOR = "operator"
PART = 500
"""Of more people, those of one transaction."""


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
    if planned.people:
        await _check_conflicts(use_cases, planned)
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
        if not checked.steps and not checked.secrets and not checked.people:
            return Applied(checked.version)
        context = use_cases.context()
        are_few = len(checked.people) <= AT_ONCE
        if not are_few:  # of a few the transaction finds it, and takes none
            await _check_conflicts(use_cases, checked)
        use = partial(
            put_in_force,
            checked=checked,
            people=checked.people if are_few else (),
            issuer=context.issuer,
            key_file=context.key_file,
        )
        with attempt() as made:
            alone = bool(checked.steps or checked.secrets)
            done = await use_cases.transactions.write(made.at(use), OPERATOR, alone=alone)
        if done is not None:
            if not are_few:
                await _in_parts(use_cases, checked, done.version)
            return done
    raise overtaken("apply")


async def _in_parts(use_cases: UseCases, checked: Candidate, version: int) -> None:
    """Take many people a few at a time, so that nobody else waits long for the writer.

    Where it stops half-way what is done stays, and the next `apply` goes on: raises Unavailable
    that is `unsettled`, as nobody may be told that nothing was done.
    """
    total = len(checked.people)
    for first in range(0, total, PART):
        try:
            await _take_part(use_cases, checked, first, version)
        except (Conflict, Misconfigured, Unavailable) as error:
            if first == 0 and version == checked.version:
                raise
            problem = f"version {version} is in force, {first} of {total} people are done: {error}"
            hint = getattr(error, "hint", "") or "do it again: it goes on from there"
            raise Unavailable(problem, hint=hint, unsettled=True) from error


async def _take_part(use_cases: UseCases, checked: Candidate, first: int, version: int) -> None:
    some = checked.people[first : first + PART]
    use = partial(take_people, checked=checked, people=some, version=version)
    with attempt() as made:
        done = await use_cases.transactions.write(made.at(use), OPERATOR)
    if not done:
        raise Conflict("others changed people meanwhile", hint="do it again")


def take_people(
    connection: Connection,
    audit: AuditContext,
    *,
    checked: Candidate,
    people: Sequence[PersonStep],
    version: int,
) -> bool:
    """Take some steps; False where what they stand on is not so any more. Raises Misconfigured."""
    hold_declared(connection)
    hold_people(connection, *(step.id for step in people))
    known = [step.before for step in people if step.before]
    there = load_people(connection, (one.id for one in known))
    if newest_version(connection) != version or any(there.get(one.id) != one for one in known):
        return False
    check_conflicts(connection, checked.after, people)
    take(connection, checked.after, people, audit)
    return True


def put_in_force(
    connection: Connection,
    audit: AuditContext,
    *,
    checked: Candidate,
    people: Sequence[PersonStep],
    issuer: str,
    key_file: KeyFile,
) -> Applied | None:
    """Write what was checked, in one short transaction; None where it is not so any more."""
    if not checked.steps and not checked.secrets:
        done = take_people(
            connection, audit, checked=checked, people=people, version=checked.version
        )
        return Applied(checked.version, checked.changes, (), checked.report) if done else None
    if hold_version(connection) != checked.version:
        return None
    looked_at = checked.classes
    if checked.steps and looked_at is not None and not load_class_keys(connection) <= looked_at:
        return None  # people came meanwhile of whom nothing was checked
    known = checked.fingerprint
    if known is not None and known != people_fingerprint(connection, MAX_APART):
        return None  # somebody came or changed who was looked at
    if not take_people(connection, audit, checked=checked, people=people, version=checked.version):
        return None
    check_in_use(connection, checked)
    fresh = checked.after.clients.keys() - checked.before.clients.keys()
    check_clients(give_ids(connection, fresh, SubjectKind.CLIENT))
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
        settle_classes(connection)  # all of them were looked at, and none was left open
        version = publish(
            *(connection, checked.after, checked.parts, checked.cause),
            *(issuer, key_file, audit),
        ).version
    return Applied(version, checked.changes, tuple(secrets), checked.report)


def check_in_use(connection: Connection, checked: Candidate) -> None:
    """Refuse to remove what people refer to, as they are now. Raises Misconfigured."""
    before, after = checked.before, checked.after
    removed = (
        before.tenants.keys() - after.tenants.keys(),
        before.roles.keys() - after.roles.keys(),
        before.policies.keys() - after.policies.keys(),
    )
    if any(removed):
        check_entitlements(after, load_entitlements(connection))


async def _candidate(use_cases: UseCases, wanted: DesiredState, envoy: EnvoyCheck) -> Candidate:
    classes = False
    while True:
        find = partial(candidate.load_found, wanted=wanted, classes=classes)
        found = await use_cases.transactions.read(find)
        context, now = use_cases.context(), use_cases.transactions.clock()
        check = partial(
            candidate.check,
            *(found, wanted, context.published, envoy),
            issuer=context.issuer,
            floor=context.profile,
            now=now,
        )
        checked = await asyncio.to_thread(check)
        if isinstance(checked, Candidate):
            return checked
        classes = True


async def _check_conflicts(use_cases: UseCases, checked: Candidate) -> None:
    """Refuse ids and names of other people, before any is taken. Raises Misconfigured."""
    after, people = checked.after, checked.people
    await use_cases.transactions.read(lambda c: check_conflicts(c, after, people))
