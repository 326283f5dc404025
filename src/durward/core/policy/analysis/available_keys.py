"""The changes of a request that are possible, and so may be proposed by an explanation.

Not possible are a key that no request has, a time in the past, a single value for a key that is
always a list, and another method or stage, which would be another operation.
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
"""Keys that identify the operation."""
NOT_BEFORE: Final = frozenset(
    {NOW, "durward:epochtime", "durward:authtime", "durward:tokenissuetime"}
)
"""Instants that are later with every new request or sign-in."""
AT_THE_EDGE: Final = frozenset({Presence.ALWAYS, Presence.SIGNED_IN, Presence.SOMETIMES})
_KNOWN: Final = {key.name.lower(): key for key in KEYS}


class Caller(StrEnum):
    """The kind of enforcement point: it determines the keys that a request can have."""

    EDGE = "the edge"
    OTHERS = "an enforcement point of others"
    NOT_OTHERS = "the edge, by a request that is only described"
    ANY = "anybody"


def is_available(key: str, request: AccessRequest, caller: Caller) -> bool:
    """Whether such a request can have another value for a key, given in lower case."""
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
    """Whether a key is a list in every request that has it."""
    found = _key(key)
    return isinstance(request.get(key), tuple) or (found is not None and found.many)


def not_in_the_past(key: str, request: AccessRequest) -> Iterator[tuple[ConditionMatch, bool]]:
    """The constraint that an instant is not before the request."""
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
