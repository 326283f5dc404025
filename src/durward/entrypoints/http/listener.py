"""Applications on Unix sockets that only their owner can reach."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from durward.core.errors import Misconfigured

BACKLOG = 1024
DRAIN_SECONDS = 5


class Listener(uvicorn.Server):
    """One application on one socket; the process ends it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process: several listeners run in one."""
        yield


async def serve(applications: Mapping[Path, Starlette], ended: asyncio.Event) -> None:
    """Serve each application on its socket until the event is set; then drain and return."""
    listeners = {path: Listener(configuration(app)) for path, app in applications.items()}
    async with asyncio.TaskGroup() as group:
        for path, listener in listeners.items():
            group.create_task(listener.serve(sockets=[private_socket(path)]))
        await ended.wait()
        for listener in listeners.values():
            listener.should_exit = True


def configuration(app: Starlette) -> uvicorn.Config:
    """The settings of an application: no server name in responses, our own log."""
    return uvicorn.Config(
        app,
        lifespan="off",
        access_log=False,
        log_config=None,
        # The applications report errors of endpoints, within bounds; uvicorn would report each
        # once more, with its traceback.
        log_level="critical",
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


def private_socket(path: Path) -> socket.socket:
    """A listening Unix socket of mode 0600, in place of a stale one. Raises Misconfigured."""
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        hint = "choose a runtime folder with a short path that this account may write"
        raise Misconfigured(str(path), f"the socket cannot be made: {error}", hint=hint) from error
    finally:
        os.umask(before)
    listener.listen(BACKLOG)
    return listener
