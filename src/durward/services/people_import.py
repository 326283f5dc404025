"""Import of people: a batch of lines in one transaction, all of it or nothing.

A line is done if its person exists exactly as it says, so that a client repeats an interrupted
import from its start. An import changes no existing person and no existing password.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from durward.core.audit.event import AuditContext
from durward.core.configuration.configuration import Configuration
from durward.core.errors import Conflict, Misconfigured
from durward.core.openapi.faults import first_lines
from durward.core.people.import_line import (
    ImportedPerson,
    ImportLine,
    differing_members,
    imported_person,
)
from durward.core.people.person import OWN_PREFIX, Person
from durward.core.policy.symbolic.work import Work
from durward.core.principals import principal_of_person
from durward.core.values import UserId
from durward.entropy import new_id
from durward.services.apply import OPERATOR
from durward.services.context import Context
from durward.services.people import STEPS, PersonStep, conflicts_of, references_of, take_checked
from durward.services.publish import Published
from durward.services.use_cases import UseCases
from durward.store.database import attempt
from durward.store.holds import hold_people
from durward.store.passwords import add_passwords, with_passwords
from durward.store.people import classes_in_use, load_people, owners_of

AT_ONCE: Final = 500
"""Lines of a batch: it holds the writer for about 0.3 s."""

ATTEMPTS: Final = 3
"""Of a batch that meets another import of the same people."""


@dataclass(frozen=True, slots=True)
class LineProblem:
    """A problem of a line; `place` is counted from 0 within its batch."""

    place: int
    problem: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The outcome of a batch, or of its dry run; nothing is added if there are problems."""

    added: int
    existing: int
    """People who already exist exactly as their lines say."""
    problems: tuple[LineProblem, ...] = ()
    kinds: frozenset[str] = frozenset()
    """The kinds of the hashes that were added."""


@dataclass(frozen=True, slots=True)
class _Comparison:
    fresh: Mapping[int, ImportedPerson]
    """By the place of the line."""
    existing: int
    problems: Sequence[LineProblem]


async def check_import(
    use_cases: UseCases, lines: Sequence[ImportLine], tenant: str = ""
) -> ImportReport:
    """The dry run of `import_people`. Raises Misconfigured, Unavailable."""
    read, problems = await asyncio.to_thread(_read, lines, tenant)
    found = await use_cases.read(partial(_try, read), OPERATOR)
    told = sorted((*problems, *found.problems), key=lambda one: one.place)
    return ImportReport(len(found.fresh), found.existing, tuple(told))


async def import_people(
    use_cases: UseCases, lines: Sequence[ImportLine], tenant: str = ""
) -> ImportReport:
    """Add the people who do not exist yet, with their hashes, in one transaction.

    Raises Misconfigured if any line has a problem, Conflict if others added one of these people
    meanwhile, and Unavailable (`unsettled` if it may be done). All are safe to repeat.
    """
    read, problems = await asyncio.to_thread(_read, lines, tenant)
    if problems:
        raise refused(problems)
    # An import of the same people may commit between two statements of this one: compare again.
    for _ in range(ATTEMPTS):
        try:
            with attempt() as made:
                return await use_cases.write(made.at(partial(_add, read)), OPERATOR)
        except IntegrityError:
            wrong: Conflict | Misconfigured = Conflict(
                "others added one of these people meanwhile", hint="repeat the import: it resumes"
            )
        except Misconfigured as error:
            wrong = error
    raise wrong


def refused(problems: Iterable[LineProblem]) -> Misconfigured:
    """The error for a batch with problems."""
    told = [f"line {one.place + 1}: {one.problem}" for one in problems]
    return Misconfigured("import", "\n  ".join(["", *first_lines(told)]).rstrip())


def _read(
    lines: Sequence[ImportLine], tenant: str
) -> tuple[dict[int, ImportedPerson], list[LineProblem]]:
    """The person of each valid line, by its place, and the problems of the other lines."""
    if len(lines) > AT_ONCE:
        raise Misconfigured("import", f"{len(lines)} lines in a batch: at most {AT_ONCE}")
    read: dict[int, ImportedPerson] = {}
    problems: list[LineProblem] = []
    for place, line in enumerate(lines):
        try:
            read[place] = imported_person(line, tenant)
        except ValueError as error:
            problems.append(LineProblem(place, str(error)))
    return read, problems


def _try(
    read: dict[int, ImportedPerson],
    connection: Connection,
    context: Context,
    audit: AuditContext,
) -> _Comparison:
    found = _compared(read, connection, context, audit)
    breaches = _breaches(connection, context.published, found.fresh)
    return replace(found, problems=[*found.problems, *breaches])


def _add(
    read: dict[int, ImportedPerson],
    connection: Connection,
    context: Context,
    audit: AuditContext,
) -> ImportReport:
    hold_people(connection, *(one.person.id for one in read.values() if one.is_named))
    found = _compared(read, connection, context, audit)
    if found.problems:
        raise refused(found.problems)
    steps = [PersonStep(None, one.person) for one in found.fresh.values()]
    take_checked(connection, context.published, steps, audit)
    hashes = {one.person.id: one.password_hash for one in found.fresh.values() if one.password_hash}
    add_passwords(connection, hashes, audit)
    kinds = frozenset(one.kind for one in hashes.values())
    return ImportReport(len(found.fresh), found.existing, (), kinds)


def _compared(
    read: dict[int, ImportedPerson], connection: Connection, context: Context, _: AuditContext
) -> _Comparison:
    """Compare the lines with the existing people."""
    configuration = context.published.configuration
    owners = owners_of(connection, (form for one in read.values() for form in one.forms))
    named = (one.person.id for one in read.values() if one.is_named)
    known = load_people(connection, {*named, *owners.values()})
    proven = with_passwords(connection, list(known))
    fresh: dict[UserId, tuple[int, ImportedPerson]] = {}
    problems: list[LineProblem] = []
    existing = 0
    for place, one in read.items():
        before = known.get(_known_by(one, owners))
        if before is not None:
            told = list(_in_the_way(one, before, has_password=before.id in proven))
            problems += [LineProblem(place, problem) for problem in told]
            existing += not told
            continue
        id = one.person.id if one.is_named else UserId(new_id(OWN_PREFIX.rstrip("_")))
        if id in fresh:
            problems.append(LineProblem(place, f"the id `{id}` is also in another line"))
            continue
        fresh[id] = place, replace(one, person=replace(one.person, id=id))
    steps = [PersonStep(None, one.person) for _, one in fresh.values()]
    problems += [
        LineProblem(fresh[person.id][0], problem)
        for person, problem in conflicts_of(connection, configuration, steps)
    ]
    problems += _undeclared(configuration, fresh.values())
    return _Comparison(dict(fresh.values()), existing, problems)


def _known_by(one: ImportedPerson, owners: dict[str, UserId]) -> UserId:
    """The id of the existing person: by the id of the line, else by any of its names."""
    if one.is_named:
        return one.person.id
    return next((owners[form] for form in one.forms if form in owners), one.person.id)


def _in_the_way(one: ImportedPerson, there: Person, *, has_password: bool) -> Iterator[str]:
    """Why the existing person is not the one of the line; nothing if they are."""
    if differ := differing_members(one.person, there):
        yield f"`{there.login}` exists (id `{there.id}`) and differs in {', '.join(differ)}"
    elif one.password_hash and not has_password:
        yield f"`{there.login}` exists (id `{there.id}`) without a password"


def _breaches(
    connection: Connection, published: Published, fresh: Mapping[int, ImportedPerson]
) -> Iterator[LineProblem]:
    """The people for whom a declared invariant does not hold, as far as the budget allows."""
    invariants, work = published.invariants, Work(most=STEPS)
    places = {one.person.id: place for place, one in fresh.items()} if invariants else {}
    people = [one.person for one in fresh.values()] if invariants else []
    known = classes_in_use(connection, (one.class_key for one in people))
    for person in invariants.to_ask(people, known):
        try:
            invariants.check(principal_of_person(person), work)
        except Misconfigured as error:
            yield LineProblem(places[person.id], error.problem)


def _undeclared(
    configuration: Configuration, fresh: Iterable[tuple[int, ImportedPerson]]
) -> Iterator[LineProblem]:
    asked: dict[object, list[str]] = {}
    for place, one in fresh:
        entitlements = one.person.entitlements
        key = replace(entitlements, groups=())
        if key not in asked:
            asked[key] = list(references_of(configuration, key))
        for problem in asked[key]:
            yield LineProblem(place, problem)
