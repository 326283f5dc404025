"""The declarations, as applied last."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from durward.core.audit.event import AuditContext, AuditEvent, EventKind
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.sizes import DECLARATION_BYTES, DECLARATION_DEPTH
from durward.core.wire import parse_json, sorted_json
from durward.store.audit import record_events
from durward.store.schema import declarations

EVENTS = {
    "add": EventKind.DECLARATION_ADDED,
    "change": EventKind.DECLARATION_CHANGED,
    "remove": EventKind.DECLARATION_REMOVED,
}


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored declaration: equal declarations have equal bytes.

    Parsing many takes seconds, so it is done outside of transactions.
    """

    kind: DeclarationKind
    name: str
    body: bytes

    @classmethod
    def of(cls, declared: Declaration) -> Self:
        """The stored form of a declaration. Raises ValueError for values that JSON cannot have."""
        return cls(declared.kind, declared.name, sorted_json(dict(declared.body)))

    def read(self) -> Declaration:
        """Parse the declaration. Raises ProtocolError if it is too large or too deep."""
        body = parse_json(self.body, limit_bytes=DECLARATION_BYTES, limit_depth=DECLARATION_DEPTH)
        assert isinstance(body, dict)  # noqa: S101 - it was made by `of`
        return Declaration(self.kind, self.name, body)

    @property
    def target(self) -> str:
        """The kind and the name, for people."""
        return f"{self.kind.value}/{self.name}"


def load_declarations(connection: Connection) -> list[Stored]:
    """All declarations, in the order of kinds and names."""
    columns = declarations.c
    rows = connection.execute(select(columns.kind, columns.name, columns.body))
    found = [Stored(DeclarationKind(row.kind), row.name, row.body) for row in rows]
    order = list(DeclarationKind)
    return sorted(found, key=lambda stored: (order.index(stored.kind), stored.name))


def change_declarations(
    connection: Connection, steps: Sequence[tuple[str, Stored]], audit: AuditContext
) -> None:
    """Apply these steps, all of one kind by one statement: thousands of them take a second.

    The caller has compared them with the declarations, and holds the version (`hold_version`).
    """
    columns = declarations.c
    taken: dict[str, list[Stored]] = {}
    for step, stored in steps:
        taken.setdefault(step, []).append(stored)
    here = (columns.kind == bindparam("its_kind")) & (columns.name == bindparam("its_name"))
    statements = {
        "remove": delete(declarations).where(here),
        "add": insert(declarations).values(
            kind=bindparam("its_kind"),
            name=bindparam("its_name"),
            body=bindparam("its_body"),
            changed_at=audit.at,
        ),
        "change": update(declarations)
        .where(here)
        .values(body=bindparam("its_body"), changed_at=audit.at),
    }
    for step, listed in taken.items():
        bodies = [{} if step == "remove" else {"its_body": one.body} for one in listed]
        connection.execute(
            statements[step],
            [
                {"its_kind": one.kind.value, "its_name": one.name, **body}
                for one, body in zip(listed, bodies, strict=True)
            ],
        )
    record_events(connection, [_event(step, one, audit) for step, one in steps])


def _event(step: str, stored: Stored, audit: AuditContext) -> AuditEvent:
    """What changed, by its name; of a waiver all that is declared, as auditors ask for that."""
    if stored.kind is DeclarationKind.WAIVER:
        return audit.event(EVENTS[step], stored.target, declared=stored.read().body)
    return audit.event(EVENTS[step], stored.target)
