"""The validity of a decision: until the next instant at which a condition on the time can change.

A cached decision must not be used after that, nor after the token's expiry.
"""

from collections.abc import Iterable
from math import ceil, floor
from typing import Final

from durward.core.policy.engine.evaluate import PolicySet
from durward.core.policy.engine.request import AccessRequest
from durward.core.policy.language.document import Condition
from durward.core.policy.language.operators import parse_date, parse_number
from durward.core.values import Instant, from_numeric_date, numeric_date

MOMENTS: Final = frozenset({"durward:currenttime", "durward:epochtime"})
"""Keys whose value is the time."""
AGES: Final = frozenset({"durward:tokenage", "durward:authage", "durward:multifactorauthage"})
"""Keys that grow with the time, in seconds."""


def valid_until(policies: PolicySet, request: AccessRequest, now: Instant) -> Instant | None:
    """The first instant after `now` at which the decision of the same request may change.

    None if no condition reads the time. Times are whole seconds, as in the context.
    """
    second = numeric_date(now)
    turns = set()
    for _, plan in policies.layers(request):
        for index in plan.indexes:
            for rule in index.rules:
                for condition in rule.statement.conditions:
                    turns |= _turns(condition, request, second)
    later = [turn for turn in turns if turn > second]
    return from_numeric_date(min(later)) if later else None


def _turns(condition: Condition, request: AccessRequest, second: int) -> set[int]:
    """The seconds at which the condition may change."""
    read = {condition.key}.union(*(operand.keys for operand in condition.operands))
    timed = read & (MOMENTS | AGES)
    if not timed or condition.operator is None:
        return set()
    name = condition.operator.name
    is_plain = len(read) == 1 and name.startswith(("Numeric", "Date"))
    if not is_plain:  # for example a string that contains the time: it may change each second
        return {second + 1}
    constants = _seconds(name, (operand.text for operand in condition.operands))
    if condition.key in MOMENTS:
        return constants
    age = request.get(condition.key)
    try:
        grown = second - floor(parse_number(age)) if isinstance(age, str) else None
    except ValueError:
        grown = None
    return set() if grown is None else {grown + turn for turn in constants}


def _seconds(name: str, texts: Iterable[str]) -> set[int]:
    """For each constant, the first whole second that reaches it, and the first that exceeds it."""
    parse = parse_date if name.startswith("Date") else parse_number
    constants = [parse(text) for text in texts]
    return {ceil(found) for found in constants} | {floor(found) + 1 for found in constants}
