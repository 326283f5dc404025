"""People as rows: who they are, what they are found by, and the class that decides about them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from durward.core.audit.event import AuditContext, AuditEvent, EventKind
from durward.core.errors import Conflict
from durward.core.people.identifier import IdentifierKind
from durward.core.people.person import (
    OWN_PREFIX,
    Email,
    Entitlements,
    Identifier,
    PeopleClass,
    Person,
)
from durward.core.values import Instant, Seconds, UserId, later
from durward.store.audit import record_events
from durward.store.batches import in_batches
from durward.store.groups import keep_groups
from durward.store.holds import check_held
from durward.store.schema import (
    group_members,
    identifiers,
    people,
    people_classes,
    retired_people,
)
from durward.store.subjects import SubjectKind, give_ids

FEW_ENOUGH: Final = 1_000
"""People who are called so and are sorted by their ids."""
USED_AFTER: Final = Seconds(3_600)
"""How stale the note may be of when a class was used last."""


def find_person(connection: Connection, signs_in: str) -> UserId | None:
    """Who signs in by this canonical name or verified address."""
    found = select(identifiers.c.person).where(identifiers.c.signs_in == signs_in)
    return connection.execute(found).scalar()


def find_people_by_canonical(connection: Connection, canonical: str) -> list[UserId]:
    """Everybody who has this name or address, verified or not."""
    c = identifiers.c
    found = select(c.person).where(c.canonical == canonical).distinct().order_by(c.person)
    return list(connection.execute(found).scalars())


def find_declared(connection: Connection, names: Iterable[str]) -> dict[str, UserId]:
    """The ids of people whom files declare, by the names that they have there."""
    c = people.c
    return {
        row.declared: row.id
        for some in in_batches(sorted(names))
        for row in connection.execute(select(c.declared, c.id).where(c.declared.in_(some)))
    }


def declared_names(connection: Connection) -> list[str]:
    """The names of everybody whom files declare, in order."""
    c = people.c
    found = select(c.declared).where(c.declared.is_not(None)).order_by(c.declared)
    return [str(name) for name in connection.execute(found).scalars()]


def declared_people(connection: Connection) -> list[Person]:
    """Everybody whom files declare, in the order of their names there."""
    c = people.c
    return _load(connection, _selected().where(c.declared.is_not(None)).order_by(c.declared))


def load_person(connection: Connection, id: str) -> Person | None:
    """Somebody by their id."""
    return load_people(connection, [id]).get(UserId(id))


def load_people(connection: Connection, ids: Iterable[str]) -> dict[UserId, Person]:
    """People by their ids; who there is not is left out."""
    return {
        person.id: person
        for some in in_batches(sorted(set(ids)))
        for person in _load(connection, _selected().where(people.c.id.in_(some)))
    }


def page_chosen(connection: Connection, limit: int) -> list[Person]:
    """People whose ids were chosen by somebody, in order, and not made here."""
    return _load(connection, _selected().where(_chosen()).order_by(people.c.id).limit(limit))


def page_people(
    connection: Connection,
    *,
    after: str = "",
    limit: int = 100,
    tenant: str | None = None,
    group: str | None = None,
    beginning: str | None = None,
    canonical: str | None = None,
    disabled: bool | None = None,
) -> list[Person]:
    """People in the order of their ids, those beyond `after`.

    Of a tenant, in a group; `beginning` is how their name begins in lower case, and
    `canonical` how a login name or an address of theirs does.
    """
    c = people.c
    statement = _selected().where(c.id > after)
    if tenant is not None:
        statement = statement.where(c.tenant == tenant)
    if group is not None:
        m = group_members.c
        statement = statement.where(c.id.in_(select(m.person).where(m.group == group)))
    if beginning is not None or canonical is not None:
        statement = statement.where(_named_so(connection, beginning, canonical))
    if disabled is not None:
        statement = statement.where(c.disabled.is_(disabled))
    return _load(connection, statement.order_by(c.id).limit(limit))


def _named_so(
    connection: Connection, beginning: str | None, canonical: str | None
) -> ColumnElement[bool]:
    """How the people of a search are found: by name, where few are called so, else by id.

    Of many who are called so a page is full soon, in whatever order; few are sorted.
    """
    c, i = people.c, identifiers.c
    by_name = [
        *([select(c.id).where(_begins(c.folded_name, beginning))] if beginning is not None else []),
        *(
            [select(i.person).where(_begins(i.canonical, canonical))]
            if canonical is not None
            else []
        ),
    ]
    if all(_are_few(connection, each) for each in by_name):
        return or_(*(c.id.in_(each) for each in by_name))
    # Neither is answered by an index: the page is read in the order of ids, until it is full.
    unindexed = c.folded_name.concat("")
    so = [_begins(unindexed, beginning)] if beginning is not None else []
    if canonical is not None:
        so.append(exists().where(i.person == c.id, _begins(i.canonical.concat(""), canonical)))
    return or_(*so)


def _are_few(connection: Connection, named: Select[str]) -> bool:
    some = named.limit(FEW_ENOUGH + 1).subquery()
    return connection.execute(select(func.count()).select_from(some)).scalar_one() <= FEW_ENOUGH


def load_classes(connection: Connection, leaving: Iterable[Person]) -> list[PeopleClass]:
    """Everybody who is not disabled, by class: one statement, however many they are.

    Of the classes of those who may be `leaving` it is told whether somebody else is of it.
    """
    c, k = people.c, people_classes.c
    own = (c.id >= OWN_PREFIX) & (c.id < OWN_PREFIX + "\U0010ffff")

    def first(*where: ColumnElement[bool]) -> ColumnElement[str | None]:
        here = (c["class"] == k.id, c.disabled.is_(False), *where)
        return select(c.id).where(*here).order_by(c.id).limit(1).scalar_subquery()

    # One whose id was made here: those with chosen ids can be asked about one by one.
    example = func.coalesce(first(own), first()).label("example")
    listed = select(k.id, k.entitlements, example).subquery()
    found = select(listed).where(listed.c.example.is_not(None)).order_by(listed.c.id)
    numbers = Counter(person.class_key for person in leaving)
    return [
        PeopleClass(
            _entitlements(row.entitlements),
            len(page_of_class(connection, row.id, after="", limit=numbers[row.id] + 1))
            if row.id in numbers
            else 1,
            row.example,
        )
        for row in connection.execute(found).all()
    ]


def page_classes(
    connection: Connection, *, at: str, after: str, tenant: str | None, limit: int
) -> list[tuple[str, Entitlements]]:
    """Classes in the order of their keys: from one on, beyond another, of a tenant.

    Of some there may be nobody any more.
    """
    k = people_classes.c
    found = select(k.id, k.entitlements).where(k.id >= at, k.id > after)
    if tenant is not None:
        found = found.where(k.tenant == tenant)
    rows = connection.execute(found.order_by(k.id).limit(limit))
    return [(row.id, _entitlements(row.entitlements)) for row in rows]


def page_of_class(connection: Connection, key: str, *, after: str, limit: int) -> list[UserId]:
    """The ids of people of a class who are not disabled, in order, those beyond `after`."""
    c = people.c
    found = select(c.id).where(c["class"] == key, c.disabled.is_(False), c.id > after)
    return list(connection.execute(found.order_by(c.id).limit(limit)).scalars())


def classes_of(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """The class of each of these people who is not disabled."""
    c = people.c
    return {
        row.id: row[1]
        for some in in_batches(sorted(ids))
        for row in connection.execute(
            select(c.id, c["class"]).where(c.id.in_(some), c.disabled.is_(False))
        )
    }


def classes_in_use(connection: Connection, keys: Iterable[str]) -> set[str]:
    """Those of these classes of which there is somebody who is not disabled."""
    k = people_classes.c
    return {
        found
        for some in in_batches(sorted(set(keys)))
        for found in connection.execute(_used_classes().where(k.id.in_(some))).scalars()
    }


PeopleFingerprint = tuple[tuple[str, int], ...]


def people_fingerprint(connection: Connection, most: int) -> PeopleFingerprint:
    """Another one after each change of those who are looked at one by one.

    They are everybody who is not disabled, or of more than `most` those whose ids were chosen.
    """
    c = people.c
    found = select(c.id, c.revision).order_by(c.id).limit(most + 1)
    for where in (c.disabled.is_(False), _chosen()):
        rows = connection.execute(found.where(where)).all()
        if len(rows) <= most:
            break
    return tuple((row.id, row.revision) for row in rows)


def load_class_keys(connection: Connection) -> set[str]:
    """The classes of which there is somebody who is not disabled."""
    return set(connection.execute(_used_classes()).scalars())


def load_entitlements(connection: Connection) -> list[Entitlements]:
    """The classes of which there is anybody, disabled or not."""
    c, k = people.c, people_classes.c
    here = exists().where(c["class"] == k.id)
    rows = connection.execute(select(k.entitlements).where(here).order_by(k.id))
    return [_entitlements(row.entitlements) for row in rows]


def retired(connection: Connection, ids: Iterable[str]) -> dict[str, str | None]:
    """Those of these ids whose person was deleted, and the name that files had for them."""
    c = retired_people.c
    return {
        row.id: row.declared
        for some in in_batches(sorted(set(ids)))
        for row in connection.execute(select(c.id, c.declared).where(c.id.in_(some)))
    }


def owners_of(connection: Connection, signs_in: Iterable[str]) -> dict[str, UserId]:
    """Who signs in by each of these canonical names and addresses."""
    c = identifiers.c
    return {
        row.signs_in: row.person
        for some in in_batches(sorted(set(signs_in)))
        for row in connection.execute(select(c.signs_in, c.person).where(c.signs_in.in_(some)))
    }


def keep_people(
    connection: Connection,
    added: Sequence[Person],
    changed: Sequence[tuple[Person, Person]],
    audit: AuditContext,
) -> None:
    """Keep people who were not there, and others as they are now in place of what they were before.

    They are held. Each table is written once for all of them, in one order: two transactions never
    wait for each other. Raises IntegrityError where an id or what somebody signs in with is
    another's, and Conflict where an id is, or was, a client's.
    """
    now = [*(after for _, after in changed), *added]
    for person in now:
        check_held(connection, person.id)
    if taken := give_ids(connection, (person.id for person in added), SubjectKind.USER):
        raise Conflict(f"a client is or was called `{min(taken)}`", hint="choose another id")
    _use_classes(connection, {person.entitlements for person in now}, audit.at)
    # What takes something away does not depend on names: one of before may have no canonical form.
    renamed = [one for was, one in changed if (was.logins, was.emails) != (one.logins, one.emails)]
    regrouped = [one for was, one in changed if was.groups != one.groups]
    _forget_identifiers(connection, renamed)
    _forget_members(connection, regrouped)
    for before, after in changed:
        values = _row(replace(after, made_at=before.made_at, made_by=before.made_by), audit)
        values |= {"revision": before.revision + 1}
        connection.execute(update(people).where(people.c.id == after.id).values(values))
    _execute(connection, insert(people), [_row(person, audit) for person in added])
    for some in in_batches(person.id for person in added if person.declared is not None):
        connection.execute(delete(retired_people).where(retired_people.c.id.in_(some)))
    _add_identifiers(connection, [*renamed, *added])
    _add_members(connection, [*regrouped, *added], audit)
    events = [
        _event(EventKind.PERSON_CHANGED, after, audit, members=_differ(before, after))
        for before, after in changed
    ]
    events += [_event(EventKind.PERSON_ADDED, person, audit) for person in added]
    record_events(connection, events)


def delete_people(connection: Connection, gone: Sequence[Person], audit: AuditContext) -> None:
    """Delete people: what is left is that their ids were given once. They are held."""
    for person in gone:
        check_held(connection, person.id)
    _forget_identifiers(connection, gone)
    _forget_members(connection, gone)
    for some in in_batches(person.id for person in gone):
        connection.execute(delete(people).where(people.c.id.in_(some)))
    rows = [{"id": one.id, "declared": one.declared, "at": audit.at} for one in gone]
    _execute(connection, insert(retired_people), rows)
    record_events(connection, [_event(EventKind.PERSON_DELETED, person, audit) for person in gone])


def _chosen() -> ColumnElement[bool]:
    return (people.c.id < OWN_PREFIX) | (people.c.id >= OWN_PREFIX + "\U0010ffff")


def _used_classes() -> Select[str]:
    c, k = people.c, people_classes.c
    return select(k.id).where(exists().where(c["class"] == k.id, c.disabled.is_(False)))


def _row(person: Person, audit: AuditContext) -> dict[str, Any]:
    return {
        "id": person.id,
        "class": person.entitlements.key,
        "tenant": person.tenant,
        "name": person.name,
        "folded_name": person.name.casefold(),
        "locale": person.locale,
        "disabled": person.disabled,
        "declared": person.declared,
        "made_at": person.made_at or audit.at,
        "made_by": person.made_by or audit.actor,
        "changed_at": audit.at,
        "revision": 1,
    }


def _add_identifiers(connection: Connection, listed: Sequence[Person]) -> None:
    named = [
        {
            "person": person.id,
            "kind": each.kind.value,
            "canonical": each.canonical,
            "place": place,
            "spelled": each.spelled,
            "verified": each.verified,
            "signs_in": each.canonical if signs_in else None,
        }
        for person in listed
        for place, (each, signs_in) in enumerate(_once(person.identifiers()))
    ]
    _execute(connection, insert(identifiers), named)


def _add_members(connection: Connection, listed: Sequence[Person], audit: AuditContext) -> None:
    members = [{"group": group, "person": one.id} for one in listed for group in one.groups]
    if members:
        keep_groups(connection, {member["group"] for member in members}, audit)
        _execute(connection, insert(group_members), members)


def _once(found: Iterable[Identifier]) -> Iterator[tuple[Identifier, bool]]:
    """A login name that is a verified address too signs in once: as the login name."""
    seen: set[str] = set()
    for each in found:
        signs_in = each.signs_in and each.canonical not in seen
        seen |= {each.canonical} if signs_in else set()
        yield each, signs_in


def _forget_identifiers(connection: Connection, listed: Sequence[Person]) -> None:
    for some in in_batches(one.id for one in listed):
        connection.execute(delete(identifiers).where(identifiers.c.person.in_(some)))


def _forget_members(connection: Connection, listed: Sequence[Person]) -> None:
    for some in in_batches(one.id for one in listed):
        connection.execute(delete(group_members).where(group_members.c.person.in_(some)))


def _use_classes(connection: Connection, wanted: set[Entitlements], now: Instant) -> None:
    """Keep the classes that people are of, and note that they are used: the sweeper reads it."""
    c = people_classes.c
    rows = [
        {
            "id": one.key,
            "tenant": one.tenant,
            "entitlements": msgspec.json.encode(one),
            "used_at": now,
        }
        for one in sorted(wanted, key=lambda one: one.key)
    ]
    fresh = _dialect(connection).insert(people_classes)
    stale = c.used_at < later(now, Seconds(-USED_AFTER))
    again = fresh.on_conflict_do_update(
        index_elements=["id"], set_={"used_at": fresh.excluded.used_at}, where=stale
    )
    _execute(connection, again, rows)


def _event(kind: EventKind, person: Person, audit: AuditContext, **facts: Any) -> AuditEvent:
    """Nothing of what they are called stands in the log: an id is told, and which members."""
    return audit.event(kind, f"users/{person.id}", tenant=person.tenant, **facts)


def _differ(before: Person, after: Person) -> list[str]:
    named = ("logins", "emails", "name", "locale", "disabled", "declared")
    decide = ("tenant", "roles", "groups", "policies", "boundary")
    return [name for name in (*named, *decide) if getattr(before, name) != getattr(after, name)]


def _selected() -> Select[tuple[object, ...]]:
    c = people.c
    return select(
        *(c.id, c.name, c.locale, c.disabled, c.declared),
        *(c.made_at, c.made_by, c.changed_at, c.revision, people_classes.c.entitlements),
    ).join(people_classes, people_classes.c.id == c["class"])


def _load(connection: Connection, statement: Select[tuple[object, ...]]) -> list[Person]:
    rows = connection.execute(statement).all()
    names: Mapping[str, list[Any]] = {row.id: [] for row in rows}
    c = identifiers.c
    for some in in_batches(names):
        found = select(c.person, c.kind, c.spelled, c.verified)
        found = found.where(c.person.in_(some)).order_by(c.person, c.place)
        for row in connection.execute(found):
            names[row.person].append(row)
    return [_person(row, names[row.id]) for row in rows]


def _person(row: Row[Any], names: Sequence[Any]) -> Person:
    return Person(
        id=row.id,
        entitlements=_entitlements(row.entitlements),
        logins=tuple(one.spelled for one in names if one.kind == IdentifierKind.LOGIN),
        emails=tuple(
            Email(one.spelled, one.verified) for one in names if one.kind == IdentifierKind.EMAIL
        ),
        name=row.name,
        locale=row.locale,
        disabled=row.disabled,
        declared=row.declared,
        made_at=row.made_at,
        made_by=row.made_by,
        changed_at=row.changed_at,
        revision=row.revision,
    )


def _entitlements(body: bytes) -> Entitlements:
    return msgspec.json.decode(body, type=Entitlements)


def _begins(column: Any, beginning: str) -> Any:
    """A range, which every index answers; `LIKE` none of SQLite's does."""
    return (column >= beginning) & (column < beginning + "\U0010ffff")


def _execute(connection: Connection, statement: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(statement, list(rows))


def _dialect(connection: Connection) -> Any:
    return postgresql if connection.dialect.name == "postgresql" else sqlite
