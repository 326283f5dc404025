"""`durward keys`: the keys that sign tokens."""

import json as jsonlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cyclopts import App

from durward.core.values import MICROSECONDS
from durward.faces.control import control_of

DEFAULT_DIR = Path(".durward/demo")
AHEAD_SECONDS, GRACE_SECONDS = 120, 900

keys = App(
    name="keys", help="Show the keys that sign, or replace them.", result_action="return_value"
)


@keys.default
def show(*, dir: Path = DEFAULT_DIR, json: bool = False) -> int:  # noqa: A002
    """Show the keys that are published.

    Args:
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print one JSON object.
    """
    found = control_of(dir).get("/admin/v1/keys")
    if json:
        print(jsonlib.dumps(found))
        return 0
    for key in found["keys"]:
        end = f", until {instant(key['retired_at'])}" if key["retired_at"] else ""
        since = instant(key["signs_from"])
        print(f"{key['kid']}  {key['purpose']:8} {key['algorithm']:7} signs from {since}{end}")
    return 0


@keys.command
def rotate(
    *,
    ahead: int = AHEAD_SECONDS,
    grace: int = GRACE_SECONDS,
    dir: Path = DEFAULT_DIR,  # noqa: A002
) -> int:
    """Publish new keys, sign with them once caches have them, keep the old ones to verify.

    Args:
        ahead: Seconds between publication and first use: longer than caches keep keys.
        grace: Seconds that the old keys stay published after that: longer than tokens live.
        dir: The folder that holds durward.toml, such as the demo's.
    """
    body = {"ahead_seconds": ahead, "grace_seconds": grace}
    done = control_of(dir).post("/admin/v1/keys/rotate", body)
    print(f"new keys are published; they sign from {instant(done['signs_from'])}")
    print(f"the former ones verify until {instant(done['retired_at'])}")
    return 0


def instant(microseconds: Any) -> str:
    """An instant for people."""
    at = datetime.fromtimestamp(int(microseconds) / MICROSECONDS, UTC)
    return at.isoformat(timespec="seconds")
