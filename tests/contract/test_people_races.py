"""Two operators at two replicas who change one person, one name or one group at once."""

from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, select
from tests.contract.replicas import Replica, beside
from tests.issuer import Issuer
from tests.issuer import issuer as fresh_issuer

from durward.core.errors import Conflict, Misconfigured
from durward.core.people.person import Entitlements, Person
from durward.core.values import UserId
from durward.services.groups import DeletedGroup
from durward.services.people_administration import Outdated, SavedPerson
from durward.store import schema

pytestmark = pytest.mark.anyio


@pytest.fixture
async def issuer(url: str) -> AsyncIterator[Issuer]:
    async with fresh_issuer(url) as running:
        yield running


@pytest.fixture
def other(issuer: Issuer, url: str) -> Iterator[Replica]:
    replica = Replica(issuer, url)
    yield replica
    replica.close()


def like(login: str, name: str = "", *groups: str) -> Person:
    entitlements = Entitlements.of("acme", groups=groups)
    return Person(UserId(""), entitlements, (login,), name=name)


async def told(doing: Coroutine[Any, Any, object]) -> object:
    """What somebody is told, also where that is a refusal."""
    try:
        return await doing
    except (Conflict, Misconfigured) as error:
        return error


def orphans(connection: Connection) -> set[str]:
    """Groups that somebody is in and that there are not."""
    there = connection.execute(select(schema.groups.c.name)).scalars()
    return {*connection.execute(select(schema.group_members.c.group)).scalars()} - {*there}


async def test_of_two_who_give_one_name_at_once_one_gives_it_and_the_other_is_told(
    issuer: Issuer, other: Replica
) -> None:
    first, second = await beside(
        issuer,
        lambda: issuer.plane.people.add(like("cleo", "First")),
        lambda: other.begin(told(other.plane.people.add(like("CLEO", "Second")))),
    )
    assert first.is_new
    assert isinstance(second, Conflict)
    assert "somebody else signs in as `cleo`" in str(second)


async def test_of_two_who_add_the_same_person_at_once_one_adds_them(
    issuer: Issuer, other: Replica
) -> None:
    first, second = await beside(
        issuer,
        lambda: issuer.plane.people.add(like("cleo")),
        lambda: other.begin(other.plane.people.add(like("cleo"))),
    )
    assert (first.is_new, second.is_new) == (True, False)
    assert first.person.id == second.person.id


async def test_of_two_who_change_what_they_read_one_wins(issuer: Issuer, other: Replica) -> None:
    await issuer.plane.people.add(like("cleo"))
    first, second = await beside(
        issuer,
        lambda: issuer.plane.people.change("cleo", like("cleo", "First"), {1}),
        lambda: other.begin(other.plane.people.change("cleo", like("cleo", "Second"), {1})),
    )
    assert isinstance(first, SavedPerson)
    assert second == Outdated(2)


async def test_who_is_deleted_beside_a_change_is_gone(issuer: Issuer, other: Replica) -> None:
    await issuer.plane.people.add(like("cleo"))
    await beside(
        issuer,
        lambda: issuer.plane.people.change("cleo", like("cleo", "Cleo"), None),
        lambda: other.begin(other.plane.people.delete("cleo", None)),
    )
    assert await issuer.plane.people.show("cleo") is None


async def test_nobody_is_left_in_a_group_that_is_deleted_while_somebody_joins(
    issuer: Issuer, other: Replica
) -> None:
    await issuer.plane.groups.put("night", "")
    await issuer.plane.people.add(like("cleo"))
    joined, deleted = await beside(
        issuer,
        lambda: issuer.plane.groups.join("night", "cleo"),
        lambda: other.begin(other.plane.groups.delete("night")),
    )
    assert joined is not None
    assert deleted == DeletedGroup(1)
    assert await issuer.plane.transactions.read(orphans) == set()
    found = await issuer.plane.people.show("cleo")
    assert found is not None
    assert found.person.groups == ()


async def test_who_joins_while_a_group_is_deleted_is_in_one_that_there_is_or_is_told(
    issuer: Issuer, other: Replica
) -> None:
    await issuer.plane.groups.put("night", "")
    await issuer.plane.people.add(like("cleo"))
    deleted, joined = await beside(
        issuer,
        lambda: issuer.plane.groups.delete("night"),
        lambda: other.begin(told(other.plane.groups.join("night", "cleo"))),
    )
    assert deleted == DeletedGroup(0)
    assert isinstance(joined, (SavedPerson, Misconfigured))
    assert await issuer.plane.transactions.read(orphans) == set()
