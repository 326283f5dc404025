"""Keep a table bounded whose rows anybody can make: at a bound the oldest rows are deleted.

There are bounds for some of the rows each, such as those of one source, and for all. At the bound
for all it is the oldest of whoever has most, so that a flood displaces its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, Select, Table, delete, func, select, true

ALL: Final = true()


@dataclass(frozen=True)
class Bounded:
    """A bounded table: the column by which its rows age, and the one by which they are counted."""

    table: Table
    began: Column[Any]
    counted: Column[Any]

    @property
    def _key(self) -> Column[Any]:
        (key,) = self.table.primary_key
        return key

    def make_room(
        self,
        connection: Connection,
        some: Iterable[tuple[ColumnElement[bool], int]],
        total: int,
        room: int,
        among: ColumnElement[bool] = ALL,
    ) -> None:
        """Delete what is beyond the bounds, so that one more row fits; beyond `total` `room` more.

        `total` counts the rows `among` which the new one is, and no others make room for it.
        Two that are added at once may exceed a bound by one; the next one corrects it.
        """
        for whose, most in some:
            if (over := self._count(connection, whose) + 1 - most) > 0:
                first = select(self._key).where(whose).order_by(self.began, self._key)
                self._drop(connection, first.limit(over))
        if (over := self._count(connection, among) + 1 - total) > 0:
            self._drop(connection, self._of_the_busiest(over + room, among))

    def _count(self, connection: Connection, whose: ColumnElement[bool]) -> int:
        statement = select(func.count()).select_from(self.table).where(whose)
        return int(connection.execute(statement).scalar_one())

    def _of_the_busiest(self, number: int, among: ColumnElement[bool]) -> Select[Any]:
        """The rows to delete: `number` times the oldest of whoever has most.

        So the newest of each stay, and among equals the earliest are deleted first.
        """
        place = func.row_number().over(
            partition_by=self.counted, order_by=(self.began.desc(), self._key)
        )
        ranked = select(self._key.label("key"), self.began.label("began"), place.label("place"))
        rows = ranked.where(among).subquery()
        order = (rows.c.place.desc(), rows.c.began, rows.c.key)
        return select(rows.c.key).order_by(*order).limit(number)

    def _drop(self, connection: Connection, chosen: Select[Any]) -> None:
        """Delete them, except locked ones: waiting for these could end in a deadlock."""
        key = self._key
        free = select(key).where(key.in_(chosen.correlate(None))).with_for_update(skip_locked=True)
        connection.execute(delete(self.table).where(key.in_(free.correlate(None))))
