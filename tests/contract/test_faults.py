"""Every statement of a use case fails once, and every commit, before and after it took effect.

The faults are injected below SQLAlchemy's engine, on both backends.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
from sqlalchemy import inspect
from tests.contract.faults import (
    STRIDE,
    STRUCK,
    STRUCK_VERBS,
    VERBS,
    fails,
    faults,
    faults_in,
    rows_of,
)
from tests.contract.stories import STORIES, given_out
from tests.depth import depth
from tests.issuer import Issuer
from tests.issuer import issuer as fresh_issuer

from durward.core.errors import Unavailable
from durward.entrypoints.server import control
from durward.store.engine import open_database
from durward.store.migrate import migrate

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick_hashes")]
FEWEST_STRIKES = 3
TOLD: set[str] = set()
"""The stories that were told in this process."""

READERS = {
    "audit.find_event": "for `explain`",
    "audit.latest_checkpoint": "for `audit checkpoint`",
    "audit.load_leaves": "for `logs` and `audit verify`",
    "audit.load_strays": "for `status`",
    "groups.page_groups": "for `groups list`",
    "history.load_changes": "for `history`",
    "history.published_first": "for `status`",
    "holds.check_held": "without a statement",
    "holds.hold_declared": "without a statement on SQLite",
    "holds.hold_people": "without a statement on SQLite",
    "migrate.schema_version": "by a table's name, which SQLite tells without a statement",
    "outage.check_writable": "for `/readyz`, on PostgreSQL alone",
    "passwords.with_passwords": "for `people list`",
    "people.classes_of": "for AuthZEN's search",
    "people.classes_in_use": "for invariants, at a change of one person",
    "people.declared_people": "for `export`",
    "people.load_class_keys": "where there are tests, or something is removed",
    "people.load_classes": "where there are tests, or something is removed",
    "people.load_entitlements": "where a tenant, a role or a policy is removed",
    "people.page_chosen": "for invariants, beside more than 1 000 people",
    "people.page_classes": "for AuthZEN's search",
    "people.page_of_class": "for AuthZEN's search",
    "people.people_fingerprint": "where there are tests",
    "people.page_people": "for `people list` and AuthZEN",
    "passwords.load_hash_kinds": "for decoys, once a minute",
    "nodes.load_history": "for `status`",
    "parts.load_parts": "for edges, which ask again",
    "revocations.last_revocation": "for the feed of edges, which ask again",
    "revocations.load_revocations": "for the feed of edges, which ask again",
    "revocations.revoked_first": "for `status`",
    "snapshots.load_snapshot": "at a start, and for who follows what others publish",
    "snapshots.newest_writable": "for `/readyz`",
    "snapshots.published_at": "for `status`",
    "unsettled.load_unsettled": "for `status`",
}
"""Verbs that only read, most of them outside of any use case."""


@pytest.fixture
async def issuer(url: str) -> AsyncIterator[Issuer]:
    async with fresh_issuer(url) as running:
        yield running


def stride(url: str) -> int:
    return 1 if url.startswith("sqlite") else depth(8, long=1)


async def tell(story: Any, issuer: Issuer) -> None:
    STRIDE[0] = stride(issuer.plane.settings.database or "sqlite")
    STRUCK.clear()
    await story(issuer)
    TOLD.add(story.__name__)
    assert len(STRUCK) >= FEWEST_STRIKES, "a test that injects nothing proves nothing"
    assert {one.how for one in STRUCK} == {"statement", "commit", "committed"}


@pytest.mark.parametrize("story", STORIES)
async def test_whatever_fails_nothing_is_given_twice_and_nothing_is_lost(
    issuer: Issuer, story: Any, url: str
) -> None:
    """In CI a third of the stories on PostgreSQL: how a use case ends there is the same for all."""
    if url.startswith("postgresql") and STORIES.index(story) % depth(3, long=1):
        pytest.skip("takes long: ./check long")
    await tell(story, issuer)


async def test_a_migration_is_whole_or_was_not_begun(url: str) -> None:
    await migrations(url)


async def migrations(url: str) -> None:
    database = open_database(url)
    try:
        with faults_in(database, at_commit=0) as injected:
            assert await fails(database.write(migrate))
        for number in range(0, injected.statements, stride(url)):
            with faults_in(database, at_statement=number) as struck:
                assert await fails(database.write(migrate))
            assert struck.struck
            assert await database.read(lambda c: inspect(c).get_table_names()) == []
        with faults_in(database, after_commit=0):
            assert await fails(database.write(migrate))
        assert await database.write(migrate) is False
        assert await rows_of(database)
    finally:
        await database.close()
    TOLD.add("migrations")


async def test_every_verb_of_the_store_was_struck_in_every_way(tmp_path: Path) -> None:
    """At a statement of its own, at its commit, and just after it took effect."""
    for story in STORIES:
        if story.__name__ not in TOLD:
            async with fresh_issuer() as running:
                await tell(story, running)
    if "migrations" not in TOLD:
        await migrations(f"sqlite:///{tmp_path}/store.db")
    wanted = set(VERBS.values()) - READERS.keys()
    assert len(wanted) > 40
    for how in ("statement", "commit", "committed"):
        assert wanted - STRUCK_VERBS[how] == set(), how
    assert READERS.keys() <= set(VERBS.values())


async def test_a_control_plane_whose_store_fails_lives_and_is_not_ready(issuer: Issuer) -> None:
    async def ask(path: str) -> int:
        transport = httpx2.ASGITransport(app=control(issuer.plane))
        async with httpx2.AsyncClient(transport=transport, base_url="http://durward") as http:
            return (await http.get(path)).status_code

    with faults(issuer, at_statement=0) as injected:
        assert (await ask("/livez"), injected.struck) == (200, False)
        assert (await ask("/readyz"), injected.struck) == (503, True)
    assert await ask("/readyz") == 200


async def test_a_store_that_does_not_answer_is_waited_for_only_so_long(
    issuer: Issuer, url: str
) -> None:
    """A table that somebody holds: on PostgreSQL alone; SQLite's readers wait for nobody."""
    if not url.startswith("postgresql"):
        return
    holder = await asyncpg.connect(url)
    try:
        async with holder.transaction():
            await holder.execute("LOCK TABLE snapshots IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(Unavailable, match="no answer"):
                await issuer.plane.publication.check()
    finally:
        await holder.close()
    await issuer.plane.publication.check()


async def test_what_was_committed_is_in_the_log_exactly_once(issuer: Issuer) -> None:
    """The event of a token stands in the transaction of that token."""
    token = (await issuer.browser().tokens())["refresh_token"]
    issued = sum('"token issued"' in body for body in await issuer.events())
    with faults(issuer, at_commit=0):
        assert (await issuer.refresh(token)).status_code == 503
    with faults(issuer, after_commit=0):
        assert (await issuer.refresh(token)).status_code == 503
    assert given_out(await issuer.refresh(token))
    after = sum('"token issued"' in body for body in await issuer.events())
    assert after == issued + 2
