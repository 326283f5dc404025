"""Durations as people write them: a number and its unit, such as `500ms`, `5s`, `10m`, `1h`."""

import re
from typing import Final

from durward.core.errors import Misconfigured

_DURATION: Final = re.compile(r"([0-9]{1,9})(ms|s|m|h)", re.ASCII)
_MILLISECONDS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}


def read_duration(text: str, member: str, least: str, most: str) -> float:
    """The seconds of a duration between two bounds, which are included. Raises Misconfigured."""
    hint = f"write a duration from `{least}` to `{most}`, with its unit: `ms`, `s`, `m` or `h`"
    found = _milliseconds(text)
    if found is None:
        raise Misconfigured(member, f"`{text}`: not a duration", hint=hint)
    if not (_milliseconds(least) or 0) <= found <= (_milliseconds(most) or 0):
        raise Misconfigured(member, f"`{text}`: too short or too long", hint=hint)
    return found / 1_000


def _milliseconds(text: str) -> int | None:
    found = _DURATION.fullmatch(text)
    return int(found[1]) * _MILLISECONDS[found[2]] if found else None
