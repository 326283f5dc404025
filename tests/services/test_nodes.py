"""Nodes of the edge: a name is one process, and what it tells counts in this history (ADR 22)."""

import pytest
from tests.services.replica import Replica

from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.edge.parts import digest_of
from durward.core.edge.report import IN_CONTACT, NodeReport, ReportReply
from durward.core.errors import Conflict, Misconfigured
from durward.core.sizes import NODES
from durward.services import publish
from durward.services.nodes import restored
from durward.services.publish import FURTHEST
from durward.store.snapshots import newest_version

pytestmark = pytest.mark.anyio
INITECH = Declaration(DeclarationKind.TENANT, "initech", {})


def report(
    replica: Replica, node: str = "edge-1", place: str = "here", *, ahead: int = 0
) -> NodeReport:
    """A node that has what is published, or a version beyond it."""
    published = replica.plane.published
    return NodeReport(
        node=node,
        place=place,
        durward="1",
        list=digest_of(published.signed.encode()),
        version=published.version + ahead,
        kept=published.version + ahead,
    )


async def ids(replica: Replica) -> list[str]:
    return [node.id for node in (await replica.plane.fleet.load()).nodes]


async def test_a_node_without_a_wish_gets_the_next_free_name_and_keeps_it(replica: Replica) -> None:
    fleet = replica.plane.fleet
    assert await fleet.join(None, "here") == "edge-1"
    assert await fleet.join(None, "there") == "edge-2"
    assert await fleet.join(None, "here") == "edge-1"
    await fleet.forget("edge-1")
    assert await fleet.join(None, "elsewhere") == "edge-1"


async def test_a_name_belongs_to_one_place_while_that_is_in_contact(replica: Replica) -> None:
    fleet = replica.plane.fleet
    await fleet.join("a", "here")
    with pytest.raises(Conflict, match="another process uses the node id"):
        await fleet.join("a", "there")
    replica.clock.forward(IN_CONTACT)
    with pytest.raises(Conflict):
        await fleet.join("a", "there")
    replica.clock.forward(1)
    assert await fleet.join("a", "there") == "a"
    with pytest.raises(Conflict):
        await fleet.join("a", "here")


async def test_a_node_that_ended_in_order_leaves_its_name_at_once(replica: Replica) -> None:
    fleet = replica.plane.fleet
    await fleet.join("a", "here")
    await fleet.leave("a", "elsewhere")
    with pytest.raises(Conflict):
        await fleet.join("a", "there")
    await fleet.leave("a", "here")
    assert await ids(replica) == ["a"], "until it goes on it counts like any that is silent"
    assert await fleet.join("a", "there") == "a"


async def test_a_place_is_one_node_whatever_it_was_called_before(replica: Replica) -> None:
    fleet = replica.plane.fleet
    await fleet.join("a", "here")
    assert await fleet.join("b", "here") == "b"
    assert await ids(replica) == ["b"]


@pytest.mark.parametrize("name", ["", "a b", "../a", "a" * 129, "-a"])
async def test_what_is_no_name_is_refused(replica: Replica, name: str) -> None:
    with pytest.raises(Misconfigured, match="not a valid name"):
        await replica.plane.fleet.join(name, "here")
    with pytest.raises(Misconfigured, match="not a valid name"):
        await replica.plane.fleet.join(None, name)


async def test_more_nodes_than_are_served_do_not_join(replica: Replica) -> None:
    fleet = replica.plane.fleet
    for number in range(NODES):
        await fleet.join(None, f"place-{number}")
    with pytest.raises(Misconfigured, match="the maximum") as caught:
        await fleet.join(None, "one-more")
    assert "edge forget" in caught.value.hint
    assert await fleet.join(None, "place-0") == "edge-1", "those that there are go on"
    assert await fleet.join("new-name", "place-0") == "new-name"


async def test_who_is_not_known_is_told_to_join_anew(replica: Replica) -> None:
    fleet = replica.plane.fleet
    assert await fleet.receive_report(report(replica)) == ReportReply(known=False, is_ahead=False)
    await fleet.join("edge-1", "here")
    assert await fleet.receive_report(report(replica)) == ReportReply(known=True, is_ahead=False)
    await fleet.forget("edge-1")
    assert (await fleet.receive_report(report(replica))).known is False
    with pytest.raises(Misconfigured, match="unknown node"):
        await fleet.forget("edge-1")


async def test_a_report_from_another_place_is_another_process(replica: Replica) -> None:
    fleet = replica.plane.fleet
    await fleet.join("edge-1", "here")
    with pytest.raises(Conflict):
        await fleet.receive_report(report(replica, place="there"))
    replica.clock.forward(IN_CONTACT + 1)
    assert (await fleet.receive_report(report(replica, place="there"))).known is False, (
        "it joins there"
    )


async def test_a_version_that_this_database_did_not_publish_counts_as_none(
    replica: Replica,
) -> None:
    fleet = replica.plane.fleet
    await fleet.join("edge-1", "here")
    assert (await fleet.receive_report(report(replica, ahead=5))).is_ahead
    (node,) = (await fleet.load()).nodes
    assert node.version == 0


async def test_a_node_lacks_something_since_it_was_published(replica: Replica) -> None:
    fleet = replica.plane.fleet
    await fleet.join("edge-1", "here")
    assert (await fleet.load()).lacking_since == {"edge-1": replica.clock()}, "it told nothing yet"
    await fleet.receive_report(report(replica))
    assert (await fleet.load()).lacking_since == {}
    replica.clock.forward(60)
    had = report(replica)
    published_at = replica.clock()
    await replica.apply(INITECH)
    replica.clock.forward(5)
    await fleet.receive_report(had)
    assert (await fleet.load()).lacking_since == {"edge-1": published_at}


async def test_a_list_that_our_key_did_not_sign_moves_nothing(replica: Replica) -> None:
    version = replica.plane.published.version
    for forged in ("x", "x.y.z", replica.plane.published.signed[:-8] + "AAAAAAAA"):
        with pytest.raises(Misconfigured):
            await replica.plane.fleet.overtake(forged)
    await replica.plane.fleet.overtake(replica.plane.published.signed)
    assert await replica.read(newest_version) == version, "what we know is not ahead"


@pytest.mark.parametrize("beyond", [-1, FURTHEST + 100])
async def test_a_version_that_no_node_can_have_is_a_typo(replica: Replica, beyond: int) -> None:
    with pytest.raises(Misconfigured, match="is not from 0 to"):
        await replica.plane.administration.restored(beyond)


async def test_after_a_backup_was_put_back_an_epoch_begins_beyond_what_nodes_have(
    replica: Replica,
) -> None:
    before = replica.plane.published.edition
    epoch, version = await replica.plane.administration.restored(before.version + 20)
    assert version > before.version + 20
    assert replica.plane.published.version == version
    assert replica.plane.published.edition > before
    assert any('"database put back"' in event for event in await replica.events())
    assert epoch == 2


async def test_what_was_declared_otherwise_meanwhile_is_not_published(replica: Replica) -> None:
    database = replica.plane.transactions.database

    async def use(declared: publish.PreparedEdition) -> object:
        await replica.apply(INITECH)
        issuer, key_file = replica.plane.issuer, replica.plane.publication.key_file
        return await replica.plane.transactions.write(
            lambda c, audit: restored(c, declared, issuer, key_file, audit) or False, "test"
        )

    assert await publish.with_declared(database, use, "restored") is False
