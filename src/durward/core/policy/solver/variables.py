"""The values that a variable of a pattern can have, as far as they make a difference."""

from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Final

from durward.core.policy.pattern import (
    QUESTION,
    Template,
    Wildcard,
    parse_template,
)
from durward.core.policy.predicate import (
    Holds,
    Names,
    Predicate,
    Value,
    atoms_of,
)
from durward.core.policy.solver.undecided import Undecided

MAX_SETTINGS: Final = 256
TENANT: Final = "durward:tenantid"


def settings_of(predicate: Predicate, settled: Mapping[str, Value]) -> Iterator[dict[str, Value]]:
    """Values of the keys that variables read: one of its own, each that is named, none.

    Everybody has a tenant. What is settled already has its value.
    """
    read: dict[str, dict[str, None]] = {}
    for atom in atoms_of(predicate):
        for key in _variables(atom) - settled.keys():
            read.setdefault(key, {})[f"~{key.rpartition(':')[2]}"] = None
    if not read:
        yield dict(settled)
        return
    named = {text for atom in atoms_of(predicate) for text in _texts(atom)}
    choices = [
        [*own, *sorted(named - own.keys()), *([] if key == TENANT else [None])]
        for key, own in read.items()
    ]
    count = 0
    for values in islice(product(*choices), MAX_SETTINGS):
        count += 1
        yield {**settled, **dict(zip(read, values, strict=True))}
    if count == MAX_SETTINGS:
        raise Undecided("the variables can have too many values")


def _variables(atom: Predicate) -> frozenset[str]:
    match atom:
        case Names(patterns):
            return frozenset().union(*(pattern.keys for pattern in patterns))
        case Holds(condition):
            return frozenset().union(*(operand.keys for operand in condition.operands))
        case _:
            return frozenset()


def _texts(atom: Predicate) -> Iterator[str]:
    """Texts without wildcards that a variable could be equal to."""
    match atom:
        case Names(patterns):
            for pattern in patterns:
                for template in pattern.segments or ():
                    for part in template.parts:
                        if isinstance(part, str):
                            yield from filter(None, part.split("/"))
        case Holds(condition):
            for operand in condition.operands:
                if operand.equal is not None:
                    yield operand.equal
        case _:
            return


def entangled(predicate: Predicate) -> str | None:
    """A pattern that cuts through names: then other values of a variable than were tried matter.

    Where each wildcard stands for whole names between `/` and `:`, only equality with a name can.
    """
    for atom in atoms_of(predicate):
        for template in _templates(atom):
            for place, part in enumerate(template.parts):
                if not isinstance(part, Wildcard):
                    continue
                before, after = template.parts[:place][-1:], template.parts[place + 1 :][:1]
                cut = before and not str(before[0]).endswith(("/", ":"))
                cut = cut or (after and not str(after[0]).startswith(("/", ":")))
                if part == QUESTION or cut:
                    return template.text
    return None


def _templates(atom: Predicate) -> Iterator[Template]:
    match atom:
        case Names(patterns):
            for pattern in patterns:
                yield from pattern.segments or ()
        case Holds(condition) if condition.operator and "Like" in condition.operator.name:
            for operand in condition.operands:
                yield parse_template(operand.text, wildcards=True)
        case _:
            return
