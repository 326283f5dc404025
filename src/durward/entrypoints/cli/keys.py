"""`durward keys`: the keys that sign tokens."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cyclopts import App

from durward.core.errors import Misconfigured
from durward.core.values import MICROSECONDS
from durward.entrypoints.cli.exit_code import DONE
from durward.entrypoints.cli.rollout import wait_until_in_force
from durward.entrypoints.command import DEMO_DIR
from durward.entrypoints.control import control_of
from durward.entrypoints.outcome import stays
from durward.entrypoints.terminal import say, say_json, say_text

UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
DURATION = re.compile(r"([0-9]{1,9})([smhd])")

keys = App(name="keys", help="Show or rotate the signing keys.", result_action="return_value")


@keys.default
def show(*, dir: Path = DEMO_DIR, json: bool = False) -> int:  # noqa: A002
    """Show the published keys.

    Args:
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print one JSON object.
    """
    found = control_of(dir).get("/admin/v1/keys")
    if json:
        say_json(found)
        return 0
    for key in found["keys"]:
        end = f", until {printed_instant(key['retired_at'])}" if key["retired_at"] else ""
        since = printed_instant(key["signs_from"])
        say(f"{key['kid']}  {key['purpose']:8} {key['algorithm']:7} signs from {since}{end}")
    return 0


@keys.command
def rotate(
    *,
    ahead: str | None = None,
    grace: str | None = None,
    dry_run: bool = False,
    unsafe_now: bool = False,
    wait: float | None = None,
    no_wait: bool = False,
    dir: Path = DEMO_DIR,  # noqa: A002
) -> int:
    """Publish new keys, sign with them once caches have them, keep the old ones to verify.

    By default both times are the shortest with which no token is refused. Exit code 1: the keys
    are published, but not in force on every node; or not known whether they are published.

    Args:
        ahead: Time from publication to first use, such as 10m: longer than caches keep keys.
        grace: Time for which the old keys then verify, such as 24h: longer than tokens live.
        dry_run: Only show what would happen.
        unsafe_now: Replace compromised keys: every token that they signed is refused at once.
        wait: Seconds to wait for the nodes; by default 10 plus twice the time of the last change.
        no_wait: Return once the keys are published, before nodes have them.
        dir: The folder that holds durward.toml, such as the demo's.
    """
    body = {
        "ahead_seconds": seconds("ahead", ahead),
        "grace_seconds": seconds("grace", grace),
        "dry_run": dry_run,
        "unsafe_now": unsafe_now,
    }
    control = control_of(dir)
    if dry_run:
        say_text(
            describe_rotation(
                control.ask("/admin/v1/keys/rotate", body), "would be", "would verify"
            )
        )
        return DONE
    done = control.post("/admin/v1/keys/rotate", body, "`durward keys` shows them")
    with stays(f"new keys are published by version {done['version']}", "durward status"):
        say_text(describe_rotation(done, "are", "verify"))
        return DONE if no_wait else wait_until_in_force(control, done["version"], wait)


def describe_rotation(done: dict[str, Any], here: str, there: str) -> str:
    """The times at which keys sign and verify, for people."""
    return (
        f"new keys {here} published; they sign from {printed_instant(done['signs_from'])}\n"
        f"the former ones {there} until {printed_instant(done['retired_at'])}"
    )


def seconds(name: str, written: str | None) -> int | None:
    """A duration with its unit. Raises Misconfigured."""
    if written is None:
        return None
    found = DURATION.fullmatch(written)
    if found is None:
        hint = f"--{name} 90s, 10m, 24h or 7d"
        raise Misconfigured(name, f"`{written}` is not a duration with a unit", hint=hint)
    return int(found[1]) * UNITS[found[2]]


def printed_instant(microseconds: Any) -> str:
    """An instant for people."""
    at = datetime.fromtimestamp(int(microseconds) / MICROSECONDS, UTC)
    return at.isoformat(timespec="seconds")
