"""Lists of any length, as statements take them."""

from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

T = TypeVar("T")
BATCH: Final = 500
"""How many rows a statement is about: every database takes as many parameters."""


def in_batches(listed: Iterable[T]) -> Iterator[list[T]]:
    """The list in parts of `BATCH`, in its order."""
    everything = list(listed)
    for first in range(0, len(everything), BATCH):
        yield everything[first : first + BATCH]
