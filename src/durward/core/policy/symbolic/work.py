"""How much work a question may take: counted in steps, so that the same question ends the same way.

A step is a constraint that is looked at, or a piece of a pattern; it takes about a quarter of a
millisecond. Most searches take less than a hundred; each has a share of the whole question's.
"""

from typing import Final

from durward.core.policy.engine.predicate import Facts
from durward.core.policy.symbolic.unknown import Exhausted, Unknown

MAX_STEPS_OF_A_SEARCH: Final = 3_000
MAX_STEPS: Final = 500_000


class Work:
    """The steps that are left to a question, and to one search within it."""

    def __init__(self, most: int = MAX_STEPS, each: int = MAX_STEPS_OF_A_SEARCH) -> None:
        self.most = most
        self.each = each
        self.done = 0
        self.answers: dict[object, Facts | Unknown | None] = {}
        """What was found before, by what was asked: people are often alike."""
        self._search = 0

    def begin(self) -> None:
        """Begin a search. Raises Exhausted."""
        self._search = 0
        self.spend(1)

    def spend(self, steps: int = 1) -> None:
        """Take steps. Raises Exhausted where the search, or the question, has none left."""
        self.done += steps
        self._search += steps
        if self.done > self.most:
            raise Exhausted("the question takes too many steps")
        if self._search > self.each:
            raise Exhausted("it takes too many steps")

    @property
    def is_done(self) -> bool:
        """Whether the question has no steps left."""
        return self.done > self.most
