"""How Durward is called here: what is shown to people can be typed as it stands."""

import shlex
from pathlib import Path

DEMO_DIR = Path(".durward/demo")
"""The demo's folder where none is named, below the folder that it is started in."""


def durward(words: str, folder: Path = DEMO_DIR) -> str:
    """A command line; a checkout has a script, and a folder that is not the usual one is named."""
    script = Path(__file__).resolve().parents[3] / "durward"
    name = "durward"
    if script.is_file():
        name = "./durward" if script.parent == Path.cwd().resolve() else shlex.quote(str(script))
    usual = folder.resolve() == DEMO_DIR.resolve()
    return f"{name} {words}" + ("" if usual else f" --dir {shlex.quote(str(folder))}")
