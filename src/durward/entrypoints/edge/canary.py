"""Canaries: requests that must be refused, sent through the real Envoy after every change.

A configuration can be valid, loaded and still allow everything; only a refusal proves it.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, islice

import httpx2

from durward.core.address import Address
from durward.core.api import Api
from durward.core.edge.envoy.local_replies import REVOKED
from durward.core.edge.envoy.revocation_maps import FILTERS
from durward.core.edge.envoy.routes import undeclared_status
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import Unavailable
from durward.core.openapi.operations import Operation
from durward.core.openapi.router import Route, Router
from durward.core.openapi.template import filled_with
from durward.entrypoints.socket_transport import SocketTransport

FORGED = f"eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiJjYW5hcnkifQ.{'A' * 86}"
"""A string in the form of an access token, without a valid signature."""
MOST_UNCHANGED = 20
AT_ONCE = 8
TO_EACH_WORKER = 8
"""The number of canaries for every worker: each filter of revocations, or what is not declared and
the first APIs."""
MISSED = 1e-6
MAX_KNOWN = 20_000
"""The number of remembered canary refusals: those of several pushes at the largest size."""

Counts = Callable[[], Awaitable[Mapping[str, int]]]
"""The number of connections that each worker of Envoy has accepted."""


@dataclass
class OwnRefusals:
    """The refusals of our own canaries, which are not shipped to the log.

    They are identified by the ids in the responses, so that no client's refusal is taken for one.
    """

    _ids: dict[str, None] = field(default_factory=dict)

    def add(self, id: str) -> None:
        """Remember a canary that was refused correctly."""
        self._ids[id] = None
        if len(self._ids) > MAX_KNOWN:
            del self._ids[next(iter(self._ids))]

    def __contains__(self, id: object) -> bool:
        return id in self._ids


@dataclass(frozen=True)
class Canary:
    """One request and its only correct status."""

    what: str
    method: str
    path: str
    status: int
    host: str
    token: str | None = None
    title: str = ""


async def canary(
    edge: Address,
    own: OwnRefusals,
    counts: Counts,
    snapshot: Snapshot,
    former: Snapshot | None = None,
) -> str | None:
    """Send all canaries; return the one that was not refused correctly, if any.

    Of APIs that are unchanged from the `former` snapshot only a few are tried. Raises Unavailable
    if the edge does not answer.
    """
    changed = snapshot.changed_since(former) if former else snapshot.apis
    names = {api.id for api in changed}
    others = (api for api in snapshot.apis if api.id not in names)
    return await _send(
        edge, own, counts, canaries(snapshot, [*changed, *islice(others, MOST_UNCHANGED)])
    )


@dataclass(frozen=True)
class Door:
    """A guarded operation in force, and the API for which a token must be issued to pass."""

    audience: str
    method: str
    path: str
    host: str


def door_of(snapshot: Snapshot) -> Door | None:
    """An operation at which canaries can prove that revoked tokens are refused.

    None if no token could pass at all: no API has a guarded operation, or no key is known.
    """
    if not snapshot.keys:
        return None
    router, anywhere = router_of(snapshot), unnamed_host(snapshot)
    found = (
        Door(api.audience, *way)
        for api in snapshot.apis
        for way in guarded_paths(router, api, next(iter(api.hosts), anywhere))
    )
    return next(found, None)


async def revoked_canary(
    edge: Address, own: OwnRefusals, counts: Counts, door: Door, tokens: Mapping[str, str]
) -> str | None:
    """Send tokens that are valid but revoked; return the one that was not refused for that.

    Each filter needs its own proof. Raises Unavailable if the edge does not answer.
    """
    if lacking := set(FILTERS) - set(tokens):
        return f"no token is there for `{min(lacking)}`: one"
    birds = (
        Canary(f"a token for `{name}`", door.method, door.path, 401, door.host, token, REVOKED)
        for name, token in tokens.items()
    )
    return await _send(edge, own, counts, birds)


async def _send(
    edge: Address, own: OwnRefusals, counts: Counts, birds: Iterable[Canary]
) -> str | None:
    """Send the first canaries to every worker of Envoy, the others to any.

    Workers take a new configuration one by one, each on its own thread.
    """
    waiting = iter(birds)
    try:
        first = [*islice(waiting, TO_EACH_WORKER)]
        if passed := await _send_to_each(edge, own, counts, first):
            return passed
        async with _client(edge) as client:
            told = await asyncio.gather(*(_fly(client, own, waiting) for _ in range(AT_ONCE)))
    except httpx2.HTTPError as error:
        raise Unavailable(f"the edge at {edge} does not answer: {error}") from error
    return next(filter(None, told), None)


async def _send_to_each(
    edge: Address, own: OwnRefusals, counts: Counts, birds: Sequence[Canary]
) -> str | None:
    """Send these over new connections until each worker has accepted one of them.

    Envoy's own counts say which did, as long as no client connects at the same time. If clients do,
    so many are sent that no worker is left out by chance: the kernel spreads them at random.
    """

    async def fly() -> str | None:
        async with _client(edge) as client:
            return await _fly(client, own, iter(birds))

    before = await counts()
    reached, sent = set[str](), 0
    while not sent or (set(before) - reached and sent < connections_for(len(before))):
        number = min(2 * len(before), AT_ONCE) if len(before) > 1 else 1
        told = await asyncio.gather(*(fly() for _ in range(number)))
        if passed := next(filter(None, told), None):
            return passed
        sent += number
        after = await counts()
        more = {worker: count - before.get(worker, 0) for worker, count in after.items()}
        if sum(more.values()) == number:
            reached |= {worker for worker, count in more.items() if count}
        before = after
    return None


def connections_for(workers: int) -> int:
    """The number of connections of which each worker gets one, but for one time in a million."""
    if workers < 2:  # noqa: PLR2004 - one worker gets them all
        return 1
    return math.ceil(math.log(MISSED / workers) / math.log(1 - 1 / workers))


def _client(edge: Address) -> httpx2.AsyncClient:
    tcp = httpx2.AsyncHTTPTransport
    transport = SocketTransport(edge.host) if edge.is_socket else tcp(verify=False)
    base = "http://canary" if edge.is_socket else f"http://{reachable(edge)}"
    return httpx2.AsyncClient(transport=transport, base_url=base, timeout=5, trust_env=False)


async def _fly(client: httpx2.AsyncClient, own: OwnRefusals, birds: Iterator[Canary]) -> str | None:
    """Send canaries of a shared iterator, one after the other; return the first that fails."""
    for bird in birds:
        headers = {"host": bird.host}
        headers |= {"authorization": f"Bearer {bird.token}"} if bird.token else {}
        reply = await client.request(bird.method, bird.path, headers=headers)
        # A service may answer 404 too: only our refusals have the id of a decision.
        decision = reply.headers.get("durward-decision")
        if reply.status_code != bird.status or not decision or bird.title not in reply.text:
            return f"{bird.what} ({bird.method} {bird.path}: {reply.status_code})"
        own.add(decision)
    return None


def canaries(snapshot: Snapshot, apis: Iterable[Api]) -> Iterator[Canary]:
    """An undeclared operation, and for each API a guarded one without and with a forged token."""
    router = router_of(snapshot)
    undeclared = undeclared_status(snapshot)
    anywhere = unnamed_host(snapshot)
    path = undeclared_path(snapshot)
    yield Canary("an undeclared operation", "GET", path, undeclared, anywhere)
    for api in apis:
        host = next(iter(api.hosts), anywhere)
        for method, path, _ in islice(guarded_paths(router, api, host), 1):
            yield Canary("a request without a token", method, path, 401, host)
            yield Canary("an unsigned token", method, path, 401, host, FORGED)


def router_of(snapshot: Snapshot) -> Router[Operation]:
    """The router of the snapshot's operations."""
    return Router(
        Route(operation.method, operation.path, operation, api.hosts)
        for api in snapshot.apis
        for operation in api.operations
    )


def guarded_paths(router: Router[Operation], api: Api, host: str) -> Iterator[tuple[str, str, str]]:
    """Requests to guarded operations of an API at a host that serves it: method, path and host.

    Not by HEAD, whose refusal has no body.
    """
    for operation in api.operations:
        if not operation.public and operation.method != "HEAD":
            path = filled_with(operation.path, "canary")
            found = router.match(operation.method, path, host)
            if found and found[0].what is operation:
                yield operation.method, path, host


def unnamed_host(snapshot: Snapshot) -> str:
    """A host that no API names: it serves the APIs without hosts."""
    named = {host for api in snapshot.apis for host in api.hosts}
    return next(host for host in map("canary-{}".format, count()) if host not in named)


def undeclared_path(snapshot: Snapshot) -> str:
    """A path of more segments than any template has."""
    paths = (operation.path for api in snapshot.apis for operation in api.operations)
    most = max((path.count("/") for path in paths), default=0)
    return "/.durward" + "/canary" * most


def reachable(address: Address) -> str:
    """The address at which this machine reaches a listener: loopback, if it is on all."""
    loopback = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    return str(Address(loopback.get(address.host, address.host), address.port))
