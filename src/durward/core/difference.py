"""Two JSON values held against each other, and what differs in words for people.

Lists of texts are held against each other as sets; lists of things with names by these. Whatever
differs is told: where only the order or the spelling does, that is.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Final

from durward.core.wire import Json, compact_json

MAX_CHARACTERS: Final = 80
"""Of one value that is told."""
BEFORE_CHARACTERS: Final = 20
"""Of what is told before two long values begin to differ."""
MAX_PLACE_CHARACTERS: Final = 160
MAX_LISTED: Final = 4
"""How many that came, and how many that went, are told of one list."""
NAMING: Final = ("Sid", "name")
"""Members by which the things of a list are known."""
OTHERWISE: Final = "written otherwise"


@dataclass(frozen=True, slots=True)
class Detail:
    """One line: what came (`+`), went (`-`) or changed (`~`), and where.

    `widens` tells that more may be allowed than before; it is not asked whether anybody gains.
    """

    sign: str
    place: str
    text: str = ""
    widens: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """What went from a place, and what came there; neither where it is only written otherwise."""

    path: tuple[str, ...]
    gone: tuple[Json, ...] = ()
    new: tuple[Json, ...] = ()
    listed: bool = False
    """Whether these are some of a list."""
    whole: bool = False
    """Whether the member itself came or went."""

    def detail(self, *, widens: bool = False, within: str = "") -> Detail:
        """In words; `within` is where the path begins."""
        place = excerpt(f"{within}{pointer(self.path)}", MAX_PLACE_CHARACTERS)
        if self.listed:
            return Detail("~", place, summarize_list(self.new, self.gone), widens)
        if len(self.gone) == len(self.new) == 1:
            return Detail("~", place, " → ".join(apart(self.gone[0], self.new[0])), widens)
        before, after = map(describe_value, self.gone), map(describe_value, self.new)
        if not self.gone and not self.new:
            return Detail("~", place, OTHERWISE, widens)
        sign = "~" if self.gone and self.new else "+" if self.new else "-"
        return Detail(sign, place, " → ".join(chain(before, after)), widens)


def differences(before: Json, after: Json, path: tuple[str, ...] = ()) -> Iterator[Difference]:
    """Everything in which two values differ, in the order of their places."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            yield from _member(before, after, name, (*path, name))
    elif isinstance(before, list) or isinstance(after, list):
        first, second = _as_list(before), _as_list(after)
        if all(map(_is_plain, chain(first, second))):
            yield from _of_list(first, second, path, same_kind=type(before) is type(after))
        else:
            yield from _of_things(first, second, path)
    elif key(before) != key(after):
        yield Difference(path, (before,), (after,))


def _member(
    before: dict[str, Json], after: dict[str, Json], name: str, path: tuple[str, ...]
) -> Iterator[Difference]:
    if name in before and name in after:
        yield from differences(before[name], after[name], path)
        return
    value = before[name] if name in before else after[name]
    came = name in after
    listed = isinstance(value, list) and bool(value) and all(map(_is_plain, value))
    values = tuple(value) if listed and isinstance(value, list) else (value,)
    gone, new = ((), values) if came else (values, ())
    yield Difference(path, gone, new, listed=listed, whole=True)


def _of_list(
    before: Sequence[Json], after: Sequence[Json], path: tuple[str, ...], *, same_kind: bool
) -> Iterator[Difference]:
    first = {key(each): each for each in before}
    second = {key(each): each for each in after}
    gone = tuple(each for found, each in first.items() if found not in second)
    new = tuple(each for found, each in second.items() if found not in first)
    if gone or new:
        yield Difference(path, gone, new, listed=True)
    elif not same_kind or [*map(key, before)] != [*map(key, after)]:
        yield Difference(path)


def _of_things(
    before: Sequence[Json], after: Sequence[Json], path: tuple[str, ...]
) -> Iterator[Difference]:
    first, second = items_by_name(before), items_by_name(after)
    found = list(differences(first, second, path))
    yield from found
    if not found and [*first] != [*second]:
        yield Difference(path)


def items_by_name(things: Iterable[Json]) -> dict[str, Json]:
    """The things of a list by their names, or their places from 1 on where one has none."""
    found: dict[str, Json] = {}
    places = count(1)
    for thing in things:
        place = f"#{next(places)}"
        names = (thing.get(member) for member in NAMING) if isinstance(thing, dict) else ()
        name = next((name for name in names if name and isinstance(name, str)), place)
        found[name if name not in found else f"{name}{place}"] = thing
    return found


def _as_list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


def _is_plain(value: Json) -> bool:
    return not isinstance(value, list | dict)


def key(value: Json) -> tuple[type, str]:
    """What tells two plain values apart: in Python 1, 1.0 and true are equal."""
    return type(value), str(value)


def pointer(path: Iterable[str]) -> str:
    """A JSON pointer (RFC 6901 §3)."""
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in path)


def describe_value(value: Json) -> str:
    """A value in words, of bounded length."""
    return excerpt(_in_words(value))


def apart(one: Json, other: Json) -> tuple[str, str]:
    """Two values that differ in words that differ too: long ones from shortly before that place."""
    first, second = _in_words(one), _in_words(other)
    if excerpt(first) == excerpt(second) and first != second:
        same = next(
            (place for place, (a, b) in enumerate(zip(first, second, strict=False)) if a != b),
            min(len(first), len(second)),
        )
        begin = max(same - BEFORE_CHARACTERS, 0)
        first, second = (f"…{each[begin:]}" for each in (first, second))
    return excerpt(first), excerpt(second)


def _in_words(value: Json) -> str:
    return value if isinstance(value, str) else compact_json(value).decode()


def summarize_list(new: Sequence[Json], gone: Sequence[Json]) -> str:
    """What came into a list and what went from it: the first few, and how many more."""
    signed: list[str] = []
    for sign, values, others in (("+", new, gone), ("-", gone, new)):
        alike = {describe_value(other): other for other in reversed(others)}
        words = (
            apart(value, alike.get(describe_value(value), value))[0]
            for value in values[:MAX_LISTED]
        )
        signed += [f"{sign} {each}" for each in words]
        if len(values) > MAX_LISTED:
            signed.append(f"{sign} {len(values) - MAX_LISTED} more")
    return ", ".join(signed)


def excerpt(text: str, limit: int = MAX_CHARACTERS) -> str:
    r"""A text that may stand on a terminal: cut, and what cannot be printed as `\\uXXXX`."""
    return printable(text if len(text) <= limit else f"{text[: limit - 1]}…")


def printable(text: str) -> str:
    r"""A line of what others wrote: what cannot be printed, ends of lines too, as `\\uXXXX`.

    So JSON escapes it (RFC 8259 §7): text that is JSON stays the same JSON.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
