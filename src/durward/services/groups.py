"""How operators manage groups of people."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from sqlalchemy import Connection

from durward.core.audit.event import AuditContext
from durward.core.configuration.configuration import Configuration
from durward.core.configuration.declaration import NAME, NAME_CHARACTERS
from durward.core.errors import Misconfigured
from durward.core.people.person import Person, text_problems
from durward.core.sizes import GROUPS
from durward.services.context import Context
from durward.services.people import PersonStep, take_checked, title
from durward.services.people_administration import MOST, SavedPerson, held_person, save, write
from durward.services.use_cases import UseCases
from durward.store.groups import (
    GroupOfPeople,
    count_groups,
    delete_group,
    load_group,
    members_of,
    page_groups,
    put_group,
)
from durward.store.holds import hold_people
from durward.store.people import load_people, load_person

AT_ONCE: Final = 500
"""Members that one transaction removes from a deleted group: no other use case waits long."""


@dataclass(frozen=True, slots=True)
class SavedGroup:
    """A group after a use case, and what it changed."""

    group: GroupOfPeople
    is_new: bool
    changed: bool


@dataclass(frozen=True, slots=True)
class DeletedGroup:
    """The group is deleted; the number of members that were removed."""

    members: int


@dataclass(frozen=True, slots=True)
class _Part:
    """The result of one transaction of a deletion."""

    members: int
    is_over: bool


@dataclass(frozen=True)
class Groups:
    """A change is committed when a method returns. Every method raises Unavailable."""

    use_cases: UseCases

    async def page(self, after: str, limit: int) -> Sequence[GroupOfPeople]:
        """One page, in the order of names. Raises ValueError for a limit beyond `MOST`."""
        if not 1 <= limit <= MOST:
            raise ValueError(f"limit: 1 to {MOST}")
        return await self.use_cases.transactions.read(
            lambda c: page_groups(c, after=after, limit=limit)
        )

    async def put(self, name: str, description: str) -> SavedGroup:
        """Add a group, or change its description. Raises Misconfigured."""
        return await write(self.use_cases, lambda c, _, audit: put(c, name, description, audit))

    async def delete(self, name: str) -> DeletedGroup | None:
        """Remove the members in several transactions, then the group; None for an unknown group.

        After a failure the next call continues. Raises Misconfigured if the group or a member is
        declared in files.
        """
        members, rounds = 0, 0
        while part := await write(self.use_cases, partial(delete_some, name=name)):
            members, rounds = members + part.members, rounds + 1
            if part.is_over:
                return DeletedGroup(members)
        return DeletedGroup(members) if rounds else None

    async def join(self, name: str, person: str) -> SavedPerson | None:
        """Add a member; None for an unknown person. Raises Misconfigured."""
        return await self._regroup(person, lambda groups: {*groups, name})

    async def leave(self, name: str, person: str) -> SavedPerson | None:
        """Remove a member; None for an unknown person. Raises Misconfigured."""
        return await self._regroup(person, lambda groups: {*groups} - {name})

    async def _regroup(
        self, name: str, to: Callable[[Sequence[str]], set[str]]
    ) -> SavedPerson | None:
        def use(
            connection: Connection, context: Context, audit: AuditContext
        ) -> SavedPerson | None:
            before = held_person(connection, name)
            if before is None:
                return None
            after = in_groups(before, to(before.groups))
            return save(connection, context, before, after, audit)

        return await write(self.use_cases, use)


def put(connection: Connection, name: str, description: str, audit: AuditContext) -> SavedGroup:
    """Add a group, or change its description. Raises Misconfigured."""
    before = load_group(connection, name) if is_name(name) else None
    problems = list(text_problems("description", description))
    if before is None and not NAME.match(name):
        problems.append(f"a name is {NAME_CHARACTERS}")
    if before is None and not problems and count_groups(connection) >= GROUPS:
        problems.append(f"more than {GROUPS} groups")
    if problems:
        raise Misconfigured(f"groups/{name}", "; ".join(problems))
    changed = put_group(connection, name, description, audit)
    group = load_group(connection, name)
    assert group is not None  # noqa: S101 - it was put there in this transaction
    return SavedGroup(group, is_new=before is None, changed=changed)


def delete_some(
    connection: Connection, context: Context, audit: AuditContext, *, name: str
) -> _Part | None:
    """Remove some members, and the group with the last ones. Raises Misconfigured."""
    if not is_name(name) or load_group(connection, name) is None:
        return None
    _check_deletable(connection, context.published.configuration, name)
    ids = members_of(connection, name, AT_ONCE)
    hold_people(connection, *ids)
    there = [one for one in load_people(connection, ids).values() if name in one.groups]
    steps = [PersonStep(one, in_groups(one, {*one.groups} - {name})) for one in there]
    take_checked(connection, context.published, steps, audit)
    is_over = len(ids) < AT_ONCE and delete_group(connection, name, audit)
    return _Part(len(steps), is_over)


def _check_deletable(connection: Connection, configuration: Configuration, name: str) -> None:
    hint = "durward apply"
    if name in configuration.groups:
        problem = "is declared in files: remove it there"
        raise Misconfigured(f"groups/{name}", problem, hint=hint)
    for id in members_of(connection, name, 1, declared=True):
        person = load_person(connection, id)
        if person is not None:
            problem = f"has the member {title(person)}, who is declared in files: change it there"
            raise Misconfigured(f"groups/{name}", problem, hint=hint)


def in_groups(person: Person, groups: set[str]) -> Person:
    """The person with these groups."""
    listed = tuple(sorted(groups))
    return replace(person, entitlements=replace(person.entitlements, groups=listed))


def is_name(name: str) -> bool:
    """Whether a group can have this name; files allow more characters than `put` does."""
    return bool(name) and not any(text_problems("group", name))
