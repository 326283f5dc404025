"""How operators manage single people: page, show, add, change, delete, reset the password.

The checks are those of declared people. A declared person is changed in the file; here it is only
disabled, enabled, or given a password.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from durward.core.audit.event import AuditContext
from durward.core.configuration.configuration import Configuration
from durward.core.errors import Conflict, Misconfigured
from durward.core.people.change import consequences
from durward.core.people.identifier import AT, canonical_or_none
from durward.core.people.mail_text import Mail, names_changed
from durward.core.people.person import ID, OWN_PREFIX, Person
from durward.core.values import Secret, UserId
from durward.entropy import new_id
from durward.services import passwords
from durward.services.apply import OPERATOR
from durward.services.context import Context
from durward.services.invitation import Invitation, invite
from durward.services.mail import notify
from durward.services.password_verifier import PasswordVerifier
from durward.services.people import PersonStep, conflicts, named_person, references_of, take_checked
from durward.services.use_cases import T, UseCase, UseCases
from durward.store.database import attempt
from durward.store.groups import known_groups
from durward.store.holds import hold_people
from durward.store.passwords import with_passwords
from durward.store.people import (
    find_people_by_canonical,
    load_people,
    load_person,
    page_people,
    retired,
)
from durward.store.unsettled import UnsettledClass, load_unsettled

MOST: Final = 500
"""People of one page."""
MAX_UNSETTLED: Final = 20
"""The maximum number of unsettled classes that are reported."""
RACES: Final = 2
"""Attempts of a change that a concurrent one overtakes."""


@dataclass(frozen=True, slots=True)
class PeopleQuery:
    """The filters and the position of a page."""

    after: str = ""
    limit: int = 100
    tenant: str | None = None
    group: str | None = None
    search: str | None = None
    """A prefix of the name, of a login name or of an address."""
    disabled: bool | None = None


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """People in the order of their ids."""

    people: Sequence[Person]
    passwords: frozenset[UserId]
    """The people who have a password."""
    is_last: bool


@dataclass(frozen=True, slots=True)
class SavedPerson:
    """A person after a use case, and what it changed."""

    person: Person
    password: bool
    is_new: bool = False
    changed: bool = False
    revoked: bool = False
    """Whether tokens issued before are revoked."""


@dataclass(frozen=True, slots=True)
class DeletedPerson:
    """The person does not exist any more; `changed` if it existed before."""

    changed: bool


@dataclass(frozen=True, slots=True)
class Outdated:
    """The person was changed since it was read; nothing was changed now."""

    revision: int


@dataclass(frozen=True)
class PeopleAdministration:
    """A change is committed when a method returns, and in force at the edges a moment later.

    Every method raises Unavailable, which says whether the change may be made. A person is named by
    id, login name or verified address; the result is None if there is no such person.
    """

    use_cases: UseCases
    verifier: PasswordVerifier

    async def page(self, asked: PeopleQuery) -> PeoplePage:
        """One page. Raises ValueError for a limit beyond `MOST`."""
        if not 1 <= asked.limit <= MOST:
            raise ValueError(f"limit: 1 to {MOST}")
        return await self.use_cases.transactions.read(lambda c: page(c, asked))

    async def show(self, name: str) -> SavedPerson | None:
        """A person."""

        def use(connection: Connection) -> SavedPerson | None:
            person = named_person(connection, name)
            return _saved(connection, person.id) if person else None

        return await self.use_cases.transactions.read(use)

    async def unsettled(self) -> Sequence[UnsettledClass]:
        """Classes of people for which an invariant is not settled: the first few."""
        return await self.use_cases.transactions.read(lambda c: load_unsettled(c, MAX_UNSETTLED))

    async def add(self, wanted: Person) -> SavedPerson:
        """Add a person, with a generated id if none is given; an identical one stays as it is.

        Raises Misconfigured, and Conflict for an id or a name of another person.
        """
        return await write(self.use_cases, lambda c, x, audit: add(c, x, wanted, audit))

    async def change(
        self, name: str, wanted: Person, revisions: Collection[int] | None
    ) -> SavedPerson | Outdated | None:
        """Replace a person that has one of these revisions; None is any.

        Raises Misconfigured, Conflict.
        """
        return await write(
            self.use_cases, lambda c, x, audit: change(c, x, name, wanted, revisions, audit)
        )

    async def delete(
        self, name: str, revisions: Collection[int] | None
    ) -> DeletedPerson | Outdated | None:
        """Delete a person that has one of these revisions. Raises Misconfigured."""
        return await write(self.use_cases, lambda c, x, audit: delete(c, x, name, revisions, audit))

    async def invite(self, name: str) -> Invitation | None:
        """Mail a link by which somebody chooses a password. Raises Misconfigured."""

        def use(connection: Connection, context: Context, audit: AuditContext) -> Invitation | None:
            return invite(connection, context, name, audit)

        with attempt() as made:
            return await self.use_cases.write(made.at(use), OPERATOR)

    async def new_password(self, name: str) -> Secret:
        """Make a new password, which is shown once. Raises Misconfigured for an unknown person."""
        password = passwords.mint_password()
        phc = await self.verifier.hash(password)

        def use(connection: Connection, context: Context, audit: AuditContext) -> None:
            person = named_person(connection, name)
            if person is None:
                raise passwords.no_such_person(name)
            passwords.set_password(connection, context, person.id, phc, audit)

        with attempt() as made:
            await self.use_cases.write(made.at(use), OPERATOR)
        return password


async def write(use_cases: UseCases, use: UseCase[T]) -> T:
    """Run a change, again if a concurrent one took a name or an id between check and insert."""
    for _ in range(RACES):
        try:
            with attempt() as made:
                return await use_cases.write(made.at(use), OPERATOR)
        except IntegrityError:
            continue
    raise Conflict("concurrent changes of the same name", hint="repeat the command")


def page(connection: Connection, asked: PeopleQuery) -> PeoplePage:
    """One page; one more row than the limit shows whether there are more."""
    search = asked.search
    found = page_people(
        connection,
        after=asked.after,
        limit=asked.limit + 1,
        tenant=asked.tenant,
        group=asked.group,
        beginning=None if search is None else search.casefold(),
        canonical=None if search is None else beginning_of_identifier(search),
        disabled=asked.disabled,
    )
    shown = found[: asked.limit]
    known = with_passwords(connection, [one.id for one in shown])
    return PeoplePage(shown, known, len(found) <= asked.limit)


def beginning_of_identifier(typed: str) -> str:
    """The canonical form of a prefix of a login name or an address, also of an incomplete one."""
    local, at, domain = typed.partition(AT)
    if at and not canonical_or_none(typed):
        return f"{canonical_or_none(local) or local.casefold()}{AT}{domain.casefold()}"
    return canonical_or_none(typed) or typed.casefold()


def add(
    connection: Connection, context: Context, wanted: Person, audit: AuditContext
) -> SavedPerson:
    """Add a person, or return the identical one."""
    _check(connection, context.published.configuration, None, wanted)
    if there := _the_same(connection, wanted):
        return _saved(connection, there)
    fresh = replace(wanted, id=wanted.id or UserId(new_id(OWN_PREFIX.rstrip("_"))))
    hold_people(connection, fresh.id)
    step = PersonStep(None, fresh)
    check_conflicts(connection, context.published.configuration, step)
    take_checked(connection, context.published, [step], audit)
    return replace(_saved(connection, fresh.id), is_new=True, changed=True)


def change(
    connection: Connection,
    context: Context,
    name: str,
    wanted: Person,
    revisions: Collection[int] | None,
    audit: AuditContext,
) -> SavedPerson | Outdated | None:
    """Replace a person, and revoke what it loses."""
    before = held_person(connection, name)
    if before is None:
        return None
    if revisions is not None and before.revision not in revisions:
        return Outdated(before.revision)
    if wanted.id not in ("", before.id):
        raise Misconfigured(f"people/{name}", f"the id is `{before.id}`, for ever")
    return save(connection, context, before, wanted, audit)


def save(
    connection: Connection,
    context: Context,
    before: Person,
    wanted: Person,
    audit: AuditContext,
) -> SavedPerson:
    """Replace a person that is held. Raises Misconfigured, Conflict."""
    configuration = context.published.configuration
    after = replace(wanted, id=before.id, declared=before.declared)
    if after == before:
        return _saved(connection, before.id)
    if replace(after, disabled=before.disabled) != before:
        check_not_declared(before)
        _check(connection, configuration, before, after)
    step = PersonStep(before, after)
    check_conflicts(connection, configuration, step)
    take_checked(connection, context.published, [step], audit)
    tell_of_names(connection, context, before, after, audit)
    revoked = consequences(before, after).revokes_tokens
    return replace(_saved(connection, before.id), changed=True, revoked=revoked)


def tell_of_names(
    connection: Connection, context: Context, before: Person, after: Person, audit: AuditContext
) -> None:
    """Tell somebody, at their former addresses too, that they sign in by other names (AS-99)."""
    if set(before.identifiers()) == set(after.identifiers()):
        return

    def notice(address: str) -> Mail:
        return names_changed(address, before.login, context.issuer, audit.at)

    notify(connection, context, after, notice, audit, before=before)


def delete(
    connection: Connection,
    context: Context,
    name: str,
    revisions: Collection[int] | None,
    audit: AuditContext,
) -> DeletedPerson | Outdated | None:
    """Delete a person; the id is never given again."""
    before = held_person(connection, name)
    if before is None:
        gone = ID.match(name) and retired(connection, [name])
        return DeletedPerson(changed=False) if gone else None
    if revisions is not None and before.revision not in revisions:
        return Outdated(before.revision)
    check_not_declared(before)
    take_checked(connection, context.published, [PersonStep(before, None)], audit)
    return DeletedPerson(changed=True)


def held_person(connection: Connection, name: str) -> Person | None:
    """A person by id, login name or verified address, loaded after it is held."""
    found = named_person(connection, name)
    if found is None:
        return None
    hold_people(connection, found.id)
    return load_person(connection, found.id)


def check_not_declared(person: Person) -> None:
    """Refuse to change a declared person. Raises Misconfigured."""
    if person.declared is not None:
        problem = "is declared in files: change it there"
        raise Misconfigured(f"people/{person.declared}", problem, hint="durward apply")


def check_conflicts(connection: Connection, configuration: Configuration, step: PersonStep) -> None:
    """Refuse an id or a name of another person or client. Raises Conflict."""
    if found := conflicts(connection, configuration, [step]):
        raise Conflict("; ".join(found), hint="`durward people show NAME` shows the owner")


def _check(
    connection: Connection, configuration: Configuration, before: Person | None, after: Person
) -> None:
    """Refuse invalid attributes. Raises Misconfigured with every problem."""
    where, hint = f"people/{after.login or 'fresh'}", ""
    # A generated id is valid.
    problems = list((after if after.id else replace(after, id=UserId("made"))).problems())
    if not after.logins and not after.emails:
        problems.append("neither a login name nor an address")
    problems += references_of(configuration, after.entitlements)
    fresh = {*after.groups} - {*(before.groups if before else ())} - configuration.groups.keys()
    if not problems and (unknown := sorted(fresh - known_groups(connection, fresh))):
        problems = [f"there is no group `{group}`" for group in unknown]
        hint = f"durward groups add {unknown[0]}"
    if problems:
        raise Misconfigured(where, "; ".join(problems), hint=hint)


def _the_same(connection: Connection, wanted: Person) -> UserId | None:
    """The identical person, by id if one is given, else by login names and addresses."""
    ids = (
        {wanted.id}
        if wanted.id
        else {
            id
            for each in wanted.identifiers()
            for id in find_people_by_canonical(connection, each.canonical)
        }
    )
    found = load_people(connection, ids).values()
    return next((one.id for one in found if replace(wanted, id=one.id) == one), None)


def _saved(connection: Connection, id: UserId) -> SavedPerson:
    person = load_people(connection, [id])[id]
    return SavedPerson(person, passwords.has_password(connection, id))
