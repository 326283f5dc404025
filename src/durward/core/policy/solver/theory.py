"""The value of one key that is as all conditions on it want it, or the proof that there is none.

A key is absent, or one text, or several. Each candidate is tried with the conditions' own rule, so
that a value found is right whatever this module thinks. Where the candidates are all there can be,
none fitting is a proof: for texts by `globs`; for numbers and instants the constants, what lies
between, below and above; for addresses the ends of the ranges. Else the question is undecided.

A key on which no set operator stands is taken to have one value at most.
"""

import base64
import ipaddress
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import islice, pairwise, product
from typing import Final

from durward.core.policy.document import Quantifier
from durward.core.policy.operators import parse_date, parse_number
from durward.core.policy.pattern import (
    ARN_SEGMENTS,
    QUESTION,
    STAR,
    Unreadable,
    Unresolved,
    Wildcard,
    parse_template,
    split_arn,
)
from durward.core.policy.predicate import Facts, Holds, Value, atom_holds
from durward.core.policy.solver.globs import Glob, Parts, Wanted, text_of
from durward.core.policy.solver.undecided import Undecided

Wish = tuple[Holds, bool]
"""A condition, and whether it is to hold."""

OTHERS: Final = ("~", "~~", "1", "true", "false")
"""Texts to try where any will do."""
MAX_PRODUCT: Final = 2_000
FOLDING: Final = ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "Bool")


def value_of(key: str, wishes: Sequence[Wish], known: Facts) -> tuple[Value] | None:
    """A value that fulfils every wish, alone in a tuple; None where there is none.

    Raises Undecided.
    """

    def fits(value: Value) -> bool:
        facts = {**known, key: value}
        return all(atom_holds(atom, facts) is wanted for atom, wanted in wishes)

    if fits(None):
        return (None,)
    alone = _one(key, wishes, known)
    if alone is not None:
        return (alone,)
    if any(atom.condition.quantifier for atom, _ in wishes):
        several = _several(key, wishes, known)
        if several is not None:
            if fits(several):
                return (several,)
            raise Undecided(f"the values of `{key}`")
    return None


def _one(key: str, wishes: Sequence[Wish], known: Facts) -> str | None:
    """One text; None where there is none."""

    def fits(value: str) -> bool:
        facts = {**known, key: value}
        return all(atom_holds(atom, facts) is wanted for atom, wanted in wishes)

    families = {_family(atom) for atom, _ in wishes} - {"Null"}
    for value in _candidates(wishes, known):
        if fits(value):
            return value
    if families == {"String"}:
        wanted = [found for wish in wishes if (found := wanted_of(wish, known)) is not None]
        text = text_of(wanted)
        if text is None:
            return None
        if fits(text):
            return text
    if families <= {"Numeric"} or families in ({"Date"}, {"Ip"}, {"Binary"}):
        return None
    if families == {"Arn"}:
        return _arn_of([_arn_choices(wish, known) for wish in wishes], [()] * ARN_SEGMENTS)
    raise Undecided(f"conditions of several kinds on `{key}`")


def _several(key: str, wishes: Sequence[Wish], known: Facts) -> tuple[str, ...] | None:
    """Several texts: one for each wish about some value, each as the others want all values."""
    some: list[Wish] = []
    every: list[Wish] = []
    for atom, wanted in wishes:
        condition = atom.condition
        if condition.operator is None:
            continue
        if condition.quantifier is None:
            if wanted:  # a plain operator holds for no key of several values
                return None
            continue
        plain = Holds(replace(condition, quantifier=None, if_exists=False), atom.on_error)
        if (condition.quantifier is Quantifier.SOME) is wanted:
            some.append((plain, wanted))
        else:
            every.append((plain, wanted))
    values = []
    for each in [[wish, *every] for wish in some] or [every]:
        value = _one(key, each, known)
        if value is None:
            return None
        values.append(value)
    return tuple(dict.fromkeys(values))


Choice = Sequence[tuple[int, Wanted]]
"""Wishes about segments of an ARN, by their place."""


def _arn_choices(wish: Wish, known: Facts) -> list[Choice]:
    """What would fulfil a wish: one operand in every segment, or none of them in some segment."""
    atom, wanted = wish
    operator = atom.condition.operator
    if operator is None:
        return [()]
    listed = []
    for operand in atom.condition.operands:
        try:
            segments = [
                parse_template(segment, wildcards=True).resolve(known.get)
                for segment in split_arn(operand.text)
            ]
        except (Unresolved, Unreadable):
            continue
        listed.append([Glob(parts) for parts in segments])
    if wanted is not operator.negated:
        return [[(at, Wanted((g,), matches=True)) for at, g in enumerate(each)] for each in listed]
    ways = product(*[range(ARN_SEGMENTS)] * len(listed))
    return [
        [(at, Wanted((each[at],), matches=False)) for at, each in zip(way, listed, strict=True)]
        for way in islice(ways, MAX_PRODUCT)
    ]


def _arn_of(choices: Sequence[Sequence[Choice]], wanted: list[tuple[Wanted, ...]]) -> str | None:
    """An ARN for which one choice of each is fulfilled."""
    if not choices:
        segments = [text_of(each) if each else "~" for each in wanted]
        return None if None in segments else ":".join(map(str, segments))
    for choice in choices[0]:
        more = list(wanted)
        for at, each in choice:
            more[at] = (*more[at], each)
        if any(text_of(more[at]) is None for at, _ in choice):
            continue
        found = _arn_of(choices[1:], more)
        if found is not None:
            return found
    return None


def _family(atom: Holds) -> str:
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
    if operator is None or _family(atom) != "String":
        return None
    folds = operator.name in FOLDING
    listed = _resolved(atom, known)
    return Wanted(tuple(Glob(parts, folds) for parts in listed), wanted is not operator.negated)


def _resolved(atom: Holds, known: Facts) -> list[Parts]:
    """The operands as patterns whose variables are filled in; without those that have no value."""
    name = atom.condition.operator.name if atom.condition.operator else ""
    found = []
    for operand in atom.condition.operands:
        template = parse_template(operand.text, wildcards="Like" in name)
        try:
            found.append(template.resolve(known.get))
        except (Unresolved, Unreadable):
            continue
    return found


def _candidates(wishes: Sequence[Wish], known: Facts) -> Iterator[str]:
    for atom, _ in wishes:
        texts = [operand.text for operand in atom.condition.operands]
        match _family(atom):
            case "String":
                for parts in _resolved(atom, known):
                    yield from filled(parts)
            case "Numeric":
                yield from _around(texts, parse_number)
            case "Date":
                yield from _around(texts, parse_date)
            case "Ip":
                yield from _addresses(texts)
            case "Binary":
                yield from texts
                taken = {base64.b64decode(text) for text in texts}
                others = (base64.b64encode(bytes([number])).decode() for number in range(256))
                yield from (text for text in others if base64.b64decode(text) not in taken)
            case "Arn":
                yield from _arns(texts, known)
            case _:
                pass
    yield from OTHERS


def filled(parts: Parts) -> Iterator[str]:
    """Texts that a pattern matches: a `*` as a sign, then as nothing."""
    if not any(isinstance(part, Wildcard) for part in parts):
        yield "".join(str(part) for part in parts)
        return
    for star in ("x", "", "x/x"):
        signs = {STAR: star, QUESTION: "x"}
        yield "".join(part if isinstance(part, str) else signs[part] for part in parts)


def _around(texts: Iterable[str], parse: Callable[[str], Decimal]) -> Iterator[str]:
    """Each constant, what lies between two, below all and above all."""
    constants = sorted({parse(text) for text in texts})
    if constants:
        between = [(low + high) / 2 for low, high in pairwise(constants)]
        for found in (*constants, *between, constants[0] - 1, constants[-1] + 1):
            yield f"{found:f}"


def _addresses(texts: Iterable[str]) -> Iterator[str]:
    """The ends of each range and their neighbours, and an address of either kind."""
    for text in texts:
        network = ipaddress.ip_network(text.strip(), strict=False)
        first, last = int(network.network_address), int(network.broadcast_address)
        kind = ipaddress.IPv4Address if network.version == 4 else ipaddress.IPv6Address  # noqa: PLR2004
        for number in (first, last, first - 1, last + 1):
            if 0 <= number < 1 << network.max_prefixlen:
                yield str(kind(number))
    yield from ("0.0.0.0", "::", "203.0.113.7", "2001:db8::7")  # noqa: S104


def _arns(texts: Iterable[str], known: Facts) -> Iterator[str]:
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
