"""The frequent passwords that a new one is compared with: the lists of the package zxcvbn.

Only its lists: its estimate takes seconds for some passwords of 60 characters, which anybody can
type. They are read when the first password is judged, in the thread that does.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module

from durward.core.authn.new_password import fold

PASSWORDS = "passwords"


@cache
def common_passwords() -> Mapping[str, int]:
    """Frequent passwords, in lower case, with their ranks from 1 on."""
    listed = import_module("zxcvbn.frequency_lists").FREQUENCY_LISTS[PASSWORDS]
    ranks: dict[str, int] = {}
    for rank, word in enumerate(listed, 1):
        ranks.setdefault(fold(word), rank)
    return ranks
