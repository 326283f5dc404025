"""The value of one key that is as all conditions on it want it, or the proof that there is none.

A key is absent, or one text, or several, or cannot be read. Each candidate is tried with the
conditions' own rule, so that a value found is right whatever this module thinks. Where the
candidates are all there can be, none fitting is a proof: for texts by `globs`, for numbers,
instants, addresses and bytes by `points`. So is one family of operators that nothing fits. Else the
question is undecided.

A key on which no set operator stands is taken to have one value at most; who asks is always told
readably.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count, islice, product
from typing import Final

from durward.core.policy.document import Quantifier
from durward.core.policy.pattern import (
    ARN_SEGMENTS,
    QUESTION,
    STAR,
    Template,
    Unreadable,
    Unresolved,
    Wildcard,
    parse_template,
    split_arn,
)
from durward.core.policy.predicate import Facts, Holds, atom_holds
from durward.core.policy.request import NOBODY
from durward.core.policy.solver.globs import Glob, Parts, Wanted, spellings, text_of
from durward.core.policy.solver.points import POINTS
from durward.core.policy.solver.undecided import Undecided

Wish = tuple[Holds, bool]
"""A condition, and whether it is to hold."""

Found = str | tuple[str, ...] | Mapping[str, object] | None
"""The value of a key in a request: absent, text, several, or what cannot be read."""

TOLD: Final = NOBODY.facts
"""The keys that the principal tells: these can be read."""
ODD: Final[Mapping[str, object]] = {}
"""A value that no operator can read."""
OTHERS: Final = ("~", "~~", "1", "true", "false")
"""Texts to try where any will do; the first is neither a number nor an instant or an address."""
MAX_PRODUCT: Final = 2_000
MAX_SPELLINGS: Final = 256
FOLDING: Final = ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "Bool")
NUMBER_LIKE: Final = frozenset({"Numeric", "Date", "Binary"})
"""Families that read some of each other's texts; apart from these, none but texts do."""


def value_of(
    key: str, wishes: Sequence[Wish], known: Facts, *, is_set: bool = False
) -> tuple[Found] | None:
    """A value that fulfils every wish, alone in a tuple; None where there is none.

    `is_set` tells that a set operator stands on the key elsewhere. Raises Undecided.
    """
    if fits(key, None, wishes, known):
        return (None,)
    if not is_list(key):
        alone = _one(key, wishes, known)
        if alone is not None:
            return (alone,)
    if (is_set and key not in TOLD) or can_be_several(key, (atom for atom, _ in wishes)):
        several = several_of(key, wishes, known)
        if several is not None:
            return (several,)
    return (ODD,) if key not in TOLD and fits(key, ODD, wishes, known) else None


def is_list(key: str) -> bool:
    """Whether the principal has a list there."""
    return isinstance(TOLD.get(key), tuple)


def can_be_several(key: str, atoms: Iterable[Holds]) -> bool:
    """Whether it may have several values: a set operator stands on it, or who asks has them."""
    if key in TOLD:
        return is_list(key)
    return any(atom.condition.quantifier for atom in atoms)


def fits(key: str, value: Found, wishes: Sequence[Wish], known: Facts) -> bool:
    """Whether the value fulfils every wish, by the rule of evaluation."""
    facts = {**known, key: value}
    return all(atom_holds(atom, facts) is wanted for atom, wanted in wishes)


def _one(key: str, wishes: Sequence[Wish], known: Facts) -> str | None:
    """One text; None where there is none."""
    if any(_whatever(atom) is (not wanted) for atom, wanted in wishes):
        return None
    unspelled = False
    for value in chain(_candidates(wishes, known), _made(wishes, known)):
        if value is None:
            unspelled = True
        elif fits(key, value, wishes, known):
            return value
    if not _is_all(key, wishes, known):
        raise Undecided(f"conditions of several kinds on `{key}`")
    if unspelled:
        raise Undecided(f"no number that can be written is known to lie between those on `{key}`")
    return None


def _is_all(key: str, wishes: Sequence[Wish], known: Facts) -> bool:
    """Whether no text but those that were tried can be as it is wanted."""
    families = {family_of(atom) for atom, _ in wishes} - {"Null"}
    if "String" in families:
        wanted = _all_wanted(wishes, known)
        if text_of(wanted) is None or _finite(wanted) is not None:
            return True
    elif len(families & NUMBER_LIKE) <= 1:
        return True
    for family in sorted(families) if len(families) > 1 else ():
        # Where one kind alone cannot be as it is wanted, the others make no difference.
        alike = [wish for wish in wishes if family_of(wish[0]) == family]
        if _one(key, alike, known) is None:
            return True
    return False


def _made(wishes: Sequence[Wish], known: Facts) -> Iterator[str]:
    """Texts that are as the wishes about texts want it, or those about ARNs: where few are, all."""
    families = {family_of(atom) for atom, _ in wishes}
    if "String" in families:
        wanted = _all_wanted(wishes, known)
        text = text_of(wanted)
        if text is not None:
            yield text
            yield from _finite(wanted) or ()
    if "Arn" in families:
        arn = _arn_of([each for wish in wishes for each in _arn_choices(wish, known)])
        if arn is not None:
            yield arn


def _all_wanted(wishes: Sequence[Wish], known: Facts) -> list[Wanted]:
    return [found for wish in wishes if (found := wanted_of(wish, known)) is not None]


def _finite(wanted: Sequence[Wanted]) -> list[str] | None:
    """The only texts that one of the wishes allows; None where each allows too many."""
    for each in wanted:
        if not each.matches or any(_is_open(glob) for glob in each.globs):
            continue
        spelled = (
            text
            for glob in each.globs
            for text in (spellings if glob.folds else iter)(("".join(map(str, glob.parts)),))
        )
        texts = list(islice(spelled, MAX_SPELLINGS))
        if len(texts) < MAX_SPELLINGS:
            return texts
    return None


def _is_open(glob: Glob) -> bool:
    return any(isinstance(part, Wildcard) for part in glob.parts)


def several_of(key: str, wishes: Sequence[Wish], known: Facts) -> tuple[str, ...] | None:
    """Several texts: one for each wish about some value, each as the others want all values."""
    if any(_whatever(atom, several=True) is (not wanted) for atom, wanted in wishes):
        return None
    some: list[Wish] = []
    every: list[Wish] = []
    for atom, wanted in wishes:
        condition = atom.condition
        if condition.operator and condition.quantifier:
            plain = Holds(replace(condition, quantifier=None, if_exists=False), atom.on_error)
            is_some = (condition.quantifier is Quantifier.SOME) is wanted
            (some if is_some else every).append((plain, wanted))
    values = []
    for each in [[wish, *every] for wish in some] or [every]:
        value = _one(key, each, known)
        if value is None:
            if len({family_of(atom) for atom, _ in (*some, *every)}) > 1:
                raise Undecided(f"conditions of several kinds on the values of `{key}`")
            return None
        values.append(value)
    several = tuple(dict.fromkeys(values))
    if not fits(key, several, wishes, known):
        raise Undecided(f"the values of `{key}`")
    return several


def _whatever(atom: Holds, *, several: bool = False) -> bool | None:
    """Whether it holds for one value, or several, where these do not matter: else None."""
    condition = atom.condition
    if condition.refused:
        return atom.on_error
    if condition.operator is None:
        return False in condition.absent
    return False if several and not condition.quantifier else None


Choice = Sequence[tuple[int, Wanted]]
"""Wishes about segments of an ARN, by their place."""


NO_COLON: Final = Wanted((Glob((STAR, ":", STAR)),), matches=False)
ANY_ARN: Final = ((Wanted((Glob(("arn",)),), matches=True),), *[(NO_COLON,)] * 4, ())
"""What the segments of every ARN are."""


def _arn_choices(wish: Wish, known: Facts) -> list[list[Choice]]:
    """What would fulfil a wish: one operand in every segment; or each of them not, in some segment.

    One whose variable cannot be read is not refuted by what does not begin as it does.
    """
    atom, wanted = wish
    operator = atom.condition.operator
    if operator is None or atom.condition.refused:
        return []
    listed: list[list[tuple[int, Glob]]] = []
    for operand in atom.condition.operands:
        templates = [parse_template(each, wildcards=True) for each in split_arn(operand.text)]
        try:
            resolved = [template.resolve(known.get) for template in templates]
        except Unresolved:
            continue
        except Unreadable:
            if atom.on_error is not operator.negated:
                at = next(at for at, each in enumerate(templates) if _is_odd(each, known))
                listed.append([(at, Glob((templates[at].beginning, STAR)))])
            continue
        listed.append([(at, Glob(parts)) for at, parts in enumerate(resolved)])
    if wanted is not operator.negated:
        return [[[(at, Wanted((g,), matches=True)) for at, g in each] for each in listed]]
    return [[[(at, Wanted((g,), matches=False))] for at, g in each] for each in listed]


def _is_odd(template: Template, known: Facts) -> bool:
    try:
        template.resolve(known.get)
    except Unreadable:
        return True
    except Unresolved:
        return False
    return False


def _arn_of(choices: Sequence[Sequence[Choice]]) -> str | None:
    """An ARN for which one choice of each is fulfilled. Raises Undecided where that is too hard."""
    tried = count()

    def search(
        left: Sequence[Sequence[Choice]], wanted: Sequence[tuple[Wanted, ...]]
    ) -> Sequence[tuple[Wanted, ...]] | None:
        if not left:
            return wanted
        for choice in left[0]:
            if next(tried) > MAX_PRODUCT:
                raise Undecided("there are too many ways to be none of the ARNs")
            more = list(wanted)
            for at, each in choice:
                more[at] = (*more[at], each)
            if all(text_of(more[at]) is not None for at, _ in choice):
                found = search(left[1:], more)
                if found is not None:
                    return found
        return None

    segments = search(choices, ANY_ARN)
    return None if segments is None else ":".join(str(text_of(each)) for each in segments)


def family_of(atom: Holds) -> str:
    """What kind of value its operator reads."""
    operator = atom.condition.operator
    if operator is None:
        return "Null"
    name = operator.name
    if name == "Bool":
        return "String"
    return next(
        family for family in ("String", "Numeric", "Date", "Ip", "Binary", "Arn") if family in name
    )


def wanted_of(wish: Wish, known: Facts) -> Wanted | None:
    """A wish about one text as one about patterns; None where it is about something else."""
    atom, wanted = wish
    operator = atom.condition.operator
    if operator is None or family_of(atom) != "String":
        return None
    folds = operator.name in FOLDING
    globs = [Glob(parts, folds) for parts in _resolved(atom, known)]
    if atom.on_error is not operator.negated:
        globs += [Glob((each, STAR)) for each in _unreadable(atom, known)]
    return Wanted(tuple(globs), wanted is not operator.negated)


def _resolved(atom: Holds, known: Facts) -> list[Parts]:
    """The operands as patterns whose variables are filled in; without those that have no value."""
    found = []
    for template in templates_of(atom):
        try:
            found.append(template.resolve(known.get))
        except (Unresolved, Unreadable):
            continue
    return found


def _unreadable(atom: Holds, known: Facts) -> Iterator[str]:
    """How a text begins that is held against a variable that cannot be read."""
    folds = atom.condition.operator and atom.condition.operator.name in FOLDING
    return ("" if folds else t.beginning for t in templates_of(atom) if _is_odd(t, known))


def templates_of(atom: Holds) -> Iterator[Template]:
    """The operands of a condition on texts."""
    name = atom.condition.operator.name if atom.condition.operator else ""
    for operand in atom.condition.operands:
        yield parse_template(operand.text, wildcards="Like" in name)


def _candidates(wishes: Sequence[Wish], known: Facts) -> Iterator[str | None]:
    """Texts to try; None for one that has no spelling."""
    typed: dict[str, dict[str, None]] = {}
    for atom, _ in wishes:
        texts = [operand.text for operand in atom.condition.operands]
        match family := family_of(atom):
            case "String":
                for parts in _resolved(atom, known):
                    yield from filled(parts)
            case "Arn":
                yield from arns(texts, known)
            case _ if texts and family in POINTS:
                typed.setdefault(family, {}).update(dict.fromkeys(texts))
    for family, constants in typed.items():
        yield from POINTS[family](constants)
    yield from OTHERS


def filled(parts: Parts) -> Iterator[str]:
    """Texts that a pattern matches: a `*` as a sign, then as nothing."""
    if not any(isinstance(part, Wildcard) for part in parts):
        yield "".join(str(part) for part in parts)
        return
    for star in ("x", "", "x/x"):
        signs = {STAR: star, QUESTION: "x"}
        yield "".join(part if isinstance(part, str) else signs[part] for part in parts)


def arns(texts: Iterable[str], known: Facts) -> Iterator[str]:
    """ARNs of segments that fit those of the patterns."""
    segments: list[dict[str, None]] = [{} for _ in range(ARN_SEGMENTS)]
    for text in texts:
        for place, segment in enumerate(split_arn(text)):
            try:
                parts = parse_template(segment, wildcards=True).resolve(known.get)
            except (Unresolved, Unreadable):
                continue
            segments[place] |= dict.fromkeys(filled(parts))
    for found in segments:
        found["~"] = None
    segments[0] = {"arn": None}
    yield from (":".join(each) for each in islice(product(*segments), MAX_PRODUCT))
