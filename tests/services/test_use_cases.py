"""Use cases on the version that is published: one transaction each, all of it or nothing."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import Connection
from tests.issuer import ENVOY
from tests.services.replica import Replica

from durward.core.audit.event import AuditContext, EventKind
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.edge.parts import digest_of
from durward.core.errors import Conflict, Unavailable
from durward.services.context import Context
from durward.store.audit import record_event
from durward.store.snapshots import newest_version
from durward.wiring import ControlPlane

pytestmark = pytest.mark.anyio
INITECH = Declaration(DeclarationKind.TENANT, "initech", {})


async def beside(replica: Replica) -> ControlPlane:
    """Another replica on the same store."""
    return await ControlPlane.open(replica.plane.settings, replica.clock, None, ENVOY)


def version_of(_: Connection, context: Context, __: AuditContext) -> int:
    return context.published.version


def a_refusal(connection: Connection, _: Context, audit: AuditContext) -> None:
    record_event(connection, audit.event(EventKind.TOKEN_REFUSED, "clients/?"))


async def test_a_use_case_stands_on_the_version_that_is_published_then(replica: Replica) -> None:
    cases = replica.plane.use_cases
    before = await cases.read(version_of, "test")
    assert await replica.apply(INITECH) == before + 1
    assert await cases.read(version_of, "test") == before + 1
    assert await cases.write(version_of, "test") == before + 1


@pytest.mark.parametrize("run", ["read", "write"])
async def test_what_another_replica_published_is_caught_up_with_first(
    replica: Replica, run: str
) -> None:
    other = await beside(replica)
    try:
        applied = await other.administration.apply([INITECH], prune=False)
        assert replica.plane.published.version < applied.version, "it has not heard of it"
        found = await getattr(replica.plane.use_cases, run)(version_of, "test")
        assert found == replica.plane.published.version == applied.version
    finally:
        await other.close()


async def test_where_others_publish_in_every_attempt_nothing_is_done(replica: Replica) -> None:
    other = await beside(replica)
    catch_up = replica.plane.publication.catch_up
    names = iter("abcdefgh")

    async def catch_up_and_lose(newest: object) -> None:
        await catch_up(newest)  # type: ignore[arg-type]
        await publish()

    async def publish() -> None:
        one = Declaration(DeclarationKind.TENANT, next(names), {})
        await other.administration.apply([one], prune=False)

    try:
        await publish()
        object.__setattr__(replica.plane.publication, "catch_up", catch_up_and_lose)
        with pytest.raises(Unavailable, match="changed during each attempt"):
            await replica.plane.use_cases.write(a_refusal, "test")
        assert await replica.count("token refused") == 0
    finally:
        await other.close()


async def test_on_a_database_that_was_put_back_nothing_is_done(replica: Replica) -> None:
    plane = replica.plane
    ahead = replace(plane.published, edition=plane.published.edition._replace(version=10_000))
    plane.publication.take(ahead)
    with pytest.raises(Unavailable, match="was restored to") as caught:
        await plane.use_cases.write(a_refusal, "test")
    assert caught.value.hint == "durward restored"
    assert await replica.count("token refused") == 0


async def test_a_use_case_that_fails_leaves_nothing(replica: Replica) -> None:
    def fails(connection: Connection, context: Context, audit: AuditContext) -> None:
        a_refusal(connection, context, audit)
        raise LookupError

    with pytest.raises(LookupError):
        await replica.plane.use_cases.write(fails, "test")
    assert await replica.count("token refused") == 0


async def test_of_many_that_share_a_commit_one_that_fails_fails_alone(replica: Replica) -> None:
    def fails(connection: Connection, context: Context, audit: AuditContext) -> None:
        a_refusal(connection, context, audit)
        raise LookupError

    cases = replica.plane.use_cases
    wanted = [cases.write(fails if n % 3 == 0 else a_refusal, "test") for n in range(12)]
    done = await asyncio.gather(*wanted, return_exceptions=True)
    assert [isinstance(each, LookupError) for each in done] == [n % 3 == 0 for n in range(12)]
    assert await replica.count("token refused") == 8


async def test_an_event_has_who_acted_from_where_and_when(replica: Replica) -> None:
    replica.clock.forward(5)
    await replica.plane.use_cases.write(a_refusal, "clients/desk", "192.0.2.9")
    (event,) = [one for one in await replica.events() if '"token refused"' in one]
    assert '"actor":"clients/desk"' in event
    assert '"source":"192.0.2.9"' in event
    assert f'"at":{replica.clock()}' in event


async def test_whoever_waits_hears_of_a_version_once_it_is_committed(replica: Replica) -> None:
    publication = replica.plane.publication
    known = publication.published
    waiting = asyncio.create_task(
        publication.newer(known.version, digest_of(known.signed.encode()), 20)
    )
    await asyncio.sleep(0)
    version = await replica.apply(INITECH)
    assert await waiting == publication.published.signed
    assert publication.published.version == version


async def test_who_waits_in_vain_is_told_so(replica: Replica) -> None:
    publication = replica.plane.publication
    known = publication.published
    digest = digest_of(known.signed.encode())
    assert await publication.newer(known.version, digest, 0.01) is None
    with pytest.raises(Conflict):
        await publication.newer(known.version, digest_of(b"another list"), 0.01)


async def test_an_older_version_that_was_read_slowly_is_not_taken(replica: Replica) -> None:
    publication = replica.plane.publication
    older = publication.published
    await replica.apply(INITECH)
    newer = publication.published
    publication.take(older)
    assert publication.published is newer
    assert await replica.read(newest_version) == newer.version
