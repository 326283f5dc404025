"""`durward clients`: the metadata and the secrets of clients."""

from pathlib import Path
from typing import Any

from cyclopts import App

from durward.core.difference import excerpt
from durward.core.errors import Misconfigured
from durward.entrypoints.cli.exit_code import DONE
from durward.entrypoints.cli.once import Owners, make_and_show
from durward.entrypoints.cli.rollout import wait_until_refused
from durward.entrypoints.command import DEMO_DIR
from durward.entrypoints.control import Control, control_of, path_of
from durward.entrypoints.terminal import say, say_json

LONGEST = 1_000
"""Of one member that is shown."""


def check_client(control: Control, name: str) -> None:
    """Refuse a client that there is not. Raises Misconfigured."""
    if name not in control.get("/admin/v1/declarations").get("clients", {}):
        raise Misconfigured(f"clients/{name}", "is not declared", hint="durward export")


CLIENTS = Owners("clients", "clients", check_client)

clients = App(
    name="clients",
    help="Show clients (applications and services), and manage their secrets.",
    result_action="return_value",
)


@clients.command
def show(
    name: str,
    *,
    dir: Path = DEMO_DIR,  # noqa: A002 - the option is called --dir
    json: bool = False,
) -> int:
    """Show what is registered of a client, the profile that holds for it, and its waivers.

    Args:
        name: The client, as declared.
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print one JSON object.
    """
    found = control_of(dir).get(path_of("clients", name))
    if json:
        say_json(found)
        return DONE
    waivers = found.pop("waivers")
    for member, value in found.items():
        say(f"{member}: {excerpt(_shown(value), LONGEST)}")
    for one in waivers:
        said = f"{one['name']}: {one['relaxes']} until {one['until']}, {one['state']}"
        say(f"waiver: {excerpt(said, LONGEST)}")
    return DONE


def _shown(value: Any) -> str:
    match value:
        case list():
            return ", ".join(map(str, value))
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)


@clients.command
def secret(
    name: str,
    *,
    dir: Path = DEMO_DIR,  # noqa: A002 - the option is called --dir
    credentials: Path | None = None,
) -> int:
    """Make a new secret for a client; the former ones end at once. It is shown once.

    Exit code 1: it is made, but not every node refuses the tokens of the former ones yet.

    Args:
        name: The client, as declared.
        dir: The folder that holds durward.toml, such as the demo's.
        credentials: The file for the secret (mode 0600), instead of the terminal.
    """
    control = control_of(dir)
    make_and_show("secret", name, CLIENTS, control, credentials)
    return wait_until_refused(control, "tokens of the former secrets")
