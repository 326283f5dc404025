"""The members of a document, of its path items and operations: read, unread, or refused.

A member that cannot restrict access is counted and not read. A misspelled member that could
restrict access is refused: its author believes that it is in force.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Final
from unicodedata import normalize

from durward.core.openapi.faults import MAX_NAMES, Findings, pointed
from durward.core.wire import Json

EXTENSION: Final = "x-durward"
REF: Final = "$ref"
SCHEMA: Final = "$schema"
"""The member by which editors recognize a document."""
METHODS: Final = ("get", "put", "post", "delete", "patch", "head", "options")
OF_A_DOCUMENT: Final = frozenset({"openapi", "servers", "paths", "components", "security"})
OF_COMPONENTS: Final = frozenset({"securitySchemes", "parameters", "pathItems"})
"""Members that are read wherever they occur."""
OF_A_PATH_ITEM: Final = frozenset({"servers", "parameters", *METHODS})
OF_AN_OPERATION: Final = frozenset({"operationId", "parameters", "security", "servers", EXTENSION})
UNREAD_IN_AN_OPERATION: Final = frozenset(
    {
        *("tags", "summary", "description", "externalDocs", "deprecated"),
        *("requestBody", "responses", "callbacks"),
        *("consumes", "produces", "schemes"),  # of Swagger 2.0, as converted documents still have
    }
)
DESCRIBES_A_PATH_ITEM: Final = frozenset({"summary", "description"})
NEAR: Final = 0.8
"""The similarity from which one spelling is taken for another."""

_RESTRICTING: Final = ("security", "servers", "parameters", "operationId")
_LONGEST: Final = 100
"""A longer name is compared by its beginning."""
_LOOK_ALIKE: Final = str.maketrans(
    "авсԁеһніјкмопԛгѕтуүрѵхԝαβεικνορτυχսօհ",
    "abcdehhijkmonqrstyypvxwabeikvoptuxuoh",
)
_SEPARATORS = re.compile(r"[^a-z]")


def is_ours(name: str) -> bool:
    """Whether a member is `x-durward`, or a misspelling of it."""
    return _is_ours(name[:_LONGEST])


@lru_cache(maxsize=2 * MAX_NAMES)
def _is_ours(name: str) -> bool:
    plain = _plain(name)
    return plain.startswith(("xdurward", "durward")) or _alike(plain, "xdurward")


def meant(name: str) -> str | None:
    """The restricting member that a misspelled member stands for, if any."""
    return _meant(name[:_LONGEST])


@lru_cache(maxsize=2 * MAX_NAMES)
def _meant(name: str) -> str | None:
    if _is_ours(name):
        return EXTENSION
    if name.startswith("x-") or name == SCHEMA:
        return None
    plain = _plain(name)
    if name.startswith("$") or _alike(plain, "ref"):
        return REF
    if plain.startswith("secur"):
        return "security"
    return next((each for each in _RESTRICTING if _alike(plain, each.lower())), None)


def read_members(
    value: Mapping[str, Json], place: str, read: frozenset[str], found: Findings
) -> None:
    """Count the members that are not read, and refuse misspelled ones that could restrict."""
    for name in value:
        if name not in read:
            check_member(name, place, read, found)
            found.leave(name)


def read_path_item(value: Mapping[str, Json], place: str, found: Findings) -> None:
    """The members of a path item: an unknown one would be an operation that is not declared."""
    for name in value:
        where = pointed(place, name)
        if name in OF_A_PATH_ITEM:
            continue
        if name == "trace":
            found.note(where, "TRACE is not served (RFC 9110 §9.3.8)")
        elif name.startswith("x-") or name in DESCRIBES_A_PATH_ITEM:
            check_member(name, place, OF_A_PATH_ITEM, found)
        elif name.lower() in METHODS:
            found.refuse(where, f"a method is written in lower case: `{name.lower()}`")
        elif name == "security":
            found.refuse(where, "belongs into operations or the document, not into a path item")
        else:
            methods = ", ".join(METHODS)
            problem = f"neither a method that is served ({methods}) nor another member"
            found.refuse(where, f"{problem}; remove it, or write it as `x-{name}`")
        found.leave(name)


def read_operation(value: Mapping[str, Json], place: str, found: Findings) -> None:
    """The members of an operation: an object with unknown ones may be no operation at all.

    For example, a reference that leads to a path item would be an operation without demands.
    """
    for name in value:
        if name in OF_AN_OPERATION:
            continue
        if not (name.startswith("x-") or name in UNREAD_IN_AN_OPERATION or meant(name)):
            hint = f"remove it, or write it as `x-{name}`"
            found.refuse(pointed(place, name), f"operations have no such member; {hint}")
        else:
            check_member(name, place, OF_AN_OPERATION, found)
        found.leave(name)


def check_member(name: str, place: str, read: Iterable[str], found: Findings) -> None:
    """Refuse a member that is ignored in this place but was meant to restrict."""
    wanted = meant(name)
    if wanted is None:
        return
    if wanted.lower() in {each.lower() for each in read}:
        problem = f"not read: the member is called `{wanted}`"
    elif wanted == REF:
        problem = f"not read: `{REF}` belongs into path items and operations"
    elif wanted == EXTENSION:
        problem = f"`{EXTENSION}` belongs into operations only"
    else:
        problem = f"`{wanted}` is not read here; remove it"
    found.refuse(pointed(place, name), problem)


def check_no_extension(value: Mapping[str, Json], place: str, found: Findings) -> None:
    """Refuse `x-durward` in an object that is not an operation."""
    for name in filter(is_ours, value):
        found.refuse(pointed(place, name), f"`{EXTENSION}` belongs into operations only")


def _alike(plain: str, wanted: str) -> bool:
    if not plain or abs(len(plain) - len(wanted)) > 2:  # noqa: PLR2004 - letters
        return False
    return 2 * _in_common(plain, wanted) >= NEAR * (len(plain) + len(wanted))


def _in_common(one: str, other: str) -> int:
    """How many letters two words share in the same order: the longest common subsequence.

    By the bits of one number, a bit for each letter (Hyyrö 2004): a document may have hundreds of
    thousands of names.
    """
    places = _places(other)
    row = full = (1 << len(other)) - 1
    for letter in one:
        if both := row & places.get(letter, 0):
            row = ((row + both) | (row - both)) & full
    return len(other) - row.bit_count()


@cache
def _places(word: str) -> Mapping[str, int]:
    """The positions of each letter of one of our words, as bits."""
    found: dict[str, int] = {}
    for place, letter in enumerate(word):
        found[letter] = found.get(letter, 0) | 1 << place
    return found


def _plain(name: str) -> str:
    """The letters of a name in lower case, with look-alikes replaced by Latin letters."""
    if not name.isascii():
        name = normalize("NFKD", name).lower().translate(_LOOK_ALIKE)
    return _SEPARATORS.sub("", name.lower())
