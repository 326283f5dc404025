"""`durward plan`, `apply`, `export`, `history`: declarations in files, and their versions."""

from pathlib import Path
from typing import Any

import yaml

from durward.core.errors import Misconfigured
from durward.entrypoints.cli.change_report import SIGNS, render_changes
from durward.entrypoints.cli.exit_code import DONE, FOUND
from durward.entrypoints.cli.keys import printed_instant
from durward.entrypoints.cli.once import has_place, show
from durward.entrypoints.cli.rollout import wait_until_in_force
from durward.entrypoints.command import DEMO_DIR
from durward.entrypoints.control import control_of
from durward.entrypoints.declarations import read_declarations
from durward.entrypoints.outcome import stays
from durward.entrypoints.terminal import field, say, say_json, say_text

SHOWN = 4
MORE = "`durward plan --json` lists them"


def plan(
    *files: Path,
    dir: Path = DEMO_DIR,  # noqa: A002 - the option is called --dir
    prune: bool = False,
    version: int | None = None,
    json: bool = False,
) -> int:
    """Show what `apply` would change. Exit code 1 when there is a change.

    Args:
        files: Declaration files, or folders: of a folder all files `*durward.yaml` are read.
        dir: The folder that holds durward.toml, such as the demo's.
        prune: Also remove declarations that are not in the files.
        version: Instead of files: the declarations of this version, from `durward history`.
        json: Print one JSON object.
    """
    answer = control_of(dir).plan(wanted_declarations(files, version), prune=prune, version=version)
    if json:
        say_json(answer)
    else:
        say(*render_changes(answer, MORE))
    return FOUND if answer["changes"] else DONE


def apply(
    *files: Path,
    dir: Path = DEMO_DIR,  # noqa: A002
    prune: bool = False,
    version: int | None = None,
    credentials: Path | None = None,
    wait: float | None = None,
    no_wait: bool = False,
) -> int:
    """Apply declarations: all or nothing, in force on every node when it returns.

    Exit code 0: in force on every node. 1: applied, but not in force on every node (which, and
    why, is printed); or not known whether it was applied. 2: not applied.

    Args:
        files: Declaration files, or folders: of a folder all files `*durward.yaml` are read.
        dir: The folder that holds durward.toml, such as the demo's.
        prune: Also remove declarations that are not in the files.
        version: Instead of files: go back to this version, from `durward history`.
        credentials: The file for new secrets (mode 0600), instead of the terminal.
        wait: Seconds to wait for the nodes; by default 10 plus twice the time of the last change.
        no_wait: Return once it is published, before nodes have it.
    """
    control, wanted = control_of(dir), wanted_declarations(files, version)
    if not has_place(credentials):
        made = control.plan(wanted, prune=prune, version=version)["secrets"]
        if made:
            hint = "without a terminal to show them, name a file for them: --credentials FILE"
            problem = f"the new secrets of {', '.join(made)} would be lost"
            raise Misconfigured("apply", problem, hint=hint)
    answer = control.apply(wanted, prune=prune, version=version)
    with stays(f"version {answer['version']} is applied", "durward status"):
        show("secret", answer["secrets"], "clients", credentials)
        say(*render_changes(answer))
        return DONE if no_wait else wait_until_in_force(control, answer["version"], wait)


def export(*, dir: Path = DEMO_DIR, json: bool = False) -> int:  # noqa: A002
    """Print all declarations, as `apply` reads them.

    Args:
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print JSON instead of YAML.
    """
    found = control_of(dir).get("/admin/v1/declarations")
    if json:
        say_json(found)
    else:
        say_text(yaml.safe_dump(found, sort_keys=False))
    return 0


def history(*, dir: Path = DEMO_DIR, json: bool = False) -> int:  # noqa: A002
    """List the published versions, the newest last: when, by whom, what changed.

    Args:
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print one JSON object.
    """
    found = control_of(dir).get("/admin/v1/history")
    if json:
        say_json(found)
        return 0
    for one in found["versions"]:
        what = ": ".join(filter(None, (one["cause"], summarize_changes(one["changes"]))))
        say(f"{one['version']:4}  {printed_instant(one['at'])}  {field(one['actor'])}  {what}")
    return 0


def summarize_changes(changes: list[dict[str, str]]) -> str:
    """The first changes in one line, and the number of the others."""
    listed = [f"{SIGNS[one['step']]} {one['kind']}/{one['name']}" for one in changes[:SHOWN]]
    if len(changes) > SHOWN:
        listed.append(f"and {len(changes) - SHOWN} more")
    return ", ".join(listed)


def wanted_declarations(files: tuple[Path, ...], version: int | None) -> list[Any]:
    """The declarations in files; none where a version is given. Raises Misconfigured."""
    if version is not None:
        if files:
            hint = "give files, or a version to go back to"
            raise Misconfigured("--version", "files are given too", hint=hint)
        return []
    if not files:
        raise Misconfigured("files", "none is given", hint="durward apply orders.durward.yaml")
    return [found for file in files for found in read_declarations(file)]
