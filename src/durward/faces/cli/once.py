"""Secrets that are shown once, to their owner."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from durward.core.errors import Misconfigured
from durward.faces.control import Control
from durward.faces.credentials import add_credentials


@contextlib.contextmanager
def show_once(
    what: str, name: str, part: str, control: Control, credentials: Path | None
) -> Iterator[Callable[[str], None]]:
    """What shows a secret to its owner: on a terminal, or in a file of credentials.

    Raises Misconfigured where there is neither, before one is made: it would be lost.
    """
    if credentials is None and not sys.stdout.isatty():
        if name not in control.get("/admin/v1/declarations").get(part, {}):
            raise Misconfigured(f"{part}/{name}", "is not declared", hint="durward export")
        hint = "it is shown once, on a terminal; else name a file: --credentials FILE"
        raise Misconfigured(f"{part} {what}", f"the {what} would be lost", hint=hint)

    def show(made: str) -> None:
        if credentials:
            add_credentials(credentials, {name: made}, part)
            print(f"the {what} of {name} is in {credentials}")
        else:
            print(f"{what} of {name}, shown only now: {made}")

    yield show
