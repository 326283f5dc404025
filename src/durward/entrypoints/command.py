"""Command lines in messages, so that they can be typed as shown."""

import re
import shlex
from pathlib import Path

DEMO_DIR = Path(".durward/demo")
"""The default folder of the demo, below the current folder."""


def script() -> str:
    """The command for `durward`: in a checkout, the path of its script."""
    beside = Path(__file__).resolve().parents[3] / "durward"
    if not beside.is_file():
        return "durward"
    return "./durward" if beside.parent == Path.cwd().resolve() else shlex.quote(str(beside))


def durward(words: str, folder: Path = DEMO_DIR) -> str:
    """A command line, with the folder if it is not the default one."""
    usual = folder.resolve() == DEMO_DIR.resolve()
    return f"{script()} {words}" + ("" if usual else f" --dir {shlex.quote(str(folder))}")


def with_script_name(told: str) -> str:
    """Replace `durward` in the commands of a text, at its start or in backquotes."""
    return re.sub(r"(\A|`)durward (?=[a-z])", lambda found: f"{found[1]}{script()} ", told)
