"""`durward users`: the passwords of users."""

from pathlib import Path

from cyclopts import App

from durward.entrypoints.cli.once import make_and_show
from durward.entrypoints.cli.rollout import wait_until_refused
from durward.entrypoints.command import DEMO_DIR
from durward.entrypoints.control import control_of

users = App(
    name="users",
    help="Manage the passwords of users.",
    result_action="return_value",
)


@users.command
def password(
    name: str,
    *,
    dir: Path = DEMO_DIR,  # noqa: A002 - the option is called --dir
    credentials: Path | None = None,
) -> int:
    """Make a new password for a user, and end their sessions. It is shown once.

    Exit code 1: it is made, but not every node refuses the tokens of these sessions yet.

    Args:
        name: The user, as declared.
        dir: The folder that holds durward.toml, such as the demo's.
        credentials: The file for the password (mode 0600), instead of the terminal.
    """
    control = control_of(dir)
    make_and_show("password", name, "users", control, credentials)
    return wait_until_refused(control, "tokens of their former sessions")
