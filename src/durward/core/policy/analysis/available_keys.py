"""Which values a request can have that is otherwise like another: what an explanation may propose.

A key that no request has is no advice, nor is a time that is past, a value where there is always a
list, or another method or stage: that would be another operation.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from durward.core.policy.engine.predicate import ConditionMatch
from durward.core.policy.engine.request import AccessRequest
from durward.core.policy.language.catalogue import KEYS, Key, Presence
from durward.core.policy.language.document import Condition
from durward.core.policy.language.operators import OPERATORS

NOW: Final = "durward:currenttime"
FIXED: Final = frozenset(
    {"durward:operationid", "durward:requestmethod", "durward:requestpath", "durward:stage"}
)
"""What an operation is asked for by."""
NOT_BEFORE: Final = frozenset(
    {NOW, "durward:epochtime", "durward:authtime", "durward:tokenissuetime"}
)
"""Instants that come later with every new request or sign-in."""
AT_THE_EDGE: Final = frozenset({Presence.ALWAYS, Presence.SIGNED_IN, Presence.SOMETIMES})
_KNOWN: Final = {key.name.lower(): key for key in KEYS}


class Caller(StrEnum):
    """Who asks for decisions: it settles which keys a request can have."""

    EDGE = "the edge"
    OTHERS = "an enforcement point of others"
    NOT_OTHERS = "the edge, by a request that is only described"
    ANY = "anybody"


def is_available(key: str, request: AccessRequest, caller: Caller) -> bool:
    """Whether such a request can have another value of a key, given in lower case."""
    if key in FIXED:
        return False
    found = _key(key)
    if found is None or request.get(key) is not None:
        return True
    is_missing_token = found.presence is Presence.SIGNED_IN and request.principal is None
    match caller:
        case Caller.EDGE:
            return found.presence in AT_THE_EDGE and not is_missing_token
        case Caller.NOT_OTHERS:
            return found.presence is not Presence.NEVER
        case Caller.OTHERS:
            return found.elsewhere is not Presence.NEVER
        case Caller.ANY:
            return Presence.NEVER is not found.presence or Presence.NEVER is not found.elsewhere


def can_be_absent(key: str, request: AccessRequest, caller: Caller) -> bool:
    """Whether such a request can be without a key."""
    found = _key(key)
    if found is None:
        return True
    always = {Presence.ALWAYS, Presence.SIGNED_IN} if request.principal else {Presence.ALWAYS}
    presence = found.presence if caller is Caller.EDGE else found.elsewhere
    return presence not in always


def is_list(key: str, request: AccessRequest) -> bool:
    """Whether a key has a list of values wherever it has any."""
    found = _key(key)
    return isinstance(request.get(key), tuple) or (found is not None and found.many)


def not_in_the_past(key: str, request: AccessRequest) -> Iterator[tuple[ConditionMatch, bool]]:
    """That an instant is not before the request."""
    now = request.get(NOW) or request.get(key)
    if key in NOT_BEFORE and isinstance(now, str):
        operator = OPERATORS["DateGreaterThanEquals"]
        try:
            operand = operator.read(now)
        except ValueError:
            return
        condition = Condition(operator.name, key, operator, (operand,))
        yield ConditionMatch(condition, on_error=False), True


def _key(key: str) -> Key | None:
    head, slash, rest = key.partition("/")
    return _KNOWN.get(key) or (_KNOWN.get(head + slash) if rest else None)
