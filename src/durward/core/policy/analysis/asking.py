"""Ask several questions: an undecided one does not prevent the answers of the others."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from durward.core.policy.symbolic.unknown import Exhausted, Unknown

T = TypeVar("T")
P = ParamSpec("P")


class Asking:
    """Asks one question after another; findings are certain, even if others are undecided."""

    def __init__(self) -> None:
        self._open: Unknown | None = None

    def __call__(
        self, question: Callable[P, T | None], *args: P.args, **more: P.kwargs
    ) -> T | None:
        """The answer; None if there is none, or if it cannot be decided.

        Raises Exhausted, after which no other question has an answer.
        """
        try:
            return question(*args, **more)
        except Exhausted:
            raise
        except Unknown as error:
            self._open = self._open or error
            return None

    def end(self) -> None:
        """Call this before "nothing found" is reported as "no". Raises the first Unknown."""
        if self._open:
            raise self._open
