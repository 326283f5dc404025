"""JSON and YAML of strangers, read strictly, and where in the text a value stands.

YAML is read as JSON means it: no anchors, no tags, no merge, no duplicate keys, keys are text. A
scalar is a number or a boolean only where JSON spells it so; `no`, `0o17` and `2012-10-17` are
text. Positions are found by a second reading, and only when something is wrong.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import yaml

from durward.core.errors import DurwardError, ProtocolError
from durward.core.wire import MAX_DEPTH, Json, parse_json

MAX_DOCUMENT_BYTES = 262_144
MAX_PROBLEMS = 20

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?(?:[eE][+-]?[0-9]{1,2})?\Z")
_CONSTANTS: dict[str, Json] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True)
class Problem:
    """What is wrong, and where: a JSON pointer (RFC 6901), line and column from 1."""

    pointer: str
    message: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = f"{self.line}:{self.column}: " if self.line else ""
        return f"{place}{self.pointer or '/'}: {self.message}"


class PolicyError(DurwardError):
    """A policy document that is not accepted; all its problems at once."""

    def __init__(self, name: str, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(f"{name}:{problem}" for problem in problems))
        self.name = name
        self.problems = tuple(problems)


def parse_text(text: bytes, name: str, *, limit_bytes: int = MAX_DOCUMENT_BYTES) -> Json:
    """JSON or YAML (a subset, see above). Raises PolicyError."""
    if len(text) > limit_bytes:
        raise PolicyError(name, [Problem("", f"larger than {limit_bytes} bytes")])
    if _is_json(text):
        try:
            return parse_json(text, limit_bytes=limit_bytes)
        except ProtocolError as error:
            raise PolicyError(name, [_json_problem(text, error)]) from error
    try:
        node = yaml.compose(text.decode("utf-8"), Loader=_Plain)
        return None if node is None else _value(node, 0)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = (mark.line + 1, mark.column + 1) if mark else (None, None)
        raise PolicyError(name, [Problem("", _told(str(error.problem)), *place)]) from error
    except UnicodeDecodeError as error:
        raise PolicyError(name, [_not_utf8(text, error)]) from error
    except RecursionError as error:
        raise PolicyError(name, [Problem("", f"nested over {MAX_DEPTH} levels")]) from error
    except (yaml.YAMLError, ValueError) as error:
        raise PolicyError(name, [Problem("", f"not YAML: {error}")]) from error


def _told(problem: str) -> str:
    """A problem of YAML, with what authors of policies most often did not know."""
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


def located(problems: Sequence[Problem], text: bytes) -> list[Problem]:
    """The same problems with line and column, as far as the text can be read again."""
    place = place_finder(text)
    return [
        Problem(problem.pointer, problem.message, *place(problem.pointer))
        for problem in problems[:MAX_PROBLEMS]
    ]


def place_finder(text: bytes) -> Callable[[str], tuple[int | None, int | None]]:
    """Line and column of a JSON pointer, or of the nearest that stands above it."""
    places = dict(_places(text))

    def find(pointer: str) -> tuple[int | None, int | None]:
        while pointer and pointer not in places:
            pointer = pointer.rpartition("/")[0]
        return places.get(pointer, (None, None))

    return find


class _Plain(yaml.SafeLoader):
    """A loader of which only the composer is used."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse what makes one text stand for several values, or for very large ones."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(
                problem="anchors and aliases are not read", problem_mark=event.start_mark
            )
        if getattr(event, "tag", None):
            raise yaml.MarkedYAMLError(problem="tags are not read", problem_mark=event.start_mark)
        return super().compose_node(parent, index)


def _value(node: yaml.Node, depth: int) -> Json:
    if depth > MAX_DEPTH:
        raise _wrong(node, f"nested over {MAX_DEPTH} levels")
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, depth + 1) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        members: dict[str, Json] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _wrong(key, "a key is text")
            if key.value in members:
                raise _wrong(key, f"`{key.value}` stands here twice")
            members[key.value] = _value(value, depth + 1)
        return members
    assert isinstance(node, yaml.ScalarNode)  # noqa: S101 - there are three kinds of nodes
    return _scalar(node)


def _scalar(node: yaml.ScalarNode) -> Json:
    text: str = node.value
    if node.style is not None:  # quoted, or a block
        return text
    if text in _CONSTANTS or not text:
        return _CONSTANTS.get(text)
    if _NUMBER.match(text):
        return float(text) if set(text) & set(".eE") else int(text)
    return text


def _wrong(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _places(text: bytes) -> Iterator[tuple[str, tuple[int, int]]]:
    if _is_json(text):
        content = text.decode("utf-8")
        for pointer, _, offset in _members(content):
            yield pointer, _place(content, offset)
        return
    try:
        node = yaml.compose(text.decode("utf-8"), Loader=_Plain)
    except (yaml.YAMLError, ValueError, RecursionError):
        return
    if node is not None:
        yield from _walk(node, "")


def _json_problem(text: bytes, error: ProtocolError) -> Problem:
    cause = error.__cause__
    if isinstance(cause, json.JSONDecodeError):
        message = f"not valid JSON: {cause.msg[:1].lower()}{cause.msg[1:]}"
        return Problem("", message, cause.lineno, cause.colno)
    if isinstance(cause, UnicodeDecodeError):
        return _not_utf8(text, cause)
    if isinstance(cause, RecursionError):
        return Problem("", f"nested over {MAX_DEPTH} levels")
    if cause is None or "duplicate" not in str(cause):
        return Problem("", f"{error.public} {error.private}".strip())
    content, seen = text.decode("utf-8"), set[str]()
    members = _members(content)
    pointer, name, offset = next(member for member in members if _again(member[0], seen))
    where = _place(content, offset)
    return Problem(pointer.rpartition("/")[0], f"`{name}` stands here twice", *where)


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


def _place(content: str, offset: int) -> tuple[int, int]:
    before = content.rfind("\n", 0, offset)
    return content.count("\n", 0, offset) + 1, offset - before


def _walk(node: yaml.Node, pointer: str) -> Iterator[tuple[str, tuple[int, int]]]:
    yield pointer, (node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _walk(item, f"{pointer}/{index}")
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _walk(value, f"{pointer}/{escape(str(key.value))}")


def escape(name: str) -> str:
    """A member's name in a JSON pointer (RFC 6901 §3)."""
    return name.replace("~", "~0").replace("/", "~1")
