"""Of one link at most one use counts, whoever comes at the same time."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest
from sqlalchemy import Connection
from tests.issuer import Issuer
from tests.issuer import issuer as fresh_issuer

from durward.core.audit.event import AuditContext
from durward.core.people.person import Email, Entitlements, Person
from durward.core.values import Secret, UserId
from durward.services import recovery
from durward.services.context import Context
from durward.store.holds import hold_people
from durward.store.passwords import load_password
from durward.store.reset_links import ResetLink, find_reset_link, record_reset_link

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick_hashes")]
RITA, ADDRESS = UserId("rita"), "rita@acme.example"
ROUNDS = 5
AT_ONCE = 6


@pytest.fixture
async def issuer(url: str) -> AsyncIterator[Issuer]:
    async with fresh_issuer(url) as running:
        emails = (Email(ADDRESS, verified=True),)
        person = Person(RITA, Entitlements.of("acme"), ("rita",), emails)
        await running.plane.people.add(person)
        yield running


async def link_of(issuer: Issuer, number: int) -> Secret:
    link = Secret(f"dwl_{number}")

    def record(connection: Connection, _: Context, audit: AuditContext) -> None:
        hold_people(connection, RITA)
        known = ResetLink(RITA, ADDRESS)
        record_reset_link(connection, link.sha256(), known, recovery.LIFETIME, audit)

    await issuer.plane.use_cases.write(record, "test")
    return link


async def use(issuer: Issuer, link: Secret, phc: str) -> bool:
    def reset(connection: Connection, context: Context, audit: AuditContext) -> bool:
        return recovery.reset_password(connection, context, link, phc, audit)

    return await issuer.plane.use_cases.write(reset, "browser")


def hash_of(number: int) -> str:
    return f"$argon2id$v=19$m=8,t=1,p=1${number:022}$" + 43 * "A"


async def password_of(issuer: Issuer) -> str | None:
    return await issuer.plane.transactions.read(lambda c: load_password(c, RITA))


@pytest.mark.requirement("AS-98")
async def test_of_many_uses_of_one_link_exactly_one_counts(issuer: Issuer) -> None:
    for number in range(ROUNDS):
        link, hashes = await link_of(issuer, number), [hash_of(n) for n in range(AT_ONCE)]
        done = await asyncio.gather(*(use(issuer, link, phc) for phc in hashes))
        assert sum(done) == 1
        assert await password_of(issuer) == hashes[done.index(True)]


async def test_a_link_that_is_used_while_its_person_is_disabled_gives_nothing_afterwards(
    issuer: Issuer,
) -> None:
    """Either it came first, or it did nothing: never a password after the end."""
    for number in range(ROUNDS):
        link = await link_of(issuer, number)
        before, phc = await password_of(issuer), hash_of(100 + number)
        person = await issuer.person(RITA)
        disabled = Person(RITA, person.entitlements, person.logins, person.emails, disabled=True)
        done, _ = await asyncio.gather(
            use(issuer, link, phc), issuer.plane.people.change("id:rita", disabled, None)
        )
        assert await password_of(issuer) == (phc if done else before)
        look = partial(find_reset_link, secret=link.sha256(), now=issuer.clock())
        left = await issuer.plane.transactions.read(look)
        assert left is None
        await issuer.plane.people.change("id:rita", person, None)
        assert not await use(issuer, link, hash_of(200))


async def test_of_two_replicas_one_answers_a_question(issuer: Issuer) -> None:
    """Both look at the same time; there is one link and one event."""
    for number in range(ROUNDS):
        issuer.clock.forward(3_600)

        def ask(connection: Connection, context: Context, audit: AuditContext) -> None:
            recovery.ask_reset(connection, context, "rita", audit)

        await issuer.plane.use_cases.write(ask, "browser")
        other = recovery.Recovery(issuer.plane.use_cases)
        await asyncio.gather(issuer.plane.recovery.answer(), other.answer())
        made = sum('"reset link made"' in one for one in await issuer.events())
        assert made == number + 1
