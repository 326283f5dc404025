"""`durward status`: the version that each node has in force."""

from pathlib import Path
from typing import Any

from durward.core.difference import excerpt
from durward.entrypoints.cli.exit_code import DONE, FOUND
from durward.entrypoints.cli.waiver_notes import waiver_lines, waivers_to_tell
from durward.entrypoints.command import DEMO_DIR, durward, with_script_name
from durward.entrypoints.control import control_of
from durward.entrypoints.terminal import say, say_json

KIB = 1024
LONGEST_CAUSE = 1_000


def status(*, dir: Path = DEMO_DIR, json: bool = False) -> int:  # noqa: A002 - the option is --dir
    """Show each node of the edge and the version in force there. Exit code 1 when one is late.

    A node is late if it is silent, or if for more than 10 s it has lacked a part or a revocation,
    has refused a part, has not written it to its disk, or has reported a trouble. A node that is
    silent for a day is not counted: remove it with `edge forget`. Waivers that have ended, or end
    within 14 days, and people for whom an invariant (`never`) is not settled, are listed; they do
    not change the exit code.

    Args:
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print one JSON object.
    """
    control = control_of(dir)
    found = control.get("/admin/v1/nodes") | control.get("/admin/v1/waivers")
    if json:
        say_json(found)
    else:
        say(*render_status(found))
    return FOUND if any(node["late"] for node in found["nodes"]) else DONE


def render_status(found: dict[str, Any]) -> list[str]:
    """The fleet for people."""
    lines = [f"published: version {found['version']}, {ago(found['published_seconds_ago'])}"]
    lines += [
        excerpt(with_script_name(note), LONGEST_CAUSE)
        for note in (*found.get("log", ()), *found.get("mail", ()))
    ]
    lines += [unsettled_line(one) for one in found.get("unsettled", ())]
    lines += waiver_lines(waivers_to_tell(found.get("waivers", ())))
    if not found["nodes"]:
        return [*lines, f"no node has joined; {durward('edge')} starts one"]
    names = [excerpt(node["id"]) for node in found["nodes"]]
    width = max(map(len, names))
    for name, node in zip(names, found["nodes"], strict=True):
        lines.append(f"{name:{width}}  {line(node)}")
        lines += [f"{'':{width}}    {part}: {why}" for part, why in causes(node)]
    return lines


def unsettled_line(one: dict[str, Any]) -> str:
    """People who may do what must never be: who, what, and what to do."""
    who, what = excerpt(one["person"]), excerpt(one["invariant"], LONGEST_CAUSE)
    return (
        f"people: {what} is not settled for users/{who}, and who is in the same tenant, roles and "
        f"groups; the next {durward('apply')} of a change settles it or names what breaks it"
    )


def line(node: dict[str, Any]) -> str:
    """A node in a line."""
    parts = [f"{node['standing']}, version {node['version']}"]
    parts.append(f"heard {ago(node['heard_seconds_ago'])}")
    if "parts" in node:
        parts.append(f"revocations to {node['revocations']}")
        parts.append(f"{size(node['spool_bytes'])} of records wait")
        parts.append(f"{size(node['disk_free_bytes'])} free")
    return "; ".join(parts)


def causes(node: dict[str, Any]) -> list[tuple[str, str]]:
    """Why a node is behind; its own words are cut and escaped for the terminal."""
    found = [*node.get("reasons", {}).items()]
    found += [("lacks", what) for what in node["lacks"]]
    found += [("now", trouble) for trouble in node.get("troubles", ())]
    found += [("warning", told) for told in node.get("warnings", ())]
    return [(excerpt(part), excerpt(why, LONGEST_CAUSE)) for part, why in found]


def ago(seconds: float) -> str:
    """A time in the past, in a unit that is easy to read."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def size(count: float) -> str:
    """Bytes in a unit that is easy to read."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < KIB:
            return f"{count:.0f} {unit}"
        count /= KIB
    return f"{count:.1f} TiB"
