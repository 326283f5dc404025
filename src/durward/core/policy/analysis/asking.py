"""Several questions, where one that cannot be settled keeps no other from its answer."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from durward.core.policy.symbolic.unknown import Exhausted, Unknown

T = TypeVar("T")
P = ParamSpec("P")


class Asking:
    """Asks one question after another: what was found stands, whatever else is open."""

    def __init__(self) -> None:
        self._open: Unknown | None = None

    def __call__(
        self, question: Callable[P, T | None], *args: P.args, **more: P.kwargs
    ) -> T | None:
        """The answer; None where there is none, and where that cannot be settled.

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
        """Call it before nothing found is told as a no. Raises the first Unknown that was met."""
        if self._open:
            raise self._open
