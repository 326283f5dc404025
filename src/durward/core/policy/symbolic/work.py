"""The limit of work of a question, in steps, so that the same question ends in the same way.

A step is one constraint, or one piece of a pattern; it takes about a quarter of a millisecond. Most
searches take less than a hundred steps; each has a share of those of the whole question.
"""

from typing import Final

from durward.core.policy.engine.predicate import Facts
from durward.core.policy.symbolic.unknown import Exhausted, Unknown

MAX_STEPS_OF_A_SEARCH: Final = 3_000
MAX_STEPS: Final = 500_000
OPENED_IN_A_STEP: Final = 100


class Work:
    """The steps that are left to a question, and to one search within it."""

    def __init__(self, most: int = MAX_STEPS, each: int = MAX_STEPS_OF_A_SEARCH) -> None:
        self.most = most
        self.each = each
        self.done = 0
        self.answers: dict[object, Facts | Unknown | None] = {}
        """Answers by question: principals often have the same policies."""
        self._search = 0
        self._opened = 0

    def begin(self) -> None:
        """Begin a search. Raises Exhausted."""
        self._search = 0
        self.spend(1)

    def spend(self, steps: int = 1) -> None:
        """Count steps. Raises Exhausted if the search, or the question, has none left."""
        self.done += steps
        self._search += steps
        if self.done > self.most:
            raise Exhausted("the question takes too many steps")
        if self._search > self.each:
            raise Exhausted("it takes too many steps")

    def open_one(self) -> None:
        """Count a predicate that is taken apart: a hundredth of a step. Raises Exhausted."""
        self._opened += 1
        if self._opened % OPENED_IN_A_STEP == 0:
            self.spend()

    @property
    def is_done(self) -> bool:
        """Whether the question has no steps left."""
        return self.done > self.most
