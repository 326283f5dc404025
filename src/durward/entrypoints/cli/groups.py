"""`durward groups`: manage groups of people and their members."""

from pathlib import Path

from cyclopts import App

from durward.core.errors import Misconfigured
from durward.entrypoints.cli.exit_code import DONE
from durward.entrypoints.cli.people import AGAIN, finish
from durward.entrypoints.command import DEMO_DIR
from durward.entrypoints.control import control_of, path_of
from durward.entrypoints.terminal import field, say, say_json, warn

groups = App(
    name="groups",
    help="Manage groups of people. A declaration of the same name attaches policies to a group.",
    result_action="return_value",
)


@groups.command(name="list")
def page(
    *,
    after: str | None = None,
    limit: int = 100,
    dir: Path = DEMO_DIR,  # noqa: A002 - the option is called --dir
    json: bool = False,
) -> int:
    """List groups in the order of their names: name, number of members, description.

    Example: durward groups list

    Args:
        after: The last name of the page before.
        limit: The size of the page, up to 500.
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print one JSON object: `groups`, and `next` for --after.
    """
    asked = {"limit": limit, **({"after": after} if after else {})}
    found = control_of(dir).get("/admin/v1/groups", **asked)
    if json:
        say_json(found)
        return DONE
    for one in found["groups"]:
        what = one["description"] and f"  {field(one['description'])}"
        say(f"{field(one['name'])}  {one['members']}{what}")
    if found["next"]:
        warn(f"there are more: --after {field(found['next'])}")
    return DONE


@groups.command
def add(
    name: str,
    *,
    description: str = "",
    dir: Path = DEMO_DIR,  # noqa: A002
    json: bool = False,
) -> int:
    """Add a group, or change its description.

    Example: durward groups add night --description "who works at night"

    Args:
        name: Letters, digits, `_.@+-`.
        description: The purpose of the group.
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print one JSON object.
    """
    body = {"description": description}
    done = control_of(dir).put(path_of("groups", name), body, AGAIN)
    if json:
        say_json(done)
    else:
        told = f"{field(name)} has {done['group']['members']} members"
        say(f"✓ {told}" if done["changed"] else f"✓ {told}; nothing changed")
    return DONE


@groups.command
def delete(
    name: str,
    *,
    dir: Path = DEMO_DIR,  # noqa: A002
    json: bool = False,
) -> int:
    """Delete a group: its members are removed, 500 at a time, and their tokens revoked.

    Exit code 1: the group is deleted, but not every node refuses these tokens yet.

    Example: durward groups delete night

    Args:
        name: The group.
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print one JSON object.
    """
    control, left = control_of(dir), "repeat the command: it continues"
    done = control.put(path_of("groups", name), None, left, method="DELETE")
    done |= {"changed": True, "revoked": True}
    return finish(
        control, done, f"{field(name)} is deleted; it had {done['members']} members", json=json
    )


@groups.command
def join(
    group: str,
    *people: str,
    dir: Path = DEMO_DIR,  # noqa: A002
    json: bool = False,
) -> int:
    """Add people to a group. The tokens issued before are revoked.

    Exit code 1: they are members, but not every node refuses these tokens yet.

    Example: durward groups join night cleo dora

    Args:
        group: The group.
        people: Ids, login names or verified addresses.
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print one JSON object.
    """
    return regroup("PUT", group, people, dir, f"added to {field(group)}", json=json)


@groups.command
def leave(
    group: str,
    *people: str,
    dir: Path = DEMO_DIR,  # noqa: A002
    json: bool = False,
) -> int:
    """Remove people from a group. The tokens issued before are revoked.

    Exit code 1: they are removed, but not every node refuses these tokens yet.

    Example: durward groups leave night cleo

    Args:
        group: The group.
        people: Ids, login names or verified addresses.
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print one JSON object.
    """
    return regroup("DELETE", group, people, dir, f"removed from {field(group)}", json=json)


def regroup(
    method: str, group: str, people: tuple[str, ...], folder: Path, where: str, *, json: bool
) -> int:
    """Add or remove members one after another, then wait once."""
    if not people:
        raise Misconfigured(
            "people", "no person is named", hint=f"durward groups join {group} NAME"
        )
    control = control_of(folder)
    done = [
        control.put(path_of("groups", group, "members", name), None, AGAIN, method=method)
        for name in people
    ]
    sum_of = {
        "people": [one["person"] for one in done],
        "changed": any(one["changed"] for one in done),
        "revoked": any(one["revoked"] for one in done),
    }
    listed = ", ".join(map(field, people))
    return finish(control, sum_of, f"{where}: {listed}", json=json)
