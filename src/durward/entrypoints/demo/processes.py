"""The processes of a demo: how each is started, and when it is ready."""

import asyncio
import sys
from pathlib import Path

import httpx2

from durward.entrypoints.demo.instance import APP_OFFSET, MAILS_OFFSET, DemoInstance
from durward.entrypoints.demo.sample import example
from durward.entrypoints.process import Child
from durward.entrypoints.socket_transport import SocketTransport


def orders(place: DemoInstance, runtime: Path) -> Child:
    """The sample API."""
    socket = runtime / "orders.sock"
    return Child(
        "sample API",
        [sys.executable, str(example("orders") / "app.py"), "--uds", str(socket)],
        place.folder / "logs" / "orders.log",
        lambda: is_ready(socket, "/v1/status"),
    )


def control_plane(place: DemoInstance, runtime: Path) -> Child:
    """The authorization server, the admin API, the audit log."""
    return of_ours("control plane", "serve", place, runtime / "control.sock")


def edge(place: DemoInstance, runtime: Path) -> Child:
    """The agent with its Envoy and its decision points."""
    return of_ours("edge", "edge", place, runtime / "edge.sock")


def of_ours(name: str, command: str, place: DemoInstance, socket: Path) -> Child:
    """A process of the product, with the settings of this place."""
    configuration = str(place.folder / "durward.toml")
    return Child(
        name,
        [sys.executable, "-m", "durward", command, "--config", configuration],
        place.folder / "logs" / f"{command}.log",
        lambda: is_ready(socket, "/readyz"),
        is_alive=lambda: is_ready(socket, "/livez"),
        ready_within=30,
    )


def desk(place: DemoInstance) -> Child:
    """The sample web application."""
    told = {
        "--port": str(place.base_port + APP_OFFSET),
        "--issuer": place.issuer,
        "--api": place.apis,
        "--client": "desk",
        "--credentials": str(place.folder / "credentials"),
    }
    if place.tls:
        told["--ca"] = str(place.ca.certificate)
    arguments = [word for pair in told.items() for word in pair]
    return Child(
        "sample app",
        [sys.executable, str(example("desk") / "app.py"), *arguments],
        place.folder / "logs" / "desk.log",
        lambda: listens(place.base_port + APP_OFFSET),
    )


def mailbox(place: DemoInstance) -> Child:
    """The page with the mails to people."""
    port = place.base_port + MAILS_OFFSET
    module = "durward.entrypoints.demo.mailbox"
    arguments = ["--folder", str(place.mail_folder), "--port", str(port)]
    return Child(
        "mails",
        [sys.executable, "-m", module, *arguments],
        place.folder / "logs" / "mails.log",
        lambda: listens(port),
    )


async def listens(port: int) -> bool:
    """Whether a process listens at a port of this machine."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def is_ready(socket: Path, path: str) -> bool:
    """Whether the process behind the socket is ready."""
    # A Unix socket has no TLS, and a context for it costs more than the whole call.
    transport = SocketTransport(socket)
    try:
        async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
            reply = await client.get(f"http://durward{path}")
    except httpx2.HTTPError:
        return False
    return reply.status_code == httpx2.codes.OK
