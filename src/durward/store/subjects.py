"""Ids that are given once: what a client is called nobody has as an id, then or later (AS-32).

Ids of people that are made here begin as no client's; the others are written down, and stay.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from durward.core.people.person import OWN_PREFIX
from durward.store.batches import in_batches
from durward.store.schema import subjects


class SubjectKind(StrEnum):
    """Whose id it is."""

    CLIENT = "clients"
    USER = "users"


def given_to_others(connection: Connection, ids: Iterable[str], kind: SubjectKind) -> set[str]:
    """Those of these ids that are, or were, of another kind."""
    c = subjects.c
    return {
        found
        for some in in_batches(_chosen(ids))
        for found in connection.execute(
            select(c.id).where(c.id.in_(some), c.kind != kind.value)
        ).scalars()
    }


def give_ids(connection: Connection, ids: Iterable[str], kind: SubjectKind) -> set[str]:
    """Give these ids, for ever; those that are of another kind stay so, and are returned."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    fresh, wanted = dialect.insert(subjects).on_conflict_do_nothing(), _chosen(ids)
    for some in in_batches(wanted):  # in one order: no deadlock
        connection.execute(fresh, [{"id": id, "kind": kind.value} for id in some])
    return given_to_others(connection, wanted, kind)


def _chosen(ids: Iterable[str]) -> list[str]:
    return sorted({id for id in ids if not id.startswith(OWN_PREFIX)})
