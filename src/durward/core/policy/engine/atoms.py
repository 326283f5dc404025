"""Single atoms that are in no document: for questions, and for facts about the principal."""

from durward.core.policy.engine.predicate import ConditionMatch, ResourceMatch
from durward.core.policy.language.document import Condition, Quantifier
from durward.core.policy.language.operators import OPERATORS
from durward.core.policy.language.pattern import literally, resource_pattern, split_arn


def named(arn: str) -> ResourceMatch:
    """The resource matches a pattern."""
    return ResourceMatch((resource_pattern(arn, split_arn(arn)),), complement=False, on_error=False)


def equals(key: str, text: str, *, if_exists: bool = False) -> ConditionMatch:
    """A key has one value, equal to the string; with `if_exists`, or none."""
    return _holds("StringEquals", key, literally(text, wildcards=False), if_exists=if_exists)


def has_value(key: str, text: str) -> ConditionMatch:
    """A multivalued key has the string among its values."""
    operator = OPERATORS["StringEquals"]
    operand = operator.read(literally(text, wildcards=False))
    condition = Condition(
        "ForAnyValue:StringEquals", key, operator, (operand,), quantifier=Quantifier.SOME
    )
    return ConditionMatch(condition, on_error=False)


def like(key: str, pattern: str) -> ConditionMatch:
    """A key has one value, and it matches a pattern. Raises ValueError."""
    return _holds("StringLike", key, pattern)


def _holds(name: str, key: str, text: str, *, if_exists: bool = False) -> ConditionMatch:
    operator = OPERATORS[name]
    written = name + ("IfExists" if if_exists else "")
    condition = Condition(written, key, operator, (operator.read(text),), if_exists=if_exists)
    return ConditionMatch(condition, on_error=False)


def absent(key: str) -> ConditionMatch:
    """A key has no value."""
    return ConditionMatch(
        Condition("Null", key, None, (), absent=frozenset({True})), on_error=False
    )


def present(key: str) -> ConditionMatch:
    """A key has a value."""
    return ConditionMatch(
        Condition("Null", key, None, (), absent=frozenset({False})), on_error=False
    )
