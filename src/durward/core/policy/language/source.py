"""JSON and YAML from others, parsed strictly, and the place of each value in the text.

YAML is read as JSON: without tags and duplicate keys, and keys are strings. A scalar is a number or
a boolean only as JSON spells it; `no`, `0o17` and `2012-10-17` are strings. Positions are found by
a second pass, and only when there is a problem.

Anchors, aliases and the merge key `<<` are read only with `aliases`, for documents that others
wrote: repeated content counts as if it were written again, so that a short text cannot become a
large value.

libyaml parses, some ten times as fast as the parser in Python. The latter reads again what libyaml
refuses, if it is short: its messages are better.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

import yaml
from yaml.reader import Reader, ReaderError

from durward.core.difference import printable
from durward.core.errors import DurwardError, ProtocolError
from durward.core.wire import MAX_DEPTH, Json, parse_json

MAX_DOCUMENT_BYTES = 262_144
MAX_PROBLEMS = 20

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?(?:[eE][+-]?[0-9]{1,2})?\Z")
_CONSTANTS: dict[str, Json] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True)
class Problem:
    """A problem and its place: a JSON pointer (RFC 6901), line and column from 1."""

    pointer: str
    message: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = f"{self.line}:{self.column}: " if self.line else ""
        return printable(f"{place}{self.pointer or '/'}: {self.message}")


class PolicyError(DurwardError):
    """A policy document is refused, with all its problems."""

    def __init__(self, name: str, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(f"{name}:{problem}" for problem in problems))
        self.name = name
        self.problems = tuple(problems)


def parse_text(
    text: bytes,
    name: str,
    *,
    limit_bytes: int = MAX_DOCUMENT_BYTES,
    limit_depth: int = MAX_DEPTH,
    aliases: bool = False,
) -> Json:
    """JSON or YAML (a subset, see above). Raises PolicyError."""
    if len(text) > limit_bytes:
        raise PolicyError(name, [Problem("", f"larger than {limit_bytes} bytes")])
    if _is_json(text):
        try:
            return parse_json(text, limit_bytes=limit_bytes, limit_depth=limit_depth)
        except ProtocolError as error:
            if not _may_be_yaml(text, name, error):
                raise PolicyError(name, [_json_problem(text, error, limit_depth)]) from error
    try:
        bounds = _Bounds(limit_depth, limit_bytes if aliases else None)
        return _read(text.decode("utf-8"), bounds)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = (mark.line + 1, mark.column + 1) if mark else (None, None)
        raise PolicyError(name, [Problem("", _told(str(error.problem)), *place)]) from error
    except UnicodeDecodeError as error:
        raise PolicyError(name, [_not_utf8(text, error)]) from error
    except ReaderError as error:
        raise PolicyError(name, [_unacceptable(text.decode("utf-8"))]) from error
    except (yaml.YAMLError, ValueError) as error:
        raise PolicyError(name, [Problem("", f"not YAML: {error}")]) from error


def _unacceptable(text: str) -> Problem:
    """The first character that YAML does not accept (YAML 1.2.2 §5.1)."""
    found = Reader.NON_PRINTABLE.search(text)
    character = f"character U+{ord(found[0]):04X}" if found else "a character"
    place = _place(text, found.start()) if found else (None, None)
    return Problem("", f"not YAML: {character} is not allowed; write it as an escape", *place)


def _told(problem: str) -> str:
    """A problem of YAML, with a hint for the most frequent mistakes."""
    if problem.endswith("got '{'"):
        return f"{problem}: inside `{{…}}` and `[…]` a text with `${{…}}` is quoted"
    if "\\t" in problem:
        return f"{problem}: lines are indented by spaces"
    return problem


def _not_utf8(text: bytes, error: UnicodeDecodeError) -> Problem:
    before = text[: error.start].decode("utf-8", "replace")
    return Problem("", "not UTF-8", *_place(before, len(before)))


def _is_json(text: bytes) -> bool:
    return text.lstrip()[:1] in {b"{", b"["}


def _may_be_yaml(text: bytes, name: str, error: ProtocolError) -> bool:
    """Whether a text that begins like JSON can be YAML, such as `{key: …}` or `[item, …]`."""
    is_json = text.lstrip()[1:].lstrip()[:1] in {b'"', b"{", b"["}
    is_syntax = isinstance(error.__cause__, json.JSONDecodeError)
    return is_syntax and not is_json and name.endswith((".yaml", ".yml"))


def located(problems: Sequence[Problem], text: bytes) -> list[Problem]:
    """The problems with line and column, as far as the text can be parsed again."""
    told = problems[:MAX_PROBLEMS]
    place = place_finder(text, [problem.pointer for problem in told])
    return [Problem(problem.pointer, problem.message, *place(problem.pointer)) for problem in told]


def place_finder(
    text: bytes, pointers: Collection[str] | None = None
) -> Callable[[str], tuple[int | None, int | None]]:
    """A function from a JSON pointer to its line and column, or those of its nearest parent.

    With `pointers`, only these are looked up, which saves memory for a large text.
    """
    wanted = None if pointers is None else {each for one in pointers for each in _above(one)}
    places = {one: place for one, place in _places(text) if wanted is None or one in wanted}

    def find(pointer: str) -> tuple[int | None, int | None]:
        while pointer and pointer not in places:
            pointer = pointer.rpartition("/")[0]
        return places.get(pointer, (None, None))

    return find


_LOADERS: tuple[type, ...] = (yaml.CSafeLoader, yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Limits on nesting, and on the characters that aliases repeat; None: aliases are refused."""

    depth: int
    repeated: int | None


def _read(text: str, bounds: _Bounds) -> Json:
    """The value of a YAML text. Raises YAMLError, ValueError."""
    try:
        return _Builder(bounds).read(_events(text, _LOADERS[0]))
    except yaml.YAMLError:
        if len(text) > MAX_DOCUMENT_BYTES:
            raise
    return _Builder(bounds).read(_events(text, _LOADERS[1]))


def _events(text: str, loader: type) -> Iterator[yaml.Event]:
    """The events of a text of one document without tags."""
    documents = 0
    for event in yaml.parse(text, Loader=loader):
        if getattr(event, "tag", None):
            raise _wrong(event, "tags are not read")
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _wrong(event, "but found another document")
        yield event


MERGE = "<<"
"""The key that takes members from another mapping (https://yaml.org/type/merge.html)."""


@dataclass(slots=True)
class _Known:
    """A value with an anchor: its characters and levels, aliases included."""

    value: Json
    size: int
    height: int


@dataclass(slots=True)
class _Level:
    """A list or mapping that is being read."""

    value: list[Json] | dict[str, Json]
    anchor: str | None = None
    key: str | None = None
    """The key whose value has not been read yet."""
    merges: bool = False
    """Whether that key is the merge key."""
    size: int = 1
    height: int = 0
    """How deep the values in it nest."""
    merged: list[dict[str, Json]] = field(default_factory=list)
    has_merged: bool = False
    """Whether it has a merge key: of two, readers differ in which one counts."""


class _Builder:
    """Builds the value that the events describe."""

    def __init__(self, bounds: _Bounds) -> None:
        self._bounds = bounds
        self._levels: list[_Level] = [_Level([])]
        self._known: dict[str, _Known | None] = {}
        """The anchors by their names; None while the value is being read."""
        self._repeated = 0

    def read(self, events: Iterator[yaml.Event]) -> Json:
        """The value of all events; None if there is none. Raises MarkedYAMLError."""
        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                self._read_scalar(event)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._open(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._close(event)
            elif isinstance(event, yaml.AliasEvent):
                self._repeat(event)
        whole = self._levels[0].value
        return whole[0] if isinstance(whole, list) and whole else None

    def _read_scalar(self, event: yaml.ScalarEvent) -> None:
        level = self._levels[-1]
        if len(self._levels) > self._bounds.depth + 1:
            raise self._too_deep(event)
        if isinstance(level.value, dict) and level.key is None:
            self._check_anchor(event)
            level.key = _key(event, level.value)
            level.merges = not event.style and level.key == MERGE
            if level.merges and level.has_merged:
                raise _wrong(event, f"`{MERGE}` occurs twice; merge a list: `{MERGE}: [*a, *b]`")
            level.has_merged |= level.merges
            level.size += len(level.key)
            return
        value = _scalar(event)
        if event.anchor:
            self._check_anchor(event)
            self._known[event.anchor] = _Known(value, len(event.value) + 1, 0)
        self._place(level, value, len(event.value) + 1, 0, event)

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        level = self._levels[-1]
        if len(self._levels) > self._bounds.depth + 1:
            raise self._too_deep(event)
        if isinstance(level.value, dict) and level.key is None:
            raise _wrong(event, "a key must be a string")
        if event.anchor:
            self._check_anchor(event)
            self._known[event.anchor] = None
        value: list[Json] | dict[str, Json]
        value = [] if isinstance(event, yaml.SequenceStartEvent) else {}
        self._levels.append(_Level(value, event.anchor))

    def _close(self, event: yaml.Event) -> None:
        level = self._levels.pop()
        if isinstance(level.value, dict):
            for other in level.merged:
                for name, value in other.items():
                    level.value.setdefault(name, value)
        height = level.height + 1
        if level.anchor:
            self._known[level.anchor] = _Known(level.value, level.size, height)
        self._place(self._levels[-1], level.value, level.size, height, event)

    def _repeat(self, event: yaml.AliasEvent) -> None:
        level = self._levels[-1]
        self._check_anchor(event)
        name = str(event.anchor)
        if name not in self._known:
            raise _wrong(event, f"the anchor `{name}` is not defined before")
        known = self._known[name]
        if known is None:
            raise _wrong(event, f"the anchor `{name}` contains itself")
        if isinstance(level.value, dict) and level.key is None:
            raise _wrong(event, "a key must be a string")
        self._repeated += known.size
        if self._repeated > (self._bounds.repeated or 0):
            raise _wrong(event, f"aliases repeat more than {self._bounds.repeated} characters")
        if len(self._levels) + known.height > self._bounds.depth + 1:
            raise self._too_deep(event)
        self._place(level, known.value, known.size, known.height, event)

    def _place(self, level: _Level, value: Json, size: int, height: int, event: yaml.Event) -> None:
        level.size += size
        level.height = max(level.height, height)
        if isinstance(level.value, list):
            level.value.append(value)
            return
        if level.merges:
            others = value if isinstance(value, list) else [value]
            mappings = [each for each in others if isinstance(each, dict)]
            if len(mappings) < len(others) or self._bounds.repeated is None:
                raise _wrong(event, f"`{MERGE}` merges mappings alone")
            level.merged += mappings
        else:
            level.value[str(level.key)] = value
        level.key = None

    def _check_anchor(self, event: yaml.Event) -> None:
        if self._bounds.repeated is None and getattr(event, "anchor", None):
            raise _wrong(event, "anchors and aliases are not read")

    def _too_deep(self, event: yaml.Event) -> yaml.MarkedYAMLError:
        return _wrong(event, f"nested over {self._bounds.depth} levels")


def _key(event: yaml.ScalarEvent, level: dict[str, Json]) -> str:
    if event.value in level:
        raise _wrong(event, f"`{event.value}` occurs twice")
    return str(event.value)


def _scalar(event: yaml.ScalarEvent) -> Json:
    text: str = event.value
    if event.style:  # quoted, or a block
        return text
    if text in _CONSTANTS or not text:
        return _CONSTANTS.get(text)
    if _NUMBER.match(text):
        return float(text) if set(text) & set(".eE") else int(text)
    return text


def _wrong(event: yaml.Event, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=_mark(event))


def _mark(event: yaml.Event) -> yaml.Mark:
    mark: yaml.Mark = event.start_mark  # type: ignore[assignment]  # every event has one
    return mark


def _above(pointer: str) -> Iterator[str]:
    """A pointer and those of its parents."""
    yield pointer
    while pointer:
        pointer = pointer.rpartition("/")[0]
        yield pointer


def _places(text: bytes) -> Iterator[tuple[str, tuple[int, int]]]:
    if _is_json(text):
        content = text.decode("utf-8")
        try:
            json.loads(content)
        except ValueError:  # `{key: …}` in a file of YAML
            pass
        else:
            yield from _member_places(content)
            return
    try:
        yield from _event_places(_events(text.decode("utf-8"), _LOADERS[0]))
    except (yaml.YAMLError, ValueError):
        return


def _json_problem(text: bytes, error: ProtocolError, limit_depth: int) -> Problem:
    cause = error.__cause__
    if isinstance(cause, json.JSONDecodeError):
        message = f"not valid JSON: {cause.msg[:1].lower()}{cause.msg[1:]}"
        return Problem("", message, cause.lineno, cause.colno)
    if isinstance(cause, UnicodeDecodeError):
        return _not_utf8(text, cause)
    if isinstance(cause, RecursionError):
        return Problem("", f"nested over {limit_depth} levels")
    if cause is None or "duplicate" not in str(cause):
        return Problem("", f"{error.public} {error.private}".strip())
    content, seen = text.decode("utf-8"), set[str]()
    members = _members(content)
    pointer, name, offset = next(member for member in members if _again(member[0], seen))
    where = _place(content, offset)
    return Problem(pointer.rpartition("/")[0], f"`{name}` occurs twice", *where)


def _again(pointer: str, seen: set[str]) -> bool:
    known = pointer in seen
    seen.add(pointer)
    return known


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def _members(content: str) -> Iterator[tuple[str, str, int]]:
    """Every value of a JSON text: its pointer, its name, the offset of its first character."""
    levels: list[str | int | None] = []  # the name of the value that is next, once it has been read
    for found in _TOKEN.finditer(content):
        sign = found[0]
        if sign in {"}", "]"}:
            levels.pop()
        elif sign == ",":
            place = levels[-1]
            levels[-1] = place + 1 if isinstance(place, int) else None
        elif levels and levels[-1] is None:
            levels[-1] = json.loads(sign)
        elif sign != ":":
            names = [str(name) for name in levels]
            yield "".join(f"/{escape(name)}" for name in names), "".join(names[-1:]), found.start()
            if sign in {"{", "["}:
                levels.append(None if sign == "{" else 0)


def _member_places(content: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Every value of a JSON text with its place; lines are counted from the value before."""
    line, begins, before = 1, 0, 0
    for pointer, _, offset in _members(content):
        if passed := content.count("\n", before, offset):
            line += passed
            begins = content.rfind("\n", before, offset) + 1
        before = offset
        yield pointer, (line, offset - begins + 1)


def _place(content: str, offset: int) -> tuple[int, int]:
    before = content.rfind("\n", 0, offset)
    return content.count("\n", 0, offset) + 1, offset - before


def _event_places(events: Iterator[yaml.Event]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Every value of a YAML text: its pointer, and its line and column."""
    levels: list[tuple[str, bool]] = []  # the pointer of each, and whether it is a mapping
    names: list[str | int | None] = []  # of what is next in each
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            levels.pop()
            names.pop()
        elif isinstance(event, yaml.NodeEvent):
            if levels and names[-1] is None:
                names[-1] = str(getattr(event, "value", ""))
                continue
            pointer = ""
            if levels:
                above, is_mapping = levels[-1]
                pointer = f"{above}/{escape(str(names[-1]))}"
                names[-1] = None if is_mapping else int(names[-1] or 0) + 1
            mark = _mark(event)
            yield pointer, (mark.line + 1, mark.column + 1)
            if isinstance(event, yaml.CollectionStartEvent):
                is_mapping = isinstance(event, yaml.MappingStartEvent)
                levels.append((pointer, is_mapping))
                names.append(None if is_mapping else 0)


def escape(name: str) -> str:
    """A member's name in a JSON pointer (RFC 6901 §3)."""
    return name.replace("~", "~0").replace("/", "~1")
