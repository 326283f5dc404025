"""The spelling of keys for people: the engine compares and reports them in lower case.

A key of Durward is spelled as in the catalogue. Any other key, and the part behind a `/`, is
spelled as the author of the condition or variable wrote it; else in lower case.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from durward.core.policy.engine.predicate import Atom, ConditionMatch, ResourceMatch
from durward.core.policy.language.catalogue import KEYS

_KNOWN: Final = {key.name.lower(): key.name for key in KEYS}


def display_key(key: str, written: str = "") -> str:
    """The spelling of a key, given in lower case, and as its author wrote it."""
    if found := _KNOWN.get(key):
        return found
    head, slash, rest = key.partition("/")
    family = _KNOWN.get(head + slash) if rest else None
    return family + (written.partition("/")[2] or rest) if family else written or key


def display_variable(text: str, key: str) -> str:
    """The spelling of a key that a variable in the text reads."""
    found = re.search(r"\$\{\s*(" + re.escape(key) + ")", text, re.IGNORECASE)
    return display_key(key, found[1] if found else "")


def spellings(atoms: Iterable[Atom]) -> Mapping[str, str]:
    """The spellings of all keys that atoms read; of two spellings the first."""
    found: dict[str, str] = {}
    for key, written in _written(atoms):
        found.setdefault(key, written)
    return found


def _written(atoms: Iterable[Atom]) -> Iterator[tuple[str, str]]:
    for atom in atoms:
        read: Iterable[tuple[str, frozenset[str]]] = ()
        if isinstance(atom, ConditionMatch):
            yield atom.condition.key, display_key(atom.condition.key, atom.condition.written)
            read = ((operand.text, operand.keys) for operand in atom.condition.operands)
        elif isinstance(atom, ResourceMatch):
            read = ((pattern.text, pattern.keys) for pattern in atom.patterns)
        for text, keys in read:
            yield from ((key, display_variable(text, key)) for key in sorted(keys))
