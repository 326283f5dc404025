"""Keys as people write them: the engine compares them in lower case, and tells them so.

A key of Durward is spelled as the catalogue has it. Any other, and what stands behind a `/`, is
spelled as the author of the condition or variable did; in lower case where nobody wrote it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from durward.core.policy.engine.predicate import Atom, ConditionMatch, ResourceMatch
from durward.core.policy.language.catalogue import KEYS

_KNOWN: Final = {key.name.lower(): key.name for key in KEYS}


def display_key(key: str, written: str = "") -> str:
    """The key, given in lower case, and as somebody wrote it."""
    if found := _KNOWN.get(key):
        return found
    head, slash, rest = key.partition("/")
    family = _KNOWN.get(head + slash) if rest else None
    return family + (written.partition("/")[2] or rest) if family else written or key


def display_variable(text: str, key: str) -> str:
    """A key that a variable in the text reads."""
    found = re.search(r"\$\{\s*(" + re.escape(key) + ")", text, re.IGNORECASE)
    return display_key(key, found[1] if found else "")


def spellings(atoms: Iterable[Atom]) -> Mapping[str, str]:
    """Every key that some conditions and resources read; of two spellings the first."""
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
