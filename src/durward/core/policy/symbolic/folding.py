"""The signs that are alike where case makes no difference, as `str.casefold` has it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

LAST_WITH_CASE: Final = 0x1E943


def folding_to(signs: Iterable[str]) -> set[str]:
    """Every sign that folds to something that begins with one of those."""
    return {each for sign in signs for each in _spelled().get(sign, ())}


@lru_cache(maxsize=1)
def _spelled() -> dict[str, list[str]]:
    """The signs that fold to something else, by what that begins with."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for sign in map(chr, range(LAST_WITH_CASE)):
        folded = sign.casefold()
        if folded != sign:
            found[folded[0]].append(sign)
    return dict(found)


def spellings(texts: Iterable[str]) -> Iterator[str]:
    """All texts that fold to the same as one of these; the text itself first."""
    for text in texts:
        yield text
        yield from (each for each in _spellings(text.casefold()) if each != text)


def _spellings(folded: str) -> Iterator[str]:
    if not folded:
        yield ""
    for sign in [folded[:1], *_spelled().get(folded[:1], ())] if folded else ():
        read = sign.casefold()
        if folded.startswith(read):
            yield from (sign + rest for rest in _spellings(folded[len(read) :]))
