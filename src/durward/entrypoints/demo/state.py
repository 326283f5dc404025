"""The state of a demo, written into its folder for later commands."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from durward.entrypoints.demo.instance import DemoInstance


def write_state(place: DemoInstance, runtime: Path) -> None:
    """Write the process id, the ports and the runtime folder of the demo."""
    written = {
        "pid": os.getpid(),
        "base_port": place.base_port,
        "tls": place.tls,
        "runtime": str(runtime),
    }
    (place.folder / "demo.json").write_text(json.dumps(written))


def read_state(folder: Path) -> dict[str, Any] | None:
    """The last state in this folder; None if there is none."""
    try:
        state: dict[str, Any] = json.loads((folder / "demo.json").read_text())
    except (OSError, ValueError):
        return None
    return state


def demo_of(folder: Path, state: Mapping[str, Any]) -> DemoInstance:
    """The place of a state. Raises ValueError, KeyError or TypeError."""
    return DemoInstance(folder, int(state["base_port"]), bool(state.get("tls")))


def former(place: DemoInstance) -> tuple[DemoInstance, Path] | None:
    """The place and the runtime folder of the last demo in this folder."""
    left = read_state(place.folder)
    if left is None:
        return None
    try:
        return demo_of(place.folder, left), Path(left["runtime"])
    except (ValueError, KeyError, TypeError):
        return None
