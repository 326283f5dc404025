"""Names with wildcards and variables: actions, resources, the values of conditions.

`*` stands for any run of characters, `?` for one, `${key}` for the value of a key, `${key, 'text'}`
for it or else the text, `${*}`, `${?}` and `${$}` for the characters themselves. What a variable
brings in is literal: a `*` in a user's name is not a wildcard. Matching never backtracks.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

MAX_WILDCARDS = 16
MAX_PATTERN_CHARACTERS = 2_048
ARN_SEGMENTS = 6

Lookup = Callable[[str], str | tuple[str, ...] | None]
"""The value of a key in lower case, or None where it is absent."""

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9-]*:[A-Za-z0-9][A-Za-z0-9_./:@=+-]*\Z")
_DEFAULT = re.compile(r"\s*([^,']+?)\s*,\s*'([^']*)'\s*\Z")


@dataclass(frozen=True, slots=True)
class Variable:
    """`${key}` or `${key, 'default'}`."""

    key: str
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`*` or `?`."""

    sign: str


STAR, QUESTION = Wildcard("*"), Wildcard("?")
Part = str | Variable | Wildcard


class Unresolved(Exception):  # noqa: N818 - not an error of anybody's
    """A variable has no value: the text that holds it matches nothing."""


@dataclass(frozen=True, slots=True)
class Template:
    """Text with variables and, where the place allows them, wildcards."""

    text: str
    parts: tuple[Part, ...]

    @property
    def keys(self) -> frozenset[str]:
        """The keys that its variables read."""
        return frozenset(part.key for part in self.parts if isinstance(part, Variable))

    def resolve(self, lookup: Lookup) -> tuple[str | Wildcard, ...]:
        """The parts with every variable replaced. Raises Unresolved."""
        return tuple(
            _substitute(part, lookup) if isinstance(part, Variable) else part for part in self.parts
        )

    def literal(self, lookup: Lookup) -> str:
        """The text where no wildcard can stand. Raises Unresolved."""
        return "".join(str(part) for part in self.resolve(lookup))


def _substitute(variable: Variable, lookup: Lookup) -> str:
    value = lookup(variable.key)
    if value is None:
        value = variable.default
    if not isinstance(value, str):  # absent, or of many values
        raise Unresolved(variable.key)
    return value


def parse_template(text: str, *, wildcards: bool, variables: bool = True) -> Template:
    """Read a text; `wildcards` says whether `*` and `?` mean more than themselves.

    Raises ValueError with what is wrong.
    """
    if len(text) > MAX_PATTERN_CHARACTERS:
        raise ValueError(f"longer than {MAX_PATTERN_CHARACTERS} characters")
    parts: list[Part] = []
    for part in _parts(text, wildcards=wildcards, variables=variables):
        if isinstance(part, str) and parts and isinstance(parts[-1], str):
            parts[-1] += part
        elif not (part == STAR and parts and parts[-1] == STAR):  # `**` is `*`
            parts.append(part)
    if sum(isinstance(part, Wildcard) for part in parts) > MAX_WILDCARDS:
        raise ValueError(f"more than {MAX_WILDCARDS} wildcards")
    return Template(text, tuple(parts))


def _parts(text: str, *, wildcards: bool, variables: bool) -> Iterator[Part]:
    place = 0
    for found in _VARIABLE.finditer(text) if variables else ():
        yield from _signs(text[place : found.start()], wildcards=wildcards)
        yield _variable(found[1])
        place = found.end()
    rest = text[place:]
    if variables and "${" in rest:
        raise ValueError(f"`{text}` has a variable without its end")
    yield from _signs(rest, wildcards=wildcards)


def _signs(text: str, *, wildcards: bool) -> Iterator[Part]:
    if not wildcards:
        if text:
            yield text
        return
    for piece in re.split(r"([*?])", text):
        if piece == "*":
            yield STAR
        elif piece == "?":
            yield QUESTION
        elif piece:
            yield piece


def _variable(inside: str) -> Part:
    if inside in {"*", "?", "$"}:
        return inside
    default = None
    if found := _DEFAULT.match(inside):
        inside, default = found[1], found[2]
    inside = inside.strip()
    if not _KEY.match(inside):
        raise ValueError(f"`${{{inside}}}` names no key")
    return Variable(inside.lower(), default)


def matches(parts: Sequence[str | Wildcard], text: str) -> bool:
    """Whether the whole text is what the parts describe."""
    if STAR not in parts:
        if QUESTION not in parts:
            return "".join(map(str, parts)) == text
        return bool(_chunk(tuple(parts)).fullmatch(text))
    chunks = _split(parts)
    first = _chunk(chunks[0]).match(text)
    if first is None:
        return False
    place, end = first.end(), len(text)
    last = _width(chunks[-1])
    for chunk in chunks[1:-1]:
        found = _chunk(chunk).search(text, place)
        if found is None:
            return False
        place = found.end()
    return end - last >= place and bool(_chunk(chunks[-1]).fullmatch(text, end - last))


def _split(parts: Sequence[str | Wildcard]) -> list[tuple[str | Wildcard, ...]]:
    chunks: list[tuple[str | Wildcard, ...]] = [()]
    for part in parts:
        if part == STAR:
            chunks.append(())
        else:
            chunks[-1] += (part,)
    return chunks


def _width(chunk: tuple[str | Wildcard, ...]) -> int:
    return sum(len(part) if isinstance(part, str) else 1 for part in chunk)


@lru_cache(maxsize=4096)
def _chunk(chunk: tuple[str | Wildcard, ...]) -> re.Pattern[str]:
    """Literals and single characters only: nothing in it can be tried in two ways."""
    pieces = (re.escape(part) if isinstance(part, str) else "." for part in chunk)
    return re.compile("".join(pieces), re.DOTALL)


@dataclass(frozen=True, slots=True)
class ActionPattern:
    """`api:Name` with wildcards in the name, without regard to case; or a lone `*`."""

    text: str
    parts: tuple[str | Wildcard, ...]

    def matches(self, action: str) -> bool:
        """Whether it means the action, given in lower case."""
        return matches(self.parts, action)


_ACTION = re.compile(r"[a-z][a-z0-9-]*:[A-Za-z0-9*?_.-]+\Z")


def parse_action(text: str) -> ActionPattern:
    """Read an action pattern. Raises ValueError."""
    if text != "*" and not _ACTION.match(text):
        raise ValueError(f"`{text}` is not an action; write `api:Name`, or `*`")
    template = parse_template(text.lower(), wildcards=True, variables=False)
    parts = tuple(part for part in template.parts if not isinstance(part, Variable))
    return ActionPattern(text, parts)


@dataclass(frozen=True, slots=True)
class ResourcePattern:
    """Six segments, each matched on its own, the last across `/` and `:`; or a lone `*`."""

    text: str
    segments: tuple[Template, ...] | None

    @property
    def keys(self) -> frozenset[str]:
        """The keys that its variables read."""
        return frozenset().union(*(segment.keys for segment in self.segments or ()))

    def matches(self, resource: str, lookup: Lookup) -> bool:
        """Whether it names the resource. Raises Unresolved."""
        if self.segments is None:
            return True
        given = resource.split(":", ARN_SEGMENTS - 1)
        if len(given) != ARN_SEGMENTS:
            return False
        resolved = [segment.resolve(lookup) for segment in self.segments]
        return all(map(matches, resolved, given))


def parse_resource(text: str) -> ResourcePattern:
    """Read a resource pattern; variables stand in the tenant and the last segment only.

    Raises ValueError.
    """
    if text == "*":
        return ResourcePattern(text, None)
    masked = _VARIABLE.sub(lambda found: found[0].replace(":", "\0"), text)
    segments = [part.replace("\0", ":") for part in masked.split(":", ARN_SEGMENTS - 1)]
    if len(segments) != ARN_SEGMENTS or segments[0] != "arn" or segments[1] != "durward":
        shape = "arn:durward:<api>:<stage>:<tenant>:<type>/<id>"
        raise ValueError(f"`{text}` is not a resource; write `{shape}`, or `*`")
    if any("${" in segment for segment in segments[:4]):
        raise ValueError(f"`{text}` has a variable before the tenant")
    if not segments[-1]:
        raise ValueError(f"`{text}` names no resource after its tenant")
    templates = tuple(parse_template(segment, wildcards=True) for segment in segments)
    if sum(isinstance(p, Wildcard) for t in templates for p in t.parts) > MAX_WILDCARDS:
        raise ValueError(f"more than {MAX_WILDCARDS} wildcards")
    return ResourcePattern(text, templates)
