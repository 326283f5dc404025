"""What is declared, as it was last applied."""

from sqlalchemy import Connection, delete, insert, select, update

from durward.core.audit.event import Kind, Trail
from durward.core.estate.declaration import Declaration
from durward.core.estate.declaration import Kind as Declared
from durward.core.wire import parse_json, sorted_json
from durward.store.audit import record_event
from durward.store.schema import declarations

MAX_BODY_BYTES = 8_388_608


def load_declarations(connection: Connection) -> list[Declaration]:
    """Everything that is declared, in the order of kinds and names."""
    columns = declarations.c
    rows = connection.execute(select(columns.kind, columns.name, columns.body))
    found = []
    for row in rows:
        body = parse_json(row.body, limit_bytes=MAX_BODY_BYTES)
        assert isinstance(body, dict)  # noqa: S101 - it was written by `put_declaration`
        found.append(Declaration(Declared(row.kind), row.name, body))
    order = list(Declared)
    return sorted(found, key=lambda declared: (order.index(declared.kind), declared.name))


def put_declaration(connection: Connection, declared: Declaration, trail: Trail) -> None:
    """Add or change one declaration."""
    body = sorted_json(dict(declared.body))
    columns = declarations.c
    here = (columns.kind == declared.kind.value) & (columns.name == declared.name)
    values = {"body": body, "changed_at": trail.at}
    changed = connection.execute(update(declarations).where(here).values(**values)).rowcount
    if not changed:
        named = {"kind": declared.kind.value, "name": declared.name}
        connection.execute(insert(declarations).values(**named, **values))
    kind = Kind.DECLARATION_CHANGED if changed else Kind.DECLARATION_ADDED
    record_event(connection, trail.event(kind, _target(declared)))


def remove_declaration(connection: Connection, declared: Declaration, trail: Trail) -> None:
    """Remove one declaration."""
    columns = declarations.c
    here = (columns.kind == declared.kind.value) & (columns.name == declared.name)
    connection.execute(delete(declarations).where(here))
    record_event(connection, trail.event(Kind.DECLARATION_REMOVED, _target(declared)))


def _target(declared: Declaration) -> str:
    return f"{declared.kind.value}/{declared.name}"
