"""`durward plan`, `apply`, `export`, `history`: files are the interface, and what they were."""

from pathlib import Path
from typing import Any

import yaml

from durward.core.errors import Misconfigured
from durward.entrypoints.cli.change_report import SIGNS, render_changes
from durward.entrypoints.cli.exit_code import DONE, FOUND
from durward.entrypoints.cli.keys import instant
from durward.entrypoints.cli.once import has_place, show
from durward.entrypoints.cli.rollout import wait_until_in_force
from durward.entrypoints.command import DEMO_DIR
from durward.entrypoints.control import control_of
from durward.entrypoints.declarations import read_declarations
from durward.entrypoints.outcome import stays
from durward.entrypoints.terminal import field, say, say_json, say_text

SHOWN = 4
MORE = "`durward plan --json` tells them"


def plan(
    *files: Path,
    dir: Path = DEMO_DIR,  # noqa: A002 - the option is called --dir
    prune: bool = False,
    version: int | None = None,
    json: bool = False,
) -> int:
    """Show what `apply` would change. Exit code 1 when there is something.

    Args:
        files: Files of declarations, or folders: of these all whose names end in `durward.yaml`.
        dir: The folder that holds durward.toml, such as the demo's.
        prune: Also remove what is not declared in the files.
        version: Instead of files, what was declared under a version of `durward history`.
        json: Print one JSON object.
    """
    answer = control_of(dir).plan(load_declarations(files, version), prune=prune, version=version)
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

    Exit code 0: in force everywhere. 1: applied, and not in force everywhere: where, and why; or
    it is not known whether it was applied, which is said. 2: not applied.

    Args:
        files: Files of declarations, or folders: of these all whose names end in `durward.yaml`.
        dir: The folder that holds durward.toml, such as the demo's.
        prune: Also remove what is not declared in the files.
        version: Instead of files, back to what was declared under a version of `durward history`.
        credentials: Where secrets that are made now go (mode 0600), instead of the terminal.
        wait: How many seconds to wait for the nodes; without it 10 s and twice the last change.
        no_wait: Return when it is published.
    """
    control, wanted = control_of(dir), load_declarations(files, version)
    if not has_place(credentials):
        made = control.plan(wanted, prune=prune, version=version)["secrets"]
        if made:
            hint = "they are shown once, on a terminal; else name a file: --credentials FILE"
            raise Misconfigured("apply", f"secrets of {', '.join(made)} would be lost", hint=hint)
    answer = control.apply(wanted, prune=prune, version=version)
    with stays(f"version {answer['version']} is applied", "durward status"):
        show("secret", answer["secrets"], "clients", credentials)
        say(*render_changes(answer))
        return DONE if no_wait else wait_until_in_force(control, answer["version"], wait)


def export(*, dir: Path = DEMO_DIR, json: bool = False) -> int:  # noqa: A002
    """Print everything that is declared, as `apply` takes it.

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
    """Show the versions that were published: when, by whom, what changed, the newest last.

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
        say(f"{one['version']:4}  {instant(one['at'])}  {field(one['actor'])}  {what}")
    return 0


def summarize_changes(changes: list[dict[str, str]]) -> str:
    """Some changes in a line, and how many more there are."""
    listed = [f"{SIGNS[one['step']]} {one['kind']}/{one['name']}" for one in changes[:SHOWN]]
    if len(changes) > SHOWN:
        listed.append(f"and {len(changes) - SHOWN} more")
    return ", ".join(listed)


def load_declarations(files: tuple[Path, ...], version: int | None) -> list[Any]:
    """What the files declare; nothing where a version is named. Raises Misconfigured."""
    if version is not None:
        if files:
            hint = "name files, or a version to go back to"
            raise Misconfigured("--version", "files are named too", hint=hint)
        return []
    if not files:
        raise Misconfigured("files", "none is named", hint="durward apply orders.durward.yaml")
    return [found for file in files for found in read_declarations(file)]
