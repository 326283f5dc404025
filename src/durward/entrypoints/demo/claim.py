"""Lock the folder and the ports of a demo."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from durward.core.errors import Conflict, Misconfigured
from durward.entrypoints.command import durward
from durward.entrypoints.demo.instance import (
    APIS_OFFSET,
    APP_OFFSET,
    ISSUER_OFFSET,
    MAILS_OFFSET,
    MAX_BASE_PORT,
    DemoInstance,
)
from durward.entrypoints.demo.state import read_state
from durward.entrypoints.ports import holder, is_free, is_left_behind


@contextlib.contextmanager
def lock_demo(folder: Path) -> Iterator[None]:
    """Lock the folder for one demo. Raises Misconfigured or Conflict."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        hint = "choose another folder: --dir DIR"
        raise Misconfigured(
            str(folder), f"cannot be written: {error.strerror}", hint=hint
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            status = durward("demo status", folder)
            raise Conflict(f"a demo runs in {folder} already: {status}") from None
        yield


def running(folder: Path) -> dict[str, Any] | None:
    """The state that the running demo of this folder wrote; None if none runs."""
    try:
        with (folder / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return read_state(folder)
    except OSError:
        pass
    return None


def check_ports(place: DemoInstance) -> None:
    """Check that the demo's ports are free. Raises Misconfigured with the process that has one.

    `localhost` is [::1] too, and browsers try it first: no other process may listen there.
    """
    listened = ((ISSUER_OFFSET, "127.0.0.1"), (ISSUER_OFFSET, "::1"), (APIS_OFFSET, "127.0.0.1"))
    pages = ((APP_OFFSET, "127.0.0.1"), (MAILS_OFFSET, "127.0.0.1"))
    for offset, host in (*listened, *pages):
        port = place.base_port + offset
        if not is_free(port, host):
            by = holder(port) or "another program"
            end = f"end {by}"
            if is_left_behind(port):
                by, end = "connections that have ended", "wait a minute: the port is free then"
            step = 100 if place.base_port + 100 <= MAX_BASE_PORT else -100
            again = durward(f"demo --base-port {place.base_port + step}", place.folder)
            raise Misconfigured(f"port {port}", f"is in use by {by}", hint=f"{again}, or {end}")
