"""The input of a check: a document, the catalogue, the operations of each statement."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from durward.core.openapi.operations import Operation
from durward.core.policy.language.automaton import STAR, Parts, overlaps
from durward.core.policy.language.catalogue import Catalogue
from durward.core.policy.language.document import Actions, Document, Statement
from durward.core.policy.language.pattern import Part, ResourcePattern, widest

_VARIABLE = re.compile(r"\{[A-Za-z0-9_-]+\}")
API_SEGMENT, STAGE_SEGMENT, TENANT_SEGMENT, RESOURCE_SEGMENT = 2, 3, 4, 5


@dataclass(frozen=True, slots=True)
class Remark:
    """The message of a check about a place (a JSON pointer)."""

    pointer: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class DeclaredEntities:
    """The declared names: tenants, the stage of each API, roles, principals.

    Without any tenant the declarations are not known, and names are not checked. `scopes` are those
    that a token can have, if any are declared.
    """

    tenants: frozenset[str] = frozenset()
    stages: Mapping[str, str] = field(default_factory=dict)
    roles: frozenset[str] = frozenset()
    principals: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()

    def named(self, kind: str) -> frozenset[str]:
        """Users, clients or groups by their bare names, whatever their tenant."""
        names = (arn.rpartition(f":{kind}/") for arn in self.principals)
        return frozenset(name for _, found, name in names if found)


@dataclass(frozen=True, slots=True)
class View:
    """A document, with the operations that each statement can match."""

    document: Document
    catalogue: Catalogue
    reached: tuple[tuple[Operation, ...], ...]
    declared: DeclaredEntities

    def __iter__(self) -> Iterator[tuple[Statement, tuple[Operation, ...]]]:
        """The statements, each with its operations."""
        return zip(self.document.statements, self.reached, strict=True)


Rule = Callable[[View], Iterator[Remark]]


def view_of(document: Document, catalogue: Catalogue, declared: DeclaredEntities) -> View:
    """The view of a document for the checks."""
    reached = tuple(tuple(_reached(each, catalogue)) for each in document.statements)
    return View(document, catalogue, reached, declared)


def _reached(statement: Statement, catalogue: Catalogue) -> Iterator[Operation]:
    known: dict[tuple[str, str | None, str | None], bool] = {}
    for api in _named(statement.actions, catalogue):
        for operation in catalogue.apis[api]:
            action = operation.action.lower()
            if (
                any(pattern.matches(action) for pattern in statement.actions.patterns)
                is statement.actions.complement
            ):
                continue
            about = (api, operation.tenant, operation.resource)
            if about not in known:
                known[about] = statement.resources.complement or any(
                    may_name(pattern, api, operation) for pattern in statement.resources.patterns
                )
            if known[about]:
                yield operation


def _named(actions: Actions, catalogue: Catalogue) -> Iterable[str]:
    """The APIs whose operations the patterns can mean, as far as these begin with an API's name."""
    begun = [pattern.template.beginning.partition(":") for pattern in actions.patterns]
    if actions.complement or not all(separator for _, separator, _ in begun):
        return catalogue.apis
    named = {api for api, _, _ in begun if api in catalogue.apis}
    return named if len(named) < 2 else filter(named.__contains__, catalogue.apis)  # noqa: PLR2004


def may_name(pattern: ResourcePattern, api: str, operation: Operation) -> bool:
    """Whether a request to the operation can be about a resource of the pattern."""
    if pattern.segments is None:
        return True
    segments = pattern.segments
    wanted = {
        API_SEGMENT: (api,),
        TENANT_SEGMENT: expression_pattern(operation.tenant or ""),
        RESOURCE_SEGMENT: expression_pattern(operation.resource or ""),
    }
    return all(overlaps(segments[place].widest, given) for place, given in wanted.items())


@lru_cache(maxsize=4096)
def expression_pattern(expression: str) -> Parts:
    """An expression of `x-durward`: what the path brings in is any text."""
    parts: list[Part] = []
    place = 0
    for found in _VARIABLE.finditer(expression):
        parts += [expression[place : found.start()], STAR]
        place = found.end()
    return widest((*parts, expression[place:]))


def has_variable(expression: str | None) -> bool:
    """Whether the request settles which object is meant."""
    return bool(expression and _VARIABLE.search(expression))
