"""Who is a node: names that can be shown and typed, one name for a place, one place for a name."""

from collections.abc import AsyncIterator

import pytest
from tests.issuer import Issuer
from tests.issuer import issuer as fresh_issuer

from durward.core.edge.report import IN_CONTACT, NodeReport, ReportReply
from durward.core.errors import Conflict, Misconfigured

pytestmark = pytest.mark.anyio


@pytest.fixture
async def issuer(url: str) -> AsyncIterator[Issuer]:
    async with fresh_issuer(url) as running:
        yield running


async def ids(issuer: Issuer) -> list[str]:
    return [node.id for node in (await issuer.plane.fleet.load()).nodes]


@pytest.mark.parametrize(
    "wish", ["", "a/b", "\x1b[31mred", "two\nlines", "-first", "a" * 129, "\u202e", "a\n"]
)
async def test_what_is_no_name_joins_nothing(issuer: Issuer, wish: str) -> None:
    for name, place in ((wish, "here"), ("edge-1", wish)):
        with pytest.raises(Misconfigured) as refused:
            await issuer.plane.fleet.join(name, place)
        assert "letters, digits" in refused.value.hint
    assert await ids(issuer) == []


async def test_a_place_is_one_node_and_its_former_name_is_nobodys(issuer: Issuer) -> None:
    """Nothing waits for a name that nobody will ever speak for."""
    assert await issuer.plane.fleet.join(None, "here") == "edge-1"
    assert await issuer.plane.fleet.join("other", "here") == "other"
    assert await ids(issuer) == ["other"]
    assert await issuer.plane.fleet.join(None, "here") == "other"


async def test_a_node_that_signed_off_is_taken_anywhere_at_once_and_no_other(
    issuer: Issuer,
) -> None:
    assert await issuer.plane.fleet.join(None, "here") == "edge-1"
    for stranger in (("edge-1", "there"), ("edge-2", "here")):
        await issuer.plane.fleet.leave(*stranger)
        with pytest.raises(Conflict, match="in contact"):
            await issuer.plane.fleet.join("edge-1", "there")
    await issuer.plane.fleet.leave("edge-1", "here")
    assert await issuer.plane.fleet.join("edge-1", "there") == "edge-1"
    with pytest.raises(Conflict, match="in contact"):
        await issuer.plane.fleet.join("edge-1", "here")
    issuer.clock.forward(IN_CONTACT + 1)
    assert await issuer.plane.fleet.join("edge-1", "here") == "edge-1"
    assert await ids(issuer) == ["edge-1"]


@pytest.mark.parametrize("signed_off", [True, False])
async def test_a_node_that_moved_while_nobody_was_there_to_join_is_asked_to(
    issuer: Issuer, *, signed_off: bool
) -> None:
    """It decided under what lay on its disk meanwhile, and goes on: it is no other process."""
    await issuer.plane.fleet.join("named", "here")
    told = NodeReport(node="named", place="there", durward="0")
    with pytest.raises(Conflict, match="another process"):
        await issuer.plane.fleet.receive_report(told)
    if signed_off:
        await issuer.plane.fleet.leave("named", "here")
    else:
        issuer.clock.forward(IN_CONTACT + 1)
    assert await issuer.plane.fleet.receive_report(told) == ReportReply(known=False, is_ahead=False)
    assert await issuer.plane.fleet.join("named", "there") == "named"
    assert await issuer.plane.fleet.receive_report(told) == ReportReply(known=True, is_ahead=False)


async def test_a_node_that_signed_off_is_the_same_where_it_was(issuer: Issuer) -> None:
    """Also with its id lost, and where it tells of itself before it has joined again."""
    await issuer.plane.fleet.join("named", "here")
    await issuer.plane.fleet.leave("named", "here")
    told = NodeReport(node="named", place="here", durward="0")
    assert await issuer.plane.fleet.receive_report(told) == ReportReply(known=False, is_ahead=False)
    assert await issuer.plane.fleet.join(None, "here") == "named"
    assert await issuer.plane.fleet.receive_report(told) == ReportReply(known=True, is_ahead=False)
    events = [event for event in await issuer.events() if '"nodes/named"' in event]
    assert [kind for event in events for kind in ("joined", "left") if f"node {kind}" in event] == [
        *("joined", "left", "joined")
    ]
    assert sum('"moved":true' in event for event in events) == 0
