"""JSONPath (RFC 9535): the parts of a document that a query selects, in bounded time.

The library parses and evaluates. Three of its features are limited here:

- Its additions to RFC 9535 are off.
- The functions `match` and `search` are refused: their regular expressions backtrack.
- Steps are counted as the library reads a document: a query such as `$..*..*..*` takes more steps
  than a document has parts, and a filter can hold one for each part.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, SupportsIndex, TypeAlias, cast

from jsonpath import JSONPath, JSONPathEnvironment, JSONPathMatch, function_extensions
from jsonpath.exceptions import JSONPathError, JSONPathNameError

from durward.core.difference import excerpt
from durward.core.sizes import DOCUMENT_DEPTH
from durward.core.wire import Json

MAX_QUERY_CHARACTERS: Final = 2_000
MAX_STEPS: Final = 2_000_000
"""The steps of all queries on one document, half a minute; the largest has some 500 000 parts."""
MAX_PARTS: Final = 1_000_000
"""Objects, lists and values of a document: each takes some 200 bytes while it is changed."""
BACKTRACKING: Final = frozenset({"match", "search"})

Path: TypeAlias = tuple[str | int, ...]
"""Names of members and numbers of items, from the root down."""


class QueryRefused(Exception):  # noqa: N818 - a fact about a query, reported as a fault
    """A query that is refused, with the reason."""


@dataclass
class Steps:
    """The remaining steps of the queries on a document."""

    left: int = MAX_STEPS

    parts_left: int = MAX_PARTS
    """The number of parts that the document may still gain."""

    def take(self, number: int = 1) -> None:
        """Count steps. Raises QueryRefused if none is left."""
        if self.left < number:
            raise QueryRefused("takes too many steps; name the path: `$.paths['/a'].get`")
        self.left -= number

    def keep(self) -> None:
        """Count a part of the document. Raises QueryRefused if there are too many."""
        if self.parts_left <= 0:
            raise QueryRefused(
                f"has more than {MAX_PARTS} parts, those that aliases repeat counted"
            )
        self.parts_left -= 1


class CountedObject(dict[str, Any]):
    """An object whose members are counted as they are read."""

    __slots__ = ("steps",)

    def __init__(self, steps: Steps) -> None:
        super().__init__()
        self.steps = steps

    def items(self) -> Iterator[tuple[str, Any]]:  # type: ignore[override]  # iterated once
        """The members."""
        for item in super().items():
            self.steps.take()
            yield item

    def __getitem__(self, name: str) -> Any:
        self.steps.take()
        return super().__getitem__(name)


class CountedList(list[Any]):
    """A list whose items are counted as they are read."""

    __slots__ = ("steps",)

    def __init__(self, steps: Steps) -> None:
        super().__init__()
        self.steps = steps

    def __iter__(self) -> Iterator[Any]:
        for item in super().__iter__():
            self.steps.take()
            yield item

    def __getitem__(self, place: SupportsIndex | slice) -> Any:
        found = super().__getitem__(place)
        self.steps.take(len(found) + 1 if isinstance(place, slice) else 1)
        return found


class _Match(JSONPathMatch):
    """A selected part, without the library's list of its children, which is long and unused."""

    __slots__ = ()

    def add_child(self, *children: JSONPathMatch) -> None:
        """Leave them."""


class _Environment(JSONPathEnvironment):
    match_class = _Match
    max_recursion_depth = 2 * DOCUMENT_DEPTH

    def setup_function_extensions(self) -> None:
        """Functions of RFC 9535 §2.4 without regular expressions."""
        self.function_extensions["length"] = function_extensions.Length()
        self.function_extensions["count"] = function_extensions.Count()
        self.function_extensions["value"] = function_extensions.Value()


_ENVIRONMENT: Final = _Environment(strict=True)


def read_query(text: str) -> JSONPath:
    """A query (RFC 9535 §2.1). Raises QueryRefused."""
    if len(text) > MAX_QUERY_CHARACTERS:
        raise QueryRefused(f"longer than {MAX_QUERY_CHARACTERS} characters")
    try:
        query = _ENVIRONMENT.compile(text)
    except JSONPathNameError as error:
        hint = "compare values: `$.paths.*.get[?@.name == 'a']`"
        if any(f"{name}(" in text for name in BACKTRACKING):
            hint = f"regular expressions are not read; {hint}"
        raise QueryRefused(f"has an unknown function; {hint}") from error
    except (JSONPathError, ValueError) as error:  # ValueError: an escape that is no character
        raise QueryRefused(f"not a JSONPath (RFC 9535): {_first_line(error)}") from error
    if not isinstance(query, JSONPath) or query.pseudo_root:
        raise QueryRefused("not a JSONPath (RFC 9535): begin with `$`")
    return query


def selected(query: JSONPath, document: CountedObject | CountedList) -> list[tuple[Path, Json]]:
    """The parts that a query selects, each once. Raises QueryRefused."""
    found: dict[Path, Json] = {}
    try:
        for match in query.finditer(document):
            found.setdefault(match.parts, cast("Json", match.obj))
    except (JSONPathError, RecursionError) as error:
        raise QueryRefused(f"cannot be evaluated: {_first_line(error)}") from error
    return list(found.items())


def _first_line(error: Exception) -> str:
    lines = str(getattr(error, "message", "") or error).splitlines()
    return excerpt(lines[0] if lines else type(error).__name__)
