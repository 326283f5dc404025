"""A segment of a path template: literal text, a variable, or both ("mixed": `{id}.json`).

A value is never empty. A segment of several variables matches only a text with one possible
reading, here and in every service: `{x},{y}` matches `1,2` and not `1,2,3`. So the values beside a
separating text do not contain its first character; or, if the separator repeats one character
(`..`), they have fewer of it in a row.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final, TypeAlias

CHARACTERS: Final = "A-Za-z0-9._~!$&'()+,=:@%-"
"""The characters of a segment (RFC 3986 §3.3) but `;` and `*`, which services read differently."""
VARIABLE: Final = "{}"
"""A variable in a shape, which has no names."""
CACHED: Final = 20_000

Order: TypeAlias = tuple[int, int, int, int, int, str]


@dataclass(frozen=True)
class Segment:
    """A segment by its shape: the texts before, between and after its variables."""

    texts: tuple[str, ...]

    @cached_property
    def is_literal(self) -> bool:
        """Whether it has no variable."""
        return len(self.texts) == 1

    @cached_property
    def is_variable(self) -> bool:
        """Whether it is one variable and no text."""
        return self.texts == ("", "")

    @cached_property
    def has_several(self) -> bool:
        """Whether it has more than one variable."""
        return len(self.texts) > 2  # noqa: PLR2004 - one text more than variables

    @cached_property
    def order(self) -> Order:
        """The sort key among segments that match one text: the most specific is least.

        Literal, then mixed, then variable; of mixed ones that with the longer text before its
        variables, then with the longer text after them, then with more variables.
        """
        if self.is_literal:
            return (0, 0, 0, 0, 0, self.texts[0])
        if self.is_variable:
            return (2, 0, 0, 0, 0, "")
        first, *between, last = self.texts
        inner = sum(map(len, between))
        return (1, -len(first), -len(last), -len(between), -inner, VARIABLE.join(self.texts))

    @cached_property
    def regex(self) -> str:
        """A regular expression for its texts, with the same meaning in Envoy (RE2) and Python."""
        if self.has_several:
            return self._joined([value.within(_CLASSES) for value in self._values])
        return f"[{CHARACTERS}]+".join(map(re.escape, self.texts))

    def read(self, text: str) -> tuple[str, ...] | None:
        """The value of each variable in a text; None if it does not match.

        The characters of a value are not checked: the text may be decoded.
        """
        first, last = self.texts[0], self.texts[-1]
        if self.is_literal:
            return () if text == first else None
        if not self.has_several:
            end = len(text) - len(last)
            fits = len(first) < end and text.startswith(first) and text.endswith(last)
            return (text[len(first) : end],) if fits else None
        found = self._groups.fullmatch(text)
        return found and found.groups()

    def may_share(self, other: "Segment") -> bool:
        """Whether one text may match both; False only if none can."""
        if self.is_literal or other.is_literal:
            literal, one = (self, other) if self.is_literal else (other, self)
            return one.read(literal.texts[0]) is not None
        for mine, others in (
            (self.texts[0], other.texts[0]),
            (self.texts[-1][::-1], other.texts[-1][::-1]),
        ):
            short, long = sorted((mine, others), key=len)
            if not long.startswith(short):
                return False
        # No value of either has these: a text has as many of them as are written.
        common = self.absent & other.absent
        return all(_count(self, each) == _count(other, each) for each in common)

    def is_within(self, other: "Segment") -> bool:
        """Whether every text that it fits fits the other too; False also where that is not clear.

        Of several variables it is clear where the texts between them are the same.
        """
        if self.is_literal or other.is_literal or not self.may_share(other):
            return self.is_literal and other.read(self.texts[0]) is not None
        if other.has_several and self.texts[1:-1] != other.texts[1:-1]:
            return False
        begins = self.texts[0].startswith(other.texts[0])
        return begins and self.texts[-1].endswith(other.texts[-1])

    def is_tied_with(self, other: "Segment") -> bool:
        """Whether both may match one text, and `order` does not settle which is more specific.

        Of one variable each, those with the same texts before and after are the same.
        """
        alike = self.order[:3] == other.order[:3] and self != other
        return alike and self.has_several and other.has_several and self.may_share(other)

    @cached_property
    def _groups(self) -> re.Pattern[str]:
        return re.compile(self._joined([f"({value.within(())})" for value in self._values]))

    @cached_property
    def _values(self) -> "list[_Value]":
        if self.is_literal:
            return []
        between = self.texts[1:-1]
        return [_Value(pair) for pair in zip(("", *between), (*between, ""), strict=True)]

    @property
    def absent(self) -> frozenset[str]:
        """Characters that no value of its variables has."""
        forbidden = [frozenset(value.forbidden) for value in self._values]
        return frozenset.intersection(*forbidden)

    def _joined(self, values: Sequence[str]) -> str:
        first, *others = map(re.escape, self.texts)
        return first + "".join(map("".join, zip(values, others, strict=True)))


@dataclass(frozen=True)
class _Value:
    """The possible values between two separating texts."""

    separators: tuple[str, ...]

    @property
    def forbidden(self) -> set[str]:
        return {_sign(text) for text in self.separators if text and not _is_run(text)}

    @property
    def runs(self) -> dict[str, int]:
        """Characters, and how many of them in a row separate."""
        longest: dict[str, int] = {}
        for text in filter(_is_run, self.separators):
            longest[text[0]] = min(len(text), longest.get(text[0], len(text)))
        return {sign: most for sign, most in longest.items() if sign not in self.forbidden}

    def within(self, classes: Sequence[str]) -> str:
        """The regular expression, from these classes of characters and all others."""
        left_out = self.forbidden | self.runs.keys()
        kept = "".join(each for each in classes if each not in left_out)
        some = f"[{kept}]+" if classes else f"[^{re.escape(''.join(sorted(left_out)))}]+"
        few = [f"{re.escape(sign)}{{1,{most - 1}}}" for sign, most in self.runs.items()]
        return f"{some}(?:(?:{'|'.join(few)}){some})*" if few else some


_CLASSES: Final = ("A-Z", "a-z", "0-9", *"._~!$&'()+,=:@%-")


@lru_cache(CACHED)
def segment_of(shape: str) -> Segment:
    """The segment of a shape, such as `{}.json`."""
    return Segment(tuple(shape.split(VARIABLE)))


def _sign(text: str) -> str:
    return next((each for each in text if not each.isalnum()), "")


def _is_run(text: str) -> bool:
    return len(text) > 1 and text == text[0] * len(text)


def _count(segment: Segment, character: str) -> int:
    return sum(text.count(character) for text in segment.texts)
