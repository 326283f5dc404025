"""`durward users`: what people sign in with."""

import sys
from pathlib import Path

from cyclopts import App

from durward.core.errors import Misconfigured
from durward.faces.control import control_of
from durward.faces.credentials import add_credentials

DEFAULT_DIR = Path(".durward/demo")

users = App(
    name="users",
    help="Give people what they sign in with.",
    result_action="return_value",
)


@users.command
def password(
    name: str,
    *,
    dir: Path = DEFAULT_DIR,  # noqa: A002 - the option is called --dir
    credentials: Path | None = None,
) -> int:
    """Make a new password for a person, and end their sessions. It is shown once.

    Args:
        name: The person, as declared.
        dir: The folder that holds durward.toml, such as the demo's.
        credentials: Where the password goes (mode 0600), instead of the terminal.
    """
    if credentials is None and not sys.stdout.isatty():
        hint = "it is shown once, on a terminal; else name a file: --credentials FILE"
        raise Misconfigured("users password", "the password would be lost", hint=hint)
    made = control_of(dir).post(f"/admin/v1/users/{name}/password", {})["password"]
    if credentials:
        add_credentials(credentials, {name: made}, "users")
        print(f"the password of {name} is in {credentials}")
    else:
        print(f"password of {name}, shown only now: {made}")
    return 0
