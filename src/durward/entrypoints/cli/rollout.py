"""Wait until a change is in force on every node, and report the nodes where it is not."""

import time
from collections.abc import Callable
from typing import Any

from durward.core.difference import excerpt
from durward.core.edge.report import EVERY_SECONDS
from durward.core.errors import DurwardError
from durward.entrypoints.cli.exit_code import DONE, FOUND, INTERRUPTED
from durward.entrypoints.cli.status import causes
from durward.entrypoints.control import Control
from durward.entrypoints.terminal import say, warn

BASE_SECONDS = 10.0
PUSHES = 2
TELL_AFTER_SECONDS = 1.0
ROUND_SECONDS = 1.0
PAUSE_SECONDS = 0.2
UNSURE = ("behind", "silent")
AWAY = (*UNSURE, "not counted")
LONGEST = 1_000


def wait_until_in_force(
    control: Control, version: int, wait: float | None, *, restored: bool = False
) -> int:
    """Wait for every node heard of within 30 s: 10 s and twice the last push, or `wait` seconds.

    A node must also have every revocation up to now, since `apply` revokes before it returns.
    `version` 0 is the newest one. `restored`: the database does not know which nodes are in contact
    now, so one interval of reports is waited for, and silent nodes until the end. Exit code 0 if it
    is in force on every node, 1 if it is not: the nodes and the reasons are printed.
    """
    what = f"version {version}" if version else "what is published"
    try:
        return print_outcome(*_wait(control, version, wait, restored=restored))
    except KeyboardInterrupt:
        say(f"interrupted: {what} is applied; `durward status` shows where")
        return INTERRUPTED
    except DurwardError as error:
        say(f"{what} is applied; whether it is in force is not known: {error}")
        return FOUND


def wait_until_refused(control: Control, what: str, tell: Callable[[str], None] = say) -> int:
    """Wait, as for a version, until every node refuses the tokens revoked just now.

    Exit code 0 if they do, 1 if not: the nodes and the reasons are printed.
    """
    try:
        _, nodes, _ = _wait(control, 0, None)
    except KeyboardInterrupt:
        tell(f"interrupted: {what} are revoked; `durward status` shows where")
        return INTERRUPTED
    except DurwardError as error:
        tell(f"{what} are revoked; whether every node refuses them is not known: {error}")
        return FOUND
    lacking = [node for node in nodes if node["standing"] in UNSURE]
    if not lacking:
        return DONE
    tell(f"✗ {what} are revoked, but not refused on every node yet:")
    print_lacking(lacking, tell)
    return FOUND


def _wait(
    control: Control, version: int, wait: float | None, *, restored: bool = False
) -> tuple[int, list[dict[str, Any]], float]:
    """The version, the rollout status of each node, and the seconds that it took."""
    waited_for = AWAY if restored else ("behind",)
    least = EVERY_SECONDS if restored else 0.0
    began, is_told = time.monotonic(), False
    asked = {"version": version}
    while True:
        found = control.get("/admin/v1/nodes", **asked, wait=ROUND_SECONDS)
        asked = {"version": found["version"], "revocations": found["revocations"]}
        nodes = [node for node in found["nodes"] if node["standing"] != "not counted"]
        longest = max((node.get("push_seconds", 0.0) for node in nodes), default=0.0)
        limit = least + BASE_SECONDS + PUSHES * longest if wait is None else wait
        passed = time.monotonic() - began
        behind = [node["id"] for node in found["nodes"] if node["standing"] in waited_for]
        if passed >= limit or (not behind and passed >= least):
            return found["version"], nodes, passed
        if not any(node["standing"] == "behind" for node in nodes):
            time.sleep(PAUSE_SECONDS)  # the request waits for nodes that are behind alone
        if behind and not is_told and passed >= TELL_AFTER_SECONDS:
            is_told = True
            warn(f"waiting for {excerpt(', '.join(behind), LONGEST)}")


def print_outcome(version: int, nodes: list[dict[str, Any]], passed: float) -> int:
    """Print the outcome for people."""
    if not nodes:
        say(f"version {version} is applied; no node has joined, so it is in force nowhere yet")
        return DONE
    lacking = [node for node in nodes if node["standing"] != "in force"]
    if not lacking:
        where = excerpt(nodes[0]["id"]) if len(nodes) == 1 else f"all {len(nodes)} nodes"
        say(f"✓ version {version} is in force on {where} ({passed:.1f} s)")
        return DONE
    say(f"✗ version {version} is applied, but not in force on every node:")
    print_lacking(lacking)
    return FOUND


def print_lacking(lacking: list[dict[str, Any]], tell: Callable[[str], None] = say) -> None:
    """Print the nodes, and what each of them lacks."""
    for node in lacking:
        tell(f"  {excerpt(node['id'])}: {node['standing']}, at version {node['version']}")
        for name, why in causes(node):
            tell(f"    {name}: {why}")
