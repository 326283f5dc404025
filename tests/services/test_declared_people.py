"""People of files: which rows they manage, and what is refused before anything is written."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, update
from tests.services.replica import Replica

from durward.core.audit.event import AuditContext
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.errors import Misconfigured
from durward.core.people.person import Email, Entitlements, Person
from durward.core.values import UserId
from durward.services import sessions
from durward.services.candidate import AT_ONCE
from durward.services.context import Context
from durward.services.people import PersonStep, named_person, take_checked
from durward.services.sessions import Admitted, TooSoon
from durward.store.schema import identifiers, people

pytestmark = pytest.mark.anyio


def user(name: str, /, **body: Any) -> Declaration:
    return Declaration(DeclarationKind.USER, name, {"tenant": "acme", **body})


async def take(replica: Replica, *steps: PersonStep) -> None:
    def use(connection: Connection, context: Context, audit: AuditContext) -> None:
        take_checked(connection, context.published, steps, audit)

    await replica.write(use)


async def test_one_id_is_not_declared_twice(replica: Replica) -> None:
    for first in (user("x1", id="same"), user("old", id="same")):
        if first.name == "old":
            await replica.apply(first)
        with pytest.raises(Misconfigured, match=r"with the id `same`|another person.s"):
            await replica.apply(user("x1", id="same"), user("x2", id="same"))


async def test_a_file_withdraws_a_verification_only_where_it_says_so(replica: Replica) -> None:
    address = "eve@acme.example"
    await replica.apply(user("eve", email=address, email_verified=True))
    await replica.apply(user("eve", email=address, name="Eve"))
    id = await replica.id_of("eve")
    assert (await replica.person(id)).email_verified
    await replica.apply(user("eve", email=address, email_verified=False))
    assert not (await replica.person(id)).email_verified


async def test_a_file_that_says_nothing_of_it_enables_nobody(replica: Replica) -> None:
    """An operator disabled somebody in a hurry; the files are applied by a machine."""
    await replica.apply(user("eve", roles=["clerk"]))
    eve = await replica.person(await replica.id_of("eve"))
    await replica.plane.people.change("eve", replace(eve, disabled=True), None)
    await replica.apply(user("eve", roles=["clerk"], name="Eve"))
    kept = await replica.person(eve.id)
    assert (kept.name, kept.disabled) == ("Eve", True)
    await replica.apply(user("eve", roles=["clerk"], disabled=False))
    assert not (await replica.person(eve.id)).disabled
    await replica.plane.people.change("eve", replace(kept, name="", disabled=False), None)
    await replica.apply(user("eve", roles=["clerk"], disabled=True))
    assert (await replica.person(eve.id)).disabled


async def test_many_people_do_not_change_together_with_the_configuration(replica: Replica) -> None:
    """Neither may be in force without the other, and they are not one transaction."""
    many = [user(f"u{number}") for number in range(AT_ONCE + 1)]
    tenant = Declaration(DeclarationKind.TENANT, "initech", {})
    before = replica.plane.published.version
    with pytest.raises(Misconfigured, match="change together with the configuration"):
        await replica.apply(tenant, *many)
    assert replica.plane.published.version == before
    await replica.apply(*many)
    await replica.apply(tenant)
    gone = [one for one in await replica.plane.administration.export() if one.name[0] != "u"]
    await replica.apply(*gone, user("fresh", logins=["u7"]), prune=True)
    assert (await replica.person(await replica.id_of("fresh"))).logins == ("fresh", "u7")


async def test_whoever_has_a_name_without_canonical_form_can_be_disabled(replica: Replica) -> None:
    """As they came from a database of before: nothing about a name is asked to take access away."""
    eve = Person(UserId("p_1"), Entitlements.of("acme", ["clerk"], ["night"]), ("eve",))
    await take(replica, PersonStep(None, eve))

    def as_before(connection: Connection, _: AuditContext) -> None:
        here = identifiers.c.person == "p_1"
        connection.execute(update(identifiers).where(here).values(spelled="svc@build_host"))
        connection.execute(update(people).where(people.c.id == "p_1").values(declared=None))

    await replica.plane.transactions.write(as_before, "test")
    there = await replica.person("p_1")
    less = replace(there, disabled=True, entitlements=Entitlements.of("acme"))
    await take(replica, PersonStep(there, less))
    assert await replica.person("p_1") == less


async def test_a_name_that_is_an_id_and_a_login_name_is_not_guessed_at(replica: Replica) -> None:
    await take(
        replica,
        PersonStep(None, Person(UserId("p_1"), Entitlements.of("acme"), ("ann-of-old",))),
        PersonStep(None, Person(UserId("p_2"), Entitlements.of("acme"), ("p_1",))),
    )
    with pytest.raises(Misconfigured, match="the id of one person and the login name of another"):
        await replica.read(lambda c: named_person(c, "p_1"))
    found = await replica.read(lambda c: named_person(c, "id:p_2"))
    assert found is not None
    assert found.id == "p_2"


async def test_guesses_at_a_name_that_nobody_has_slow_nobody_down(replica: Replica) -> None:
    """Not even the person whose id is spelled so: it would tell which ids there are."""
    await take(
        replica, PersonStep(None, Person(UserId("victim"), Entitlements.of("acme"), ("anna",)))
    )
    for _ in range(20):
        admitted = await replica.write(sessions.admit, "victim", None)
    assert isinstance(admitted, TooSoon)
    replica.source = "192.0.2.2"
    assert isinstance(await replica.write(sessions.admit, "anna", None), Admitted)


async def test_an_unverified_address_signs_nobody_in(replica: Replica) -> None:
    mail = Email("eve@acme.example")
    await take(
        replica,
        PersonStep(None, Person(UserId("p_1"), Entitlements.of("acme"), ("eve",), (mail,))),
    )
    admitted = await replica.write(sessions.admit, mail.address, None)
    assert isinstance(admitted, Admitted)
    assert admitted.person is None
