"""Add, change or delete people, and revoke at once what a change withdraws."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from durward.core.audit.event import AuditContext, EventKind
from durward.core.configuration.configuration import Configuration
from durward.core.configuration.own_policies import own_problems
from durward.core.edge.revocation import RevocationKind
from durward.core.errors import Misconfigured
from durward.core.people.change import consequences
from durward.core.people.identifier import canonical_or_none
from durward.core.people.person import ID, Entitlements, Person
from durward.core.policy.symbolic.work import Work
from durward.core.principals import principal_of_person
from durward.core.values import UserId
from durward.services.deprovision import end_grants_of
from durward.services.publish import Published
from durward.store.audit import record_event
from durward.store.grants import forget_consents
from durward.store.holds import hold_people
from durward.store.known_browsers import forget_known_browsers
from durward.store.passwords import forget_password
from durward.store.people import (
    classes_in_use,
    delete_people,
    find_person,
    keep_people,
    load_people,
    load_person,
    owners_of,
    retired,
)
from durward.store.reset_links import forget_reset_link
from durward.store.revocations import record_revocation
from durward.store.sessions import end_session, open_sessions
from durward.store.subjects import SubjectKind, given_to_others
from durward.store.unsettled import mark_unsettled

BY_ID: Final = "id:"
STEPS: Final = 800
"""The steps of the search for broken invariants, for all who change at once: 200 ms (`Work`)."""


@dataclass(frozen=True, slots=True)
class PersonStep:
    """A change of one person: `before` is None for a new person, `after` for a deleted one."""

    before: Person | None
    after: Person | None

    @property
    def id(self) -> UserId:
        """The id of the person."""
        person = self.after or self.before
        assert person is not None  # noqa: S101 - nothing is a step from nobody to nobody
        return person.id


def named_person(connection: Connection, name: str) -> Person | None:
    """A person by id, login name or verified address; `id:` before a name says that it is an id.

    Raises Misconfigured for a name that is the id of one person and the login name of another.
    """
    if name.startswith(BY_ID):
        name = name.removeprefix(BY_ID)
        return load_person(connection, name) if ID.match(name) else None
    found = load_person(connection, name) if ID.match(name) else None
    form = canonical_or_none(name)
    other = find_person(connection, form) if form else None
    if found and other and other != found.id:
        problem = f"it is the id of one person and the login name of another, `{other}`"
        hint = f"say {BY_ID}{found.id} or {BY_ID}{other}"
        raise Misconfigured(f"people/{name}", problem, hint=hint)
    return found or (load_person(connection, other) if other else None)


def conflicts(
    connection: Connection, configuration: Configuration, steps: Sequence[PersonStep]
) -> list[str]:
    """The conflicts of these steps with existing people and clients, a line for each."""
    found = conflicts_of(connection, configuration, steps)
    return [f"{title(person)}: {problem}" for person, problem in found]


def conflicts_of(
    connection: Connection, configuration: Configuration, steps: Sequence[PersonStep]
) -> list[tuple[Person, str]]:
    """The same, each with its person."""
    fresh = [step.after for step in steps if step.after and step.before is None]
    return [
        *_conflicts_of_ids(connection, configuration, fresh),
        *_conflicts_of_names(connection, steps),
    ]


def _conflicts_of_ids(
    connection: Connection, configuration: Configuration, fresh: Sequence[Person]
) -> Iterator[tuple[Person, str]]:
    there = load_people(connection, (one.id for one in fresh))
    gone = retired(connection, (one.id for one in fresh))
    of_clients = given_to_others(connection, (one.id for one in fresh), SubjectKind.USER)
    for one in fresh:
        # A file that declares the same name and id again declares the same person.
        is_back = one.declared is not None and gone.get(one.id) == one.declared
        if one.id in gone and not is_back:
            yield one, f"the id `{one.id}` was somebody's who is gone"
        elif one.id in there:
            yield one, f"the id `{one.id}` is another person's"
        if one.id in configuration.clients or one.id in of_clients:
            yield one, f"a client is or was called `{one.id}`; tokens tell them apart"


def _conflicts_of_names(
    connection: Connection, steps: Sequence[PersonStep]
) -> Iterator[tuple[Person, str]]:
    touched = {step.id for step in steps}
    claimed: dict[str, Person] = {}
    renamed: list[Person] = []
    for step in steps:
        if step.after and step.before and _names(step.before) == _names(step.after):
            # Names that a person has and keeps are its own, before anybody else claims them.
            claimed |= dict.fromkeys(signing_in(step.after), step.after)
        elif step.after:
            renamed.append(step.after)
    for one in renamed:
        for form in signing_in(one):
            other = claimed.setdefault(form, one)
            if other is not one:
                yield one, f"{title(other)} signs in as `{form}` too"
    for form, owner in owners_of(connection, claimed).items():
        if owner not in touched:
            yield claimed[form], f"somebody else signs in as `{form}`"


def _names(person: Person) -> tuple[object, ...]:
    return person.logins, person.emails


def references_of(configuration: Configuration, entitlements: Entitlements) -> Iterator[str]:
    """A problem for each role, policy or tenant of the entitlements that is not declared."""
    asked: tuple[tuple[str, Iterable[str], Container[str]], ...] = (
        ("tenant", [entitlements.tenant], configuration.tenants),
        ("roles", entitlements.roles, configuration.roles),
        ("policies", entitlements.policies, configuration.policies),
        ("boundary", entitlements.boundary, configuration.policies),
    )
    for member, names, declared in asked:
        for name in names:
            if name not in declared:
                yield f"{member} names `{name}`, which is not declared"
    yield from own_problems(entitlements.policies, entitlements.boundary, configuration.kinds)


def take_checked(
    connection: Connection,
    published: Published,
    steps: Sequence[PersonStep],
    audit: AuditContext,
) -> None:
    """Take steps for which invariants are checked now.

    A class that has members already is not checked again. What is not settled within `STEPS` is
    taken, with an event that says so, and `status` reports it until an `apply` settles it. Raises
    Misconfigured for a broken invariant.
    """
    invariants = published.invariants
    fresh = [step.after for step in steps if step.after] if invariants else []
    known, work = classes_in_use(connection, (one.class_key for one in fresh)), Work(most=STEPS)
    unsettled: dict[str, str] = {}
    for person in invariants.to_ask(fresh, known):
        if left_open := invariants.check(principal_of_person(person), work):
            unsettled[person.class_key] = left_open
            event = audit.event(
                EventKind.INVARIANT_UNSETTLED, f"users/{person.id}", invariant=left_open
            )
            record_event(connection, event)
    take(connection, published.configuration, steps, audit)
    mark_unsettled(connection, unsettled)


def take(
    connection: Connection,
    configuration: Configuration,
    steps: Sequence[PersonStep],
    audit: AuditContext,
) -> None:
    """Take the steps, and revoke what they withdraw.

    The caller has compared the steps with the existing people in this transaction, and holds these.
    """
    hold_people(connection, *(step.id for step in steps))
    changed = [(step.before, step.after) for step in steps if step.before and step.after]
    gone = [step.before for step in steps if step.before and step.after is None]
    # The names that become free may be those of another person in the next statement.
    delete_people(connection, gone, audit)
    added = [step.after for step in steps if step.after and step.before is None]
    keep_people(connection, added, changed, audit)
    revoked: list[UserId] = []
    for step in steps:
        if step.before is not None:
            revoked += _follow(connection, step.before, step.after, audit)
    now: Mapping[UserId, Person] = {step.id: step.after for step in steps if step.after}
    end_grants_of(connection, configuration, revoked, now, audit)


def _follow(
    connection: Connection, before: Person, after: Person | None, audit: AuditContext
) -> list[UserId]:
    """Apply the consequences of a change of one person; its id, if they revoke tokens."""
    follows, id = consequences(before, after), before.id
    if follows.revokes_tokens:
        record_revocation(connection, RevocationKind.SUBJECT, id, audit)
    if follows.ends_sessions:
        for session in open_sessions(connection, id):
            end_session(connection, session.id, follows.ends_sessions, audit)
    if follows.forgets_browsers:
        forget_known_browsers(connection, id)
    if after is None or after.disabled or after.emails != before.emails:
        forget_reset_link(connection, id)
    if follows.forgets_proofs:
        forget_password(connection, id, audit)
        forget_consents(connection, audit, user=id)
    return [id] if follows.revokes_tokens else []


def signing_in(person: Person) -> list[str]:
    """The canonical names and addresses that a person signs in with."""
    return [each.canonical for each in person.identifiers() if each.signs_in]


def title(person: Person) -> str:
    """How a person is called in messages to operators."""
    return f"users/{person.declared or person.login}"
