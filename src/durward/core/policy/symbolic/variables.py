"""The candidate values of a pattern's variables: one for each class of equivalent values.

Two values are equivalent if the same conditions on the variable's key hold for them, and the same
patterns match a string with either value in it. A pattern constrains a variable by those of its
pieces that can be in the variable's place. So the candidates are: a string of each class that these
pieces and the key's own conditions distinguish, with a fresh character that occurs nowhere else; if
a class has no such string, its strings; a number, address … of each class; several values; none;
and a malformed one. A string with a fresh character matches only pieces that the variable must
match: a negated pattern matches it only if it matches every string of its class. Values that must
be equal are candidates too: a pattern in which an earlier variable is assigned constrains later
ones. `doubts` lists the cases in which the candidates are not known to be complete.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, islice
from typing import Final

from durward.core.policy.engine.predicate import (
    ConditionMatch,
    Predicate,
    ResourceMatch,
    atoms_of,
    variable_keys,
)
from durward.core.policy.engine.request import (
    PRINCIPAL_ARN,
    PRINCIPAL_TYPE,
    TENANT_ID,
    TENANT_SEGMENT,
)
from durward.core.policy.language.automaton import STAR
from durward.core.policy.language.pattern import Part, Variable, split_arn, widest
from durward.core.policy.language.wildcards import Glob
from durward.core.policy.symbolic.breakpoints import POINTS, respelled
from durward.core.policy.symbolic.constraints import PLACES
from durward.core.policy.symbolic.folding import case_variants
from durward.core.policy.symbolic.occurrences import (
    Occurrence,
    Place,
    are_aligned,
    go_together,
    occurrences_of,
    pieces_of,
)
from durward.core.policy.symbolic.strings import class_examples, fresh_sign
from durward.core.policy.symbolic.symbolic_principal import KINDS, SOMEBODY, STANDING, TOLD, is_list
from durward.core.policy.symbolic.theory import ODD, Found, arns, can_be_several, matching_strings
from durward.core.policy.symbolic.translation import value_family
from durward.core.policy.symbolic.unknown import Unknown
from durward.core.policy.symbolic.work import Work

MAX_SETTINGS: Final = 160
MAX_PIECES: Final = 24
MAX_SPELLINGS: Final = 64
ROUNDS: Final = 4
TENANT_PLACE: Final = PLACES[TENANT_SEGMENT]
MANY: Final = ("~", "~~")
"""Represents several values of any kind: a variable has no value then."""

Setting = dict[str, Found]


def settings_of(
    predicate: Predicate,
    settled: Mapping[str, Found],
    most: int = MAX_SETTINGS,
    work: Work | None = None,
) -> Iterator[Setting]:
    """Assignments of the keys that variables read; settled keys have their values.

    Every principal has a tenant. Raises Unknown after the last assignment, or after `most`, if
    others may exist.
    """
    keys = dict.fromkeys(
        key
        for atom in atoms_of(predicate)
        for key in sorted(variable_keys(atom))
        if key not in settled
    )
    if not keys:
        yield dict(settled)
        return
    if TENANT_ID not in settled and any(map(_varies_tenant, atoms_of(predicate))):
        keys = {TENANT_ID: None, **keys}  # the principal may be of the resource's tenant
    relations = _Relations(predicate, tuple(keys), settled, work or Work())
    for count, setting in enumerate(relations.settings()):
        if count == most:
            raise Unknown("the variables can have too many values")
        yield setting
    if relations.doubts:
        raise Unknown(relations.doubts[0])


def _varies_tenant(atom: Predicate) -> bool:
    """Whether a variable stands for the tenant of a resource."""
    return isinstance(atom, ResourceMatch) and any(
        pattern.segments[TENANT_SEGMENT].keys
        for pattern in atom.patterns
        if pattern.segments and len(pattern.segments) > TENANT_SEGMENT
    )


def _is_like_absence(atom: Predicate) -> bool:
    """Whether an absent and a malformed variable have the same effect on it."""
    match atom:
        case ResourceMatch(_, complement, on_error):
            return not complement and not on_error
        case ConditionMatch(condition, on_error):
            negated = condition.operator is not None and condition.operator.negated
            return not negated and not on_error
        case _:
            return True


@dataclass
class _Relations:
    """The relations of a predicate between the variables of some keys."""

    predicate: Predicate
    keys: tuple[str, ...]
    settled: Mapping[str, Found]
    work: Work
    doubts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        uses: dict[Place, dict[Occurrence, None]] = {}
        found = [use.filled(self.settled) for use in occurrences_of(self.predicate, wanted=True)]
        if TENANT_ID in self.keys or self.settled.get(TENANT_ID):
            # A resource may have to be of the principal's tenant, or of none.
            own = Occurrence(TENANT_PLACE, (Variable(TENANT_ID),)).filled(self.settled)
            found += [own, Occurrence(TENANT_PLACE, ())]
        found += self._settled_places(filter(None, found))
        for use in filter(None, found):
            uses.setdefault(use.place, {})[use] = None
        self._part_arns(uses)
        varied = [place for place, listed in uses.items() if any(use.keys for use in listed)]
        self.uses = {place: uses.get(place, {}) for place in (*varied, *self.keys)}
        self.conditions: dict[str, dict[ConditionMatch, None]] = {key: {} for key in self.keys}
        self.typed: dict[str, dict[str, dict[str, None]]] = {key: {} for key in self.keys}
        for atom in atoms_of(self.predicate):
            if isinstance(atom, ConditionMatch):
                self._add_condition(atom)
        self.defaults = [
            (part.key, part.default)
            for listed in self.uses.values()
            for use in listed
            for part in use.parts
            if isinstance(part, Variable) and part.default is not None
        ]
        self.told_apart = {
            key
            for atom in atoms_of(self.predicate)
            if not _is_like_absence(atom)
            for key in variable_keys(atom)
        }
        self.told_apart |= {key for key, _ in self.defaults}
        self.pieces: dict[str, dict[Glob, None]] = {key: {} for key in self.keys}
        self._spread()
        self._doubt()
        self._name()

    def _settled_places(self, uses: Iterable[Occurrence]) -> list[Occurrence]:
        """Settled keys as patterns for the variables that are compared with them.

        Each of several values is one, and an ARN gives its segments.
        """
        compared = dict.fromkeys(use.place for use in uses if use.keys)
        found = []
        for place in compared:
            key, segment = place if isinstance(place, tuple) else (place, None)
            value = self.settled.get(key)
            for text in (value,) if isinstance(value, str) else value or ():
                parts = [text] if segment is None else split_arn(text)[segment : segment + 1]
                found.append(Occurrence(place, tuple(parts)))
        return found

    def _name(self) -> None:
        """Choose for each key a fresh character and, if possible, a readable string."""
        patterns: list[Sequence[Part]] = [
            glob.parts for found in self.pieces.values() for glob in found
        ]
        patterns += [use.parts for listed in self.uses.values() for use in listed]
        taken = {sign for parts in patterns for p in parts if isinstance(p, str) for sign in p}
        taken |= set("".join(taken).upper())
        own = {key: f"~{key.rpartition(':')[2]}" for key in self.keys}
        self.own = {
            key: text
            for key, text in own.items()
            if "~" not in taken
            and sum(text in other or other in text for other in own.values()) == 1
        }
        self.fresh: dict[str, str] = {}
        for key in self.keys:
            self.fresh[key] = fresh_sign(taken)
            taken.add(self.fresh[key])

    def _part_arns(self, uses: dict[Place, dict[Occurrence, None]]) -> None:
        """Derive patterns for the segments of an ARN from patterns for the whole key."""
        varied = (place for place, listed in uses.items() if any(use.keys for use in listed))
        for key in dict.fromkeys([place[0] for place in varied if isinstance(place, tuple)]):
            for use in uses.get(key, ()):
                if any(not isinstance(part, str) for part in use.parts) or use.folds:
                    self.doubts.append(f"`{key}` is an ARN, and as a whole fits a pattern")
                    continue
                for segment, text in enumerate(split_arn("".join(map(str, use.parts)))):
                    place = (key, segment)
                    uses.setdefault(place, {})[replace(use, place=place, parts=(text,))] = None

    def _add_condition(self, atom: ConditionMatch) -> None:
        key, family = atom.condition.key, value_family(atom)
        if key in self.conditions:
            self.conditions[key][atom] = None
        if family in {"Null", "String", "Bool"} or not atom.condition.operands:
            return
        texts = dict.fromkeys(operand.text for operand in atom.condition.operands)
        if key in self.typed:
            self.typed[key].setdefault(family, {}).update(texts)
        for use in self.uses.get(key, ()):
            for variable in use.keys:
                if variable in self.typed:
                    self.typed[variable].setdefault(family, {}).update(texts)
                    if len(use.parts) > 1:
                        self.doubts.append(f"`{key}` is compared and has `${{{variable}}}` in it")

    def _spread(self) -> None:
        """Propagate patterns to the variables in them, up to a fixed point."""
        for _ in range(ROUNDS):
            before = {key: len(found) for key, found in self.pieces.items()}
            for key in self.keys:
                found = dict(self.pieces[key])
                for glob in self._said(key, {}):
                    if glob.parts != (STAR,):
                        found[glob] = None
                    if len(found) > MAX_PIECES:
                        self.doubts.append(f"too much is said about the parts of `{key}`")
                        return
                self.pieces[key] = found
            if before == {key: len(found) for key, found in self.pieces.items()}:
                return
        self.doubts.append("the variables stand in each other's patterns")

    def _said(self, key: str, known: Mapping[str, Found]) -> Iterator[Glob]:
        """The patterns for a key: from its own conditions, and from patterns of other strings.

        Only a pattern that must match constrains a variable. If some variables are known, only
        the patterns that follow from these.
        """
        for use in self.uses[key]:
            yield from self._read(use, known)
        for place, listed in self.uses.items():
            for use in listed:
                if key not in use.keys or not use.matches:
                    continue
                others = [
                    each for each in listed if key not in each.keys and go_together(use, each)
                ]
                globs = [glob for each in others for glob in self._read(each, known)]
                if isinstance(place, str) and place in self.pieces and place != key:
                    text = known.get(place)
                    globs += [] if known else self.pieces[place]
                    globs += [Glob(widest((text,)))] if isinstance(text, str) else []
                for at, part in enumerate(use.parts):
                    if isinstance(part, Variable) and part.key == key:
                        for glob in globs:
                            self.work.spend()
                            yield from pieces_of(use, at, glob)

    def _read(self, use: Occurrence, known: Mapping[str, Found]) -> Iterator[Glob]:
        """A pattern with its known variables substituted, and candidates for the others.

        For a pattern that must not match, only a variable with few candidate strings counts.
        """
        if known:
            filled = use.filled(known) if use.keys else None
            if filled and not filled.keys:
                yield Glob(widest(filled.parts), use.folds)
            return
        if use.matches or not use.keys:
            yield Glob(widest(use.parts), use.folds)
        for key in dict.fromkeys(use.keys):
            fillings = [(glob.parts, glob.folds) for glob in self._fillings(key, use)]
            fillings += [((text,), False) for name, text in self.defaults if name == key]
            for filling, folds in fillings:
                parts: list[Part] = []
                for part in use.parts:
                    is_it = isinstance(part, Variable) and part.key == key
                    parts += filling if is_it else [part]
                yield Glob(widest(tuple(parts)), use.folds or folds)

    def _fillings(self, key: str, use: Occurrence) -> Iterator[Glob]:
        pieces = self.pieces.get(key, {})
        if use.matches:
            yield from pieces
            yield from (Glob((text,)) for text in self._points(key))
            return
        wild = [glob for glob in pieces if glob.literal is None]
        yield from (glob for glob in pieces if glob not in wild)
        if wild:
            fresh = fresh_sign("".join(str(part) for glob in wild for part in glob.parts))
            texts = self._of_each_class(wild, fresh)
            yield from (Glob(widest((text,))) for text in texts if fresh not in text)

    def _of_each_class(self, wild: Sequence[Glob], fresh: str) -> list[str]:
        globs = tuple(glob for glob in wild if not glob.folds)
        try:
            return class_examples(globs, fresh)
        except Unknown as doubt:
            self.doubts.append(str(doubt))
            return [text for glob in globs for text in matching_strings(glob.parts)]

    def _points(self, key: str) -> Iterator[str]:
        for family, constants in self.typed.get(key, {}).items():
            points = arns(constants, {}) if family == "Arn" else POINTS[family](constants)
            for text in points:
                if text is None:
                    self.doubts.append(f"no number is known to lie between those on `{key}`")
                else:
                    yield text

    def _doubt(self) -> None:
        for listed in self.uses.values():
            varied = [use for use in listed if use.matches and use.keys]
            pairs = (pair for pair in combinations(varied, 2) if go_together(*pair))
            for one, other in pairs:
                compared = {key for key in (*one.keys, *other.keys) if self.typed.get(key)}
                if len(compared) > 1:
                    self.doubts.append(
                        f"`{min(compared)}` is compared, and beside another such key"
                    )
                for key in sorted({*one.keys} & {*other.keys}):
                    if not are_aligned(one, other, key):
                        self.doubts.append(f"`${{{key}}}` may stand at two places of one text")
        for key, globs in self.pieces.items():
            wild = [glob for glob in globs if glob.literal is None]
            if any(glob.folds for glob in wild):
                self.doubts.append(f"patterns with and without regard to case for `{key}`")
            if "Arn" in self.typed[key]:
                self.doubts.append(f"`{key}` is an ARN, and a part of a pattern")
            if wild and self.typed[key]:
                self.doubts.append(f"`{key}` is compared, and a part of a pattern")

    def settings(self) -> Iterator[Setting]:
        """Every choice of one candidate for each key."""
        return self._settings(0, dict(self.settled))

    def _settings(self, at: int, known: Setting) -> Iterator[Setting]:
        if at == len(self.keys):
            yield known
            return
        key = self.keys[at]
        for value in self._candidates(at, known):
            yield from self._settings(at + 1, {**known, key: value})

    def _candidates(self, at: int, known: Setting) -> Iterator[Found]:
        key = self.keys[at]
        if not is_list(key):
            # A name may be any string: one that is malformed turns out to be no principal's.
            standing = STANDING.get(key) if key != PRINCIPAL_ARN else None
            for text in KINDS if key == PRINCIPAL_TYPE else self._texts(at, known):
                if standing is None or standing.fits(text):
                    yield text
        if key not in SOMEBODY:
            yield None
        if can_be_several(key, self.conditions[key]):
            yield MANY
        if key not in TOLD and (self.conditions[key] or key in self.told_apart):
            yield ODD

    def _texts(self, at: int, known: Setting) -> Iterator[str]:
        key = self.keys[at]
        pieces = dict(self.pieces[key])
        earlier = {each: known[each] for each in self.keys[:at]}
        if earlier:
            pieces.update(dict.fromkeys(self._said(key, earlier)))
        globs = [glob for glob in pieces if glob.parts != (STAR,)]
        wild = [glob for glob in globs if glob.literal is None]
        exact = {glob.literal: glob.folds for glob in globs if glob.literal is not None}
        told = (text for text, folds in exact.items() if not folds)
        named = dict.fromkeys(
            sorted(told, key=lambda text: not text)
        )  # an empty one is the worst example
        own = self.own.get(key)
        is_other = own is not None and not any(glob.matches(own) for glob in globs)
        if own is not None and is_other:
            yield own
        yield from named
        for text in self._of_each_class(wild, self.fresh[key]):
            is_like_own = is_other and not any(glob.matches(text) for glob in wild)
            if text not in named and not is_like_own:
                yield text
        for text in (text for text, folds in exact.items() if folds):
            spelled = islice(case_variants([text]), MAX_SPELLINGS)
            yield from _of_each_kind((e for e in spelled if e not in named), wild, len(self.keys))
        for text in self._points(key):
            taken = (*named, *earlier.values())
            other = (each for each in respelled(text) if each not in taken)
            yield from islice(other, 1)


def _of_each_kind(texts: Iterable[str], globs: Sequence[Glob], number: int) -> Iterator[str]:
    """Up to `number` strings of each class: those that match the same patterns."""
    counted: dict[tuple[bool, ...], int] = {}
    for text in texts:
        kind = tuple(glob.matches(text) for glob in globs)
        counted[kind] = counted.get(kind, 0) + 1
        if counted[kind] <= number:
            yield text
