"""How Durward is called here: what is shown to people can be typed as it stands."""

import re
import shlex
from pathlib import Path

DEMO_DIR = Path(".durward/demo")
"""The demo's folder where none is named, below the folder that it is started in."""


def script() -> str:
    """What is typed for `durward`: a checkout has a script."""
    beside = Path(__file__).resolve().parents[3] / "durward"
    if not beside.is_file():
        return "durward"
    return "./durward" if beside.parent == Path.cwd().resolve() else shlex.quote(str(beside))


def durward(words: str, folder: Path = DEMO_DIR) -> str:
    """A command line, with the folder where it is not the usual one."""
    usual = folder.resolve() == DEMO_DIR.resolve()
    return f"{script()} {words}" + ("" if usual else f" --dir {shlex.quote(str(folder))}")


def with_script_name(told: str) -> str:
    """A text whose commands, at its beginning or in backquotes, can be typed here."""
    return re.sub(r"(\A|`)durward (?=[a-z])", lambda found: f"{found[1]}{script()} ", told)
