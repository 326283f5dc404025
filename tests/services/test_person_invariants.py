"""What must never be is asked as soon as one person changes, not only at `apply`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection
from tests.services.replica import Replica

from durward.core.audit.event import AuditContext
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.errors import Misconfigured
from durward.core.people.person import Entitlements, Person
from durward.core.values import UserId
from durward.core.wire import Json
from durward.services import people as taking
from durward.services.context import Context
from durward.services.people import PersonStep, take_checked
from durward.store.unsettled import UnsettledClass, load_unsettled

pytestmark = pytest.mark.anyio
DELETES: dict[str, Json] = {"Effect": "Allow", "Action": "orders:CancelOrder", "Resource": "*"}
BOSS = Declaration(
    DeclarationKind.POLICY, "everything", {"Version": "2012-10-17", "Statement": [DELETES]}
)
TENANT = Declaration(DeclarationKind.TENANT, "initech", {})
ROLE = Declaration(DeclarationKind.ROLE, "boss", {"policies": ["everything"]})


def never() -> Declaration:
    statement = {"Sid": "NoBossAtInitech", **DELETES, "Resource": "arn:durward:orders:*:initech:*"}
    return Declaration(DeclarationKind.TESTS, "boundaries", {"never": [statement]})


def person(id: str, tenant: str, *roles: str) -> Person:
    return Person(UserId(id), Entitlements.of(tenant, roles), (id,))


async def take(replica: Replica, *steps: PersonStep) -> None:
    def use(
        connection: Connection, context: Context, wanted: Sequence[PersonStep], audit: AuditContext
    ) -> None:
        take_checked(connection, context.published, wanted, audit)

    await replica.write(use, steps)


@pytest.fixture
async def bosses(people: Replica) -> Replica:
    """A role that nobody of one tenant may have."""
    await people.apply(TENANT, BOSS, ROLE, never())
    return people


async def test_whoever_would_be_what_must_never_be_is_not_added(bosses: Replica) -> None:
    with pytest.raises(Misconfigured, match="never `NoBossAtInitech`: user/p_1 could orders:"):
        await take(bosses, PersonStep(None, person("p_1", "initech", "boss")))
    with pytest.raises(AssertionError):
        await bosses.person("p_1")
    await take(bosses, PersonStep(None, person("p_1", "acme", "boss")))
    assert (await bosses.person("p_1")).roles == ("boss",)


async def test_a_change_is_refused_as_an_addition_is_and_enabling_is_one(bosses: Replica) -> None:
    ann = person("p_1", "initech")
    await take(bosses, PersonStep(None, ann))
    boss = replace(ann, entitlements=Entitlements.of("initech", ["boss"]))
    with pytest.raises(Misconfigured):
        await take(bosses, PersonStep(ann, boss))
    asleep = replace(boss, disabled=True)
    await take(bosses, PersonStep(ann, asleep))
    with pytest.raises(Misconfigured):
        await take(bosses, PersonStep(await bosses.person("p_1"), boss))


async def test_what_is_not_settled_in_time_is_taken_and_recorded(
    bosses: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "STEPS", 0)
    await take(bosses, PersonStep(None, person("p_1", "initech", "boss")))
    assert await bosses.count("invariant unsettled") == 1
    assert (await bosses.person("p_1")).roles == ("boss",)


async def test_what_is_not_settled_is_told_until_an_apply_settles_it(
    bosses: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def told() -> list[UnsettledClass]:
        return [*await bosses.read(lambda c: load_unsettled(c, 10))]

    monkeypatch.setattr(taking, "STEPS", 0)
    boss = person("p_1", "initech", "boss")
    await take(bosses, PersonStep(None, boss), PersonStep(None, person("p_2", "initech", "boss")))
    assert await told() == [UnsettledClass(boss.id, "boundaries: never `NoBossAtInitech`")]
    there = await bosses.person("p_1")
    await take(bosses, PersonStep(there, replace(there, disabled=True)))
    assert [one.person for one in await told()] == ["p_2"], "somebody who can sign in"
    with pytest.raises(Misconfigured, match="NoBossAtInitech"):
        await bosses.apply(Declaration(DeclarationKind.TENANT, "more", {}))
    assert await told(), "nothing was settled"
    second = await bosses.person("p_2")
    settled = replace(second, entitlements=Entitlements.of("initech", []))
    await take(bosses, PersonStep(second, settled))
    assert await told() == [], "nobody is of that class"
    await bosses.apply(Declaration(DeclarationKind.TENANT, "more", {}))
    back = await bosses.person("p_1")
    monkeypatch.undo()
    with pytest.raises(Misconfigured):
        await take(bosses, PersonStep(back, replace(back, disabled=False)))
    assert await told() == []


async def test_a_class_that_there_is_is_not_asked_about_again(
    bosses: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "STEPS", 0)
    await take(bosses, PersonStep(None, person("p_1", "initech", "boss")))
    await take(bosses, PersonStep(None, person("p_2", "initech", "boss")))
    assert await bosses.count("invariant unsettled") == 1


async def fill(replica: Replica, many: int, *roles: str) -> None:
    """People of one class: more than are asked about one by one."""
    for first in range(0, many, 500):
        some = [
            PersonStep(None, person(f"p_{n:05}", "initech", *roles))
            for n in range(first, first + 500)
        ]
        await take(replica, *some)


def reads(**condition: Any) -> Declaration:
    statement = {"Sid": "Named", **DELETES, "Resource": "arn:durward:orders:*:initech:*"}
    body: dict[str, Json] = {"never": [{**statement, "Condition": condition}]}
    return Declaration(DeclarationKind.TESTS, "boundaries", body)


@pytest.mark.parametrize(
    "condition",
    [
        {"StringNotEquals": {"durward:Subject": "p_00000"}},
        {"StringEquals": {"durward:Subject": "p_00700"}},
        {"StringLike": {"durward:Subject": "*700"}},
        {"StringLike": {"durward:Subject": "?_00700"}},
        {"StringEqualsIgnoreCase": {"durward:Subject": "P_00700"}},
    ],
)
async def test_an_invariant_that_names_one_of_a_crowd_is_never_said_to_hold(
    people: Replica, condition: dict[str, Any]
) -> None:
    await people.apply(TENANT, BOSS, ROLE)
    await fill(people, 1_500, "boss")
    with pytest.raises(Misconfigured, match="never `Named`"):
        await people.apply(reads(**condition))


async def test_whoever_is_chosen_as_the_exception_hides_nobody_of_a_few(people: Replica) -> None:
    await people.apply(TENANT, BOSS, ROLE)
    await take(people, *(PersonStep(None, person(id, "initech", "boss")) for id in ("p_a", "p_b")))
    for exception in ("p_a", "p_b"):
        with pytest.raises(Misconfigured, match="never `Named`"):
            await people.apply(reads(StringNotEquals={"durward:Subject": exception}))
    both = {"StringNotEquals": {"durward:Subject": ["p_a", "p_b"]}}
    await people.apply(reads(**both))


async def test_owners_of_a_crowd_are_settled_by_one_of_them(people: Replica) -> None:
    own = {"StringEquals": {"durward:ResourceOwner": "${durward:Subject}"}}
    await people.apply(TENANT, ROLE, Declaration(BOSS.kind, BOSS.name, BOSS.body))
    await fill(people, 1_500, "reporter")
    await people.apply(reads(**own))
