"""What is published: a signed list of parts, each named by its content; versions only grow."""

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.issuer import ENVOY
from tests.services.replica import Replica

from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.edge.parts import Listing, digest_of, read_listing
from durward.core.errors import Conflict, Misconfigured
from durward.core.jose.jwk import KeySet
from durward.core.wire import Json
from durward.services import publish
from durward.services.keyring import SNAPSHOT, RotationRequest
from durward.wiring import ControlPlane

pytestmark = pytest.mark.anyio
INITECH = Declaration(DeclarationKind.TENANT, "initech", {})


def listing(replica: Replica) -> Listing:
    """The list that edges read, verified as they do."""
    published = replica.plane.published
    public = published.ring.public((SNAPSHOT,), replica.clock())
    return read_listing(published.signed, KeySet.parse({"keys": list(public)}))


async def again(replica: Replica) -> ControlPlane:
    """The same replica, started again beside itself."""
    return await ControlPlane.open(replica.plane.settings, replica.clock, None, ENVOY)


async def test_the_list_names_each_part_by_the_hash_of_its_content(replica: Replica) -> None:
    listed = listing(replica)
    assert listed.version == replica.plane.published.version
    parts = await replica.plane.fleet.parts([*listed.parts.values()])
    assert {digest_of(content) for content in parts.values()} == set(listed.parts.values())


async def test_of_a_change_only_the_parts_are_new_that_say_something_else(replica: Replica) -> None:
    before = listing(replica).parts
    policy: dict[str, Json] = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Deny", "Action": "orders:GetOrder", "Resource": "*"},
    }
    await replica.apply(Declaration(DeclarationKind.POLICY, "never", policy))
    await replica.change(DeclarationKind.ROLE, "clerk", policies=["own-orders", "never"])
    after = listing(replica).parts
    assert [name for name in after if before.get(name) != after[name]] == ["policies"]
    await replica.plane.administration.rotate_keys(RotationRequest())
    rotated = listing(replica).parts
    assert [name for name in rotated if after.get(name) != rotated[name]] == ["keys"]


async def test_a_version_is_greater_than_each_before_it(replica: Replica) -> None:
    numbers = [replica.plane.published.version]
    numbers.append(await replica.apply(INITECH))
    numbers.append(
        await replica.apply(Declaration(INITECH.kind, INITECH.name, {"name": "Initech"}))
    )
    _, beyond = await replica.plane.administration.restored(numbers[-1] + 10)
    assert beyond > numbers[-1] + 10
    numbers.append(beyond)
    numbers.append(await replica.apply(INITECH))
    assert numbers == sorted(set(numbers))


async def test_a_start_publishes_nothing_where_there_is_nothing_else_to_say(
    replica: Replica,
) -> None:
    version = replica.plane.published.version
    other = await again(replica)
    try:
        assert other.published.version == version
        assert other.published.signed == replica.plane.published.signed
    finally:
        await other.close()


async def test_a_database_is_one_issuers(replica: Replica, tmp_path: Path) -> None:
    for name in ("durward.db", "durward.key"):
        shutil.copy(Path(replica.plane.settings.state, name), tmp_path)
    here = str(tmp_path)
    settings = replace(
        replica.plane.settings, issuer="https://other.example", state=here, runtime=here
    )
    with pytest.raises(Misconfigured, match="the database is that of"):
        await ControlPlane.open(settings, replica.clock, None, ENVOY)


async def test_what_was_prepared_is_published_only_while_it_is_what_is_declared(
    replica: Replica,
) -> None:
    tried: list[bool] = []

    async def use(declared: publish.PreparedEdition) -> bool | None:
        if not tried:
            await replica.apply(INITECH)
        tried.append(
            await replica.plane.transactions.write(lambda c, _: declared.is_current(c), "t")
        )
        return tried[-1] or None

    assert await publish.with_declared(replica.plane.transactions.database, use, "test")
    assert tried == [False, True], "the second time it is read anew"


async def test_who_is_overtaken_every_time_is_told_that_nothing_was_changed(
    replica: Replica,
) -> None:
    async def use(_: publish.PreparedEdition) -> bool | None:
        return None

    with pytest.raises(Conflict, match="nothing is changed") as caught:
        await publish.with_declared(replica.plane.transactions.database, use, "test")
    assert caught.value.hint == "do it again"
