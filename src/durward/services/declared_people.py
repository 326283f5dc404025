"""What a change of the files comes to for the people whom they declare.

Files manage the rows of those whom they declare, and no others.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from durward.core.configuration.configuration import Configuration
from durward.core.configuration.declaration import NAME, NAME_CHARACTERS, Declaration
from durward.core.configuration.user import User, declaration_of
from durward.core.errors import Misconfigured
from durward.core.invariants import PersonInvariants
from durward.core.openapi.faults import first_lines
from durward.core.people.person import OWN_PREFIX, Entitlements, PeopleClass, Person
from durward.core.policy.symbolic.work import Work
from durward.core.principals import People, principal_of_entitlements, principal_of_person
from durward.core.values import UserId
from durward.core.wire import Json
from durward.entropy import new_id
from durward.services.people import PersonStep, conflicts, references_of, title
from durward.store.people import (
    PeopleFingerprint,
    declared_names,
    find_declared,
    load_classes,
    load_people,
    page_chosen,
    page_people,
    people_fingerprint,
)

MAX_APART: Final = 1_000
"""People with chosen ids who are asked about one by one."""
VARIABLE: Final = re.compile(r"\$\{[^}]*\}")
BESIDE_AN_ID: Final = re.compile(r"\?|\*[A-Za-z0-9_-]")
"""A wildcard that may end within an id: what follows it is compared with the rest."""
NO_VALUES: Final = {"Action", "NotAction", "Effect", "Sid", "Version", "Id", "tests"}
"""Members of policies, tests and APIs in which no id is compared."""


@dataclass(frozen=True)
class FoundPeople:
    """What there is of people when a change is looked at."""

    declared: Mapping[str, Person] = field(default_factory=dict)
    """By the name that they have in files: those that are declared anew, or removed."""
    by_id: Mapping[UserId, Person] = field(default_factory=dict)
    """Those whose ids are declared."""
    classes: Sequence[PeopleClass] | None = None
    """Of those who are not disabled; None where they were not read."""
    is_empty: bool = True
    """Whether there is nobody."""
    apart: Sequence[Person] = ()
    """Everybody, if they are few; else those whose ids somebody chose."""
    is_complete: bool = False
    """Whether everybody is among them who is not disabled."""
    left_open: str = ""
    """Why people of one class may differ who are not among these; empty if none does."""
    fingerprint: PeopleFingerprint = ()
    """By which it is told whether anybody changed since who was looked at one by one."""


def find_people(
    connection: Connection,
    wanted: Sequence[Declaration],
    bodies: Sequence[bytes],
    *,
    prune: bool,
    classes: bool,
) -> FoundPeople:
    """What a change of these declarations is compared with.

    `bodies` are the policies and tests that are declared beside, and may name somebody; none where
    nobody is asked about. `classes`: what is declared may leave out what people refer to.
    """
    names = {one.name for one in wanted}
    if prune:
        names |= set(declared_names(connection))
    ids = find_declared(connection, names)
    asked = [str(one.body.get("id")) for one in wanted if one.body.get("id")]
    people = load_people(connection, {*ids.values(), *asked})
    declared = {name: people[id] for name, id in ids.items()}
    by_id = {UserId(id): people[UserId(id)] for id in asked if UserId(id) in people}
    is_empty = not page_people(connection, limit=1)
    if not classes and not bodies:
        return FoundPeople(declared, by_id, is_empty=is_empty)
    found = load_classes(connection, declared.values())
    if not bodies:
        return FoundPeople(declared, by_id, found, is_empty)
    apart = page_people(connection, limit=MAX_APART + 1, disabled=False)
    is_complete, left_open = len(apart) <= MAX_APART, ""
    if not is_complete:
        apart = page_chosen(connection, MAX_APART + 1)
        if len(apart) > MAX_APART:
            left_open = f"more than {MAX_APART} people have ids that were chosen"
        elif not all(map(treats_ids_alike, bodies)):
            left_open = "a policy or a test may tell apart the ids of people that are made here"
    return FoundPeople(
        *(declared, by_id, found, is_empty, tuple(apart[:MAX_APART])),
        *(is_complete, left_open, people_fingerprint(connection, MAX_APART)),
    )


def treats_ids_alike(body: bytes) -> bool:
    """Whether a declaration cannot tell apart two ids that are made here.

    They begin alike, with `p_`, and go on with letters, digits, hyphens and underscores. So no text
    of it has that beginning, and each wildcard reaches to the end of the text, or to a sign that no
    id has. A variable stands for all of an id. Actions name no id.
    """
    value = msgspec.json.decode(body)
    if "openapi" in value:  # an API: what it says of its objects is compared, and nothing else
        value = value.get("objects")
    return all(map(_treats_ids_alike, _texts(value)))


def _treats_ids_alike(text: str) -> bool:
    plain = VARIABLE.sub("/", text)
    return OWN_PREFIX not in plain.lower() and not BESIDE_AN_ID.search(plain)


def _texts(value: Any) -> Iterator[str]:
    """The texts that a request may be compared with."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            if name not in NO_VALUES:
                yield from _texts(one)


def people_steps(
    found: FoundPeople, wanted: Sequence[Declaration], *, prune: bool
) -> list[PersonStep]:
    """Each person of the files who is not as they are declared. Raises Misconfigured."""
    steps: list[PersonStep] = []
    problems: list[str] = []
    wanted_names = {one.name for one in wanted}
    taken: set[UserId] = set()
    for one in wanted:
        read = list(_read(one, problems))
        for body in read:
            before = found.by_id.get(UserId(body.id)) if body.id else found.declared.get(one.name)
            known = found.declared.get(one.name)
            # Whoever had another name in the files, and has it no more, is the same person.
            others = {None, *wanted_names} - {one.name}
            if body.id and before and before.declared in others:
                problems.append(f"users/{one.name}: the id `{body.id}` is another person's")
                continue
            if body.id and known and known.id != body.id:
                problems.append(
                    f"users/{one.name}: the id is `{known.id}`, for ever; to make another person "
                    "of that name remove this one first"
                )
                continue
            id = before.id if before else UserId(body.id or new_id(OWN_PREFIX.rstrip("_")))
            if id in taken:
                problems.append(f"users/{one.name}: another user is declared with the id `{id}`")
                continue
            taken.add(id)
            after = body.person(one.name, id)
            after = _still_verified(after, before) if body.email_verified is None else after
            if body.disabled is None and before:  # an operator's order is not undone by silence
                after = replace(after, disabled=before.disabled)
            if before != after:
                steps.append(PersonStep(before, after))
    if problems:
        raise Misconfigured(
            "declarations", "\n  ".join(["", *first_lines(problems)]).rstrip(), hint=""
        )
    if prune:
        left = (one for name, one in found.declared.items() if name not in wanted_names)
        steps += [PersonStep(one, None) for one in left if one.id not in taken]
    # In parts, what somebody signs in with is free before another takes it.
    order = {"remove": 0, "change": 1, "add": 2}
    return sorted(steps, key=lambda step: (order[step_of(step)], title_of(step)))


def step_of(step: PersonStep) -> str:
    """`add`, `change` or `remove`."""
    return "add" if step.before is None else "remove" if step.after is None else "change"


def title_of(step: PersonStep) -> str:
    """The name by which the files declare somebody."""
    person = step.after or step.before
    assert person is not None  # noqa: S101 - no step is from nobody to nobody
    return person.declared or person.id


def body_of(person: Person | None) -> Mapping[str, Json] | None:
    """The declaration of somebody, as changes are shown: `user` is their name in the files."""
    if person is None:
        return None
    body = {name: value for name, value in declaration_of(person).items() if name != "id"}
    return {"user": person.declared, **body}


def check_people(configuration: Configuration, steps: Sequence[PersonStep]) -> None:
    """Refuse people who name what is not declared. Raises Misconfigured."""
    problems = [
        f"users/{title_of(step)}: {problem}"
        for step in steps
        if step.after
        for problem in references_of(configuration, step.after.entitlements)
    ]
    if problems:
        raise Misconfigured(
            "declarations", "\n  ".join(["", *first_lines(problems)]).rstrip(), hint=""
        )


def check_people_invariants(configuration: Configuration, steps: Sequence[PersonStep]) -> None:
    """Refuse people who break an invariant, if nothing but people changes.

    An invariant that cannot be settled is broken, as in every `apply`. Raises Misconfigured.
    """
    if not configuration.tests:
        return
    invariants, work = PersonInvariants(configuration), Work()
    for person in invariants.to_ask((step.after for step in steps if step.after), ()):
        if left_open := invariants.check(principal_of_person(person), work):
            raise Misconfigured(title(person), f"{left_open}: it cannot be settled", hint="")


def check_conflicts(
    connection: Connection, configuration: Configuration, steps: Sequence[PersonStep]
) -> None:
    """Refuse people who would be somebody else. Raises Misconfigured."""
    if problems := conflicts(connection, configuration, steps):
        raise Misconfigured(
            "declarations", "\n  ".join(["", *first_lines(problems)]).rstrip(), hint=""
        )


def check_clients(taken: Collection[str]) -> None:
    """Refuse clients that are called as somebody's id (AS-32). Raises Misconfigured."""
    if taken:
        problems = [
            f"clients/{name}: a person has or had that id; tokens must tell them apart"
            for name in sorted(taken)
        ]
        raise Misconfigured("declarations", "\n  ".join(["", *first_lines(problems)]), hint="")


def check_entitlements(configuration: Configuration, classes: Iterable[Entitlements]) -> None:
    """Refuse to take away what people refer to. Raises Misconfigured."""
    found = {
        problem: entitlements
        for entitlements in classes
        for problem in references_of(configuration, entitlements)
    }
    if found:
        problems = [f"people of tenant `{one.tenant}`: {problem}" for problem, one in found.items()]
        hint = "change them first: `durward people list` shows who they are"
        raise Misconfigured(
            "declarations", "\n  ".join(["", *first_lines(problems)]).rstrip(), hint=hint
        )


def people_of(
    found: FoundPeople, steps: Sequence[PersonStep], classes: Mapping[Entitlements, UserId]
) -> People:
    """Whom invariants are asked of, as they are after these steps."""
    now = {step.id: step.after for step in steps}
    there = {one.id: one for one in (*found.apart, *found.declared.values())}
    everybody = {**there, **now}
    able = [one for one in everybody.values() if one and not one.disabled]
    one_each = {} if found.is_complete else classes
    return People(
        [principal_of_entitlements(entitlements, id) for entitlements, id in one_each.items()],
        [principal_of_person(one) for one in able],
        {one.declared: principal_of_person(one) for one in able if one.declared},
        left_open=found.left_open,
    )


def classes_after(
    classes: Sequence[PeopleClass], steps: Sequence[PersonStep]
) -> dict[Entitlements, UserId]:
    """The classes of people there are after these steps, each with somebody of it."""
    counts = {one.entitlements: one.at_least for one in classes}
    examples = {one.entitlements: one.example for one in classes}
    for step in steps:
        for person, number in ((step.before, -1), (step.after, 1)):
            if person and not person.disabled:
                counts[person.entitlements] = counts.get(person.entitlements, 0) + number
                examples.setdefault(person.entitlements, person.id)
    return {
        entitlements: examples[entitlements] for entitlements, count in counts.items() if count > 0
    }


def _still_verified(after: Person, before: Person | None) -> Person:
    """What somebody proved to be theirs stays proven where the file says nothing of it."""
    proven = {each.address for each in before.emails if each.verified} if before else set()
    emails = (
        replace(each, verified=each.verified or each.address in proven) for each in after.emails
    )
    return replace(after, emails=tuple(emails))


def _read(one: Declaration, problems: list[str]) -> Iterator[User]:
    if not NAME.match(one.name):
        problems.append(f"users/{one.name}: a name is {NAME_CHARACTERS}")
        return
    try:
        body = msgspec.convert(one.body, User)
    except msgspec.ValidationError as error:
        problems.append(f"users/{one.name}: {error}")
        return
    wrong = list(body.problems(one.name))
    problems += [f"users/{one.name}: {problem}" for problem in wrong]
    if not wrong:
        yield body
