"""Tokens of before tokens named policies: from the upgrade on no edge takes one (ADR 24)."""

import time

import pytest
from sqlalchemy import Connection, insert, text
from tests.issuer import ENVOY, ISSUER, Issuer
from tests.people_before import declare_people_again

from durward.core.edge.parts import POLICIES, PoliciesPart, read_part
from durward.services.keyring import RotationRequest
from durward.services.publish import listed_parts
from durward.settings import ServeSettings
from durward.store.deployment import load_deployment, load_tokens_since
from durward.store.engine import open_database
from durward.store.migrate import migrate, upgrade
from durward.store.parts import load_parts
from durward.store.schema import declarations
from durward.wiring import ControlPlane

pytestmark = pytest.mark.anyio
BEFORE = "0010_pre_told_parts"


@pytest.mark.parametrize("kinds", [(), ("tenants",), ("tenants", "users")])
@pytest.mark.parametrize("known", [True, False])
async def test_where_there_are_people_the_floor_is_the_time_of_the_migration(
    url: str, kinds: tuple[str, ...], *, known: bool
) -> None:
    """Also where the database has no identity yet: what is published first has the floor."""
    database = open_database(url)

    def as_before(connection: Connection) -> None:
        upgrade(connection, BEFORE)
        for kind in kinds:
            row = {"kind": kind, "name": "ann", "body": b"{}", "changed_at": 1}
            connection.execute(insert(declarations).values(**row))
        if known:
            made = "INSERT INTO deployment (id, database, epoch) VALUES (1, 'db_1', 3)"
            connection.execute(text(made))

    try:
        await database.write(as_before)
        before = int(time.time())  # noqa: TID251 - the migration reads the clock
        assert await database.write(migrate)
        after = int(time.time())  # noqa: TID251
        since = await database.read(load_tokens_since)
        found = await database.read(load_deployment)
    finally:
        await database.close()
    if "users" in kinds:
        assert before < since <= after + 1, "tokens of this second may be of before"
        assert found is not None
        assert found.tokens_since == since
        assert (found.database, found.epoch) == ("db_1", 3) if known else found.epoch == 1
    else:
        assert since == 0
        assert (found is not None) is known


async def test_the_policies_that_are_published_at_the_upgrade_have_the_floor(
    issuer: Issuer,
) -> None:
    """And so has whatever is published later: by `apply`, and by a rotation of keys."""

    async def published(plane: ControlPlane) -> int:
        digest = (listed_parts(plane.published.signed.encode()) or {})[POLICIES]
        data = (await database.read(lambda c: load_parts(c, [digest])))[digest]
        content = read_part(POLICIES, data).content
        assert isinstance(content, PoliciesPart)
        return content.tokens_since

    def as_before(connection: Connection) -> None:
        declare_people_again(connection)
        connection.execute(text("ALTER TABLE deployment DROP COLUMN tokens_since"))
        before = text("UPDATE alembic_version SET version_num = :before")
        connection.execute(before, {"before": BEFORE})

    database = issuer.plane.transactions.database
    assert await published(issuer.plane) == 0, "a new database has no tokens of before"
    await database.write(as_before)
    folder = issuer.plane.settings.state
    settings = ServeSettings(issuer=ISSUER, runtime=folder, state=folder)
    plane = await ControlPlane.open(settings, issuer.clock, envoy=ENVOY)
    try:
        since = await published(plane)
        assert since == await database.read(load_tokens_since) > 0
        assert plane.published.version == issuer.plane.published.version + 1
        removed = [one for one in await plane.administration.export() if one.name != "desk"]
        await plane.administration.apply(removed, prune=True)
        assert await published(plane) == since
        await plane.administration.rotate_keys(RotationRequest())
        assert await published(plane) == since
    finally:
        await plane.close()
