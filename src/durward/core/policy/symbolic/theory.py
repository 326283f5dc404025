"""Find a value of one key that satisfies all conditions on it, or prove that there is none.

A key is absent, or has one string, or several, or is malformed. Each candidate is tested by the
conditions' own rule, so that a value found is correct whatever this module derives. If the
candidates are complete, their failure is a proof: for compared values by `breakpoints`, and if no
string satisfies the patterns of `translation`, or one family of operators. Else the answer is
unknown.

A key without a set operator is assumed to have one value at most; keys of the principal are
well-formed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice, product
from typing import Final

from durward.core.policy.engine.predicate import ConditionMatch, Facts, atom_holds
from durward.core.policy.language.automaton import QUESTION, STAR, Parts, Wildcard
from durward.core.policy.language.document import Quantifier
from durward.core.policy.language.pattern import (
    ARN_SEGMENTS,
    Unreadable,
    Unresolved,
    parse_template,
    split_arn,
)
from durward.core.policy.language.wildcards import Glob
from durward.core.policy.symbolic.addresses import LikeIpv6
from durward.core.policy.symbolic.breakpoints import POINTS
from durward.core.policy.symbolic.folding import case_variants
from durward.core.policy.symbolic.strings import MAX_STATES, PatternConstraint, shortest_string
from durward.core.policy.symbolic.symbolic_principal import SOMEBODY, STANDING, TOLD, is_list
from durward.core.policy.symbolic.translation import (
    Constraint,
    resolved,
    value_family,
    wanted_of,
)
from durward.core.policy.symbolic.unknown import Unknown

Found = str | tuple[str, ...] | Mapping[str, object] | None
"""The value of a key in a request: absent, one string, several, or malformed."""

ODD: Final[Mapping[str, object]] = {}
"""A value that is malformed for every operator."""
OTHERS: Final = ("~", "~~", "1", "true", "false")
"""Strings to try if any will do; the first is not a number, an instant or an address."""
MAX_PRODUCT: Final = 2_000
MAX_SPELLINGS: Final = 256
FEW: Final = 20
"""The number of ARNs to try before a search."""
NUMBER_LIKE: Final = frozenset({"Numeric", "Date", "Binary"})
"""Families that can parse some of each other's strings; other types share none."""
SPELLED: Final = frozenset({"String", "Bool", "Arn"})
"""Families that compare the spelling, not a parsed value."""


def value_of(
    key: str,
    constraints: Sequence[Constraint],
    known: Facts,
    *,
    is_set: bool = False,
    most: int = MAX_STATES,
) -> tuple[Found] | None:
    """A value that satisfies every constraint, in a tuple of one; None if there is none.

    `is_set`: a set operator reads the key elsewhere. `most` limits the states of a search for a
    string. Raises Unknown.
    """
    if key not in SOMEBODY and satisfies(key, None, constraints, known):
        return (None,)
    if not is_list(key):
        alone = _one(key, constraints, known, most)
        if alone is not None:
            return (alone,)
    if (is_set and key not in TOLD) or can_be_several(key, (atom for atom, _ in constraints)):
        several = several_of(key, constraints, known, most)
        if several is not None:
            return (several,)
    return (ODD,) if key not in TOLD and satisfies(key, ODD, constraints, known) else None


def can_be_several(key: str, atoms: Iterable[ConditionMatch]) -> bool:
    """Whether a key may have several values: by a set operator, or as a list of the principal."""
    if key in TOLD:
        return is_list(key)
    return any(atom.condition.quantifier for atom in atoms)


def satisfies(key: str, value: Found, constraints: Sequence[Constraint], known: Facts) -> bool:
    """Whether the value satisfies every constraint, by the rules of evaluation."""
    facts = {**known, key: value}
    return all(atom_holds(atom, facts) is wanted for atom, wanted in constraints)


def _one(key: str, constraints: Sequence[Constraint], known: Facts, most: int) -> str | None:
    """One string that satisfies every constraint; None if there is none. Raises Unknown."""
    if any(whatever(atom) is (not wanted) for atom, wanted in constraints):
        return None
    has_spellings = True
    standing = [STANDING[key]] if key in STANDING else []
    for value in _candidates(constraints, known):
        if value is None:
            has_spellings = False
        elif all(each.fits(value) for each in standing) and satisfies(
            key, value, constraints, known
        ):
            return value
    families = {value_family(atom) for atom, _ in constraints} - {"Null"}
    if (
        not standing
        and has_spellings
        and not families & SPELLED
        and len(families & NUMBER_LIKE) <= 1
    ):
        return None  # the candidates were complete
    wanted = [
        *standing,
        *(each for constraint in constraints for each in wanted_of(constraint, known)),
    ]
    likely = shortest_string(map(_exactly, wanted), most)
    if likely is not None and satisfies(key, likely, constraints, known):
        return likely
    text = shortest_string(wanted, most)
    if text is None:
        return None
    if satisfies(key, text, constraints, known):
        return text
    listed = _finite(wanted)
    if listed is None and not _cannot_be(key, constraints, known, most):
        raise Unknown(f"conditions of several kinds on `{key}`")
    return next((each for each in listed or () if satisfies(key, each, constraints, known)), None)


def _exactly(wanted: PatternConstraint) -> PatternConstraint:
    """Drop over-approximated patterns when an exact one remains."""
    sure = tuple(glob for glob in wanted.globs if not isinstance(glob, LikeIpv6))
    return replace(wanted, globs=sure) if sure else wanted


def _cannot_be(key: str, constraints: Sequence[Constraint], known: Facts, most: int) -> bool:
    """Whether the conditions of one family alone cannot be satisfied."""
    families = sorted({value_family(atom) for atom, _ in constraints})
    alike = (
        [constraint for constraint in constraints if value_family(constraint[0]) == family]
        for family in families
    )
    return len(families) > 1 and any(_one(key, each, known, most) is None for each in alike)


def _finite(wanted: Sequence[PatternConstraint]) -> list[str] | None:
    """The only strings that one of the constraints allows; None if each allows too many."""
    for each in wanted:
        globs = [glob for glob in each.globs if isinstance(glob, Glob)]
        exact = [(glob.literal, glob.folds) for glob in globs if glob.literal is not None]
        if not each.matches or len(exact) < len(each.globs):
            continue
        spelled = (
            text for known, folds in exact for text in (case_variants if folds else iter)((known,))
        )
        texts = list(islice(spelled, MAX_SPELLINGS))
        if len(texts) < MAX_SPELLINGS:
            return texts
    return None


def several_of(
    key: str, constraints: Sequence[Constraint], known: Facts, most: int = MAX_STATES
) -> tuple[str, ...] | None:
    """Several strings: one for each constraint on some value, each within those on all values."""
    if any(whatever(atom, several=True) is (not wanted) for atom, wanted in constraints):
        return None
    some: list[Constraint] = []
    every: list[Constraint] = []
    for atom, wanted in constraints:
        condition = atom.condition
        if condition.operator and condition.quantifier:
            plain = ConditionMatch(
                replace(condition, quantifier=None, if_exists=False), atom.on_error
            )
            is_some = (condition.quantifier is Quantifier.SOME) is wanted
            (some if is_some else every).append((plain, wanted))
    values = []
    for each in [[constraint, *every] for constraint in some] or [every]:
        value = _one(key, each, known, most)
        if value is None:
            if len({value_family(atom) for atom, _ in (*some, *every)}) > 1:
                raise Unknown(f"conditions of several kinds on the values of `{key}`")
            return None
        values.append(value)
    several = tuple(dict.fromkeys(values))
    if not satisfies(key, several, constraints, known):
        raise Unknown(f"the values of `{key}`")
    return several


def whatever(atom: ConditionMatch, *, several: bool = False) -> bool | None:
    """Whether the condition holds for any one value, or any several; None if it depends on them."""
    condition = atom.condition
    if condition.refused:
        return atom.on_error
    if condition.operator is None:
        return False in condition.absent
    return False if several and not condition.quantifier else None


def _candidates(constraints: Sequence[Constraint], known: Facts) -> Iterator[str | None]:
    """Strings to try; None for a value without a spelling."""
    typed: dict[str, dict[str, None]] = {}
    for atom, _ in constraints:
        texts = [operand.text for operand in atom.condition.operands]
        match family := value_family(atom):
            case "String" | "Bool":
                for parts in resolved(atom, known):
                    yield from matching_strings(parts)
            case "Arn":
                yield from islice(arns(texts, known), FEW)
            case _ if texts and family in POINTS:
                typed.setdefault(family, {}).update(dict.fromkeys(texts))
    for family, constants in typed.items():
        yield from POINTS[family](constants)
    yield from OTHERS


def matching_strings(parts: Parts) -> Iterator[str]:
    """Strings that a pattern matches: with a character for `*`, then with none."""
    if not any(isinstance(part, Wildcard) for part in parts):
        yield "".join(str(part) for part in parts)
        return
    for star in ("x", "", "x/x"):
        signs = {STAR: star, QUESTION: "x"}
        yield "".join(part if isinstance(part, str) else signs[part] for part in parts)


def arns(texts: Iterable[str], known: Facts) -> Iterator[str]:
    """ARNs whose segments match those of the patterns."""
    segments: list[dict[str, None]] = [{} for _ in range(ARN_SEGMENTS)]
    for text in texts:
        for place, segment in enumerate(split_arn(text)):
            try:
                parts = parse_template(segment, wildcards=True).resolve(known.get)
            except (Unresolved, Unreadable):
                continue
            segments[place] |= dict.fromkeys(matching_strings(parts))
    for found in segments:
        found["~"] = None
    segments[0] = {"arn": None}
    yield from (":".join(each) for each in islice(product(*segments), MAX_PRODUCT))
