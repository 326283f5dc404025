"""The operators of conditions: how one value of a request is held against one of the policy.

An operator reads the policy's text once, at load, and refuses what cannot mean anything. A value
of the request that cannot be read raises `Unreadable`: what that means, the effect decides.
"""

import base64
import binascii
import ipaddress
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from durward.core.policy.pattern import (
    ARN_SEGMENTS,
    Lookup,
    Template,
    Unresolved,
    Wildcard,
    matches,
    parse_template,
)

MAX_NUMBER_CHARACTERS = 40
MAX_VALUE_CHARACTERS = 4_096


class Unreadable(Exception):  # noqa: N818 - a fact about the request
    """A value of the request that is not of the operator's type."""


@dataclass(frozen=True, slots=True)
class Operand:
    """One value of the policy, read."""

    text: str
    test: Callable[[str, Lookup], bool]
    keys: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Operator:
    """A family with its sign. `negated` holds where no value of the policy matches."""

    name: str
    negated: bool
    read: Callable[[str], Operand]


def _plain(test: Callable[[str], bool], text: str) -> Operand:
    return Operand(text, lambda value, _: test(value))


def _templated(text: str, *, wildcards: bool, fold: bool = False) -> Operand:
    template = parse_template(text, wildcards=wildcards)
    if not template.keys:
        return _plain(_constant(template, wildcards=wildcards, fold=fold), text)

    def test(value: str, lookup: Lookup) -> bool:
        try:
            parts = template.resolve(lookup)
        except Unresolved:
            return False
        if wildcards:
            return matches(parts, value)
        expected = "".join(map(str, parts))
        return expected.casefold() == value.casefold() if fold else expected == value

    return Operand(text, test, template.keys)


def _constant(template: Template, *, wildcards: bool, fold: bool) -> Callable[[str], bool]:
    parts = tuple(part for part in template.parts if isinstance(part, str | Wildcard))
    if wildcards and any(isinstance(part, Wildcard) for part in parts):
        return lambda value: matches(parts, value)
    expected = "".join(map(str, parts))
    if fold:
        folded = expected.casefold()
        return lambda value: value.casefold() == folded
    return lambda value: value == expected


def _string(text: str) -> Operand:
    return _templated(text, wildcards=False)


def _ignoring_case(text: str) -> Operand:
    return _templated(text, wildcards=False, fold=True)


def _like(text: str) -> Operand:
    return _templated(text, wildcards=True)


def _bool(text: str) -> Operand:
    if "${" not in text and text.lower() not in {"true", "false"}:
        raise ValueError(f"`{text}` is neither `true` nor `false`")
    return _templated(text, wildcards=False, fold=True)


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
    """A decimal number, the whole text of it. Raises ValueError."""
    if len(text) > MAX_NUMBER_CHARACTERS or not _DECIMAL.match(text):
        raise ValueError(f"`{text}` is not a number")
    try:
        return Decimal(text)
    except InvalidOperation as error:  # pragma: no cover - the expression above is stricter
        raise ValueError(f"`{text}` is not a number") from error


_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[Tt][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?\Z"
)


@lru_cache(maxsize=1024)
def parse_date(text: str) -> Decimal:
    """An instant in seconds since 1970: ISO 8601, or epoch seconds; without zone it is UTC.

    Raises ValueError.
    """
    if _DATE.match(text):
        try:
            found = datetime.fromisoformat(text.upper())
            return Decimal(str((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()))
        except (ValueError, OverflowError) as error:
            raise ValueError(f"`{text}` is not a date of the calendar") from error
    try:
        return parse_number(text)
    except ValueError as error:
        raise ValueError(f"`{text}` is neither a date nor epoch seconds") from error


def _address(text: str) -> Operand:
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise ValueError(f"`{text}` is not an address or a range of addresses") from error
    mapped = network.network_address
    if isinstance(mapped, ipaddress.IPv6Address) and mapped.ipv4_mapped:
        size = max(network.prefixlen - 96, 0)
        network = ipaddress.ip_network((mapped.ipv4_mapped, size), strict=False)
    return _plain(lambda value: _in(value, network), text)


def _in(value: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        address = ipaddress.ip_address(value.strip())
    except ValueError as error:
        raise Unreadable(value) from error
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.version == network.version and address in network


def _arn(text: str) -> Operand:
    masked = re.sub(r"\$\{[^}]*\}", lambda found: found[0].replace(":", "\0"), text)
    segments = [part.replace("\0", ":") for part in masked.split(":", ARN_SEGMENTS - 1)]
    if len(segments) != ARN_SEGMENTS or segments[0] != "arn":
        raise ValueError(f"`{text}` is not an ARN of six segments")
    templates = tuple(parse_template(segment, wildcards=True) for segment in segments)

    def test(value: str, lookup: Lookup) -> bool:
        given = value.split(":", ARN_SEGMENTS - 1)
        try:
            resolved = [template.resolve(lookup) for template in templates]
        except Unresolved:
            return False
        return len(given) == ARN_SEGMENTS and all(map(matches, resolved, given))

    return Operand(text, test, frozenset().union(*(template.keys for template in templates)))


def is_arn(text: str) -> bool:
    """Whether a text has the shape of an ARN; one that has not never matches, nor fails to."""
    return len(text.split(":", ARN_SEGMENTS - 1)) == ARN_SEGMENTS and text.startswith("arn:")


def _both(name: str, negation: str, read: Callable[[str], Operand]) -> list[Operator]:
    return [Operator(name, negated=False, read=read), Operator(negation, negated=True, read=read)]


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
        Operator("Bool", negated=False, read=_bool),
        Operator("BinaryEquals", negated=False, read=_binary),
        *_both("IpAddress", "NotIpAddress", _address),
        *_both("ArnEquals", "ArnNotEquals", _arn),
        *_both("ArnLike", "ArnNotLike", _arn),
    )
}
"""Every operator by its name, without prefix and suffix; `Null` is about presence, not values."""
