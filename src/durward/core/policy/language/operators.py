"""The operators of conditions: how one value of a request is compared with one of the policy.

An operator parses the value of the policy once, at load, and refuses a value that cannot have a
meaning. A value of the request that cannot be parsed raises `Unreadable`; the effect of the
statement decides what follows from that.
"""

import base64
import binascii
import ipaddress
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final

from durward.core.policy.language.pattern import (
    ARN_SEGMENTS,
    Lookup,
    Template,
    Unreadable,
    Unresolved,
    Variable,
    parse_template,
    split_arn,
)
from durward.core.policy.language.wildcards import Test

MAX_NUMBER_CHARACTERS = 40
MAX_VALUE_CHARACTERS = 4_096


@dataclass(frozen=True, slots=True)
class Operand:
    """One parsed value of the policy; `equal` is the only string that it matches, if any."""

    text: str
    test: Callable[[str, Lookup], bool]
    keys: frozenset[str] = frozenset()
    equal: str | None = None


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator of a family. `negated`: it holds where no value of the policy matches.

    A value of the request for which `fits` is false neither matches nor fails to match. One for
    which `reads` is false is unreadable, whatever it is compared with.
    """

    name: str
    negated: bool
    read: Callable[[str], Operand]
    fits: Test | None = None
    reads: Test | None = None


def _plain(test: Test, text: str) -> Operand:
    return Operand(text, lambda value, _: test(value))


def _string(text: str) -> Operand:
    template = parse_template(text, wildcards=False)
    return Operand(text, _resolving(template), template.keys, template.literal)


def _like(text: str) -> Operand:
    template = parse_template(text, wildcards=True)
    return Operand(text, _resolving(template), template.keys, template.literal)


def _resolving(template: Template) -> Callable[[str, Lookup], bool]:
    if found := template.test:
        return lambda value, _: found(value)

    def test(value: str, lookup: Lookup) -> bool:
        try:
            return template.matches(value, lookup)
        except Unresolved:
            return False

    return test


def _ignoring_case(text: str) -> Operand:
    template = parse_template(text, wildcards=False)
    if template.literal is not None:
        folded = template.literal.casefold()
        return _plain(lambda value: value.casefold() == folded, text)

    def test(value: str, lookup: Lookup) -> bool:
        try:
            expected = "".join(map(str, template.resolve(lookup)))
        except Unresolved:
            return False
        return value.casefold() == expected.casefold()

    return Operand(text, test, template.keys)


TRUTHS: Final = frozenset({"true", "false"})


def _is_truth(text: str) -> bool:
    return text.casefold() in TRUTHS


def _bool(text: str) -> Operand:
    template = parse_template(text, wildcards=False)
    match template.parts:
        case (str(only),) if _is_truth(only):
            return _ignoring_case(text)
        case (Variable(default=default),) if default is None or _is_truth(default):
            return Operand(text, _equal_truths(template), template.keys)
        case _:
            raise ValueError(f"`{text}` is neither `true` nor `false`, nor a variable for one")


def _equal_truths(template: Template) -> Callable[[str, Lookup], bool]:
    """The value of a variable must be a boolean too, as the value that is compared with it."""

    def test(value: str, lookup: Lookup) -> bool:
        try:
            expected = "".join(map(str, template.resolve(lookup)))
        except Unresolved:
            return False
        if not _is_truth(expected):
            raise Unreadable(expected)
        return value.casefold() == expected.casefold()

    return test


def _binary(text: str) -> Operand:
    expected = _base64(text)

    def test(value: str) -> bool:
        try:
            return _base64(value) == expected
        except ValueError as error:
            raise Unreadable(value) from error

    return _plain(test, text)


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"`{text}` is not base64") from error


Comparison = Callable[[Decimal, Decimal], bool]


def _number(compare: Comparison) -> Callable[[str], Operand]:
    def read(text: str) -> Operand:
        expected = parse_number(text)

        def test(value: str) -> bool:
            try:
                return compare(parse_number(value), expected)
            except ValueError as error:
                raise Unreadable(value) from error

        return _plain(test, text)

    return read


def _date(compare: Comparison) -> Callable[[str], Operand]:
    def read(text: str) -> Operand:
        expected = parse_date(text)

        def test(value: str) -> bool:
            try:
                return compare(parse_date(value), expected)
            except ValueError as error:
                raise Unreadable(value) from error

        return _plain(test, text)

    return read


_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?\Z")


@lru_cache(maxsize=1024)
def parse_number(text: str) -> Decimal:
    """Parse a decimal number. Raises ValueError."""
    if len(text) > MAX_NUMBER_CHARACTERS or not _DECIMAL.match(text):
        raise ValueError(f"`{text}` is not a number")
    return Decimal(text)


_HOUR, _MINUTE = "(?:[01][0-9]|2[0-3])", "[0-5][0-9]"
"""The accepted forms are fixed here, since versions of Python differ: is 24:00 midnight?"""
_DATE = re.compile(
    rf"(?P<month>[0-9]{{4}}-[0-9]{{2}})(?:(?P<day>-[0-9]{{2}})(?P<time>[Tt]{_HOUR}:{_MINUTE}"
    rf"(?::{_MINUTE}(?:\.(?P<fraction>[0-9]{{1,17}}))?)?(?P<zone>[Zz]|[+-]{_HOUR}:?{_MINUTE})?)?)?\Z"
)


@lru_cache(maxsize=1024)
def parse_date(text: str) -> Decimal:
    """A timestamp in seconds since 1970, from ISO 8601 or epoch seconds; without a zone it is UTC.

    A month means its beginning. Raises ValueError.
    """
    if written := _DATE.match(text):
        month, day, time, fraction, zone = written.groups(default="")
        if fraction:  # exact, however long it is
            time = time.partition(".")[0] + zone
        try:
            found = datetime.fromisoformat(f"{month}{day or '-01'}{time}".upper())
            whole = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError) as error:
            raise ValueError(f"`{text}` is not a date of the calendar") from error
        return Decimal(int(whole)) + Decimal(f"0.{fraction or 0}")
    try:
        return parse_number(text)
    except ValueError as error:
        raise ValueError(f"`{text}` is neither a date nor epoch seconds") from error


_MASK = re.compile(r"[^/]*/[^/]*[^0-9/]")
"""A range with a mask: `0.0.0.255` is read by some as a network's mask, by others as a host's."""


def _address(text: str) -> Operand:
    if _MASK.match(text.strip()):
        raise ValueError(f"`{text}` has a mask; write the length of the range, such as `/8`")
    if "%" in text:
        raise ValueError(f"`{text}` has a zone, which one machine alone knows")
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise ValueError(f"`{text}` is not an address or a range of addresses") from error
    first, last = int(network.network_address), int(network.broadcast_address)
    mapped = isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped
    version = 4 if mapped else network.version
    if mapped:  # ::ffff:0:0/96 is the whole of IPv4
        first, last = first & IPV4_BITS, last & IPV4_BITS

    def test(value: str) -> bool:
        given, number = parse_ip(value)
        return given == version and first <= number <= last

    return _plain(test, text)


IPV4_BITS = 0xFFFF_FFFF


@lru_cache(maxsize=4096)
def parse_ip(text: str) -> tuple[int, int]:
    """The version and the number of an address; IPv4 in IPv6 is IPv4 (RFC 4291 §2.5.5.2).

    Raises Unreadable.
    """
    if "%" in text:  # a zone, which one machine alone knows
        raise Unreadable(text)
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError as error:
        raise Unreadable(text) from error
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.version, int(address)


def _arn(text: str) -> Operand:
    segments = split_arn(text)
    if len(segments) != ARN_SEGMENTS or segments[0] != "arn":
        raise ValueError(f"`{text}` is not an ARN of six segments")
    operands = tuple(map(_like, segments))

    def test(value: str, lookup: Lookup) -> bool:
        given = value.split(":", ARN_SEGMENTS - 1)
        # All of them: whether one cannot be read must not depend on their order.
        found = [each.test(part, lookup) for each, part in zip(operands, given, strict=True)]
        return all(found)

    return Operand(text, test, frozenset().union(*(operand.keys for operand in operands)))


def _is_arn(text: str) -> bool:
    return len(text.split(":", ARN_SEGMENTS - 1)) == ARN_SEGMENTS and text.startswith("arn:")


def _both(
    name: str, negation: str, read: Callable[[str], Operand], fits: Test | None = None
) -> list[Operator]:
    return [Operator(name, False, read, fits), Operator(negation, True, read, fits)]


def _ordered(family: str, read: Callable[[Comparison], Callable[[str], Operand]]) -> list[Operator]:
    signs: dict[str, Comparison] = {
        "LessThan": operator.lt,
        "LessThanEquals": operator.le,
        "GreaterThan": operator.gt,
        "GreaterThanEquals": operator.ge,
    }
    equal = _both(f"{family}Equals", f"{family}NotEquals", read(operator.eq))
    return [
        *equal,
        *(
            Operator(f"{family}{name}", negated=False, read=read(sign))
            for name, sign in signs.items()
        ),
    ]


OPERATORS = {
    found.name: found
    for found in (
        *_both("StringEquals", "StringNotEquals", _string),
        *_both("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", _ignoring_case),
        *_both("StringLike", "StringNotLike", _like),
        *_ordered("Numeric", _number),
        *_ordered("Date", _date),
        Operator("Bool", negated=False, read=_bool, reads=_is_truth),
        Operator("BinaryEquals", negated=False, read=_binary),
        *_both("IpAddress", "NotIpAddress", _address),
        *_both("ArnEquals", "ArnNotEquals", _arn, _is_arn),
        *_both("ArnLike", "ArnNotLike", _arn, _is_arn),
    )
}
"""Every operator by its name, without prefix and suffix; `Null` is about presence, not values."""
