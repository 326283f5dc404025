"""Invariants that could not be settled for a class of people in time, until an `apply` does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update

from durward.core.values import UserId
from durward.store.schema import people, people_classes


@dataclass(frozen=True, slots=True)
class UnsettledClass:
    """A class of people, by one of them, and an invariant that may not hold for it."""

    person: UserId
    invariant: str


def mark_unsettled(connection: Connection, invariants: Mapping[str, str]) -> None:
    """Note an invariant for each of some classes, by their keys; there are people of them."""
    if invariants:
        k = people_classes.c
        rows = [{"key": key, "told": told} for key, told in sorted(invariants.items())]
        statement = update(people_classes).where(k.id == bindparam("key"))
        connection.execute(statement.values(unsettled=bindparam("told")), rows)


def settle_classes(connection: Connection) -> None:
    """Forget what was noted: the invariants were proven for all classes that there are."""
    k = people_classes.c
    connection.execute(
        update(people_classes).where(k.unsettled.is_not(None)).values(unsettled=None)
    )


def load_unsettled(connection: Connection, most: int) -> Sequence[UnsettledClass]:
    """Some of the classes for which an invariant is noted, if somebody of them is enabled."""
    c, k = people.c, people_classes.c
    first = (
        select(c.id)
        .where(c["class"] == k.id, c.disabled.is_(False))
        .order_by(c.id)
        .limit(1)
        .scalar_subquery()
    )
    found = select(first.label("person"), k.unsettled).where(
        k.unsettled.is_not(None), first.is_not(None)
    )
    rows = connection.execute(found.order_by(k.id).limit(most))
    return [UnsettledClass(UserId(row.person), row.unsettled) for row in rows]
