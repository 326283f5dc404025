"""Declarations of several operators at once: each is checked against what it replaces."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.contract.faults import everything
from tests.issuer import ENVOY, ISSUER, Issuer, sample
from tests.issuer import issuer as fresh_issuer

from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.errors import Conflict, Misconfigured, Unavailable
from durward.core.values import ClientId
from durward.core.wire import Json
from durward.services.envoy_check import EnvoyCheck
from durward.services.keyring import RotationRequest
from durward.settings import ServeSettings
from durward.store.database import Database
from durward.store.snapshots import hold_version, newest_version
from durward.wiring import ControlPlane

pytestmark = pytest.mark.anyio
Before = Callable[[], Awaitable[object]]


class Overtaken(Database):
    """A store whose other users do something first, before each write of one of them."""

    def __init__(self, inner: Database, before: Before) -> None:
        self.inner = inner
        self.before = before
        self.writes = 0

    async def read(self, use: Callable[[Any], Any]) -> Any:
        return await self.inner.read(use)

    async def write(self, use: Callable[[Any], Any], *, apart: bool = False) -> Any:
        self.writes += 1
        await self.before()
        return await self.inner.write(use, apart=apart)

    async def close(self) -> None:
        await self.inner.close()


class GoneAfterwards(Database):
    """A store that answers nothing once a write of somebody is committed."""

    def __init__(self, inner: Database) -> None:
        self.inner = inner
        self.is_gone = False

    async def read(self, use: Callable[[Any], Any]) -> Any:
        if self.is_gone:
            raise Unavailable("the store: away")
        return await self.inner.read(use)

    async def write(self, use: Callable[[Any], Any], *, apart: bool = False) -> Any:
        done = await self.inner.write(use, apart=apart)
        self.is_gone = True
        return done

    async def close(self) -> None:
        await self.inner.close()


@contextlib.contextmanager
def overtaken(issuer: Issuer, before: Before) -> Iterator[Overtaken]:
    inner = issuer.plane.transactions.database
    issuer.plane.transactions.database = store = Overtaken(inner, before)
    try:
        yield store
    finally:
        issuer.plane.transactions.database = inner


@pytest.fixture
async def issuer(url: str) -> AsyncIterator[Issuer]:
    async with fresh_issuer(url) as running:
        yield running


@pytest.fixture
async def other(issuer: Issuer, url: str) -> AsyncIterator[ControlPlane]:
    """Another replica of the same control plane."""
    folder = issuer.plane.settings.state
    settings = ServeSettings(issuer=ISSUER, runtime=folder, state=folder, database=url)
    plane = await ControlPlane.open(settings, issuer.clock, envoy=ENVOY)
    yield plane
    await plane.close()


def tenant(name: str) -> Declaration:
    return Declaration(DeclarationKind.TENANT, name, {})


def job(name: str) -> Declaration:
    return Declaration(
        DeclarationKind.CLIENT, name, {"tenant": "acme", "grants": ["client_credentials"]}
    )


async def exported(plane: ControlPlane) -> set[tuple[str, str]]:
    return {(one.kind.value, one.name) for one in await plane.administration.export()}


async def test_of_several_at_once_each_is_put_in_force(issuer: Issuer, other: ControlPlane) -> None:
    before = issuer.plane.published.version
    planes = (issuer.plane, other, issuer.plane)
    wanted = [[tenant(f"t{number}"), job(f"j{number}")] for number in range(3)]
    done = await asyncio.gather(
        *(
            plane.administration.apply(some, prune=False)
            for plane, some in zip(planes, wanted, strict=True)
        )
    )
    assert sorted(one.version for one in done) == [before + 1, before + 2, before + 3]
    assert {(one.kind.value, one.name) for some in wanted for one in some} <= await exported(other)
    for number, one in enumerate(done):
        ((client, secret),) = one.secrets
        assert client == f"j{number}"
        issuer.secrets[client] = secret.reveal()
    await issuer.plane.publication.refresh()
    for number in range(3):
        reply = await issuer.token(f"j{number}", grant_type="client_credentials")
        assert reply.json().get("error") != "invalid_client", reply.text


async def test_who_is_overtaken_checks_again_against_what_is_there_then(
    issuer: Issuer, other: ControlPlane
) -> None:
    """The tenant that the client stands on is gone meanwhile: it would have been taken before."""
    await issuer.apply(tenant("short"))
    fresh = replace(job("fresh"), body={**job("fresh").body, "tenant": "short"})
    everybody = [one for one in await issuer.plane.administration.export() if one.name != "short"]

    async def remove() -> None:
        await other.administration.apply(everybody, prune=True)

    refused = pytest.raises(Misconfigured, match="names `short`, which is not declared")
    with overtaken(issuer, remove) as store, refused:
        await issuer.plane.administration.apply([fresh], prune=False)
    assert store.writes == 1
    assert ("clients", "fresh") not in await exported(other)


async def test_a_secret_is_made_by_the_attempt_that_counts(
    issuer: Issuer, other: ControlPlane
) -> None:
    first = iter((tenant("meanwhile"),))

    async def once() -> None:
        for one in first:
            await other.administration.apply([one], prune=False)

    with overtaken(issuer, once) as store:
        done = await issuer.plane.administration.apply([job("fresh")], prune=False)
    assert store.writes == 2
    assert [client for client, _ in done.secrets] == ["fresh"]
    rows = (await everything(issuer))["client_secrets"]
    assert sum("'fresh'" in row for row in rows) == 1
    issuer.secrets["fresh"] = done.secrets[0][1].reveal()
    reply = await issuer.token("fresh", grant_type="client_credentials")
    assert reply.json().get("error") != "invalid_client"


async def test_who_is_overtaken_every_time_is_told_and_nothing_is_changed(
    issuer: Issuer, other: ControlPlane
) -> None:
    names = iter(f"t{number}" for number in range(100))

    async def always() -> None:
        await other.administration.apply([tenant(next(names))], prune=False)

    with overtaken(issuer, always) as store:
        with pytest.raises(Conflict, match="nothing is changed") as caught:
            await issuer.plane.administration.apply([job("fresh")], prune=False)
        assert caught.value.hint == "do it again"
        assert store.writes == 3
        with pytest.raises(Conflict, match="keys rotate"):
            await issuer.plane.administration.rotate_keys(RotationRequest())
        assert store.writes == 6
    assert len(issuer.plane.administration.keys()) == 4, "no key was made"
    assert ("clients", "fresh") not in await exported(other)
    assert not [row for row in (await everything(issuer))["client_secrets"] if "'fresh'" in row]


async def test_what_was_committed_is_answered_whatever_comes_after_it(issuer: Issuer) -> None:
    """Where the store goes away after the commit, what was published is in force all the same."""
    plane, inner = issuer.plane, issuer.plane.transactions.database
    before = plane.published.version
    store = GoneAfterwards(inner)

    async def apply() -> int:
        done = await plane.administration.apply([job("fresh")], prune=False)
        issuer.secrets["fresh"] = done.secrets[0][1].reveal()
        return done.version

    async def rotate() -> int:
        return (await plane.administration.rotate_keys(RotationRequest()))[1]

    async def put_back() -> int:
        return (await plane.administration.restored(0))[1]

    for number, change in enumerate((apply, rotate, put_back), 1):
        plane.transactions.database = store
        assert await change() == before + number
        assert plane.published.version == before + number
        plane.transactions.database, store.is_gone = inner, False
    reply = await issuer.token("fresh", grant_type="client_credentials")
    assert reply.json().get("error") != "invalid_client"


async def test_a_version_that_no_node_can_have_is_not_gone_beyond(issuer: Issuer) -> None:
    """Numbers of versions end: what is typed wrong would stop every change for good."""
    before = issuer.plane.published.version
    for wrong in (-1, before + 1_000_001, 2**63 - 2, 10**30):
        with pytest.raises(Misconfigured, match="is not from 0 to"):
            await issuer.plane.administration.restored(wrong)
    assert await issuer.plane.administration.restored(before + 1_000_000) == (2, before + 1_000_001)
    done = await issuer.plane.administration.apply([tenant("later")], prune=False)
    assert done.version == before + 1_000_002


async def test_keys_that_are_replaced_meanwhile_stay(issuer: Issuer, other: ControlPlane) -> None:
    turns = iter((RotationRequest(unsafe_now=True),))

    async def rotate() -> None:
        for wish in turns:
            await other.administration.rotate_keys(wish)

    with overtaken(issuer, rotate):
        await issuer.plane.administration.apply([tenant("new")], prune=False)
    assert issuer.plane.keys.public() == other.keys.public()


async def test_what_is_checked_holds_up_nobody(issuer: Issuer) -> None:
    """Somebody is in the writer all the time; who only compares does not wait for them."""
    entered, left = threading.Event(), threading.Event()

    def hold(connection: Any) -> None:
        hold_version(connection)
        entered.set()
        left.wait(20)

    def in_thread() -> None:
        asyncio.run(issuer.plane.transactions.database.write(hold))

    is_sqlite = issuer.plane.settings.database is None or "sqlite" in issuer.plane.settings.database
    if not is_sqlite:  # there the writers are many, and the connections belong to one loop
        return
    holder = threading.Thread(target=in_thread)
    holder.start()
    try:
        await asyncio.to_thread(entered.wait, 20)
        planned = await issuer.plane.administration.plan([job("fresh")], prune=False)
        assert planned.secrets == (ClientId("fresh"),)
        unknown = replace(job("fresh"), body={**job("fresh").body, "tenant": "nobody"})
        with pytest.raises(Misconfigured, match="nobody"):
            await issuer.plane.administration.apply([unknown], prune=False)
        nothing = await issuer.plane.administration.apply(sample(), prune=False)
        assert (nothing.changes, nothing.version) == ((), issuer.plane.published.version)
        assert not left.is_set()
    finally:
        left.set()
        holder.join()


async def test_a_version_that_is_held_is_the_newest_until_the_end(
    issuer: Issuer, other: ControlPlane
) -> None:
    """Of two that publish at once the second waits for the first, and finds its version."""
    found = []

    async def publish(plane: ControlPlane, name: str) -> None:
        found.append((await plane.administration.apply([tenant(name)], prune=False)).version)

    await asyncio.gather(
        *(publish(plane, f"t{n}") for n, plane in enumerate((issuer.plane, other)))
    )
    newest = await other.transactions.database.read(newest_version)
    assert sorted(found) == [newest - 1, newest]


async def test_true_in_place_of_1_is_a_change(issuer: Issuer) -> None:
    """For Python they are equal."""

    def api(value: Json) -> Declaration:
        (found,) = (one for one in sample() if one.kind is DeclarationKind.API)
        objects: dict[str, Json] = {"order/1": {"tenant": "acme", "attributes": {"x": value}}}
        return replace(found, body={**found.body, "objects": objects})

    await issuer.apply(api(1))
    planned = await issuer.plane.administration.plan([api(True)], prune=False)
    assert [change.step for change in planned.changes] == ["change"]
    assert not (await issuer.plane.administration.plan([api(1)], prune=False)).changes


async def test_what_could_not_be_read_in_the_store_is_not_put_there(issuer: Issuer) -> None:
    """A document of its own that is deep enough is deeper as a part of the body."""
    deep: Json = "x"
    for _ in range(100):
        deep = {"x": deep}
    (found,) = (one for one in sample() if one.kind is DeclarationKind.API)
    document = found.body["openapi"]
    assert isinstance(document, dict)
    wanted = replace(found, body={**found.body, "openapi": {**document, "x-deep": deep}})
    with pytest.raises(Misconfigured, match=r"apis/orders: .*nested over 101 levels"):
        await issuer.apply(wanted)
    assert await issuer.plane.administration.export()


async def test_what_an_edge_cannot_take_is_neither_planned_nor_applied(issuer: Issuer) -> None:
    (found,) = (one for one in sample() if one.kind is DeclarationKind.API)
    wanted = replace(found, body={**found.body, "upstream": "[]:80"})
    before = await everything(issuer)
    for use in (issuer.plane.administration.plan, issuer.plane.administration.apply):
        with pytest.raises(Misconfigured, match="apis/orders"):
            await use([wanted, job("fresh")], prune=False)
    assert await everything(issuer) == before


async def test_without_an_envoy_apis_do_not_change_and_policies_do(
    issuer: Issuer, url: str
) -> None:
    """The node's own Envoy may be elsewhere; a Deny does not wait for this one."""
    folder = issuer.plane.settings.state
    settings = ServeSettings(issuer=ISSUER, runtime=folder, state=folder, database=url)
    blind = EnvoyCheck(Path("/nowhere/envoy"))
    plane = await ControlPlane.open(settings, issuer.clock, envoy=blind)
    try:
        (found,) = (one for one in sample() if one.kind is DeclarationKind.API)
        wanted = replace(found, body={**found.body, "upstream": "127.0.0.1:9"})
        before = await everything(issuer)
        for use in (plane.administration.plan, plane.administration.apply):
            with pytest.raises(Unavailable, match="Envoy does not start"):
                await use([wanted], prune=False)
        assert await everything(issuer) == before
        deny: Json = {"Effect": "Deny", "Action": "orders:*", "Resource": "*"}
        policy = Declaration(
            DeclarationKind.POLICY, "none", {"Version": "2012-10-17", "Statement": deny}
        )
        assert (await plane.administration.apply([policy], prune=False)).version
    finally:
        await plane.close()
