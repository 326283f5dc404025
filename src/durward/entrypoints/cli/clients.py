"""`durward clients`: the secrets of clients."""

from pathlib import Path

from cyclopts import App

from durward.core.errors import Misconfigured
from durward.entrypoints.cli.once import Owners, make_and_show
from durward.entrypoints.cli.rollout import wait_until_refused
from durward.entrypoints.command import DEMO_DIR
from durward.entrypoints.control import Control, control_of


def check_declared(control: Control, name: str) -> None:
    """Refuse a client that there is not. Raises Misconfigured."""
    if name not in control.get("/admin/v1/declarations").get("clients", {}):
        raise Misconfigured(f"clients/{name}", "is not declared", hint="durward export")


CLIENTS = Owners("clients", "clients", check_declared)

clients = App(
    name="clients",
    help="Manage the secrets of clients: applications and services.",
    result_action="return_value",
)


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
