"""A new password by a link in a mail: who asks learns nothing, and the link is worth one use."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection, event, func, select
from tests.contract.faults import everything
from tests.issuer import ISSUER, Browser, Issuer, hidden
from tests.issuer import issuer as fresh_issuer

from durward.core.audit.event import AuditContext
from durward.core.people.person import Email, Person
from durward.core.values import UserId
from durward.services import recovery
from durward.services.context import Context
from durward.services.people_administration import SavedPerson
from durward.settings import MailSettings
from durward.store import schema
from durward.store.holds import hold_people
from durward.store.passwords import forget_password, load_password

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick_hashes")]
NEW = "vier alte Birnen"
CLEO = "cleo@acme.example"
LINK = re.compile(r"^https://\S+$", re.MULTILINE)


@dataclass
class Desk:
    """A server that sends mails, into a folder."""

    issuer: Issuer
    folder: Path

    async def mails(self) -> list[tuple[str, str]]:
        """Answer and send what waits; the addresses and texts of all mails since the last call."""
        await self.issuer.plane.recovery.answer()
        await self.issuer.plane.upkeep.mail()
        found = []
        for path in sorted(self.folder.glob("*.eml"), key=lambda each: each.stat().st_mtime_ns):
            message = message_from_bytes(path.read_bytes(), policy=default)
            body = message.get_body()
            assert body is not None
            found.append((str(message["To"]), body.get_content().replace("\r\n", "\n")))
            path.unlink()
        return found

    async def ask(
        self, account: str, browser: Browser | None = None, headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        browser = browser or self.issuer.browser()
        token = hidden(await browser.http.get("/recover"), "token")
        form = {"account": account, "token": token}
        return await browser.http.post("/recover", data=form, headers=headers)

    async def link(self, account: str = "cleo") -> str:
        """The link that somebody is sent."""
        await self.ask(account)
        (mail,) = await self.mails()
        return link_in(mail[1])

    async def choose(self, link: str, new: str = NEW, source: str = "192.0.2.1") -> httpx2.Response:
        """Open a link and choose a password by its form."""
        async with self.issuer.http(source) as http:
            page = await http.get(link.removeprefix(ISSUER))
            if page.status_code != 200:
                return page
            form = {"link": hidden(page, "link"), "new": new, "again": new}
            return await http.post("/reset", data=form)

    async def signs_in(self, password: str, account: str = "cleo") -> bool:
        browser = self.issuer.browser("198.51.100.7")
        page = await browser.follow(await browser.http.get("/"))
        return 'id="sessions"' in (await browser.sign_in(page, account, password)).text

    async def change(self, **changes: Any) -> SavedPerson:
        fresh = replace(await self.person(), **changes)
        saved = await self.issuer.plane.people.change("id:cleo", fresh, None)
        assert isinstance(saved, SavedPerson)
        return saved

    async def person(self) -> Person:
        return await self.issuer.person("cleo")


def link_in(text: str) -> str:
    found = LINK.search(text)
    assert found, text
    return found[0]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Cleo has a verified address and a password."""
    folder = tmp_path / "mails"
    mail = MailSettings(sender="durward@issuer.example", folder=str(folder))
    async with fresh_issuer(mail=mail) as issuer:
        ann = await issuer.person("ann")
        emails = (Email("other@acme.example"), Email(CLEO, verified=True))
        cleo = Person(UserId("cleo"), ann.entitlements, logins=("cleo",), emails=emails)
        await issuer.plane.people.add(cleo)
        issuer.passwords["cleo"] = (await issuer.plane.people.new_password("cleo")).reveal()
        made = Desk(issuer, folder)
        await made.mails()
        yield made


@pytest.mark.requirement("AS-98", "AS-99", "AS-104")
async def test_a_link_replaces_the_password_signs_nobody_in_and_ends_what_there_was(
    desk: Desk,
) -> None:
    browser = desk.issuer.browser("198.51.100.1")
    tokens = await browser.tokens("cleo")
    await desk.ask("Cleo")
    ((to, text),) = await desk.mails()
    assert to == CLEO, "not the address that nobody verified"
    assert "192.0.2.1" in text, "who is asked after is told from where"
    reply = await desk.choose(link_in(text))
    assert "is changed" in reply.text
    assert "set-cookie" not in reply.headers
    assert not await desk.signs_in(desk.issuer.passwords["cleo"])
    assert await desk.signs_in(NEW)
    assert (await desk.issuer.refresh(tokens["refresh_token"])).status_code == 400
    assert 'id="sign-in"' in (await browser.follow(await browser.http.get("/"))).text
    ((to, text),) = await desk.mails()
    assert to == CLEO
    assert "was replaced" in text
    (event,) = [one for one in await desk.issuer.events() if "a link in a mail" in one]
    assert '"actor":"cleo"' in event


@pytest.mark.requirement("AS-95")
async def test_who_asks_is_answered_the_same_whoever_there_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text, the status, and the statements that it takes; also where too many ask."""
    statements: list[tuple[str, ...]] = []
    ask = recovery.ask_reset

    def counted(connection: Connection, context: Context, typed: str, audit: AuditContext) -> None:
        executed: list[str] = []

        def note(_: object, __: object, statement: str, *___: object) -> None:
            executed.append(statement)

        event.listen(connection, "before_cursor_execute", note)
        ask(connection, context, typed, audit)
        event.remove(connection, "before_cursor_execute", note)
        statements.append(tuple(executed))

    monkeypatch.setattr(recovery, "ask_reset", counted)
    replies = [
        await desk.ask(typed)
        for typed in ("cleo", CLEO, "nobody", "nobody@acme.example", "other@acme.example", "a b")
    ]
    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.text for reply in replies}) == 1
    assert len(set(statements)) == 1
    assert len(statements) == len(replies)
    for typed in ("cleo", "nobody"):
        again = [await desk.ask(typed, desk.issuer.browser("203.0.113.9")) for _ in range(6)]
        assert {(reply.status_code, reply.text) for reply in again} == {(200, replies[0].text)}


@pytest.mark.requirement("AS-98")
async def test_a_link_is_worth_one_use_also_for_another_browser(desk: Desk) -> None:
    link, other = await desk.link(), "funf neue Quitten"
    async with desk.issuer.http() as http:
        opened = {"link": hidden(await http.get(link.removeprefix(ISSUER)), "link")}
        assert "is changed" in (await desk.choose(link)).text
        before = await load(desk)
        for source in ("192.0.2.1", "203.0.113.9"):
            assert (await desk.choose(link, other, source)).status_code == 400
        reply = await http.post("/reset", data={**opened, "new": other, "again": other})
        assert reply.status_code == 400, "a form that was open before"
    assert await load(desk) == before


async def test_opening_a_link_as_a_scanner_of_mails_does_changes_nothing(desk: Desk) -> None:
    link = await desk.link()
    before = await everything(desk.issuer)
    async with desk.issuer.http("203.0.113.9") as http:
        for _ in range(5):
            page = await http.get(link.removeprefix(ISSUER))
            assert page.status_code == 200
            assert page.headers["cache-control"] == "no-store"
            await http.head(link.removeprefix(ISSUER))
    assert await everything(desk.issuer) == before
    assert "is changed" in (await desk.choose(link)).text


async def test_a_link_lives_for_half_an_hour(desk: Desk) -> None:
    for seconds, status in ((1_800, 400), (1_799, 200)):
        link = await desk.link()
        desk.issuer.clock.forward(seconds)
        assert (await desk.choose(link)).status_code == status


async def test_a_newer_link_a_new_password_or_another_address_end_a_link(desk: Desk) -> None:
    first = await desk.link()
    second = await desk.link()
    assert (await desk.choose(first)).status_code == 400
    await desk.issuer.plane.people.new_password("cleo")
    assert (await desk.choose(second)).status_code == 400
    await desk.mails()
    third = await desk.link()
    emails = (Email(CLEO, verified=True), Email("new@acme.example", verified=True))
    await desk.change(emails=emails[1:])
    assert (await desk.choose(third)).status_code == 400
    await desk.change(emails=emails)
    assert (await desk.choose(third)).status_code == 400, "not even where it is back"


async def test_who_is_disabled_gets_no_link_and_an_older_one_is_worth_nothing(desk: Desk) -> None:
    link = await desk.link()
    await desk.change(disabled=True)
    assert (await desk.choose(link)).status_code == 400
    await desk.ask("cleo")
    assert await desk.mails() == []
    await desk.change(disabled=False)
    assert (await desk.choose(link)).status_code == 400


async def test_without_a_verified_address_there_is_no_link(desk: Desk) -> None:
    await desk.change(emails=(Email(CLEO),))
    await desk.mails()  # the notice of it
    for typed in ("cleo", CLEO):
        await desk.ask(typed)
    assert await desk.mails() == []


async def test_who_has_no_password_yet_chooses_the_first_one(desk: Desk) -> None:
    def forget(connection: Connection, _: Context, audit: AuditContext) -> None:
        hold_people(connection, "cleo")
        forget_password(connection, UserId("cleo"), audit)

    await desk.issuer.plane.use_cases.write(forget, "test")
    assert "is changed" in (await desk.choose(await desk.link())).text
    assert await desk.signs_in(NEW)


async def test_a_link_leads_to_the_issuer_whatever_host_a_request_names(desk: Desk) -> None:
    poisoned = {"x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
    await desk.ask("cleo", headers=poisoned)
    browser = desk.issuer.browser("203.0.113.5")
    token = hidden(await browser.http.get("/recover"), "token")
    headers = {"host": "evil.example", "cookie": cookies(browser)}
    await browser.http.post(
        "https://evil.example/recover", data={"account": "cleo", "token": token}, headers=headers
    )
    mails = await desk.mails()
    assert len(mails) == 2
    for _, text in mails:
        assert link_in(text).startswith(f"{ISSUER}/reset?link=")
        assert "evil" not in text


def cookies(browser: Browser) -> str:
    return "; ".join(f"{one.name}={one.value}" for one in browser.http.cookies.jar)


async def test_nobody_is_flooded_with_mails_whoever_asks_by_whichever_name(desk: Desk) -> None:
    number = 0
    for minute in range(60):
        for typed in ("cleo", CLEO, "CLEO"):
            source = f"203.0.113.{minute}"
            await desk.ask(typed, desk.issuer.browser(source))
        number += len(await desk.mails())
        desk.issuer.clock.forward(60)
    assert 4 <= number <= 9


async def test_one_source_fills_no_queue(desk: Desk) -> None:
    browser = desk.issuer.browser()
    for number in range(50):
        await desk.ask(f"somebody{number}", browser)

    def waiting(connection: Connection) -> int:
        return int(connection.execute(select(func.count()).select_from(schema.work)).scalar_one())

    assert await desk.issuer.plane.transactions.read(waiting) <= recovery.OF_SOURCE.free


async def test_what_was_typed_rests_nowhere_in_clear(desk: Desk) -> None:
    await desk.ask("my-secret-password-in-the-wrong-field")
    assert "my-secret" not in str(await everything(desk.issuer))
    await desk.mails()
    assert "my-secret" not in str(await everything(desk.issuer))


async def test_a_form_of_another_site_asks_for_nothing(desk: Desk) -> None:
    browser = desk.issuer.browser()
    assert (await desk.ask("cleo", browser, {"sec-fetch-site": "cross-site"})).status_code == 400
    reply = await browser.http.post("/recover", data={"account": "cleo"})
    assert reply.status_code == 400
    assert await desk.mails() == []


async def test_a_password_that_is_not_accepted_uses_no_link_up(desk: Desk) -> None:
    link = await desk.link()
    for new in ("short", CLEO):
        assert (await desk.choose(link, new)).status_code == 400
    assert "is changed" in (await desk.choose(link)).text


async def test_without_mails_the_pages_say_so(issuer: Issuer) -> None:
    browser = issuer.browser()
    page = await browser.follow(await browser.http.get("/"))
    assert 'href="/recover"' not in page.text
    assert "sends no mails" in (await browser.http.get("/recover")).text


async def load(desk: Desk) -> str | None:
    return await desk.issuer.plane.transactions.read(lambda c: load_password(c, UserId("cleo")))
