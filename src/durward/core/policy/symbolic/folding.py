"""The characters that are equal ignoring case, by `str.casefold`."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

LAST_WITH_CASE: Final = 0x1E943


def folding_to(signs: Iterable[str]) -> set[str]:
    """Every character whose folding begins with one of these."""
    return {each for sign in signs for each in _spelled().get(sign, ())}


@lru_cache(maxsize=1)
def _spelled() -> dict[str, list[str]]:
    """The characters that fold to something else, by the first character of the folding."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for sign in map(chr, range(LAST_WITH_CASE)):
        folded = sign.casefold()
        if folded != sign:
            found[folded[0]].append(sign)
    return dict(found)


def case_variants(texts: Iterable[str]) -> Iterator[str]:
    """All strings with the same folding as one of these; the string itself first."""
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
