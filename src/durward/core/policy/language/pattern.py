"""Patterns with wildcards and variables: actions, resources, the values of conditions.

`*` matches any string, `?` one character, `${key}` the value of a key, `${key, 'text'}` that value
or else the text; `${*}`, `${?}` and `${$}` match the characters themselves. The value of a variable
is literal: a `*` in a user's name is not a wildcard. Once every variable has its value, `wildcards`
matches the rest.
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
"""The value of a key (in lower case): a string, a tuple of strings, or None if it is absent.

Any other value is unreadable.
"""
Segments = Sequence[str]
"""An ARN, split on its first five colons."""

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_KEY = re.compile(r"[A-Za-z][\w ./:@=+-]*\Z")
"""A superset of the keys of all dialects; each dialect is stricter."""
_DEFAULT = re.compile(r"\s*([^,']+?)\s*,\s*'([^']*)'\s*\Z")


@dataclass(frozen=True, slots=True)
class Variable:
    """`${key}` or `${key, 'default'}`."""

    key: str
    default: str | None = None


Part = str | Variable | Wildcard


class Unresolved(Exception):  # noqa: N818 - not an error of anybody's
    """A variable has no value, or several: its pattern matches nothing."""


class Unreadable(Exception):  # noqa: N818 - a fact about the request
    """A value of the request is not of the expected type."""


@dataclass(frozen=True, slots=True)
class Template:
    """A string with variables and, where they are allowed, wildcards.

    `keys` are those that its variables read; `test` matches strings, if it has no variables;
    `literal` is the only string that it matches, if there is one.
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
        """Whether it matches everything."""
        return self.parts == (STAR,)

    @property
    def widest(self) -> Parts:
        """Its parts with `*` for each variable, whose value can be any string."""
        return widest(self.parts)

    @property
    def beginning(self) -> str:
        """The text before the first wildcard or variable."""
        first = self.parts[0] if self.parts else ""
        return first if isinstance(first, str) else ""

    def matches(self, text: str, lookup: Lookup) -> bool:
        """Whether it matches the whole string. Raises Unresolved, Unreadable.

        The beginning is compared first: if it does not match, no variable is looked up.
        """
        if self.test:
            return self.test(text)
        return text.startswith(self.beginning) and matches(self.resolve(lookup), text)

    def filled(self, known: Mapping[str, object]) -> "Template":
        """The same with the known variables replaced. Raises Unresolved, Unreadable."""
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
    """A string in which the known variables are replaced by their values, literally.

    Raises Unresolved, Unreadable.
    """

    def filled(found: re.Match[str]) -> str:
        part = _variable(found[1])
        if not isinstance(part, Variable) or part.key not in known:
            return found[0]
        return literally(_substitute(part, known.get), wildcards=False)

    return _VARIABLE.sub(filled, text)


def widened(text: str, *, wildcards: bool) -> str:
    """A pattern with `*` for each variable; without `wildcards`, other characters are literal."""
    found, place = "", 0
    for variable in _VARIABLE.finditer(text):
        found += literally(text[place : variable.start()], wildcards=wildcards)
        is_sign = variable[1] in {"*", "?", "$"}
        found += variable[0] if is_sign else "*"
        place = variable.end()
    return found + literally(text[place:], wildcards=wildcards)


def with_literal_signs(text: str) -> str:
    """A pattern in which wildcards are literal and variables stay."""
    found, place = "", 0
    for variable in _VARIABLE.finditer(text):
        found += literally(text[place : variable.start()], wildcards=False) + variable[0]
        place = variable.end()
    return found + literally(text[place:], wildcards=False)


def replaced(text: str, key: str, by: str) -> str:
    """A pattern in which another one, `by`, replaces each variable that reads a key."""

    def other(found: re.Match[str]) -> str:
        part = _variable(found[1])
        return by if isinstance(part, Variable) and part.key == key else found[0]

    return _VARIABLE.sub(other, text)


def renamed(text: str, key: str, name: str) -> str:
    """A pattern whose variables read `name` in place of a key; their defaults stay."""

    def other(found: re.Match[str]) -> str:
        part = _variable(found[1])
        if not isinstance(part, Variable) or part.key != key:
            return found[0]
        default = "" if part.default is None else f", '{part.default}'"
        return f"${{{name}{default}}}"

    return _VARIABLE.sub(other, text)


def literally(text: str, *, wildcards: bool) -> str:
    """A pattern that matches just this string; with `wildcards`, those in it keep their meaning."""
    return text if wildcards else re.sub(r"[*?$]", r"${\g<0>}", text)


def parse_template(text: str, *, wildcards: bool, variables: bool = True) -> Template:
    """Parse a pattern. Raises ValueError with the problem."""
    if len(text) > MAX_PATTERN_CHARACTERS:
        raise ValueError(f"longer than {MAX_PATTERN_CHARACTERS} characters")
    parts = joined(_parts(text, wildcards=wildcards, variables=variables))
    if sum(isinstance(part, Wildcard) for part in parts) > MAX_WILDCARDS:
        raise ValueError(f"more than {MAX_WILDCARDS} wildcards")
    return Template(text, parts)


def joined(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Join adjacent strings and drop empty ones; `**` is `*`."""
    found: list[Part] = []
    for part in parts:
        if isinstance(part, str) and found and isinstance(found[-1], str):
            found[-1] += part
        elif part != "" and not (part == STAR and found and found[-1] == STAR):
            found.append(part)
    return tuple(found)


@lru_cache(maxsize=4096)
def widest(parts: tuple[Part, ...]) -> Parts:
    """The parts of a pattern with `*` for each variable."""
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
    """`api:Name` with wildcards in the name, case-insensitive; or `*` alone."""

    text: str
    template: Template

    def matches(self, action: str) -> bool:
        """Whether it matches the action, which is in lower case."""
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
    """The pattern of a string that is known to be valid. Raises ValueError."""
    return ActionPattern(text, parse_template(text.lower(), wildcards=True, variables=False))


@dataclass(frozen=True, slots=True)
class ResourcePattern:
    """Six segments, each matched by itself, the last also across `/` and `:`; or `*` alone.

    A document of AWS may have fewer: then the last one is matched with all of the rest.
    """

    text: str
    segments: tuple[Template, ...] | None

    @property
    def keys(self) -> frozenset[str]:
        """The keys that its variables read."""
        return keys_in(self.segments or ())

    def matches(self, resource: Segments, lookup: Lookup) -> bool:
        """Whether it matches the resource. Raises Unresolved, Unreadable.

        Segments without variables are compared first: if one does not match, no variable is looked
        up.
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
    """The keys that the variables of templates read; most have none."""
    found = [template.keys for template in templates if template.keys]
    return frozenset().union(*found) if found else NO_KEYS


_SEGMENT = re.compile(r"(?:\$\{[^}]*\}|[^:])*")


def split_arn(text: str) -> list[str]:
    """The segments of an ARN with variables: a colon inside `${…}` does not separate."""
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
    """Parse a resource pattern; variables are allowed in the tenant and the last segment only.

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
    """One of the first five segments, cached: thousands of statements share a few."""
    return parse_template(text, wildcards=True)
