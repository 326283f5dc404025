"""Taking turns: several processes run tests at a time, and a test that measures time runs alone."""

import contextlib
import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def taking_turns(run: str, *, alone: bool) -> Iterator[None]:
    """Hold a turn of a run; nobody else of it has one meanwhile where it is `alone`."""
    place = Path(tempfile.gettempdir()) / f"durward-tests-{run}"
    with place.with_suffix(".door").open("w") as door, place.with_suffix(".room").open("w") as room:
        fcntl.flock(door, fcntl.LOCK_EX)  # who waits to be alone stands in the door
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield
