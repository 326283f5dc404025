"""Automata for addresses as strings.

IPv4 is exact, within a range. IPv6 is an over-approximation by its form: an address has many
spellings, and a string of that form may be no address, or another one.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Network, ip_address, ip_network
from typing import Final, NamedTuple

from durward.core.policy.language.operators import IPV4_BITS

OCTETS: Final = 4
OCTET: Final = 255
HEX: Final = "0123456789abcdefABCDEF"
ZEROS: Final = "0"


@dataclass(frozen=True, slots=True)
class Within:
    """An IPv4 address from one number to another, with or without white space around it."""

    first: int
    last: int

    def matches(self, text: str) -> bool:
        """Whether the string matches."""
        try:
            address = ip_address(text.strip())
        except ValueError:
            return False
        return isinstance(address, IPv4Address) and self.first <= int(address) <= self.last

    def reader(self, _: int | None) -> "_OfOctets":
        """The automaton of the pattern."""
        return _OfOctets(self)


@dataclass(frozen=True, slots=True)
class LikeIpv6:
    """A string in the form of IPv6 addresses: with colons, and dots only behind all of them.

    If `is_mapped`, in the form of IPv4-mapped addresses, which begin with zeros.
    """

    is_mapped: bool = False

    def matches(self, text: str) -> bool:
        """Whether the string matches."""
        reader = self.reader(None)
        state = reader.start
        for sign in text:
            state = reader.after(state, sign)
        return reader.ends(state)

    def reader(self, _: int | None) -> "_Ipv6":
        """The automaton of the pattern."""
        return _Ipv6(ZEROS if self.is_mapped else HEX)


ANY_IPV4: Final = Within(0, IPV4_BITS)


def within(text: str) -> Within | None:
    """The IPv4 range of a policy's text; None for IPv6."""
    network = ip_network(text.strip(), strict=False)
    first, last = int(network.network_address), int(network.broadcast_address)
    if isinstance(network, IPv6Network) and not network.network_address.ipv4_mapped:
        return None
    return Within(first & IPV4_BITS, last & IPV4_BITS)


class _State(NamedTuple):
    """The number of octets read, the digits of the next, and whether they equal the bounds'."""

    octets: int = 0
    digits: str = ""
    is_first: bool = True
    is_last: bool = True


BEFORE: Final = _State()
BEHIND: Final = _State(octets=OCTETS)


class _OfOctets:
    """An automaton; a state is None if the string is not an address of the range."""

    start: Final = BEFORE
    signs: Final = "0123456789. "

    def __init__(self, wanted: Within) -> None:
        self._first = IPv4Address(wanted.first).packed
        self._last = IPv4Address(wanted.last).packed

    def after(self, state: _State | None, sign: str) -> _State | None:
        if state is None or state == BEHIND:
            return state if sign.isspace() else None
        if sign.isspace():
            is_end = state != BEFORE and self.ends(state)
            return state if state == BEFORE else BEHIND if is_end else None
        if sign == ".":
            return self._ended(state) if state.octets < OCTETS - 1 else None
        if sign not in "0123456789":
            return None
        digits = state.digits + sign
        is_octet = str(int(digits)) == digits and int(digits) <= OCTET
        return state._replace(digits=digits) if is_octet else None

    def _ended(self, state: _State) -> _State | None:
        """The state after a complete octet; None if it is out of the range."""
        if not state.digits:
            return None
        octet = int(state.digits)
        first = self._first[state.octets] if state.is_first else 0
        last = self._last[state.octets] if state.is_last else OCTET
        if not first <= octet <= last:
            return None
        is_first, is_last = state.is_first and octet == first, state.is_last and octet == last
        return _State(state.octets + 1, "", is_first, is_last)

    def ends(self, state: _State | None) -> bool:
        if state is None or state == BEHIND:
            return state is not None
        return state.octets == OCTETS - 1 and self._ended(state) is not None

    def is_hopeful(self, state: _State | None) -> bool:
        return state is not None


START, HEXES, COLONS, DOTS, SPACE, NOTHING = range(6)
AFTER_COLON: Final = {START: COLONS, HEXES: COLONS, COLONS: COLONS}
AFTER_DOT: Final = {COLONS: DOTS, DOTS: DOTS}
AFTER_HEX: Final = {HEXES: HEXES, COLONS: COLONS, DOTS: DOTS}
AFTER_SPACE: Final = {START: START, COLONS: SPACE, DOTS: SPACE, SPACE: SPACE}
COMPLETE: Final = frozenset({COLONS, DOTS, SPACE})


class _Ipv6:
    """An automaton; a state is the part read: digits, then a colon, then a dot, then a space."""

    start: Final = START
    signs: Final = f"{HEX}:. "

    def __init__(self, beginnings: str) -> None:
        self._beginnings = beginnings

    def after(self, state: int, sign: str) -> int:
        if sign.isspace():
            return AFTER_SPACE.get(state, NOTHING)
        if sign == ":":
            return AFTER_COLON.get(state, NOTHING)
        if sign == ".":
            return AFTER_DOT.get(state, NOTHING)
        if state == START:
            return HEXES if sign in self._beginnings else NOTHING
        return AFTER_HEX.get(state, NOTHING) if sign in HEX else NOTHING

    def ends(self, state: int) -> bool:
        return state in COMPLETE

    def is_hopeful(self, state: int) -> bool:
        return state != NOTHING
