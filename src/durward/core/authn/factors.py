"""The factors of a sign-in: which of its methods are of different kinds (RFC 8176 §2).

A password and a PIN are both something that a person knows: together they are one factor.
"""

from collections.abc import Iterable
from typing import Final

KINDS: Final[dict[str, frozenset[str]]] = {
    "known": frozenset({"kba", "pin", "pwd"}),
    "held": frozenset({"hwk", "otp", "pop", "sc", "sms", "swk", "tel"}),
    "inherent": frozenset({"face", "fpt", "iris", "retina", "vbm"}),
}
MULTI_FACTOR: Final = "mfa"


def is_multi_factor(methods: Iterable[str]) -> bool:
    """Whether the methods are of two kinds, or the issuer reports several factors."""
    named = frozenset(methods)
    kinds = [kind for kind in KINDS.values() if not kind.isdisjoint(named)]
    return MULTI_FACTOR in named or len(kinds) > 1
