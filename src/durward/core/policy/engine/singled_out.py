"""The people that a decision singles out: ids with perhaps another answer than their class.

People of one class differ by their id alone. A statement reads it as `durward:Subject`, as part of
`durward:PrincipalArn`, in a variable, or as a principal that it names. Most of these hold for a few
ids at most, which the statement or the request contains; all other people of the class have the
same answer.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from durward.core.policy.engine.attached import ActionIndex
from durward.core.policy.engine.evaluate import PolicySet
from durward.core.policy.engine.predicate import (
    Atom,
    ConditionMatch,
    PrincipalMatch,
    ResourceMatch,
    atoms_of,
    keys_of_atom,
)
from durward.core.policy.engine.request import PRINCIPAL_ARN, SUBJECT, AccessRequest, Principal
from durward.core.policy.language.automaton import STAR
from durward.core.policy.language.document import Condition
from durward.core.policy.language.pattern import (
    ARN_SEGMENTS,
    ResourcePattern,
    Template,
    Unreadable,
    Unresolved,
    Variable,
    joined,
    parse_template,
    split_arn,
)

IDS: Final = frozenset({SUBJECT, PRINCIPAL_ARN})
"""Keys whose value is an id, or has one at its end."""
ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,127}\Z")
"""The characters of an id: no `:`, no `/`, no wildcard."""
NAMED: Final = ":user/"
EXACT: Final = frozenset({"StringEquals", "StringNotEquals"})
WITH_WILDCARDS: Final = frozenset({"StringLike", "StringNotLike"})
OF_ARNS: Final = frozenset({"ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike"})
MAX_PLACES: Final = 4_096
"""The number of substrings of one string that are tried as ids."""


class _AnyId(Exception):  # noqa: N818 - not an error of anybody's
    """Each id may have an answer of its own."""


class SinglingOut:
    """Finds the ids for one set of policies, and caches what it reads from their statements."""

    def __init__(self, policies: PolicySet) -> None:
        self._policies = policies
        self._read: dict[ActionIndex, Sequence[Atom]] = {}

    def ids(self, request: AccessRequest) -> frozenset[str] | None:
        """The ids of people of the principal's class who may have another answer to the request.

        All other people of the class have one answer. None if each of them must be asked about.
        """
        person = request.principal
        assert person is not None  # noqa: S101 - the caller asks about people
        plans = [plan for _, plan in self._policies.layers(request)]
        atoms = [atom for plan in plans for atom in self._atoms(plan)]
        known: dict[str, object] = {}
        if atoms:
            known = {key: value for key, value in request.facts.items() if key not in IDS}
        try:
            found = {id for atom in atoms for id in _of_atom(atom, person, request, known)}
        except _AnyId:
            return None
        return frozenset(found) | self._policies.people_with_attachments

    def _atoms(self, plan: ActionIndex) -> Sequence[Atom]:
        found = self._read.get(plan)
        if found is None:
            rules = (rule for index in plan.indexes for rule in index.rules)
            found = [a for rule in rules for a in atoms_of(rule.predicate) if _reads_id(a)]
            self._read[plan] = found
        return found


def _reads_id(atom: Atom) -> bool:
    if isinstance(atom, PrincipalMatch):
        return any(NAMED in arn for arn in atom.arns)
    return bool(keys_of_atom(atom) & IDS)


def _of_atom(
    atom: Atom, person: Principal, request: AccessRequest, known: Mapping[str, object]
) -> Iterable[str]:
    match atom:
        case PrincipalMatch(arns):
            return _ids(arn.partition(NAMED)[2] for arn in arns if NAMED in arn)
        case ConditionMatch(condition) if condition.operator is not None:
            return _of_condition(condition, person, known)
        case ResourceMatch(patterns):
            reading = (pattern for pattern in patterns if pattern.keys & IDS)
            return {
                id for each in reading for id in _of_pattern(each, person, request.segments, known)
            }
        case _:
            return ()


def _of_pattern(
    pattern: ResourcePattern,
    person: Principal,
    resource: Sequence[str],
    known: Mapping[str, object],
) -> Iterable[str]:
    """The ids that a resource pattern can take from the resource."""
    segments = pattern.segments or ()
    before = len(segments) - 1
    given = [*resource[:before], ":".join(resource[before:])]
    if len(resource) != ARN_SEGMENTS:
        return ()
    for template, text in zip(segments, given, strict=True):
        if template.keys & IDS:
            return _fillings(template, text, person, known)
    return ()


def _of_condition(
    condition: Condition, person: Principal, known: Mapping[str, object]
) -> Iterable[str]:
    if condition.refused:
        return ()
    reading = [operand for operand in condition.operands if operand.keys & IDS]
    if condition.key not in IDS and not reading:
        return ()
    name = condition.operator.name if condition.operator else ""
    if name not in EXACT | WITH_WILDCARDS | OF_ARNS or (condition.key in IDS and reading):
        raise _AnyId
    found: set[str] = set()
    if condition.key in IDS:
        for operand in condition.operands:
            found.update(_of_text(operand.text, name, condition.key, known))
        return found
    value = known.get(condition.key)
    texts = (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ()
    for operand in reading:
        for text in texts:
            for template, part in _parts(operand.text, str(text), name):
                if template.keys & IDS:
                    found.update(_fillings(template, part, person, known))
    return found


def _parts(written: str, text: str, operator: str) -> Iterator[tuple[Template, str]]:
    """The templates of a value of the policy, each with the text that it is compared with."""
    if operator in OF_ARNS:
        given = text.split(":", ARN_SEGMENTS - 1)
        if len(given) == ARN_SEGMENTS:
            for each, part in zip(split_arn(written), given, strict=True):
                yield parse_template(each, wildcards=True), part
    else:
        yield parse_template(written, wildcards=operator in WITH_WILDCARDS), text


def _of_text(written: str, operator: str, key: str, known: Mapping[str, object]) -> Iterable[str]:
    """The ids that a key with an id is compared with."""
    if operator in OF_ARNS:
        if key == SUBJECT:
            return ()  # no id is an ARN
        written = split_arn(written)[-1]
    template = parse_template(written, wildcards=operator not in EXACT)
    try:
        parts = template.filled(known).parts
    except Unresolved:
        return ()  # it matches nobody
    except Unreadable:
        raise _AnyId from None
    last = parts[-1] if parts else ""
    if isinstance(last, str) and (len(parts) == 1 or (key == PRINCIPAL_ARN and "/" in last)):
        return _ids([last.rpartition("/")[2] if key == PRINCIPAL_ARN else last])
    before = parts[-2] if len(parts) > 1 else ""
    ends_before_id = isinstance(before, str) and before.endswith("/")
    if last == STAR and (len(parts) == 1 or (key == PRINCIPAL_ARN and ends_before_id)):
        return ()  # every id fits
    raise _AnyId


def _fillings(
    template: Template, text: str, person: Principal, known: Mapping[str, object]
) -> Iterable[str]:
    """The ids with which a template may match a string: the values of its first variable for an id.

    The string has the same text beside the id as the template beside the variable. The name of the
    principal is its id behind a part that its whole class shares.
    """
    try:
        filled = template.filled(known).parts
    except Unresolved:
        return ()  # it matches nothing, whoever asks
    except Unreadable:
        raise _AnyId from None
    named = (f"arn:durward:iam::{person.tenant}{NAMED}", Variable(SUBJECT))
    parts = joined(
        each
        for part in filled
        for each in (named if isinstance(part, Variable) and part.key == PRINCIPAL_ARN else (part,))
    )
    # Another variable may be left: one without a value, whose default is written beside it.
    place = next(
        place
        for place, part in enumerate(parts)
        if isinstance(part, Variable) and part.key == SUBJECT
    )
    starts = _starts(parts[:place], text)
    ends = _ends(parts[place + 1 :], text)
    if len(starts) * len(ends) > MAX_PLACES:
        raise _AnyId
    return _ids(text[start:end] for start in starts for end in ends if start < end)


def _starts(before: Sequence[object], text: str) -> Sequence[int]:
    """The positions in a string that can follow these parts."""
    if not before:
        return [0]
    near = before[-1]
    if not isinstance(near, str):
        return range(len(text))
    if len(before) == 1:
        return [len(near)] if text.startswith(near) else []
    return [
        place for place in range(len(near), len(text)) if text.startswith(near, place - len(near))
    ]


def _ends(behind: Sequence[object], text: str) -> Sequence[int]:
    """The positions in a string that can precede these parts."""
    if not behind:
        return [len(text)]
    near = behind[0]
    if not isinstance(near, str):
        return range(1, len(text) + 1)
    if len(behind) == 1:
        return [len(text) - len(near)] if text.endswith(near) else []
    return [place for place in range(1, len(text)) if text.startswith(near, place)]


def _ids(texts: Iterable[str]) -> set[str]:
    return {text for text in texts if ID.match(text)}
