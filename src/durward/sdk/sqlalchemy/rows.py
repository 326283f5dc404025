"""The columns of a row's id, its tenant, and the keys that policies read."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.sql.expression import ColumnElement

from durward.core.errors import Misconfigured
from durward.core.policy.engine.filter import Listed
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.language.document import value_text

_PLACE = re.compile(r"\{([^}]*)\}")


class Shape(StrEnum):
    """The type of a column's values."""

    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    UUID = "uuid"


@dataclass(frozen=True, eq=False)
class Field:
    """A column and the type of its values."""

    column: ColumnElement[Any]
    shape: Shape

    @cached_property
    def present(self) -> ColumnElement[bool]:
        """The condition that the row has a value there."""
        return self.column.is_not(None)


@dataclass(frozen=True, eq=False)
class Several:
    """A key of several values: those of a column in the rows for which `on` holds.

    Such as the members of an order: `Several(members.c.user, members.c.order == orders.c.id)`.
    """

    column: Any
    on: ColumnElement[bool]


@dataclass(frozen=True, eq=False)
class SeveralFields:
    """A checked `Several`."""

    field: Field
    on: ColumnElement[bool]


Part: TypeAlias = str | Field
"""A piece of a string: constant, or a column."""


class Rows:
    """Rows as resources: `arn:durward:<api>:<stage>:<tenant>:<resource>`.

    `resource` is a path such as `order/{id}`, whose variables `columns` fills; `tenant` is a column
    or the name of one tenant; `keys` gives the columns of `durward:ResourceOwner` and other keys.
    Each key of the resource that a policy reads must have a column: without one it is not known to
    be absent. Raises Misconfigured.
    """

    def __init__(
        self,
        api: str,
        resource: str,
        *,
        tenant: Any,
        columns: Mapping[str, Any],
        keys: Mapping[str, Any] | None = None,
        stage: str = "default",
    ) -> None:
        self.tenant: Part = tenant if isinstance(tenant, str) else _field("tenant", tenant)
        self.resource = tuple(_parts(resource, columns))
        self.keys: dict[str, Field | SeveralFields | str] = {"durward:resourcetenant": self.tenant}
        for name, given in (keys or {}).items():
            self.keys[name.lower()] = (
                SeveralFields(_field(name, given.column), given.on)
                if isinstance(given, Several)
                else _field(name, given)
            )
        for name, part in [("tenant", self.tenant), *((resource, each) for each in self.resource)]:
            if isinstance(part, Field) and part.shape is Shape.BOOLEAN:
                raise Misconfigured(name, "a boolean names nothing")
        first = self.resource[0]
        self.listed = Listed(
            api=api,
            stage=stage,
            tenant=self.tenant if isinstance(self.tenant, str) else None,
            beginning=first if isinstance(first, str) else "",
            keys=frozenset(self.keys),
        )

    def request(
        self,
        principal: Principal | None,
        action: str,
        row: Mapping[str, Any],
        context: Mapping[str, object] | None = None,
        several: Mapping[str, Sequence[Any]] | None = None,
    ) -> AccessRequest:
        """The request about one row, given by column names; `several` has values by key.

        A row without an id or a tenant cannot be named, so nobody has access to it.
        """
        tenant = _of_row(self.tenant, row)
        last = [_of_row(part, row) for part in self.resource]
        named = "".join(part or "" for part in last)
        arn = f"arn:durward:{self.listed.api}:{self.listed.stage}:{tenant}:{named}"
        is_named = tenant and ":" not in tenant and None not in last
        facts = dict(context or {})
        own = {key.lower(): values for key, values in (several or {}).items()}
        for key in [key for key in facts if key.lower() in self.keys]:
            del facts[key]
        for key, part in self.keys.items():
            if isinstance(part, SeveralFields):
                facts[key] = [_plain(value) for value in own.get(key, ()) if value is not None]
            else:
                facts[key] = part if isinstance(part, str) else _plain(row[_name(part)])
        return AccessRequest(principal, action, arn if is_named else "", facts)


def _parts(resource: str, columns: Mapping[str, Any]) -> Iterator[Part]:
    pieces = _PLACE.split(resource)
    names = pieces[1::2]
    if not resource or sorted(names) != sorted(columns):
        told = ", ".join(f"`{name}`" for name in sorted(columns)) or "no place"
        raise Misconfigured(resource, f"`columns` fills {told}, once each")
    for number, piece in enumerate(pieces):
        if number % 2:
            yield _field(piece, columns[piece])
        elif piece:
            yield piece


def _field(name: str, given: Any) -> Field:
    column: Any = given.__clause_element__() if hasattr(given, "__clause_element__") else given
    shape = _shape(column.type) if isinstance(column, ColumnElement) else None
    if shape is None:
        kind = getattr(column, "type", type(column).__name__)
        hint = "columns of String, Text, Integer, Boolean and Uuid can be asked exactly"
        raise Misconfigured(name, f"`{kind!r}` cannot stand in a filter", hint=hint)
    return Field(column, shape)


def _shape(kind: Any) -> Shape | None:
    """CHAR is padded, an enumeration and a decorated type store other texts than they show."""
    match kind:
        case sa.Enum() | sa.CHAR() | sa.NCHAR():
            return None
        case sa.String():
            return Shape.TEXT
        case sa.Integer():
            return Shape.INTEGER
        case sa.Boolean():
            return Shape.BOOLEAN
        case sa.Uuid():
            return Shape.UUID
        case _:
            return None


def _name(field: Field) -> str:
    return str(getattr(field.column, "key", ""))


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def _of_row(part: Part, row: Mapping[str, Any]) -> str | None:
    return part if isinstance(part, str) else value_text(_plain(row[_name(part)]))
