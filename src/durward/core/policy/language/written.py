"""A policy document together with the places at which its parts were written.

What is read keeps no places: an engine has no use for them. Whoever tells an author about a part
needs the JSON pointer of it, and the key in the author's own spelling.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from durward.core.policy.language.document import (
    Condition,
    Document,
    Effect,
    PolicyKind,
    Statement,
    read_document,
)
from durward.core.policy.language.pattern import ActionPattern, ResourcePattern
from durward.core.policy.language.source import escape
from durward.core.wire import Json

T = TypeVar("T")
Placed = tuple[str, T]
"""A JSON pointer, and what stands there."""


@dataclass(frozen=True, slots=True)
class WrittenCondition:
    """A condition, where it stands, and its key as it was spelled."""

    condition: Condition
    key: str
    pointer: str
    operator_pointer: str
    operands: tuple[str, ...]
    """The pointer of each value of the policy, in their order."""


@dataclass(frozen=True, slots=True)
class WrittenStatement:
    """A statement and where its parts stand; `resource_pointer` is None where none is written."""

    statement: Statement
    pointer: str
    action_pointer: str
    resource_pointer: str | None
    actions: tuple[Placed[ActionPattern], ...]
    resources: tuple[Placed[ResourcePattern], ...]
    conditions: tuple[WrittenCondition, ...]

    @property
    def allows(self) -> bool:
        """Whether it grants."""
        return self.statement.effect is Effect.ALLOW


@dataclass(frozen=True, slots=True)
class Written:
    """A document, and its statements with their places."""

    document: Document
    statements: tuple[WrittenStatement, ...]


def read_written(value: Json, name: str, kind: PolicyKind | None = None) -> Written:
    """Read a decoded document; without `kind`, it is as it names principals. Raises PolicyError."""
    document = read_document(value, name, kind or kind_of(value))
    return Written(document, tuple(_statements(value, document)))


def kind_of(value: Json) -> PolicyKind:
    """What a document that is attached to nothing is meant to be: naming principals, an API's."""
    found = value.get("Statement") if isinstance(value, dict) else None
    listed = found if isinstance(found, list) else [found]
    named = any(isinstance(item, dict) and _names_principals(item) for item in listed)
    return PolicyKind.RESOURCE if named else PolicyKind.IDENTITY


def _names_principals(statement: dict[str, Json]) -> bool:
    return not statement.keys().isdisjoint({"Principal", "NotPrincipal"})


def _statements(value: Json, document: Document) -> Iterator[WrittenStatement]:
    found = value.get("Statement", []) if isinstance(value, dict) else []
    listed = found if isinstance(found, list) else [found]
    for index, (item, statement) in enumerate(zip(listed, document.statements, strict=True)):
        if isinstance(item, dict):
            pointer = f"/Statement/{index}" if isinstance(found, list) else "/Statement"
            yield _statement(item, statement, pointer)


def _statement(item: dict[str, Json], statement: Statement, pointer: str) -> WrittenStatement:
    action = "NotAction" if statement.actions.complement else "Action"
    resource = "NotResource" if statement.resources.complement else "Resource"
    is_written = resource in item
    patterns = statement.resources.patterns if is_written else ()
    return WrittenStatement(
        statement,
        pointer,
        f"{pointer}/{action}",
        f"{pointer}/{resource}" if is_written else None,
        _placed(item[action], f"{pointer}/{action}", statement.actions.patterns),
        _placed(item.get(resource, []), f"{pointer}/{resource}", patterns),
        tuple(_conditions(item.get("Condition", {}), statement, f"{pointer}/Condition")),
    )


def _conditions(value: Json, statement: Statement, pointer: str) -> Iterator[WrittenCondition]:
    conditions = iter(statement.conditions)
    for name, keys in (value if isinstance(value, dict) else {}).items():
        for key, values in (keys if isinstance(keys, dict) else {}).items():
            operator = f"{pointer}/{escape(name)}"
            place = f"{operator}/{escape(key)}"
            count = len(values) if isinstance(values, list) else 1
            pointers = tuple(_pointers(values, place, count))
            yield WrittenCondition(next(conditions), key, place, operator, pointers)


def _placed(value: Json, pointer: str, read: Sequence[T]) -> tuple[Placed[T], ...]:
    return tuple(zip(_pointers(value, pointer, len(read)), read, strict=True))


def _pointers(value: Json, pointer: str, count: int) -> Iterator[str]:
    for index in range(count):
        yield f"{pointer}/{index}" if isinstance(value, list) else pointer
