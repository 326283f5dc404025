"""What is declared, as it was last applied."""

from dataclasses import dataclass
from typing import Self

from sqlalchemy import Connection, delete, insert, select, update

from durward.core.audit.event import AuditContext, Kind
from durward.core.configuration.declaration import Declaration
from durward.core.configuration.declaration import Kind as Declared
from durward.core.sizes import DECLARATION_BYTES, DECLARATION_DEPTH
from durward.core.wire import parse_json, sorted_json
from durward.store.audit import record_event
from durward.store.schema import declarations


@dataclass(frozen=True, slots=True)
class Stored:
    """One declaration as it lies in the store: equal ones have equal bytes.

    Many take seconds to read, so that is done outside of transactions.
    """

    kind: Declared
    name: str
    body: bytes

    @classmethod
    def of(cls, declared: Declaration) -> Self:
        """A declaration as it would lie there. Raises ValueError for what no JSON can say."""
        return cls(declared.kind, declared.name, sorted_json(dict(declared.body)))

    def read(self) -> Declaration:
        """What it declares. Raises ProtocolError where it is larger or deeper than it may be."""
        body = parse_json(self.body, limit_bytes=DECLARATION_BYTES, limit_depth=DECLARATION_DEPTH)
        assert isinstance(body, dict)  # noqa: S101 - it was made by `of`
        return Declaration(self.kind, self.name, body)

    @property
    def target(self) -> str:
        """What people call it: its kind and its name."""
        return f"{self.kind.value}/{self.name}"


def load_declarations(connection: Connection) -> list[Stored]:
    """Everything that is declared, in the order of kinds and names."""
    columns = declarations.c
    rows = connection.execute(select(columns.kind, columns.name, columns.body))
    found = [Stored(Declared(row.kind), row.name, row.body) for row in rows]
    order = list(Declared)
    return sorted(found, key=lambda stored: (order.index(stored.kind), stored.name))


def put_declaration(connection: Connection, stored: Stored, audit: AuditContext) -> None:
    """Add or change one declaration."""
    columns = declarations.c
    here = (columns.kind == stored.kind.value) & (columns.name == stored.name)
    values = {"body": stored.body, "changed_at": audit.at}
    changed = connection.execute(update(declarations).where(here).values(**values)).rowcount
    if not changed:
        named = {"kind": stored.kind.value, "name": stored.name}
        connection.execute(insert(declarations).values(**named, **values))
    kind = Kind.DECLARATION_CHANGED if changed else Kind.DECLARATION_ADDED
    record_event(connection, audit.event(kind, stored.target))


def remove_declaration(connection: Connection, stored: Stored, audit: AuditContext) -> None:
    """Remove one declaration."""
    columns = declarations.c
    here = (columns.kind == stored.kind.value) & (columns.name == stored.name)
    connection.execute(delete(declarations).where(here))
    record_event(connection, audit.event(Kind.DECLARATION_REMOVED, stored.target))
