"""The operations that some Allow can match, by action and resource only.

Conditions, principals, ceilings and Denies are ignored: an operation without an Allow here is
possible for no principal; one with an Allow may still be denied.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice, takewhile
from typing import Final, Generic, TypeVar

from durward.core.openapi.operations import Operation
from durward.core.policy.analysis.checks.view import API_SEGMENT, STAGE_SEGMENT, may_name
from durward.core.policy.engine.bundle import Bundle, document_kinds
from durward.core.policy.language.document import (
    Document,
    Effect,
    Resources,
    Statement,
    read_document,
)
from durward.core.policy.language.pattern import ActionPattern, Part, ResourcePattern

T = TypeVar("T")
FEW: Final = 8
"""Up to this number of patterns a scan is faster than a look-up."""


class Beginnings(Generic[T]):
    """A map by prefixes, to find the values of all prefixes of a string."""

    def __init__(self, found: Mapping[str, list[T]]) -> None:
        self._found = found
        self._lengths = sorted({len(beginning) for beginning in found})
        self._sorted = sorted(found)

    def of(self, text: str) -> Iterator[T]:
        """The values whose key is a prefix of the string."""
        for length in self._lengths:
            if length <= len(text):
                yield from self._found.get(text[:length], ())

    def longer(self, text: str) -> Iterator[T]:
        """The values whose key begins with the string."""
        place = bisect_left(self._sorted, text)
        after = islice(self._sorted, place, None)
        for beginning in takewhile(lambda each: each.startswith(text), after):
            if beginning != text:
                yield from self._found[beginning]


class Targets:
    """The resources of some statements with the same actions."""

    def __init__(self) -> None:
        self._anything = False
        self._patterns: dict[str, ResourcePattern] = {}
        self._by_beginning: Beginnings[ResourcePattern] | None = None
        self._known: dict[tuple[str, str, str | None, str | None], bool] = {}

    def add(self, resources: Resources) -> None:
        """Add the resources of one statement; a complement counts as all."""
        self._anything |= resources.complement
        for pattern in resources.patterns:
            self._anything |= pattern.segments is None
            self._patterns[pattern.text] = pattern

    def means(self, operation: Operation, api: str, stage: str) -> bool:
        """Whether one of them can match the resource of the operation."""
        if self._anything:
            return True
        about = (api, stage, operation.tenant, operation.resource)
        known = self._known.get(about)
        if known is None:
            found = self._beginning_as((operation.resource or "").partition("{")[0])
            known = self._known[about] = any(
                _is_of(pattern, api, stage) and may_name(pattern, api, operation)
                for pattern in found
            )
        return known

    def _beginning_as(self, text: str) -> Iterator[ResourcePattern]:
        if len(self._patterns) <= FEW:
            yield from self._patterns.values()
            return
        if self._by_beginning is None:
            by_beginning: dict[str, list[ResourcePattern]] = {}
            for pattern in self._patterns.values():
                if pattern.segments is not None:
                    beginning = pattern.segments[-1].beginning
                    by_beginning.setdefault(beginning, []).append(pattern)
            self._by_beginning = Beginnings(by_beginning)
        yield from self._by_beginning.of(text)
        yield from self._by_beginning.longer(text)


class Allows:
    """The Allow statements of some documents, by their actions."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._named: dict[str, list[Targets]] = {}
        self._open: dict[str, tuple[ActionPattern, Targets]] = {}
        self._but: list[tuple[Statement, Targets]] = []
        for document in documents:
            for statement in document.statements:
                if statement.effect is Effect.ALLOW:
                    self._add(statement)
        begun: dict[str, dict[str, list[tuple[ActionPattern, Targets]]]] = {}
        for found in self._open.values():
            parts = found[0].template.parts
            ends = begun.setdefault(found[0].template.beginning, {})
            ends.setdefault(_end(parts)[::-1], []).append(found)
        self._begun = Beginnings({start: [Beginnings(ends)] for start, ends in begun.items()})

    def _add(self, statement: Statement) -> None:
        own = Targets()
        own.add(statement.resources)
        if statement.actions.complement:
            self._but.append((statement, own))
            return
        for pattern in statement.actions.patterns:
            name = pattern.template.literal
            if name is not None:
                self._named.setdefault(name, []).append(own)
            else:
                found = self._open.setdefault(pattern.template.text, (pattern, Targets()))
                found[1].add(statement.resources)

    def may_meet(
        self, operation: Operation, api: str, stage: str, *, elsewhere: bool = False
    ) -> bool:
        """Whether one of them matches the operation's action, and may match its resource.

        `elsewhere`: AuthZEN callers ask about the action with any object.
        """
        action = operation.action.lower()
        for targets in self._named.get(action, ()):
            if elsewhere or targets.means(operation, api, stage):
                return True
        for ends in self._begun.of(action):
            for pattern, targets in ends.of(action[::-1]):
                if pattern.matches(action) and (elsewhere or targets.means(operation, api, stage)):
                    return True
        for statement, targets in self._but:
            if not any(pattern.matches(action) for pattern in statement.actions.patterns) and (
                elsewhere or targets.means(operation, api, stage)
            ):
                return True
        return False


def _end(parts: tuple[Part, ...]) -> str:
    """The text after the last wildcard."""
    return parts[-1] if parts and isinstance(parts[-1], str) else ""


def _is_of(pattern: ResourcePattern, api: str, stage: str) -> bool:
    """Whether a pattern matches the API and the stage; it has no variable before the tenant."""
    if pattern.segments is None:
        return True
    tests = (pattern.segments[API_SEGMENT].test, pattern.segments[STAGE_SEGMENT].test)
    return all(test is None or test(text) for test, text in zip(tests, (api, stage), strict=True))


def allows_of(
    bundle: Bundle, apis: Iterable[str], own: Iterable[str]
) -> Mapping[str, tuple[Allows, ...]]:
    """The Allows that may grant for each API: those attached to principals, and to the API itself.

    `own` are people's own policies. Boundaries and guardrails only cap, and policies that are not
    attached have no effect.
    """
    kinds = document_kinds(bundle)

    def read(names: Iterable[str]) -> Iterator[Document]:
        return (read_document(bundle.documents[name], name, kinds[name]) for name in names)

    given = chain.from_iterable(bundle.identity.values())
    identity = Allows(read(dict.fromkeys((*given, *own))))
    return {
        api: (identity, *([Allows(read(of_api))] if (of_api := bundle.resources.get(api)) else []))
        for api in apis
    }
