"""The control plane as a process: two applications on two sockets."""

import asyncio
import signal
import sys
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from durward.faces.http import admin, feed, log, metadata, revocation, token, userinfo
from durward.faces.http.listener import serve
from durward.faces.pages import account, interaction, logout, render
from durward.settings import ServeSettings
from durward.wiring import ControlPlane

PUBLIC_SOCKET, CONTROL_SOCKET = "public.sock", "control.sock"


async def run(settings: ServeSettings) -> None:
    """Serve until asked to end: clients through the edge, edges and operators on the other."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    plane = await ControlPlane.open(settings)
    runtime = Path(settings.runtime)
    tasks = [
        asyncio.create_task(plane.keep_fresh(report)),
        asyncio.create_task(plane.keep_sequencing(report)),
        asyncio.create_task(release(plane, ended)),
    ]
    try:
        applications = {
            runtime / PUBLIC_SOCKET: public(plane),
            runtime / CONTROL_SOCKET: control(plane),
        }
        await serve(applications, ended)
    finally:
        for task in tasks:
            task.cancel()
        await plane.close()


async def release(plane: ControlPlane, ended: asyncio.Event) -> None:
    """Let go of those who wait for a snapshot, so that their connections can end."""
    await ended.wait()
    await plane.release()


def public(plane: ControlPlane) -> Starlette:
    """What clients reach through the edge."""
    return Starlette(
        routes=[
            *metadata.routes(plane),
            *token.routes(plane),
            *revocation.routes(plane),
            *userinfo.routes(plane),
            *interaction.routes(plane),
            *logout.routes(plane),
            *account.routes(plane),
            *render.style(),
        ]
    )


def control(plane: ControlPlane) -> Starlette:
    """What edges and operators reach, on a socket that only their account can open."""

    async def alive(_: Request) -> Response:
        return PlainTextResponse("ok")

    return Starlette(
        routes=[
            Route("/livez", alive),
            Route("/readyz", alive),
            *feed.routes(plane),
            *admin.routes(plane),
            *log.routes(plane),
        ]
    )


def report(text: str) -> None:
    """Tell the operator."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the log of this process
