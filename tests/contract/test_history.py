"""Versions are told, and each that is kept can be gone back to."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from sqlalchemy import Connection, select, text, update
from sqlalchemy.exc import DBAPIError
from tests.contract.faults import everything
from tests.issuer import Issuer, sample
from tests.issuer import issuer as fresh_issuer
from tests.people_before import declare_people_again

from durward.core.audit.event import AuditContext
from durward.core.authn.session import SessionPolicy
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.errors import Misconfigured
from durward.core.values import Instant, Seconds, UserId, later
from durward.entropy import new_id
from durward.entrypoints.server import control
from durward.services.housekeeping import sweep
from durward.services.keyring import RotationRequest
from durward.services.passwords import has_password
from durward.store import expiry, history, migrate, schema
from durward.store.database import Database
from durward.store.declarations import Stored, load_declarations

pytestmark = pytest.mark.anyio
NOW = Instant(1_800_000_000_000_000)
VERSIONS = 30
NAMES = ("a", "b", "c", "d")


@pytest.fixture
async def issuer(url: str) -> AsyncIterator[Issuer]:
    async with fresh_issuer(url) as running:
        yield running


def tenant(name: str, called: str = "") -> Declaration:
    return Declaration(DeclarationKind.TENANT, name, {"name": called})


async def test_versions_are_told_with_who_when_and_what(issuer: Issuer) -> None:
    issuer.clock.forward(60)
    await issuer.apply(tenant("new"), tenant("acme", "Another name"))
    issuer.clock.forward(60)
    await issuer.plane.administration.rotate_keys(RotationRequest())
    await issuer.apply(tenant("new"))
    versions, changes = await issuer.plane.administration.history()
    assert [(one.version, one.actor, one.cause) for one in versions] == [
        (1, "start", "start"),
        (2, "operator", "apply"),
        (3, "operator", "apply"),
        (4, "operator", "keys rotate"),
    ]
    assert [one.at - versions[1].at for one in versions[2:]] == [60_000_000, 120_000_000]
    assert {(one.step, one.kind, one.name) for one in changes if one.version == 3} == {
        ("add", DeclarationKind.TENANT, "new"),
        ("change", DeclarationKind.TENANT, "acme"),
    }
    assert len([one for one in changes if one.version == 2]) == len(configured(sample()))
    assert not [one for one in changes if one.version == 4]


async def test_going_back_is_an_apply_of_what_was_declared_then(issuer: Issuer) -> None:
    was, then = await issuer.plane.administration.export(), issuer.plane.published.version
    await issuer.apply(tenant("new"), tenant("acme", "Another name"))
    await issuer.plane.administration.apply(sample()[:1], prune=True)
    planned = await issuer.plane.administration.plan(prune=False, version=then)
    done = await issuer.plane.administration.apply(prune=False, version=then)
    assert done.changes == planned.changes
    assert done.version == then + 3
    assert configured(await issuer.plane.administration.export()) == configured(was)
    versions, changes = await issuer.plane.administration.history()
    assert versions[-1].cause == f"apply of version {then}"
    assert {one.step for one in changes if one.version == then + 3} == {"add"}
    again = await issuer.plane.administration.apply(prune=False, version=then)
    assert (again.version, again.changes) == (then + 3, ())
    back = await issuer.plane.administration.apply(prune=False, version=then + 1)
    assert {(one.step, one.name) for one in back.changes} == {("add", "new"), ("change", "acme")}


async def test_what_people_and_clients_lost_does_not_come_back(issuer: Issuer) -> None:
    then = issuer.plane.published.version
    gone = {"ann", "reporting"}
    await issuer.plane.administration.apply(
        [one for one in sample() if one.name not in gone], prune=True
    )
    done = await issuer.plane.administration.apply(prune=False, version=then)
    assert [client for client, _ in done.secrets] == ["reporting"]
    reply = await issuer.token("reporting", grant_type="client_credentials")
    assert reply.status_code == 401, "the former secret"
    database = issuer.plane.transactions.database
    assert not await database.read(lambda c: has_password(c, UserId("ann")))


async def test_what_is_not_kept_or_not_good_is_refused(issuer: Issuer) -> None:
    """A version that was good once is checked like any other: here an edge could not take it."""
    then = issuer.plane.published.version
    await issuer.apply(tenant("new"))

    def spoil(connection: Connection) -> None:
        c = schema.changes.c
        (found,) = [one for one in sample() if one.kind is DeclarationKind.API]
        bad = Stored.of(
            Declaration(DeclarationKind.API, found.name, {**found.body, "upstream": "[]:80"})
        )
        here = (c.kind == "apis") & (c.version == then)
        connection.execute(update(schema.changes).where(here).values(body=bad.body))

    await issuer.plane.transactions.database.write(spoil)
    before = await everything(issuer)
    with pytest.raises(Misconfigured, match="apis/orders"):
        await issuer.plane.administration.apply(prune=False, version=then)
    for use in (issuer.plane.administration.plan, issuer.plane.administration.apply):
        with pytest.raises(Misconfigured, match="99 is not kept") as caught:
            await use(prune=False, version=99)
        assert caught.value.hint.endswith(f"1 to {then + 1}")
    transport = httpx2.ASGITransport(app=control(issuer.plane))
    async with httpx2.AsyncClient(transport=transport, base_url="http://durward") as http:
        both = {"version": 1, "declarations": [{"kind": "tenants", "name": "x", "body": {}}]}
        reply = await http.post("/admin/v1/apply", json=both)
    assert (reply.status_code, reply.json()["title"][:9]) == (422, "version: ")
    assert await everything(issuer) == before


async def test_the_history_begins_with_what_is_declared_at_the_migration(issuer: Issuer) -> None:
    database, version = issuer.plane.transactions.database, issuer.plane.published.version

    def as_before(connection: Connection) -> None:
        declare_people_again(connection)
        later = ("snapshot_parts", "deployment", "nodes", "node_reports")
        for table in ("versions", "changes", *later):
            connection.execute(text(f"DROP TABLE {table}"))
        for column in ("grants.granted", "audit_head.set_aside", "audit_head.set_aside_at"):
            table, _, name = column.partition(".")
            connection.execute(text(f"ALTER TABLE {table} DROP COLUMN {name}"))
        before = "UPDATE alembic_version SET version_num = '0005_pre_interaction_source'"
        connection.execute(text(before))

    await database.write(as_before)
    assert await database.write(migrate.migrate)
    (first,) = await database.read(history.load_versions)
    assert (first.version, first.at, first.actor) == (version, issuer.clock(), "migration")
    await issuer.plane.administration.apply(sample()[:1], prune=True)
    await issuer.plane.administration.apply(prune=False, version=version)
    left = await issuer.plane.administration.export()
    assert [one.name for one in left] == sorted_names(configured(sample()))


def configured(declared: list[Declaration]) -> list[Declaration]:
    """What versions tell of: people are rows."""
    return [one for one in declared if one.kind is not DeclarationKind.USER]


def sorted_names(declared: list[Declaration]) -> list[str]:
    order = list(DeclarationKind)
    ordered = sorted(declared, key=lambda one: (order.index(one.kind), one.name))
    return [one.name for one in ordered]


async def test_an_empty_store_has_no_history(database: Database) -> None:
    assert await database.read(history.load_versions) == []
    assert await database.read(load_declarations) == []


async def state(database: Database, version: int) -> set[tuple[str, bytes]]:
    found = await database.read(lambda c: history.load_declarations_at(c, version))
    return {(one.name, one.body) for one in found}


def publish_all(connection: Connection, ages: list[int]) -> None:
    """Versions of which each changes, removes or brings back one name; ages in seconds."""
    declared: set[str] = set()
    for version, age in enumerate(ages, 1):
        name = NAMES[version * version % len(NAMES)]
        stored = Stored.of(tenant(name, f"{version}"))
        step = "remove" if name in declared and version % 3 == 0 else "change"
        if version % 5:  # the others change nothing: keys were replaced
            declared = declared - {name} if step == "remove" else declared | {name}
            history.record_changes(connection, version, [(step, stored)])
        audit = AuditContext("operator", later(NOW, Seconds(-age)), lambda: new_id("e"))
        history.record_version(connection, version, "test", audit)


@pytest.mark.parametrize("old", [0, 1, 7, 18, 26, VERSIONS])
async def test_whatever_is_swept_every_version_that_is_kept_is_whole(
    database: Database, monkeypatch: pytest.MonkeyPatch, old: int
) -> None:
    monkeypatch.setattr(expiry, "VERSIONS_KEPT", 5)
    ages = [expiry.HISTORY if version <= old else 0 for version in range(1, VERSIONS + 1)]
    await database.write(lambda c: publish_all(c, ages))
    before = {version: await state(database, version) for version in range(1, VERSIONS + 1)}
    for _ in range(3):  # a removal goes after what it removed
        await sweep(database, NOW, SessionPolicy())
    kept = [one.version for one in await database.read(history.load_versions)]
    assert kept == list(range(min(old, VERSIONS - 5) + 1, VERSIONS + 1))
    assert {version: await state(database, version) for version in kept} == {
        version: before[version] for version in kept
    }
    rows = await database.read(lambda c: c.execute(select(schema.changes)).all())
    base = [row for row in rows if row.version < kept[0]]
    made_of = {(row.name, row.body) for row in base}
    assert made_of <= before[kept[0]], "nothing is left that no version is made of"


async def test_a_version_is_kept_for_400_days_to_the_second(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "VERSIONS_KEPT", 1)
    days = 400 * 86_400
    await database.write(lambda c: publish_all(c, [days + 1, days, days - 1, 0]))
    await sweep(database, NOW, SessionPolicy())
    assert [one.version for one in await database.read(history.load_versions)] == [3, 4]


async def test_a_version_is_recorded_once(database: Database) -> None:
    audit = AuditContext("operator", NOW, lambda: new_id("e"))
    await database.write(lambda c: history.record_version(c, 1, "first", audit))
    with pytest.raises(DBAPIError):
        await database.write(lambda c: history.record_version(c, 1, "second", audit))
    (found,) = await database.read(history.load_versions)
    assert found.cause == "first"
