"""How often a test tries: in CI as often as it takes to fail without what it tests.

`./check long` sets DURWARD_TEST_LONG and tries more often.
"""

import os

import pytest

LONG = bool(os.environ.get("DURWARD_TEST_LONG"))  # noqa: TID251 - `./check long` sets it
takes_long = pytest.mark.skipif(not LONG, reason="takes long: ./check long")
"""For tests that start much, of what shorter ones specify too."""


def depth(usual: int, *, long: int) -> int:
    """The number of tries of this run."""
    return long if LONG else usual
