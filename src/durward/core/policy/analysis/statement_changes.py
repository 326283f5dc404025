"""The changes of a policy by statement, matched by Sid or by place.

More may be allowed if an Allow is added or widened, or if a Deny is removed or narrowed.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from durward.core.difference import (
    MAX_PLACE_CHARACTERS,
    Detail,
    Difference,
    differences,
    excerpt,
)
from durward.core.policy.language.document import Effect
from durward.core.wire import Json

STATEMENT: Final = "Statement"
EFFECT: Final = "Effect"
CONDITION: Final = "Condition"
Body = Mapping[str, Json]


def policy_changes(before: Body, after: Body) -> Iterator[Detail]:
    """The added, removed and changed statements and members."""
    was, will_be = statements_of(before), statements_of(after)
    for name, statement in will_be.items():
        if name not in was:
            yield Detail("+", _place(name, statement), "", _effect(statement) == Effect.ALLOW)
    for name, statement in was.items():
        if name not in will_be:
            yield removed_statement(name, statement)
        else:
            yield from _changes(name, statement, will_be[name])
    rest = differences(_without(before), _without(after))
    yield from (found.detail() for found in rest)
    ways = [type(body.get(STATEMENT)) for body in (before, after)]
    if was == will_be and ([*was] != [*will_be] or ways[0] is not ways[1]):
        yield Difference((STATEMENT,)).detail()


def policy_end(before: Body) -> Iterator[Detail]:
    """The changes when a policy is removed: its Deny statements end."""
    for name, statement in statements_of(before).items():
        if _effect(statement) == Effect.DENY:
            yield removed_statement(name, statement)


def removed_statement(name: str, statement: Json) -> Detail:
    """The change that removes a statement."""
    return Detail("-", _place(name, statement), "", _effect(statement) == Effect.DENY)


def effects_of(body: Body) -> frozenset[str]:
    """The effects of the statements of a policy."""
    return frozenset(map(_effect, statements_of(body).values()))


def statements_of(body: Body) -> dict[str, Json]:
    """The statements by their names in decisions: the Sid, else `#` and the place."""
    value = body.get(STATEMENT, [])
    listed = value if isinstance(value, list) else [value]
    return {_sid(each) or f"#{place}": each for place, each in enumerate(listed, 1)}


def _sid(statement: Json) -> str:
    return str(statement.get("Sid", "")) if isinstance(statement, dict) else ""


def _effect(statement: Json) -> str:
    return str(statement.get(EFFECT, "")) if isinstance(statement, dict) else ""


def _place(name: str, statement: Json) -> str:
    return excerpt(f"{_effect(statement)} {name}", MAX_PLACE_CHARACTERS)


def _without(body: Body) -> dict[str, Json]:
    return {name: value for name, value in body.items() if name != STATEMENT}


def _changes(name: str, was: Json, will_be: Json) -> Iterator[Detail]:
    within = _place(name, will_be)
    for found in differences(was, will_be):
        yield found.detail(widens=_widens(found, was, will_be), within=within)


def _widens(found: Difference, was: Json, will_be: Json) -> bool:
    if _effect(was) != _effect(will_be):
        return True
    member, allows = found.path[0], _effect(will_be) == Effect.ALLOW
    if member in {"Sid", EFFECT}:
        return False
    if member == CONDITION:
        # A condition narrows its statement; a changed one may narrow or widen.
        narrows = found.whole and bool(found.new if allows else found.gone)
        return not narrows
    if found.whole:  # `Resource` replaces `NotResource` or vice versa, or both are missing
        return True
    # `NotAction` and the like match all but their list: a shorter list matches more.
    further = found.gone if member.startswith("Not") else found.new
    less = found.new if member.startswith("Not") else found.gone
    return bool(further if allows else less)
