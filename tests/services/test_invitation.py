"""Invitations: an operator starts, the person chooses, and nobody else gains by the link."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.issuer import ISSUER
from tests.services.replica import PHC, Replica, Template
from tests.services.replica import replica as fresh_replica

from durward.core.people.person import Email, Entitlements, Person
from durward.core.values import Secret, UserId
from durward.entrypoints.server import control
from durward.services import recovery
from durward.services.invitation import LIFETIME
from durward.services.passwords import has_password
from durward.settings import MailSettings
from durward.store import work_queue
from durward.store.people import find_person, load_person

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("AS-98")]
CLEO = "cleo@acme.example"
LINK = re.compile(rf"^{re.escape(ISSUER)}/reset\?link=(\S+)$", re.MULTILINE)


@dataclass
class Office:
    """An operator, and the mails that go out."""

    replica: Replica
    folder: Path

    async def invite(self, name: str = "cleo") -> httpx2.Response:
        transport = httpx2.ASGITransport(app=control(self.replica.plane))
        async with httpx2.AsyncClient(transport=transport, base_url="http://durward") as http:
            return await http.post(f"/admin/v1/people/{name}/invitation")

    async def mails(self) -> list[tuple[str, Secret | None]]:
        """What was mailed since the last call: to whom, and the link in it."""
        await self.replica.plane.upkeep.mail()
        found = []
        for path in sorted(self.folder.glob("*.eml"), key=lambda each: each.stat().st_mtime_ns):
            message = message_from_bytes(path.read_bytes(), policy=default)
            link = LINK.search(message.get_content().replace("\r\n", "\n"))
            found.append((str(message["To"]), Secret(link[1]) if link else None))
            path.unlink()
        return found

    async def link(self) -> Secret:
        reply = await self.invite()
        assert reply.status_code == 200, reply.text
        ((_, link),) = await self.mails()
        assert link is not None
        assert link.reveal() not in reply.text, "an operator starts, and does not choose"
        return link

    async def choose(self, link: Secret) -> bool:
        return await self.replica.write(recovery.reset_password, link, PHC)

    async def cleo(self) -> Person:
        found = await self.replica.read(lambda c: load_person(c, "cleo"))
        assert found is not None
        return found

    async def add(self, id: str, *emails: Email) -> None:
        acme = Entitlements.of("acme")
        person = Person(UserId(id), acme, logins=(id,), emails=emails)
        await self.replica.plane.people.add(person)

    async def change(self, **changes: Any) -> None:
        changed = replace(await self.cleo(), **changes)
        await self.replica.plane.people.change("cleo", changed, None)
        await self.mails()


@pytest.fixture
async def office(template: Template, tmp_path: Path) -> AsyncIterator[Office]:
    mail = MailSettings(sender="a@issuer.example", folder=str(tmp_path))
    async with fresh_replica(template, mail) as running:
        office = Office(running, tmp_path)
        await office.add("cleo", Email(CLEO))
        yield office


async def test_who_is_invited_chooses_a_password_once_and_has_shown_the_address(
    office: Office,
) -> None:
    reply = await office.invite()
    until = office.replica.clock.at + LIFETIME * 1_000_000
    assert reply.json() == {"address": CLEO, "expires_at": until}
    ((to, link),) = await office.mails()
    assert to == CLEO
    assert link is not None
    assert (await office.cleo()).emails == (Email(CLEO),), "not before it is used"
    assert await office.choose(link)
    assert not await office.choose(link)
    assert (await office.cleo()).emails == (Email(CLEO, verified=True),)
    assert await office.replica.read(lambda c: find_person(c, CLEO)) == "cleo"
    assert await office.replica.read(lambda c: has_password(c, UserId("cleo")))
    assert [to for to, _ in await office.mails()] == [CLEO], "the notice"


@pytest.mark.parametrize(("seconds", "works"), [(LIFETIME - 1, True), (LIFETIME, False)])
async def test_an_invitation_ends(office: Office, seconds: int, works: bool) -> None:
    link = await office.link()
    office.replica.clock.forward(seconds)
    assert await office.choose(link) is works


async def test_a_newer_invitation_another_address_or_a_disabled_person_end_the_former_one(
    office: Office,
) -> None:
    first, second = await office.link(), await office.link()
    assert not await office.choose(first)
    await office.change(emails=(Email("other@acme.example"),))
    assert not await office.choose(second)
    third = await office.link()
    await office.change(disabled=True)
    assert not await office.choose(third)
    assert (await office.invite()).status_code == 422
    await office.change(disabled=False)
    assert not await office.choose(third), "not even where the person is back"


async def test_an_address_that_somebody_verified_meanwhile_stays_theirs(office: Office) -> None:
    """Two people with one address, whoever came first with it."""
    link = await office.link()
    await office.add("dora", Email("CLEO@acme.example", verified=True))
    assert await office.choose(link)
    assert (await office.cleo()).emails == (Email(CLEO),)
    assert await office.replica.read(lambda c: find_person(c, CLEO)) == "dora"


async def test_a_verified_address_is_invited_before_others(office: Office) -> None:
    await office.change(emails=(Email(CLEO), Email("c@b.example", verified=True)))
    assert (await office.invite()).json()["address"] == "c@b.example"


async def test_whoever_cannot_be_invited_is_said_so_and_nothing_is_sent(office: Office) -> None:
    assert (await office.invite("nobody")).status_code == 404
    await office.change(emails=())
    reply = await office.invite()
    assert reply.status_code == 422
    assert "has no e-mail address" in reply.text
    assert "--add-email" in reply.text
    assert await office.mails() == []


async def test_without_mails_an_operator_is_told_what_to_set(people: Replica) -> None:
    reply = await Office(people, Path()).invite("ann")
    assert reply.status_code == 422
    assert "no mails are sent" in reply.text
    assert "[mail]" in reply.text


async def test_a_stranger_who_asks_for_a_link_ends_no_invitation(office: Office) -> None:
    await office.change(emails=(Email(CLEO, verified=True),))
    link = await office.link()
    await office.replica.write(recovery.ask_reset, "cleo")
    assert await recovery.Recovery(office.replica.plane.use_cases).answer() == 1
    ((_, asked),) = await office.mails()
    assert asked is not None
    assert await office.choose(link)
    assert not await office.choose(asked), "a password that is chosen ends all links"


async def test_where_too_many_mails_wait_the_former_invitation_stays(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = await office.link()
    monkeypatch.setattr(work_queue, "MOST", 0)
    assert (await office.invite()).status_code == 503
    assert await office.choose(link)
