"""The outcome of a change: made, or not known. Exit code 2 is for a change that was not made."""

import contextlib
from collections.abc import Iterator

from durward.core.errors import DurwardError, Unavailable


class Unsettled(Unavailable):
    """A change was requested, and it is not known whether it was made; it is not repeated."""

    def __init__(self, why: str, left: str) -> None:
        super().__init__(f"it is not known whether it was done: {why}", hint=left)


class Interrupted(DurwardError):  # noqa: N818 - named as what it is
    """The operator ended the command after a change was requested."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(f"interrupted: {what}")
        self.hint = hint


class Done(DurwardError):  # noqa: N818 - named as what it is
    """A change was made, and a later step failed."""

    def __init__(self, what: str, why: str, hint: str = "") -> None:
        super().__init__(f"{what}; then {why}")
        self.hint = hint


@contextlib.contextmanager
def stays(what: str, hint: str = "") -> Iterator[None]:
    """Mark a change as made, whatever fails in the block. Raises Done or Interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(what, hint) from None
    except (DurwardError, OSError) as error:
        raise Done(what, str(error), getattr(error, "hint", "") or hint) from error
