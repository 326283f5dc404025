"""Which values a request can have that is otherwise like another: what an explanation may propose.

A key that no request has is no advice, nor is a time that is past, a value where there is always a
list, or another method or stage: that would be another operation. The edge tells the operation's
own name; where it is told, a request is one of the edge's.
"""

from collections.abc import Iterator
from typing import Final

from durward.core.policy.engine.predicate import ConditionMatch
from durward.core.policy.engine.request import AccessRequest
from durward.core.policy.language.catalogue import KEYS, Key, Presence
from durward.core.policy.language.document import Condition
from durward.core.policy.language.operators import OPERATORS

OPERATION: Final = "durward:operationid"
NOW: Final = "durward:currenttime"
FIXED: Final = frozenset(
    {OPERATION, "durward:requestmethod", "durward:requestpath", "durward:stage"}
)
"""What an operation is asked for by."""
NOT_BEFORE: Final = frozenset(
    {NOW, "durward:epochtime", "durward:authtime", "durward:tokenissuetime"}
)
"""Instants that come later with every new request or sign-in."""
AT_THE_EDGE: Final = frozenset({Presence.ALWAYS, Presence.SIGNED_IN, Presence.SOMETIMES})
_KNOWN: Final = {key.name.lower(): key for key in KEYS}


def can_be_told(key: str, request: AccessRequest) -> bool:
    """Whether such a request can have another value of a key, given in lower case."""
    if key in FIXED:
        return False
    found = _key(key)
    if found is None or request.get(key) is not None:
        return True
    if request.get(OPERATION) is not None:
        return found.presence in AT_THE_EDGE and not _is_missing_token(found, request)
    return Presence.NEVER is not found.presence or Presence.NEVER is not found.elsewhere


def can_be_absent(key: str, request: AccessRequest) -> bool:
    """Whether such a request can be without a key."""
    found = _key(key)
    if found is None:
        return True
    always = {Presence.ALWAYS, Presence.SIGNED_IN} if request.principal else {Presence.ALWAYS}
    is_at_the_edge = request.get(OPERATION) is not None
    return (found.presence if is_at_the_edge else found.elsewhere) not in always


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


def _is_missing_token(key: Key, request: AccessRequest) -> bool:
    return key.presence is Presence.SIGNED_IN and request.principal is None


def _key(key: str) -> Key | None:
    head, slash, rest = key.partition("/")
    return _KNOWN.get(key) or (_KNOWN.get(head + slash) if rest else None)
