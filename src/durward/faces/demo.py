"""The demo: the real processes on loopback, with a sample API behind the edge."""

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from time import monotonic

import httpx2

from durward.core.edge.node import MAX_PORT
from durward.core.errors import Conflict, Misconfigured
from durward.core.estate import Kind
from durward.faces.command import durward
from durward.faces.control import Control
from durward.faces.credentials import add_credentials, read_credentials
from durward.faces.declarations import read_declarations
from durward.faces.ports import holder, is_free
from durward.faces.process import Child, keep_running

RUNTIME_PREFIX = "durward-"
ISSUER_OFFSET, APIS_OFFSET, APP_OFFSET = 0, 10, 20
MAX_BASE_PORT = MAX_PORT - APP_OFFSET
SAMPLE_FILES = ("durward.yaml", "openapi.yaml", "orders.test.yaml")


@dataclass(frozen=True)
class Place:
    """Where one demo lives: its folder and its ports."""

    folder: Path
    base_port: int

    @property
    def issuer(self) -> str:
        """The issuer: by name, so that its cookies never reach the APIs' address."""
        return f"http://localhost:{self.base_port + ISSUER_OFFSET}"

    @property
    def apis(self) -> str:
        """The protected APIs."""
        return f"http://127.0.0.1:{self.base_port + APIS_OFFSET}"

    @property
    def app(self) -> str:
        """The sample web application."""
        return f"http://127.0.0.1:{self.base_port + APP_OFFSET}"

    @property
    def orders(self) -> Path:
        """What the sample declares: written once, then its user's."""
        return self.folder / "orders"

    def addresses(self, runtime: Path) -> tuple[str, ...]:
        """What the sample's declarations name of this place."""
        return (self.apis, self.app, f"unix:{runtime}/orders.sock")


SAMPLE = Place(Path(), 8470)
SAMPLE_RUNTIME = Path("/run")
"""The place that the packaged sample names."""


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder for one demo. Raises Misconfigured or Conflict."""
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


def check_ports(place: Place) -> None:
    """The demo's ports are free. Raises Misconfigured that names who holds one.

    `localhost` is [::1] too, and browsers go there first: nobody else may be the issuer there.
    """
    listened = ((ISSUER_OFFSET, "127.0.0.1"), (ISSUER_OFFSET, "::1"), (APIS_OFFSET, "127.0.0.1"))
    for offset, host in (*listened, (APP_OFFSET, "127.0.0.1")):
        port = place.base_port + offset
        if not is_free(port, host):
            by = holder(port) or "another program"
            step = 100 if place.base_port + 100 <= MAX_BASE_PORT else -100
            again = durward(f"demo --base-port {place.base_port + step}", place.folder)
            raise Misconfigured(f"port {port}", f"in use by {by}", hint=f"{again}, or end {by}")


def running(folder: Path) -> dict[str, object] | None:
    """What the demo in this folder wrote of itself, while it runs."""
    try:
        with (folder / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with contextlib.suppress(OSError, ValueError):
            state: dict[str, object] = json.loads((folder / "demo.json").read_text())
            return state
    except OSError:
        pass
    return None


Tell = Callable[[str, float], None]


async def run(place: Place, tell: Tell, ready: Callable[[], None]) -> None:
    """Start everything, keep it running until asked to end, end it in order."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with runtime_folder(place) as runtime:
        first = (orders(place, runtime), control_plane(place, runtime))
        last = (edge(place, runtime), desk(place))
        write_sample(place, runtime)
        write_configuration(place, runtime)
        watchers: list[asyncio.Task[None]] = []
        try:
            if not all(await asyncio.gather(*(step(child, tell, ended) for child in first))):
                return
            await asyncio.to_thread(seed, place, runtime)
            if not all(await asyncio.gather(*(step(child, tell, ended) for child in last))):
                return
            watchers += [
                asyncio.create_task(keep_running(child, complain)) for child in (*first, *last)
            ]
            ready()
            await ended.wait()
        finally:
            for watcher in watchers:
                watcher.cancel()
            for child in (*reversed(last), *reversed(first)):
                await child.stop()


async def step(child: Child, tell: Tell, ended: asyncio.Event) -> bool:
    """Start one part and tell how long it took; False when asked to end meanwhile."""
    started = monotonic()
    starting = asyncio.create_task(child.start())
    ending = asyncio.create_task(ended.wait())
    await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
    ending.cancel()
    if not starting.done():
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        return False
    starting.result()
    tell(child.name, monotonic() - started)
    return True


@contextlib.asynccontextmanager
async def runtime_folder(place: Place) -> AsyncIterator[Path]:
    """A short folder for sockets, mode 0700, empty, gone at the end; the same at every start.

    Another that a demo in the same place left goes now: whoever asks holds the place alone.
    """
    folder = usual_runtime(place)
    if not is_private(folder):
        folder = Path(tempfile.mkdtemp(prefix=RUNTIME_PREFIX))
    other = left[1] if (left := former(place)) else folder
    if other.parent == folder.parent and other.name.startswith(RUNTIME_PREFIX) and other != folder:
        shutil.rmtree(other, ignore_errors=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def usual_runtime(place: Place) -> Path:
    """The runtime folder of a place: short enough for paths of Unix sockets."""
    told = hashlib.sha256(str(place.folder.resolve()).encode()).hexdigest()[:8]
    return Path(tempfile.gettempdir()) / f"{RUNTIME_PREFIX}{os.getuid()}-{told}"


def is_private(folder: Path) -> bool:
    """Whether a folder in a place that everybody can write to is ours alone, and empty now.

    What somebody else put there, a link among them, is neither used nor touched.
    """
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        if found.st_mode != stat.S_IFDIR | stat.S_IRWXU or found.st_uid != os.getuid():
            return False
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    except OSError:
        return False
    return True


def former(place: Place) -> tuple[Place, Path] | None:
    """Where the last demo in this folder was, and its runtime folder."""
    try:
        left = json.loads((place.folder / "demo.json").read_text())
        return Place(place.folder, int(left["base_port"])), Path(left["runtime"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_sample(place: Place, runtime: Path) -> None:
    """The sample's declarations, in a folder that `durward apply` takes. Raises Misconfigured.

    They are copied once. Later only the addresses of the last demo here become those of this one.
    """
    document = place.orders / "durward.yaml"
    try:
        if place.orders.exists():
            text, left = document.read_text(), former(place)
        else:
            aside = place.orders.with_name(".orders.new")
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir()
            for name in SAMPLE_FILES:
                (aside / name).write_text((example("orders") / name).read_text())
            text, left = (aside / "durward.yaml").read_text(), (SAMPLE, SAMPLE_RUNTIME)
            (aside / "durward.yaml").write_text(moved(text, left, place, runtime))
            aside.rename(place.orders)
            return
        if left and (told := moved(text, left, place, runtime)) != text:
            aside = document.with_name(".durward.new")
            aside.write_text(told)
            aside.rename(document)
    except (OSError, UnicodeDecodeError) as error:
        hint = f"without {place.orders} the demo writes the sample anew"
        raise Misconfigured(str(document), f"cannot be kept: {error}", hint=hint) from error


def moved(text: str, left: tuple[Place, Path], place: Place, runtime: Path) -> str:
    """A text with the addresses of one demo in place of those of another."""
    there, there_runtime = left
    new = dict(zip(there.addresses(there_runtime), place.addresses(runtime), strict=True))
    pattern = "|".join(rf"{re.escape(address)}(?!\w)" for address in new)
    return re.sub(pattern, lambda found: new[found[0]], text)


def write_configuration(place: Place, runtime: Path) -> None:
    """The settings of both processes, and what the demo tells of itself."""
    folder = place.folder.resolve()
    (folder / "edge").mkdir(parents=True, exist_ok=True)
    parts = {
        "serve": {
            "issuer": place.issuer,
            "runtime": str(runtime),
            "state": str(folder / "serve"),
        },
        "edge": {
            "apis": place.apis.removeprefix("http://"),
            "issuer": f"127.0.0.1:{place.base_port + ISSUER_OFFSET}",
            "control_plane": str(runtime),
            "snapshot_key": str(folder / "serve" / "snapshot.jwk"),
            "runtime": str(runtime),
            "state": str(folder / "edge"),
        },
    }
    lines = []
    for part, settings in parts.items():
        lines += [f"[{part}]", *(f"{n} = {json.dumps(v)}" for n, v in settings.items()), ""]
    (folder / "durward.toml").write_text("\n".join(lines))
    written = {"pid": os.getpid(), "base_port": place.base_port, "runtime": str(runtime)}
    (folder / "demo.json").write_text(json.dumps(written))


def seed(place: Place, runtime: Path) -> None:
    """Declare the sample, as `durward apply` would; its secrets go into the credentials file."""
    control, kept = Control(runtime), place.folder / "credentials"
    wanted = read_declarations(place.orders / "durward.yaml")
    add_credentials(kept, control.change("apply", wanted, prune=False)["secrets"], "clients")
    known, there = read_credentials(kept).get("users", {}), control.get("/admin/v1/users")["users"]
    people = [found.name for found in wanted if found.kind is Kind.USER]
    fresh = {
        name: control.post(f"/admin/v1/users/{name}/password", {})["password"]
        for name in people
        if name not in known or not there[name]["password"]
    }
    add_credentials(kept, fresh, "users")


def example(name: str) -> Path:
    """A sample: packaged in a wheel, beside the sources in a checkout."""
    packaged = Path(str(files("durward"))) / "_examples" / name
    beside = Path(__file__).resolve().parents[3] / "examples" / name
    return packaged if packaged.exists() else beside


def desk(place: Place) -> Child:
    """The sample web application."""
    told = {
        "--port": str(place.base_port + APP_OFFSET),
        "--issuer": place.issuer,
        "--api": place.apis,
        "--client": "desk",
        "--credentials": str(place.folder / "credentials"),
    }
    arguments = [word for pair in told.items() for word in pair]
    return Child(
        "sample app",
        [sys.executable, str(example("desk") / "app.py"), *arguments],
        place.folder / "logs" / "desk.log",
        lambda: listens(place.base_port + APP_OFFSET),
    )


async def listens(port: int) -> bool:
    """Whether somebody takes connections at a port of this machine."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def orders(place: Place, runtime: Path) -> Child:
    """The sample API."""
    socket = runtime / "orders.sock"
    return Child(
        "sample API",
        [sys.executable, str(example("orders") / "app.py"), "--uds", str(socket)],
        place.folder / "logs" / "orders.log",
        lambda: answers(socket, "/v1/status"),
    )


def control_plane(place: Place, runtime: Path) -> Child:
    """The authorization server, the admin API, the audit log."""
    command = [sys.executable, "-m", "durward", "serve"]
    return Child(
        "control plane",
        [*command, "--config", str(place.folder / "durward.toml")],
        place.folder / "logs" / "serve.log",
        lambda: answers(runtime / "control.sock", "/readyz"),
        ready_within=30,
    )


def edge(place: Place, runtime: Path) -> Child:
    """The agent with its Envoy and its decision points."""
    command = [sys.executable, "-m", "durward", "edge"]
    return Child(
        "edge",
        [*command, "--config", str(place.folder / "durward.toml")],
        place.folder / "logs" / "edge.log",
        lambda: answers(runtime / "edge.sock", "/readyz"),
        ready_within=30,
    )


async def answers(socket: Path, path: str) -> bool:
    """Whether the process behind the socket is ready."""
    transport = httpx2.AsyncHTTPTransport(uds=str(socket))
    try:
        async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
            reply = await client.get(f"http://durward{path}")
    except httpx2.HTTPError:
        return False
    return reply.status_code == httpx2.codes.OK


def complain(text: str) -> None:
    """Tell the operator what went wrong meanwhile."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the demo speaks to its terminal
