"""Names with wildcards and variables: actions, resources, the values of conditions.

`*` stands for any run of characters, `?` for one, `${key}` for the value of a key, `${key, 'text'}`
for it or else the text, `${*}`, `${?}` and `${$}` for the characters themselves. What a variable
brings in is literal: a `*` in a user's name is not a wildcard. What is left once every variable has
its value, `wildcards` compares with a text.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from durward.core.policy.language.automaton import QUESTION, STAR, Parts, Wildcard
from durward.core.policy.language.wildcards import Test, compile_parts, matches

MAX_WILDCARDS = 16
MAX_PATTERN_CHARACTERS = 2_048
ARN_SEGMENTS = 6
NO_KEYS: frozenset[str] = frozenset()

Lookup = Callable[[str], object]
"""The value of a key in lower case: text, a tuple of texts, or None where it is absent.

Anything else is a value that cannot be read.
"""
Segments = Sequence[str]
"""An ARN, split on its first five colons."""

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_KEY = re.compile(r"[A-Za-z][\w ./:@=+-]*\Z")
"""What may be a key in some dialect; a document's own says more."""
_DEFAULT = re.compile(r"\s*([^,']+?)\s*,\s*'([^']*)'\s*\Z")


@dataclass(frozen=True, slots=True)
class Variable:
    """`${key}` or `${key, 'default'}`."""

    key: str
    default: str | None = None


Part = str | Variable | Wildcard


class Unresolved(Exception):  # noqa: N818 - not an error of anybody's
    """A variable has no value, or several: the text that holds it matches nothing."""


class Unreadable(Exception):  # noqa: N818 - a fact about the request
    """A value of the request that is not of the type that is asked for."""


@dataclass(frozen=True, slots=True)
class Template:
    """Text with variables and, where the place allows them, wildcards.

    `keys` are those that its variables read; `test` is there where it has none; `literal` is the
    one text that it means, if it is one.
    """

    text: str
    parts: tuple[Part, ...]
    keys: frozenset[str] = field(init=False, compare=False, repr=False)
    test: Test | None = field(init=False, compare=False, repr=False)
    literal: str | None = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        fixed = tuple(part for part in self.parts if not isinstance(part, Variable))
        varying = (part.key for part in self.parts if isinstance(part, Variable))
        object.__setattr__(self, "keys", frozenset(varying))
        object.__setattr__(self, "test", None if self.keys else compile_parts(fixed))
        first = self.parts[0] if self.parts else ""
        is_text = len(self.parts) < 2 and isinstance(first, str)  # noqa: PLR2004
        object.__setattr__(self, "literal", first if is_text else None)

    @property
    def is_star(self) -> bool:
        """Whether everything matches it."""
        return self.parts == (STAR,)

    @property
    def widest(self) -> Parts:
        """With `*` for each variable: it may bring in any text."""
        return widest(self.parts)

    @property
    def beginning(self) -> str:
        """The text before the first wildcard or variable."""
        first = self.parts[0] if self.parts else ""
        return first if isinstance(first, str) else ""

    def matches(self, text: str, lookup: Lookup) -> bool:
        """Whether it means the whole text. Raises Unresolved, Unreadable.

        The beginning is compared first: where it says no, no variable is looked up.
        """
        if self.test:
            return self.test(text)
        return text.startswith(self.beginning) and matches(self.resolve(lookup), text)

    def filled(self, known: Mapping[str, object]) -> "Template":
        """The same with the variables that are known replaced. Raises Unresolved, Unreadable."""
        parts = (
            _substitute(part, known.get)
            if isinstance(part, Variable) and part.key in known
            else part
            for part in self.parts
        )
        return Template(self.text, joined(parts))

    def resolve(self, lookup: Lookup) -> Parts:
        """The parts with every variable replaced. Raises Unresolved, Unreadable."""
        return tuple(
            _substitute(part, lookup) if isinstance(part, Variable) else part for part in self.parts
        )


def _substitute(variable: Variable, lookup: Lookup) -> str:
    value = lookup(variable.key)
    if isinstance(value, str):
        return value
    if value is None or value == ():
        if variable.default is None:
            raise Unresolved(variable.key)
        return variable.default
    # A key of several values is no variable; what is not even that cannot be read.
    raise Unresolved(variable.key) if isinstance(value, tuple) else Unreadable(variable.key)


def fill_in(text: str, known: Mapping[str, object]) -> str:
    """A text with the variables that are known replaced by what they bring in, literally.

    Raises Unresolved, Unreadable.
    """

    def filled(found: re.Match[str]) -> str:
        part = _variable(found[1])
        if not isinstance(part, Variable) or part.key not in known:
            return found[0]
        return literally(_substitute(part, known.get), wildcards=False)

    return _VARIABLE.sub(filled, text)


def widened(text: str, *, wildcards: bool) -> str:
    """A text with `*` for variables; without `wildcards` in it, its other signs are literal."""
    found, place = "", 0
    for variable in _VARIABLE.finditer(text):
        found += literally(text[place : variable.start()], wildcards=wildcards)
        is_sign = variable[1] in {"*", "?", "$"}
        found += variable[0] if is_sign else "*"
        place = variable.end()
    return found + literally(text[place:], wildcards=wildcards)


def with_literal_signs(text: str) -> str:
    """A text whose wildcards are literal and whose variables stay: as one without wildcards."""
    found, place = "", 0
    for variable in _VARIABLE.finditer(text):
        found += literally(text[place : variable.start()], wildcards=False) + variable[0]
        place = variable.end()
    return found + literally(text[place:], wildcards=False)


def replaced(text: str, key: str, by: str) -> str:
    """A text with another, in which variables may stand, for each variable that reads a key."""

    def other(found: re.Match[str]) -> str:
        part = _variable(found[1])
        return by if isinstance(part, Variable) and part.key == key else found[0]

    return _VARIABLE.sub(other, text)


def renamed(text: str, key: str, name: str) -> str:
    """A text whose variables read another key for one; what stands for its absence stays."""

    def other(found: re.Match[str]) -> str:
        part = _variable(found[1])
        if not isinstance(part, Variable) or part.key != key:
            return found[0]
        default = "" if part.default is None else f", '{part.default}'"
        return f"${{{name}{default}}}"

    return _VARIABLE.sub(other, text)


def literally(text: str, *, wildcards: bool) -> str:
    """A text that means itself; with `wildcards`, those in it keep their meaning."""
    return text if wildcards else re.sub(r"[*?$]", r"${\g<0>}", text)


def parse_template(text: str, *, wildcards: bool, variables: bool = True) -> Template:
    """Read a text with its variables. Raises ValueError with what is wrong."""
    if len(text) > MAX_PATTERN_CHARACTERS:
        raise ValueError(f"longer than {MAX_PATTERN_CHARACTERS} characters")
    parts = joined(_parts(text, wildcards=wildcards, variables=variables))
    if sum(isinstance(part, Wildcard) for part in parts) > MAX_WILDCARDS:
        raise ValueError(f"more than {MAX_WILDCARDS} wildcards")
    return Template(text, parts)


def joined(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Neighbouring texts as one, without empty ones; `**` is `*`."""
    found: list[Part] = []
    for part in parts:
        if isinstance(part, str) and found and isinstance(found[-1], str):
            found[-1] += part
        elif part != "" and not (part == STAR and found and found[-1] == STAR):
            found.append(part)
    return tuple(found)


@lru_cache(maxsize=4096)
def widest(parts: tuple[Part, ...]) -> Parts:
    """A pattern in which a variable can be anything."""
    found = joined(STAR if isinstance(part, Variable) else part for part in parts)
    return tuple(part for part in found if not isinstance(part, Variable))


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
    elif "'" in inside:
        hint = "a default stands in `'…'`, without `'` and `}` in it"
        raise ValueError(f"`${{{inside}}}` has a default that cannot be read; {hint}")
    inside = inside.strip()
    if not _KEY.match(inside):
        raise ValueError(f"`${{{inside}}}` names no key")
    return Variable(inside.lower(), default)


@dataclass(frozen=True, slots=True)
class ActionPattern:
    """`api:Name` with wildcards in the name, without regard to case; or a lone `*`."""

    text: str
    template: Template

    def matches(self, action: str) -> bool:
        """Whether it means the action, given in lower case."""
        return self.template.matches(action, _nothing)


def _nothing(_: str) -> None:
    return None


_ACTION = re.compile(r"[A-Za-z][A-Za-z0-9-]*:[A-Za-z0-9*?_.-]+\Z")


def parse_action(text: str) -> ActionPattern:
    """Read an action pattern. Raises ValueError."""
    if text != "*" and not _ACTION.match(text):
        raise ValueError(f"`{text}` is not an action; write `api:Name`, or `*`")
    return action_pattern(text)


def action_pattern(text: str) -> ActionPattern:
    """The pattern of a text that was found to be one. Raises ValueError."""
    return ActionPattern(text, parse_template(text.lower(), wildcards=True, variables=False))


@dataclass(frozen=True, slots=True)
class ResourcePattern:
    """Six segments, each matched on its own, the last across `/` and `:`; or a lone `*`.

    In a document of AWS there may be fewer: then the last is matched against all of the rest.
    """

    text: str
    segments: tuple[Template, ...] | None

    @property
    def keys(self) -> frozenset[str]:
        """The keys that its variables read."""
        return keys_in(self.segments or ())

    def matches(self, resource: Segments, lookup: Lookup) -> bool:
        """Whether it names the resource. Raises Unresolved, Unreadable.

        The segments without variables are held against it first: where one of them says no, no
        variable is looked up.
        """
        if self.segments is None:
            return True
        given_before = len(self.segments) - 1
        if given_before < ARN_SEGMENTS - 1:
            resource = [*resource[:given_before], ":".join(resource[given_before:])]
        varying = []
        for template, given in zip(self.segments, resource, strict=True):
            if template.test is None:
                varying.append((template, given))
            elif not template.test(given):
                return False
        return all(template.matches(given, lookup) for template, given in varying)

    def resolve(self, lookup: Lookup) -> None:
        """Look every variable up. Raises Unresolved, Unreadable."""
        for template in self.segments or ():
            template.resolve(lookup)


def keys_in(templates: Iterable[Template]) -> frozenset[str]:
    """The keys that the variables of some templates read; most have none."""
    found = [template.keys for template in templates if template.keys]
    return frozenset().union(*found) if found else NO_KEYS


_SEGMENT = re.compile(r"(?:\$\{[^}]*\}|[^:])*")


def split_arn(text: str) -> list[str]:
    """The segments of an ARN in which variables may stand: a colon inside `${…}` separates none."""
    segments: list[str] = []
    place = 0
    while len(segments) < ARN_SEGMENTS - 1:
        found = _SEGMENT.match(text, place)
        end = found.end() if found else place
        segments.append(text[place:end])
        if end == len(text):
            return segments
        place = end + 1
    return [*segments, text[place:]]


def parse_resource(text: str) -> ResourcePattern:
    """Read a resource pattern; variables stand in the tenant and the last segment only.

    Raises ValueError.
    """
    if text == "*":
        return ResourcePattern(text, None)
    segments = split_arn(text)
    if len(segments) != ARN_SEGMENTS or segments[0] != "arn" or segments[1] != "durward":
        shape = "arn:durward:<api>:<stage>:<tenant>:<type>/<id>"
        raise ValueError(f"`{text}` is not a resource; write `{shape}`, or `*`")
    if any("${" in segment for segment in segments[:4]):
        raise ValueError(f"`{text}` has a variable before the tenant")
    if not segments[-1]:
        raise ValueError(f"`{text}` names no resource after its tenant")
    return resource_pattern(text, segments)


def resource_pattern(text: str, segments: Segments) -> ResourcePattern:
    """The pattern of some segments. Raises ValueError."""
    templates = (*map(_segment, segments[:-1]), parse_template(segments[-1], wildcards=True))
    if sum(isinstance(p, Wildcard) for t in templates for p in t.parts) > MAX_WILDCARDS:
        raise ValueError(f"more than {MAX_WILDCARDS} wildcards")
    return ResourcePattern(text, templates)


@lru_cache(maxsize=4096)
def _segment(text: str) -> Template:
    """One of the first five segments: thousands of statements share a few."""
    return parse_template(text, wildcards=True)
