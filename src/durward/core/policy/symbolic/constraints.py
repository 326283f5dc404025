"""Decompose a predicate into constraints on single keys."""

from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from durward.core.policy.engine.predicate import (
    ACTION,
    PRINCIPAL,
    RESOURCE,
    ActionMatch,
    And,
    ConditionMatch,
    Constant,
    Facts,
    Not,
    Or,
    Predicate,
    PrincipalMatch,
    ResourceMatch,
    holds,
)
from durward.core.policy.language.automaton import STAR, Parts, Wildcard
from durward.core.policy.language.pattern import (
    ARN_SEGMENTS,
    ResourcePattern,
    Unreadable,
    Unresolved,
)
from durward.core.policy.language.wildcards import Glob
from durward.core.policy.symbolic.strings import PatternConstraint
from durward.core.policy.symbolic.unknown import Unknown

PLACES: Final = tuple(f"{RESOURCE}:{place}" for place in range(ARN_SEGMENTS))


@dataclass(frozen=True, slots=True)
class TextConstraint:
    """A constraint on the action or a segment of the resource."""

    key: str
    wanted: PatternConstraint


@dataclass(frozen=True, slots=True)
class MemberConstraint:
    """A constraint that the principal has a name, or does not."""

    arn: str
    wanted: bool


@dataclass(frozen=True, slots=True)
class Literal:
    """A constraint that a predicate holds, or does not."""

    predicate: Predicate
    wanted: bool


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of the nodes must be satisfied."""

    choices: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class AllOf:
    """All of the nodes must be satisfied."""

    nodes: "tuple[Node, ...]"


Node: TypeAlias = TextConstraint | MemberConstraint | Literal | OneOf | AllOf


def decompose(predicate: Predicate, wanted: bool, known: Facts) -> Node:  # noqa: FBT001
    """The constraints on the parts of a predicate; `known` are the variables' values."""
    match predicate:
        case Constant(value):
            return AllOf(()) if value is wanted else OneOf(())
        case And(parts):
            told = tuple(Literal(part, wanted) for part in parts)
            return AllOf(told) if wanted else OneOf(told)
        case Or(parts):
            told = tuple(Literal(part, wanted) for part in parts)
            return OneOf(told) if wanted else AllOf(told)
        case Not(part):
            return Literal(part, not wanted)
        case ActionMatch(patterns, complement):
            listed = tuple(
                tuple(part for part in pattern.template.parts if isinstance(part, str | Wildcard))
                for pattern in patterns
            )
            wished = PatternConstraint(
                tuple(Glob(parts) for parts in listed), wanted is not complement
            )
            return TextConstraint(ACTION, wished)
        case PrincipalMatch(arns, everybody, complement):
            if everybody:
                return AllOf(()) if wanted is not complement else OneOf(())
            members = tuple(MemberConstraint(arn, wanted is not complement) for arn in sorted(arns))
            return OneOf(members) if wanted is not complement else AllOf(members)
        case ResourceMatch():
            return _named(predicate, wanted, known)
        case ConditionMatch():
            return Literal(predicate, wanted)
        case _:
            assert_never(predicate)


def _named(atom: ResourceMatch, wanted: bool, known: Facts) -> Node:  # noqa: FBT001
    """The constraints of a resource match.

    A pattern whose variable has no value matches nothing, nor does its complement. With a malformed
    value it matches, if `on_error` says so, the resources that match the rest.
    """
    listed = []
    for pattern in atom.patterns:
        try:
            listed.append(_segments(pattern, known))
        except (Unresolved, Unreadable) as error:
            if atom.complement and not atom.on_error:
                return OneOf(()) if wanted else AllOf(())
            if isinstance(error, Unreadable) and atom.on_error and not atom.complement:
                listed.append(_segments(pattern, known, is_read=False))
    one_matches = wanted is not atom.complement
    constraints = [
        tuple(
            TextConstraint(key, PatternConstraint((Glob(parts),), one_matches))
            for key, parts in zip(PLACES, segments, strict=True)
            if parts != (STAR,)
        )
        for segments in listed
    ]
    if one_matches:
        return OneOf(tuple(AllOf(each) for each in constraints))
    return AllOf(tuple(OneOf(each) for each in constraints))


def _segments(pattern: ResourcePattern, known: Facts, *, is_read: bool = True) -> list[Parts]:
    """Its segments with variables substituted; if not `is_read`, the compared part of them.

    Raises Unresolved, Unreadable.
    """
    if pattern.segments is None:
        return [(STAR,)] * ARN_SEGMENTS
    resolved: list[Parts] = []
    failed = False
    for template in pattern.segments:
        if failed and template.keys:
            resolved.append((STAR,))
            continue
        try:
            resolved.append(template.resolve(known.get))
        except Unreadable:
            if is_read:
                raise
            failed = True
            resolved.append((template.beginning, STAR))
    missing = ARN_SEGMENTS - len(resolved)
    if missing and resolved[-1].index(STAR) != len(resolved[-1]) - 1:
        raise Unknown(f"`{pattern.text}` leaves segments out in the middle")
    return [*resolved, *[(STAR,)] * missing]


def is_satisfied(node: Node, facts: Facts) -> bool:
    """Whether a request satisfies a node, by the rules of evaluation."""
    match node:
        case Literal(predicate, wanted):
            return holds(predicate, facts) is wanted
        case OneOf(choices):
            return any(is_satisfied(choice, facts) for choice in choices)
        case AllOf(nodes):
            return all(is_satisfied(each, facts) for each in nodes)
        case MemberConstraint(arn, wanted):
            names = facts.get(PRINCIPAL)
            return (isinstance(names, tuple) and arn in names) is wanted
        case TextConstraint(key, wanted):
            if key == ACTION:
                return wanted.fits(str(facts.get(ACTION)))
            segments = str(facts.get(RESOURCE)).split(":", ARN_SEGMENTS - 1)
            return wanted.fits(segments[PLACES.index(key)])
        case _:
            assert_never(node)
