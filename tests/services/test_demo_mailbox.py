"""The page of a demo's mails: escaped, and for nobody who comes by another name."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from durward.core.people.mail_text import Mail, compose
from durward.core.values import Instant
from durward.entrypoints.demo.mailbox import SHOWN, mailbox
from durward.services.mail_folder import MailFolder

pytestmark = pytest.mark.anyio
AT = Instant(1_800_000_000_000_000)
HERE = "http://127.0.0.1:8500"
LINK = "https://login.example/reset?link=dwl_1&a=2"


def put(folder: Path, *mails: Mail) -> None:
    written = [
        compose(mail, "a@login.example", f"m_{number}", AT) for number, mail in enumerate(mails)
    ]
    assert MailFolder(folder).carry(written) == [None] * len(mails)


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=mailbox(tmp_path, 8500))
    async with httpx2.AsyncClient(transport=transport, base_url=HERE) as http:
        yield http


async def test_mails_are_listed_the_newest_first_and_shown_with_their_links(
    page: httpx2.AsyncClient, tmp_path: Path
) -> None:
    assert "There is none yet." in (await page.get("/")).text
    put(tmp_path, Mail("a@a.example", "First", "text"), Mail("b@a.example", "Second", LINK))
    listed = (await page.get("/")).text
    assert listed.index("Second") < listed.index("First")
    shown = await page.get("/mail/m_1")
    assert '<a href="https://login.example/reset?link=dwl_1&amp;a=2">' in shown.text
    assert "To b@a.example" in shown.text
    assert shown.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in shown.headers["content-security-policy"]


async def test_what_stands_in_a_mail_is_no_markup(page: httpx2.AsyncClient, tmp_path: Path) -> None:
    put(tmp_path, Mail("a@a.example", "<b>x</b>", '<script>"</script> https://x.example/"><b>'))
    for path in ("/", "/mail/m_0"):
        text = (await page.get(path)).text
        assert "<b>" not in text
        assert "<script>" not in text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8500", "127.0.0.1", ""])
async def test_a_page_elsewhere_whose_name_means_this_machine_reads_nothing(
    page: httpx2.AsyncClient, tmp_path: Path, host: str
) -> None:
    """DNS rebinding: its scripts would have read the link in a mail."""
    put(tmp_path, Mail("a@a.example", "Secret", LINK))
    for path in ("/", "/mail/m_0"):
        reply = await page.get(path, headers={"host": host})
        assert reply.status_code == 421
        assert "Secret" not in reply.text
        assert "dwl_1" not in reply.text


@pytest.mark.parametrize("name", ["m_9", "..%2fx", ".m_0", "m_0.eml", "a" * 500])
async def test_no_other_file_is_shown(page: httpx2.AsyncClient, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "inner"
    put(folder, Mail("a@a.example", "Secret", "x"))
    put(tmp_path, Mail("a@a.example", "Hello", "x"))
    assert (await page.get(f"/mail/{name}")).status_code == 404


async def test_a_file_that_is_no_mail_breaks_no_page(
    page: httpx2.AsyncClient, tmp_path: Path
) -> None:
    (tmp_path / "junk.eml").write_bytes(b"\xff\x00 no mail")
    (tmp_path / "empty.eml").write_bytes(b"")
    (tmp_path / "parts.eml").write_bytes(b"Content-Type: multipart/mixed; boundary=x\n\n--x--")
    for path in ("/", "/mail/junk", "/mail/empty", "/mail/parts"):
        assert (await page.get(path)).status_code == 200


async def test_a_hundred_mails_are_listed(page: httpx2.AsyncClient, tmp_path: Path) -> None:
    put(tmp_path, *(Mail("a@a.example", f"Mail {number}", "x") for number in range(SHOWN)))
    assert (await page.get("/")).text.count('<a href="/mail/') == SHOWN
