"""Representatives of all values of one type, for comparisons with given constants.

For numbers and instants: each constant, one value strictly between two neighbours, one below the
least and one above the greatest; for addresses the ends of ranges; for bytes each constant and one
other value. They are exact, and spelled as the evaluator parses them: None stands for a value
without such a spelling.
"""

import base64
import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count, pairwise
from typing import Final

from durward.core.policy.language.operators import MAX_NUMBER_CHARACTERS, parse_date, parse_number

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
END_OF_CALENDAR: Final = 253_402_300_800
LARGEST_EXPONENT: Final = 99
MAX_SPACES: Final = 16
COARSE_DIGITS: Final = 6
"""The leading digits in which a large constant and its representative neighbour differ."""

Scaled = tuple[int, int]
"""A number, and the power of ten by which it is multiplied."""


def numbers(texts: Iterable[str]) -> Iterator[str | None]:
    """Representatives of all numbers."""
    return _around({Fraction(parse_number(text)): text for text in texts}, _number)


def instants(texts: Iterable[str]) -> Iterator[str | None]:
    """Representatives of all instants."""
    return _around({Fraction(parse_date(text)): text for text in texts}, _instant)


def _around(
    constants: Mapping[Fraction, str], spelled: Callable[[Scaled], str | None]
) -> Iterator[str | None]:
    yield from constants.values()
    values = sorted(constants)
    for low, high in pairwise(values):
        yield spelled(_between(low, high))
    yield spelled(_between(values[0] - _step(values[0]), values[0]))
    yield spelled(_between(values[-1], values[-1] + _step(values[-1])))


def _step(value: Fraction) -> int:
    return max(2, int("1" + "0" * (len(str(int(abs(value)))) - COARSE_DIGITS)))


def _between(low: Fraction, high: Fraction) -> Scaled:
    """The roundest number strictly between two."""
    width = high - low
    power = len(str(width.numerator)) - len(str(width.denominator)) + 1
    while True:
        unit = Fraction(10) ** power
        times = low // unit + 1
        if times * unit < high:
            return times, power
        power -= 1


def _number(value: Scaled) -> str | None:
    times, power = value
    digits = tuple(map(int, str(abs(times))))
    for exponent in (0, max(-LARGEST_EXPONENT, min(power, LARGEST_EXPONENT))):
        shifted = f"{Decimal((int(times < 0), digits, power - exponent)):f}"
        text = f"{shifted}e{exponent}" if exponent else shifted
        if len(text) <= MAX_NUMBER_CHARACTERS:
            return text
    return None


def _instant(value: Scaled) -> str | None:
    times, power = value
    seconds = times * Fraction(10) ** power
    if seconds.denominator == 1 and 0 <= seconds < END_OF_CALENDAR:
        return f"{EPOCH + timedelta(seconds=int(seconds)):%Y-%m-%dT%H:%M:%SZ}"
    return _number(value)


def addresses(texts: Iterable[str]) -> Iterator[str]:
    """The ends of each range and their neighbours, and addresses of either kind.

    `::1:0:0:0` follows those that are IPv4 in IPv6, which count as IPv4.
    """
    for text in texts:
        network = ipaddress.ip_network(text.strip(), strict=False)
        first, last = int(network.network_address), int(network.broadcast_address)
        kind = ipaddress.IPv4Address if network.version == 4 else ipaddress.IPv6Address  # noqa: PLR2004
        for number in (first, last, first - 1, last + 1):
            if 0 <= number < 1 << network.max_prefixlen:
                yield str(kind(number))
    yield from ("203.0.113.7", "2001:db8::7", "0.0.0.0", "::", "::1:0:0:0")  # noqa: S104


def binaries(texts: Iterable[str]) -> Iterator[str]:
    """Each constant, and other bytes."""
    taken = {base64.b64decode(text): text for text in texts}
    yield from taken.values()
    others = (number.to_bytes(1 + number // 256, "big") for number in count())
    yield base64.b64encode(next(each for each in others if each not in taken)).decode()


POINTS: Final[Mapping[str, Callable[[Iterable[str]], Iterator[str | None]]]] = {
    "Numeric": numbers,
    "Date": instants,
    "Ip": addresses,
    "Binary": binaries,
}
"""The representatives by the family of operators."""


def respelled(text: str) -> Iterator[str]:
    """Spellings of the same value, itself first; others by zeros or spaces before it."""
    yield text
    try:
        value = parse_number(text)
    except ValueError:
        try:
            seconds = parse_date(text)
        except ValueError:
            yield from (" " * number + text for number in range(1, MAX_SPACES))
            return
        yield from respelled(f"{seconds:f}")
        return
    sign = "-" if value < 0 else ""
    digits = text.lstrip("+-")
    room = MAX_NUMBER_CHARACTERS - len(sign + digits)
    yield from (f"{sign}{'0' * number}{digits}" for number in range(1, room + 1))
