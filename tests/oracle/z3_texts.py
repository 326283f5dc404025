"""Texts for z3: whether one is as a pattern says, and what one is where it is no mere text.

A number, an instant, an address, bytes and an ARN are each a value of their own beside the text.
What all texts are read as z3 cannot be told where one key is compared in several ways: then some
spellings are considered, and nothing is said about others (`is_bounded`).
"""

import base64
import ipaddress
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import cache, reduce
from itertools import pairwise
from typing import Any

import z3
from tests.oracle import naive_policy

Formula = Any
"""What z3 takes for a boolean; it has no types of its own."""
Part = Any
"""Text, a `Sign` or a `Variable`."""

TEXTS = z3.ReSort(z3.StringSort())
TRUE, FALSE = z3.BoolVal(val=True), z3.BoolVal(val=False)
FAMILIES = ("String", "Bool", "Numeric", "Date", "Ip", "Binary", "Arn")
TEXTUAL = {"String", "Bool"}
ONE = 1_000
"""Numbers and instants are counted in thousandths: finer than what the tests write."""
LARGEST = 10**9 * ONE
CALENDAR = (-62_135_596_800 * ONE, 253_402_300_800 * ONE)
MAPPED = (0xFFFF << 32, (0x10000 << 32) - 1)
MAX_DIGITS = 6


class Beyond(Exception):
    """What z3 is not asked about."""


@dataclass(frozen=True)
class Sign:
    sign: str


STAR, ANY = Sign("*"), Sign("?")


@dataclass(frozen=True)
class Variable:
    key: str
    default: str | None


def either(parts: Iterable[Formula]) -> Formula:
    """One of them; what is known already is left out."""
    left = [part for part in parts if not z3.is_false(part)]
    if any(map(z3.is_true, left)):
        return TRUE
    return z3.Or(*left) if len(left) > 1 else left[0] if left else FALSE


def both(*parts: Formula) -> Formula:
    """All of them."""
    left = [part for part in parts if not z3.is_true(part)]
    if any(map(z3.is_false, left)):
        return FALSE
    return z3.And(*left) if len(left) > 1 else left[0] if left else TRUE


def no(part: Formula) -> Formula:
    return FALSE if z3.is_true(part) else TRUE if z3.is_false(part) else z3.Not(part)


def parts_of(text: str, *, wildcards: bool) -> list[Part]:
    """Texts, signs and variables."""
    found: list[Part] = []
    for piece in re.findall(r"\$\{[^}]*\}|[\s\S]", text):
        part: Part = piece
        if len(piece) > 1:
            key, comma, default = piece[2:-1].partition(",")
            part = Variable(key.strip().lower(), default.strip()[1:-1] if comma else None)
            part = key if key in ("*", "?", "$") else part
        elif wildcards:
            part = {"*": STAR, "?": ANY}.get(piece, piece)
        if isinstance(part, str) and found and isinstance(found[-1], str):
            found[-1] += part
        else:
            found.append(part)
    return found


def is_meant_by(text: Any, parts: Sequence[Part], *, folds: bool = False) -> Formula:
    """Whether a text is what a pattern without variables means."""
    if list(parts) == [STAR]:
        return TRUE
    if any(isinstance(part, Sign) for part in parts):
        signs = {STAR: z3.Full(TEXTS), ANY: z3.AllChar(TEXTS)}
        return z3.InRe(text, chain(z3.Re(p) if isinstance(p, str) else signs[p] for p in parts))
    whole = "".join(parts)
    return z3.InRe(text, alike(whole)) if folds else text == z3.StringVal(whole)


def chain(parts: Iterable[Any]) -> Any:
    return reduce(z3.Concat, parts)


def one_of(parts: Iterable[Any]) -> Any:
    return reduce(z3.Union, parts)


def alike(text: str) -> Any:
    """The texts that fold to the same as this one."""
    folded = text.casefold()
    rests = [z3.Re("")]
    for start in reversed(range(len(folded))):
        rests.append(
            one_of(
                z3.Concat(one_of(map(z3.Re, signs)), rests[len(folded) - end])
                for end in range(start + 1, len(folded) + 1)
                if (signs := spelled().get(folded[start:end]))
            )
        )
    return rests[-1]


@cache
def spelled() -> dict[str, list[str]]:
    """Signs by what they fold to."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for code in range(0x1E944):
        if not 0xD800 <= code < 0xE000:  # these are halves of signs
            found[chr(code).casefold()].append(chr(code))
    return found


def stands(text: Any, terms: Sequence[Any]) -> Formula:
    """Whether a text is what texts of z3 and signs describe: each chunk where it comes first."""
    chunks: list[list[Any]] = [[]]
    for term in terms:
        if isinstance(term, Sign) and term == STAR:
            chunks.append([])
        else:
            chunks[-1].append(z3.StringVal(term) if isinstance(term, str) else term)
    if any(isinstance(term, Sign) for chunk in chunks for term in chunk):
        return stands_with_gaps(text, chunks)
    whole = [joined(chunk) for chunk in chunks]
    if len(whole) == 1:
        return text == whole[0]
    found = [z3.PrefixOf(whole[0], text), z3.SuffixOf(whole[-1], text)]
    place = z3.Length(whole[0])
    for each in whole[1:-1]:
        place = z3.IndexOf(text, each, place)
        found.append(place >= 0)
        place = place + z3.Length(each)
    return both(*found, place + z3.Length(whole[-1]) <= z3.Length(text))


def joined(terms: Sequence[Any]) -> Any:
    texts = [z3.StringVal(term) if isinstance(term, str) else term for term in terms]
    return reduce(z3.Concat, texts) if texts else z3.StringVal("")


def stands_with_gaps(text: Any, chunks: Sequence[Sequence[Any]]) -> Formula:
    """With a `?` in it, by places; so between two stars there is nothing."""
    if len(chunks) > 2:
        raise Beyond("a `?` and several stars beside a variable")
    first, last = chunks[0], chunks[1:]
    before, length = width(first), z3.Length(text)
    fits = is_at(text, z3.IntVal(0), first)
    if not last:
        return both(length == before, fits)
    behind = width(last[0])
    return both(length >= before + behind, fits, is_at(text, length - behind, last[0]))


def width(chunk: Sequence[Any]) -> Any:
    lengths = (1 if isinstance(term, Sign) else z3.Length(term) for term in chunk)
    return sum(lengths, z3.IntVal(0))


def is_at(text: Any, place: Any, chunk: Sequence[Any]) -> Formula:
    found = []
    for term in chunk:
        if not isinstance(term, Sign):
            found.append(z3.SubString(text, place, z3.Length(term)) == term)
        place = place + width([term])
    return both(*found)


def same_but_case(one: Any, other: Any, longest: int) -> Formula:
    """Whether two short texts of ASCII are equal without regard to case."""

    def lower(text: Any, at: int) -> Any:
        code = z3.StrToCode(z3.SubString(text, at, 1))
        return z3.If(z3.And(code >= ord("A"), code <= ord("Z")), code + 32, code)

    signs = [lower(one, at) == lower(other, at) for at in range(longest)]
    return both(z3.Length(one) == z3.Length(other), *signs)


def shown(model: Any, value: Any) -> str:
    text = model.eval(value, model_completion=True).as_string()
    return re.sub(r"\\u\{([0-9a-f]+)\}", lambda found: chr(int(found[1], 16)), text)


def is_true(model: Any, value: Formula) -> bool:
    return bool(z3.is_true(model.eval(value, model_completion=True)))


def number(model: Any, value: Any) -> int:
    return int(model.eval(value, model_completion=True).as_long())


def thousandths(value: int) -> str:
    whole, rest = divmod(abs(value), ONE)
    return f"{'-' if value < 0 else ''}{whole}.{rest:03}"


def stamp(value: int) -> str:
    """An instant in ISO 8601."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=value)
    return moment.isoformat(timespec="milliseconds")


def seems(family: str) -> Any:
    """The texts that operators of a family may be able to read; it may be more than these."""
    digit, sign = z3.Range("0", "9"), z3.Option(z3.Union(z3.Re("+"), z3.Re("-")))
    if family == "Date":
        return chain([z3.Loop(digit, 4, 4), z3.Re("-"), z3.Full(TEXTS)])
    if family == "Ip":
        return chain([z3.Full(TEXTS), z3.Union(z3.Re("."), z3.Re(":")), z3.Full(TEXTS)])
    point = z3.Re(".")
    plain = z3.Concat(z3.Plus(digit), z3.Option(z3.Concat(point, z3.Star(digit))))
    power = chain([z3.Union(z3.Re("e"), z3.Re("E")), sign, z3.Loop(digit, 1, 2)])
    value = z3.Union(plain, z3.Concat(point, z3.Plus(digit)))
    return chain([sign, value, z3.Option(power)])


class Value:
    """One value of a key; `constants` are those of the policies, by the family of operators."""

    def __init__(self, name: str, families: set[str], constants: dict[str, set[str]]) -> None:
        self.constants = constants
        self.is_text = bool(families & TEXTUAL)
        self.kinds = families - TEXTUAL
        self.is_bounded = self.is_text and bool(self.kinds - {"Arn"})
        if "Binary" in self.kinds and len(families) > 1:
            raise Beyond("bytes that are something else too")
        self.string = z3.String(name)
        self.reads = {kind: z3.Bool(f"{name} {kind}") for kind in sorted(self.kinds)}
        self.number, self.instant = z3.Int(f"{name} number"), z3.Int(f"{name} instant")
        self.address, self.is_six = z3.Int(f"{name} address"), z3.Bool(f"{name} six")
        self.bytes = z3.Int(f"{name} bytes")
        self.segments = [z3.String(f"{name} segment {at}") for at in range(6)]

    def rules(self) -> Iterator[Formula]:
        """What is so of every value."""
        yield self.segments[0] == "arn"
        yield from (no(z3.Contains(each, ":")) for each in self.segments[:5])
        yield from (self.address >= 0, self.address < z3.If(self.is_six, 1 << 128, 1 << 32))
        is_mapped = both(self.address >= MAPPED[0], self.address <= MAPPED[1])
        yield no(both(self.is_six, is_mapped))  # these are IPv4
        yield from (self.number >= -LARGEST, self.number <= LARGEST)
        yield from (self.instant >= CALENDAR[0], self.instant < CALENDAR[1])
        if {"Numeric", "Date"} <= self.kinds:
            is_both = both(self.reads["Date"], self.instant == self.number)
            yield z3.Implies(self.reads["Numeric"], is_both)
        groups = [{"Numeric", "Date"}, {"Ip"}, {"Arn"}, {"Binary"}]
        read = [either(self.reads[k] for k in sorted(self.kinds & group)) for group in groups]
        yield z3.AtMost(*read, 1)
        if self.is_text and self.kinds:
            yield from self.links()

    def links(self) -> Iterator[Formula]:
        """What a text is read as: whether as an ARN, of all; as something else, of some."""
        if "Arn" in self.kinds:
            other = z3.Star(z3.Union(z3.Range("\1", "9"), z3.Range(";", "\U0002ffff")))
            shape = chain([z3.Re("arn:"), *[other, z3.Re(":")] * 4, z3.Full(TEXTS)])
            pieces = [piece for each in self.segments for piece in (":", each)][1:]
            yield self.reads["Arn"] == z3.InRe(self.string, shape)
            yield z3.Implies(self.reads["Arn"], self.string == joined(pieces))
        kinds = sorted(self.kinds - {"Arn"})
        if not kinds:
            return
        seemingly = {"Numeric"} if "Date" in kinds else set()
        is_none = [no(z3.InRe(self.string, seems(kind))) for kind in sorted({*kinds, *seemingly})]
        ways = [both(*is_none, *(no(self.reads[kind]) for kind in kinds))]
        samples = sorted(set().union(*map(self.samples, kinds)))
        ways += [both(self.string == text, *self.as_read(text)) for text in samples]
        yield either([*ways, *self.counted()])

    def counted(self) -> Iterator[Formula]:
        """Whole numbers."""
        if self.kinds & {"Numeric", "Date"}:
            value = ONE * z3.StrToInt(self.string)
            yield both(
                z3.InRe(self.string, z3.Plus(z3.Range("0", "9"))),
                z3.Length(self.string) <= MAX_DIGITS,
                (self.number if "Numeric" in self.kinds else self.instant) == value,
                *(self.reads[kind] for kind in sorted(self.kinds & {"Numeric", "Date"})),
                *(no(self.reads[kind]) for kind in sorted(self.kinds & {"Ip", "Arn"})),
            )

    def samples(self, kind: str) -> set[str]:
        """Spellings that may matter: those of the policies, of what lies between, and others."""
        constants = self.constants[kind]
        if kind == "Ip":
            ranges = [ipaddress.ip_network(text, strict=False) for text in constants]
            ends = {str(each[at]) for each in ranges for at in (0, -1)}
            return {*ends, "203.0.113.7", "2001:db8:1::7"}
        values = sorted({int(naive_policy.instant(text) * ONE) for text in constants})
        between = [(one + other) // 2 for one, other in pairwise(values)]
        near = [value + step for value in values for step in (-ONE, ONE, ONE // 8)]
        found = {*constants, *map(thousandths, [*between, *near])}
        found |= {f"0{text}" for text in found if text.replace(".", "").isdigit()}
        return found | set(map(stamp, [*values, *between])) if kind == "Date" else found

    def as_read(self, text: str) -> Iterator[Formula]:
        """What the language reads in a text."""
        for kind, reads in self.reads.items():
            if kind == "Arn":
                continue
            try:
                if kind == "Numeric":
                    value = self.number == int(naive_policy.number(text) * ONE)
                elif kind == "Date":
                    value = self.instant == int(naive_policy.instant(text) * ONE)
                else:
                    address = ipaddress.ip_address(text)
                    is_six = self.is_six == (address.version == 6)
                    value = both(self.address == int(address), is_six)
            except (naive_policy.Unreadable, ValueError):
                yield no(reads)
            else:
                yield both(reads, value)

    def against(self, name: str, family: str, operand: str) -> Formula:
        """Whether an operator that reads no text holds for one value of a policy."""
        if family == "Ip":
            return self.is_in(ipaddress.ip_network(operand.strip(), strict=False))
        if family == "Binary":
            return self.bytes == self.listed().index(base64.b64decode(operand))
        numeric = family == "Numeric"
        read = naive_policy.number if numeric else naive_policy.instant
        left, right = self.number if numeric else self.instant, read(operand) * ONE
        if right.denominator != 1:
            raise Beyond("numbers so fine")
        return COMPARED[name.removeprefix(family)](left, Fraction(right).numerator)

    def is_in(self, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> Formula:
        first, last = int(network[0]), int(network[-1])
        is_six = network.version == 6
        if is_six and MAPPED[0] <= first and last <= MAPPED[1]:
            first, last, is_six = first - MAPPED[0], last - MAPPED[0], False
        return both(self.is_six == is_six, self.address >= first, self.address <= last)

    def listed(self) -> list[bytes]:
        """The bytes that policies name; what is none of them has another number."""
        return sorted({base64.b64decode(each) for each in self.constants["Binary"]})

    def spelling(self, model: Any) -> str:
        """The text as it stands in a request."""
        if self.is_text or not self.kinds:
            return shown(model, self.string)
        read = {kind for kind, reads in self.reads.items() if is_true(model, reads)}
        if "Numeric" in read:
            return thousandths(number(model, self.number))
        if "Date" in read:
            return stamp(number(model, self.instant))
        if "Ip" in read:
            kind = ipaddress.IPv6Address if is_true(model, self.is_six) else ipaddress.IPv4Address
            return str(kind(number(model, self.address)))
        if "Binary" in read:
            named = dict(enumerate(self.listed()))
            other = b"".join(named.values()) + b"~"
            return base64.b64encode(named.get(number(model, self.bytes), other)).decode()
        if "Arn" in read:
            return ":".join(shown(model, each) for each in self.segments)
        return "~"


COMPARED: dict[str, Callable[[Any, int], Formula]] = {
    "Equals": lambda left, right: left == right,
    "LessThan": lambda left, right: left < right,
    "LessThanEquals": lambda left, right: left <= right,
    "GreaterThan": lambda left, right: left > right,
    "GreaterThanEquals": lambda left, right: left >= right,
}
