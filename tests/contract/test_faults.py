"""Every statement of a use case fails once, and every commit, before and after it took effect.

The faults are injected below SQLAlchemy's engine, on both backends. What is asked again afterwards,
as clients do, may succeed or be refused; it never gives anything out twice, and nothing is lost.
"""

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection, Engine, event, select
from sqlalchemy.exc import OperationalError
from tests.issuer import Browser, Issuer, answer_of
from tests.issuer import issuer as fresh_issuer

from durward.store import schema

pytestmark = pytest.mark.anyio
MOST_STATEMENTS = 60
FEWEST_STRIKES = 6
STRUCK: list["Faults"] = []


@pytest.fixture
async def issuer(url: str) -> AsyncIterator[Issuer]:
    async with fresh_issuer(url) as running:
        yield running


@dataclass
class Faults:
    """The next write transaction fails: at its nth statement, at its commit, or just after it."""

    at_statement: int | None = None
    at_commit: bool = False
    after_commit: bool = False
    struck: bool = False
    seen: int = 0

    def strike(self) -> None:
        self.struck = True
        STRUCK.append(self)
        raise OperationalError("injected", None, Exception("disk I/O error"))

    def statement(self, _: Connection, __: Any, text: str, *___: Any) -> None:
        if text.startswith(("BEGIN", "PRAGMA")) or self.struck:
            return
        self.seen += 1
        if self.seen - 1 == self.at_statement:
            self.strike()

    def commit(self, connection: Connection) -> None:
        if self.struck:
            return
        if self.after_commit:
            connection.connection.commit()
        if self.at_commit or self.after_commit:
            self.strike()


@contextlib.contextmanager
def faults(issuer: Issuer, **which: Any) -> Iterator[Faults]:
    database: Any = issuer.plane._database
    engine: Engine = getattr(database._engine, "sync_engine", database._engine)
    injected = Faults(**which)
    event.listen(engine, "before_cursor_execute", injected.statement)
    event.listen(engine, "commit", injected.commit)
    try:
        yield injected
    finally:
        event.remove(engine, "before_cursor_execute", injected.statement)
        event.remove(engine, "commit", injected.commit)


async def everything(issuer: Issuer) -> dict[str, list[str]]:
    """All rows of all tables."""

    def use(connection: Connection) -> dict[str, list[str]]:
        return {
            table.name: sorted(map(str, connection.execute(select(table)).all()))
            for table in schema.metadata.sorted_tables
        }

    return await issuer.plane._database.read(use)


async def waiting_for_consent(issuer: Issuer) -> tuple[Browser, httpx2.Response]:
    browser = issuer.browser()
    return browser, await browser.sign_in(await browser.follow(await browser.authorize()))


def given_out(reply: httpx2.Response) -> bool:
    return reply.status_code == 200 and "access_token" in reply.json()


async def redeem(issuer: Issuer) -> None:
    """A code gives tokens once, whatever fails; where they got lost it is worth nothing more."""
    code = await issuer.browser().code()
    before = await everything(issuer)
    for which in each_fault():
        with faults(issuer, **which) as injected:
            reply = await issuer.redeem(code)
        if not injected.struck:
            assert given_out(reply)
            return
        assert reply.status_code == 503
        assert "token" not in reply.text
        if which.get("after_commit"):
            assert not given_out(await issuer.redeem(code))
            code = await issuer.browser().code()
            before = await everything(issuer)
            continue
        assert await everything(issuer) == before
    raise AssertionError("more statements than expected")


async def rotate(issuer: Issuer) -> None:
    """A refresh token has one successor, whatever fails; who repeats receives that one."""
    token = (await issuer.browser().tokens())["refresh_token"]
    before = await everything(issuer)
    for which in each_fault():
        with faults(issuer, **which) as injected:
            reply = await issuer.refresh(token)
        if not injected.struck:
            assert given_out(reply)
            assert len((await everything(issuer))["refresh_families"]) == 1
            return
        assert reply.status_code == 503
        if which.get("after_commit"):
            lost = await everything(issuer)
            again = await issuer.refresh(token)
            assert given_out(again)
            after = await everything(issuer)
            assert after["refresh_tokens"] == lost["refresh_tokens"]
            token, before = again.json()["refresh_token"], after
            continue
        assert await everything(issuer) == before


async def agree(issuer: Issuer) -> None:
    """Consent gives one code, whatever fails."""
    for which in each_fault():
        browser, page = await waiting_for_consent(issuer)
        if 'id="consent"' not in page.text:
            await withdraw(browser)
            browser, page = await waiting_for_consent(issuer)
        before = await everything(issuer)
        with faults(issuer, **which) as injected:
            reply = await browser.submit(page, "allow")
        if not injected.struck:
            assert answer_of(reply)["code"]
            return
        assert reply.status_code == 503
        assert "location" not in reply.headers
        if which.get("after_commit"):
            assert (await browser.submit(page, "allow")).status_code == 400
            continue
        assert await everything(issuer) == before
        assert answer_of(await browser.submit(page, "allow"))["code"]


async def withdraw(browser: Browser) -> None:
    page = await browser.http.get("/")
    token = page.text.partition('name="token" value="')[2].partition('"')[0]
    await browser.http.post("/", data={"token": token, "client": "desk"})


async def sign_out(issuer: Issuer) -> None:
    """A sign-out that did not happen is not told as one, and one that was asked again is done."""
    for which in each_fault():
        browser = issuer.browser()
        tokens = await browser.tokens()
        before = await everything(issuer)
        query = {"id_token_hint": tokens["id_token"]}
        with faults(issuer, **which) as injected:
            reply = await browser.http.get("/logout", params=query)
        if injected.struck:
            assert reply.status_code == 503
            if which.get("after_commit"):
                assert (await issuer.refresh(tokens["refresh_token"])).status_code == 400
            else:
                assert await everything(issuer) == before
        await browser.http.get("/logout", params=query)
        assert (await issuer.refresh(tokens["refresh_token"])).status_code == 400
        if not injected.struck:
            return


async def replay(issuer: Issuer) -> None:
    """A replayed code ends what it gave, also where that failed at first."""
    for which in each_fault():
        code = await issuer.browser().code()
        tokens = (await issuer.redeem(code)).json()
        with faults(issuer, **which) as injected:
            assert not given_out(await issuer.redeem(code))
        assert not given_out(await issuer.redeem(code))
        assert (await issuer.refresh(tokens["refresh_token"])).status_code == 400
        if not injected.struck:
            return


def each_fault() -> Iterator[dict[str, Any]]:
    yield {"at_commit": True}
    yield {"after_commit": True}
    for number in range(MOST_STATEMENTS):
        yield {"at_statement": number}


@pytest.mark.parametrize("story", [redeem, rotate, agree, sign_out, replay])
async def test_whatever_fails_nothing_is_given_twice_and_nothing_is_lost(
    issuer: Issuer, story: Any
) -> None:
    STRUCK.clear()
    await story(issuer)
    assert len(STRUCK) >= FEWEST_STRIKES, "a test that injects nothing proves nothing"
    assert {(one.at_commit, one.after_commit) for one in STRUCK} == {
        *((True, False), (False, True), (False, False)),
    }


async def test_what_was_committed_is_in_the_log_exactly_once(issuer: Issuer) -> None:
    """The event of a token stands in the transaction of that token."""
    token = (await issuer.browser().tokens())["refresh_token"]
    issued = sum('"token issued"' in body for body in await issuer.events())
    with faults(issuer, at_commit=True):
        assert (await issuer.refresh(token)).status_code == 503
    with faults(issuer, after_commit=True):
        assert (await issuer.refresh(token)).status_code == 503
    assert given_out(await issuer.refresh(token))
    after = sum('"token issued"' in body for body in await issuer.events())
    assert after == issued + 2
