"""Replace conditions on the principal's name by conditions on its parts.

`durward:PrincipalArn` is the principal's tenant, kind and subject in one string. A condition on it
becomes conditions on these, and a variable for it becomes theirs, so that no search has to relate
them. A condition that contains a variable or ignores case stays as it is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from durward.core.policy.engine.atoms import like
from durward.core.policy.engine.predicate import (
    FALSE,
    TRUE,
    And,
    Atom,
    ConditionMatch,
    Constant,
    Not,
    Or,
    Predicate,
    ResourceMatch,
    map_atoms,
)
from durward.core.policy.engine.request import PRINCIPAL_ARN, PRINCIPAL_TYPE, SUBJECT, TENANT_ID
from durward.core.policy.language.automaton import (
    QUESTION,
    STAR,
    Unit,
    Wildcard,
    places_after,
    units,
)
from durward.core.policy.language.pattern import (
    literally,
    parse_template,
    replaced,
    resource_pattern,
    split_arn,
)
from durward.core.policy.language.wildcards import matches
from durward.core.policy.symbolic.symbolic_principal import KINDS

HEAD: Final = ("arn", "durward", "iam", "")
SPELLED_OUT: Final = f"{':'.join(HEAD)}:${{{TENANT_ID}}}:${{{PRINCIPAL_TYPE}}}/${{{SUBJECT}}}"
BY_SPELLING: Final = ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike")

Tokens = tuple[Unit, ...]
"""A pattern as a sequence of characters and wildcards."""


def taken_apart(predicate: Predicate) -> Predicate:
    """An equal predicate on the tenant, kind and subject of the principal."""
    return map_atoms(predicate, _taken_apart)


def _taken_apart(atom: Atom, _: bool) -> Predicate:  # noqa: FBT001 - as `map_atoms` calls it
    if not isinstance(atom, ResourceMatch | ConditionMatch):
        return atom
    try:
        return _of_parts(atom)
    except ValueError:  # of too many wildcards, or too long
        return atom


def _of_parts(atom: ResourceMatch | ConditionMatch) -> Predicate:
    if isinstance(atom, ResourceMatch):
        return _with_spelled_out_resource(atom)
    condition = atom.condition
    if condition.key == PRINCIPAL_ARN and not any(each.keys for each in condition.operands):
        return _parted(atom)
    if any(PRINCIPAL_ARN in each.keys for each in condition.operands):
        return _with_spelled_out_operands(atom)
    return atom


def _with_spelled_out_resource(names: ResourceMatch) -> ResourceMatch:
    if not any(PRINCIPAL_ARN in pattern.keys for pattern in names.patterns):
        return names
    patterns = []
    for pattern in names.patterns:
        segments = [
            replaced(each.text, PRINCIPAL_ARN, SPELLED_OUT) for each in pattern.segments or ()
        ]
        patterns.append(resource_pattern(pattern.text, segments) if segments else pattern)
    return replace(names, patterns=tuple(patterns))


def _with_spelled_out_operands(atom: ConditionMatch) -> ConditionMatch:
    operator = atom.condition.operator
    if operator is None or "String" not in operator.name:
        return atom
    texts = [replaced(each.text, PRINCIPAL_ARN, SPELLED_OUT) for each in atom.condition.operands]
    return replace(
        atom, condition=replace(atom.condition, operands=tuple(map(operator.read, texts)))
    )


def _parted(atom: ConditionMatch) -> Predicate:
    """Replace a condition on the name; every principal has a name, and it is well-formed."""
    condition, operator = atom.condition, atom.condition.operator
    if condition.refused:
        return Constant(atom.on_error)
    if operator is None:
        return Constant(False in condition.absent)
    if "Arn" in operator.name:
        named = [_by_segments(split_arn(each.text)) for each in condition.operands]
    elif operator.name in BY_SPELLING:
        wildcards = "Like" in operator.name
        templates = [parse_template(each.text, wildcards=wildcards) for each in condition.operands]
        named = [_by_spelling(tuple(units(each.widest))) for each in templates]
    else:
        return atom
    return Not(Or(tuple(named))) if operator.negated else Or(tuple(named))


def _by_segments(segments: Sequence[str]) -> Predicate:
    *head, tenant, name = (
        tuple(units(parse_template(each, wildcards=True).widest)) for each in segments
    )
    if not all(matches(tokens, text) for tokens, text in zip(head, HEAD, strict=True)):
        return FALSE
    return And((_like(TENANT_ID, tenant), _kind_and_subject(name)))


def _by_spelling(tokens: Tokens) -> Predicate:
    """An alternative for each position of the colon behind the tenant."""
    ways = (
        And((_like(TENANT_ID, tenant), _kind_and_subject(name)))
        for rest in _after(tokens, ":".join(HEAD) + ":")
        for tenant, name in _at_a_colon(rest)
    )
    return Or(tuple(ways))


def _kind_and_subject(tokens: Tokens) -> Predicate:
    ways = []
    for kind in KINDS:
        subjects = tuple(_like(SUBJECT, rest) for rest in _after(tokens, f"{kind}/"))
        if subjects:
            ways.append(And((_like(PRINCIPAL_TYPE, (kind,)), Or(subjects))))
    return Or(tuple(ways))


def _after(tokens: Tokens, text: str) -> Iterator[Tokens]:
    """The rests of a pattern after a string, one for each way to match it."""
    return (tokens[place:] for place in places_after(tuple(text), tokens))


def _at_a_colon(tokens: Tokens) -> Iterator[tuple[Tokens, Tokens]]:
    """The parts before and behind a colon, for each position where the pattern can have one."""
    for place, token in enumerate(tokens):
        if token == STAR:
            yield tokens[: place + 1], tokens[place:]
        elif token in (":", QUESTION):
            yield tokens[:place], tokens[place + 1 :]


@lru_cache(maxsize=1024)
def _like(key: str, tokens: Tokens) -> Predicate:
    """The condition that a key matches the pattern. Raises ValueError if it cannot be written."""
    if tokens == (STAR,):
        return TRUE
    signs = (
        each.sign if isinstance(each, Wildcard) else literally(each, wildcards=False)
        for each in tokens
    )
    return like(key, "".join(signs))
