"""Clients that hang up, and verifications that do not end: neither keeps anybody else out."""

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from tests.issuer import ISSUER, Issuer, hidden, until
from tests.issuer import issuer as serving

from durward.core.edge.envoy.filters import SOURCE
from durward.core.values import Secret
from durward.entrypoints import server
from durward.entrypoints.http.listener import serve as listen
from durward.services import passwords
from durward.services.password_verifier import PLACES, PasswordVerifier

pytestmark = [pytest.mark.anyio, pytest.mark.alone]
ROOT = Path(__file__).parent.parent.parent
DECOY = passwords.CURRENT_KIND


class Stuck:
    """Verifications that do not end until they are let go; whose were begun."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun: list[str] = []

    def __call__(self, password: Secret, phc: str) -> bool:
        self.begun.append(password.reveal())
        assert self.go.wait(60)
        return passwords.verifies(password, phc)


@contextlib.asynccontextmanager
async def listening(issuer: Issuer) -> AsyncIterator[Path]:
    """The issuer on a real socket, as `serve` listens."""
    with tempfile.TemporaryDirectory(prefix="dw-") as folder:
        socket, ended = Path(folder) / "public.sock", asyncio.Event()
        task = asyncio.create_task(listen({socket: server.public(issuer.plane)}, ended))
        await until(socket.exists)
        try:
            yield socket
        finally:
            ended.set()
            await task


async def post_and_hang_up(socket: Path, issuer: Issuer, number: int, seen: asyncio.Event) -> None:
    """Send a password from a browser of its own and do not wait for the answer."""
    browser = issuer.browser(f"192.0.2.{number}")
    page = await browser.follow(await browser.authorize())
    form = {name: hidden(page, name) for name in ("id", "token")}
    form |= {"answer": "sign-in", "account": f"n-{number}", "password": f"left {number}"}
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.http.cookies.jar)
    headers = {SOURCE: f"192.0.2.{number}", "cookie": cookies}
    transport = httpx2.AsyncHTTPTransport(uds=str(socket))
    async with httpx2.AsyncClient(transport=transport, base_url="http://durward") as http:
        posted = asyncio.create_task(http.post("/interaction", data=form, headers=headers))
        await seen.wait()
        posted.cancel()
        await asyncio.gather(posted, return_exceptions=True)


@pytest.mark.requirement("AS-96")
async def test_who_hangs_up_leaves_the_queue_and_is_not_computed() -> None:
    stuck = Stuck()
    verifier = PasswordVerifier(1, stuck, patience_seconds=60)
    async with serving(verifier=verifier) as issuer, listening(issuer) as socket:
        first = asyncio.create_task(issuer.plane.passwords.fits(Secret("first"), DECOY))
        seen = asyncio.Event()
        leaving = [
            asyncio.create_task(post_and_hang_up(socket, issuer, number, seen))
            for number in range(PLACES)
        ]
        places = issuer.plane.passwords._places
        await until(lambda: places.is_full(known=False))
        seen.set()
        await asyncio.gather(*leaving)
        await until(lambda: not places._waiting[False])
        stays = asyncio.create_task(issuer.plane.passwords.fits(Secret("stays"), DECOY))
        await asyncio.sleep(0)
        stuck.go.set()
        assert not await first
        assert not await stays
        assert stuck.begun == ["first", "stays"]


@pytest.mark.requirement("AS-96")
@pytest.mark.parametrize("account", ["ann", "nobody-here"])
async def test_a_verification_that_does_not_end_keeps_nobody_waiting_for_ever(account: str) -> None:
    stuck = Stuck()
    async with serving(verifier=PasswordVerifier(1, stuck, patience_seconds=2)) as issuer:
        async with asyncio.timeout(20):
            browser = issuer.browser()
            page = await browser.follow(await browser.authorize())
            reply = await browser.sign_in(page, account, "x")
            assert (reply.status_code, int(reply.headers["retry-after"]) > 0) == (503, True)
            transport = httpx2.ASGITransport(app=server.control(issuer.plane))
            async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as control:
                reply = await control.post("/admin/v1/people/ann/password")
                assert reply.status_code == 503
                assert reply.headers["content-type"] == "application/problem+json"
                assert int(reply.headers["retry-after"]) > 0
                assert stuck.begun == ["x"]  # it has its place until it ends
                stuck.go.set()
                await until(lambda: not issuer.plane.passwords.oldest_seconds())
                assert (await control.post("/admin/v1/people/ann/password")).status_code == 200


async def end_while_stuck() -> None:
    """A control plane that is closed while a verification does not end."""
    stuck = Stuck()
    async with serving(verifier=PasswordVerifier(1, stuck)) as issuer:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(0.5):
                await issuer.plane.passwords.fits(Secret("x"), DECOY)
        assert stuck.begun == ["x"]


def test_a_process_ends_although_a_verification_does_not() -> None:
    """The supervisor that `/livez` tells of it ends the process, and starts another."""
    code = (
        "import asyncio\n"
        "from tests.attacks.test_sign_in_hang_ups import end_while_stuck\n"
        "asyncio.run(end_while_stuck())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, timeout=30, check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()


async def test_a_browser_that_hangs_up_in_its_form_is_no_mistake_of_ours(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with serving() as issuer, listening(issuer) as socket:
        _, writer = await asyncio.open_unix_connection(str(socket))
        head = "POST /interaction HTTP/1.1\r\nhost: issuer.example\r\ncontent-length: 900\r\n"
        kind = "content-type: application/x-www-form-urlencoded\r\n\r\nid="
        writer.write((head + kind).encode())
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(0.1)
    assert "incident" not in capfd.readouterr().err
