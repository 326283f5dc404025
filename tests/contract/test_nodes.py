"""What a node told counts as far as it is of this database's history; who is late is told."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace
from sqlalchemy import update
from tests.issuer import Issuer, until
from tests.issuer import issuer as fresh_issuer

from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.edge.envoy.revocation_maps import FILTERS, canary_session
from durward.core.edge.parts import LIST_TYPE, Listing, digest_of
from durward.core.edge.report import NodeReport, Refused
from durward.core.values import ClientId
from durward.core.wire import decode_base64url
from durward.entrypoints.server import control
from durward.services.keyring import SNAPSHOT
from durward.store.schema import snapshots

pytestmark = pytest.mark.anyio
OTHER = "https://not-declared.example"


@pytest.fixture
async def issuer(url: str) -> AsyncIterator[Issuer]:
    async with fresh_issuer(url) as running:
        await running.plane.fleet.join("edge-1", "here")
        await revoke(running)
        yield running


async def ask(issuer: Issuer, path: str, **query: Any) -> Any:
    transport = httpx2.ASGITransport(app=control(issuer.plane))
    async with httpx2.AsyncClient(transport=transport, base_url="http://durward") as http:
        reply = await http.get(path, params=query)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def node(issuer: Issuer, **query: int) -> tuple[str, bool]:
    (found,) = (await ask(issuer, "/admin/v1/nodes", **query))["nodes"]
    return found["standing"], found["late"]


async def whole(issuer: Issuer) -> NodeReport:
    """All that there is is in force, kept and proven."""
    version, feed = (
        issuer.plane.published.version,
        await issuer.plane.fleet.revocations_after(0, 0, 0),
    )
    signed = await issuer.plane.publication.newer(0, "", 0)
    assert signed
    return NodeReport(
        node="edge-1",
        place="here",
        durward="0",
        list=digest_of(signed.encode()),
        version=version,
        kept=version,
        revocations=feed.sequence,
        revocations_at=feed.at,
    )


async def tell(issuer: Issuer, report: NodeReport, seconds: int = 0) -> tuple[str, bool]:
    """A node says this and, every second, goes on to."""
    await issuer.plane.fleet.receive_report(report)
    for _ in range(seconds):
        issuer.clock.forward(1)
        await issuer.plane.fleet.receive_report(report)
    return await node(issuer)


async def revoke(issuer: Issuer) -> None:
    await issuer.plane.administration.new_client_secret(ClientId("desk"))


def tenant(name: str) -> Declaration:
    return Declaration(DeclarationKind.TENANT, name, {})


async def test_a_number_of_another_history_is_none_of_ours(issuer: Issuer) -> None:
    """The database was put back: what it revokes now has numbers that were given before."""
    report = await whole(issuer)
    assert await tell(issuer, report) == ("in force", False)
    assert await tell(issuer, replace(report, revocations_at=1)) == ("behind", False)
    assert await tell(issuer, replace(report, revocations=10_000)) == ("behind", False)


async def test_a_node_is_late_from_when_it_began_to_lack_something(issuer: Issuer) -> None:
    """Whatever is published since, and whoever is asked: it is read from the store."""
    report = await whole(issuer)
    issuer.clock.forward(60)
    assert await tell(issuer, report) == ("in force", False)
    await revoke(issuer)
    assert await tell(issuer, report, 10) == ("behind", False)
    assert await node(issuer, revocations=report.revocations) == ("in force", False)
    await issuer.apply(tenant("t1"))
    assert await tell(issuer, report, 1) == ("behind", True)
    report = await whole(issuer)
    assert await tell(issuer, report) == ("in force", False)
    await issuer.apply(tenant("t2"))
    assert await tell(issuer, report, 6) == ("behind", False)
    await issuer.apply(tenant("t3"))
    assert await tell(issuer, report, 5) == ("behind", True)
    unkept = replace(await whole(issuer), kept=report.kept)
    assert await tell(issuer, unkept) == ("behind", True)
    refusing = replace(await whole(issuer), refused={"api/orders": Refused("d", "why")})
    assert await tell(issuer, refusing, 10) == ("partly in force", False)
    await issuer.apply(tenant("t4"))
    refusing = replace(await whole(issuer), refused=refusing.refused)
    assert await tell(issuer, refusing, 1) == ("partly in force", True)
    troubled = replace(await whole(issuer), troubles=("no room",), troubled_seconds=10)
    assert await tell(issuer, troubled) == ("behind", False)
    assert await tell(issuer, replace(troubled, troubled_seconds=11)) == ("behind", True)
    assert await tell(issuer, await whole(issuer)) == ("in force", False)
    issuer.clock.forward(31)
    assert await node(issuer) == ("silent", True)


async def test_a_canary_is_for_the_api_that_a_node_asks_for(issuer: Issuer) -> None:
    """Declared here or not: the node knows what is in force there."""
    told = await ask(issuer, "/edge/v1/canaries", audience=OTHER)
    assert set(told) == set(FILTERS)
    for name, token in told.items():
        claims = json.loads(decode_base64url(token.split(".")[1]))
        assert (claims["aud"], claims["sid"]) == (OTHER, canary_session(name))
        assert not claims.get("scope")


async def test_another_list_of_the_same_version_is_noticed(issuer: Issuer) -> None:
    """As it is where the database is put back while `serve` runs, and others publish then."""
    plane, told = issuer.plane, list[str]()
    found = await plane.fleet.load()
    listing = Listing(found.version, found.deployment.database, found.deployment.epoch + 1, {})
    signer = plane.keys.signer(SNAPSHOT)
    other = signer.jws(LIST_TYPE, listing.to_wire(), signer.kid)
    following = asyncio.create_task(plane.upkeep.keep_fresh(told.append))
    replaced = update(snapshots).where(snapshots.c.version == found.version)
    values = {"body": other.encode(), "published_at": snapshots.c.published_at + 1}
    await plane.transactions.database.write(lambda c: c.execute(replaced.values(values)))
    await until(lambda: plane.published.signed == other)
    assert await plane.publication.newer(0, "", 0) == other
    following.cancel()
    assert told == []
