"""Many sign-ins at once: nobody keeps others out, and no failure looks like a wrong password."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from sqlalchemy import Connection
from tests.issuer import ISSUER, Browser, Issuer
from tests.issuer import issuer as serving

from durward.core.audit.event import AuditContext
from durward.core.people.password_hash import kind_of
from durward.core.values import Secret, UserId
from durward.entrypoints import server
from durward.services import passwords
from durward.services.context import Context
from durward.services.password_verifier import PLACES, PasswordVerifier
from durward.store.holds import hold_people
from durward.store.passwords import load_password, record_password
from durward.wiring import ControlPlane

pytestmark = [pytest.mark.anyio, pytest.mark.alone]
ROOT = Path(__file__).parent.parent.parent


def with_lanes(password: str) -> str:
    """A hash as they were made before: four lanes."""
    kdf = Argon2id(salt=b"s" * 16, length=32, iterations=3, lanes=4, memory_cost=65_536)
    return kdf.derive_phc_encoded(password.encode())


async def keep(issuer: Issuer, user: str, phc: str) -> None:
    def use(connection: Connection, _: Context, audit: AuditContext) -> None:
        hold_people(connection, user)
        record_password(connection, UserId(user), phc, audit)

    await issuer.plane.use_cases.write(use, "test")


async def kept(issuer: Issuer, user: str) -> str | None:
    return await issuer.plane.use_cases.write(
        lambda c, _x, _t: load_password(c, UserId(user)), "test"
    )


async def sign_in(browser: Browser, account: str, password: str) -> httpx2.Response:
    page = await browser.follow(await browser.authorize())
    return await browser.sign_in(page, account, password)


async def eight_at_once() -> None:
    """Right and wrong passwords, of hashes with one lane, with four, and of nobody."""
    async with serving() as issuer:
        await keep(issuer, "bob", with_lanes("of bob"))
        right = [("ann", issuer.passwords["ann"], 303), ("bob", "of bob", 303)]
        wrong = [("ann", "not it", 403), ("nobody", "not it", 403)]
        cases = [*right, *wrong] * 2
        replies = await asyncio.gather(
            *(
                sign_in(issuer.browser(f"192.0.2.{number}"), account, password)
                for number, (account, password, _) in enumerate(cases)
            )
        )
        statuses = [303 if 'id="consent"' in r.text else r.status_code for r in replies]
        assert statuses == [status for *_, status in cases], statuses


@pytest.mark.requirement("AS-96")
def test_eight_sign_ins_at_once_on_two_processors_all_end() -> None:
    """Two derivations with four lanes each wait for each other's threads for ever."""
    code = (
        "import asyncio, os\n"
        "os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])\n"
        "from tests.attacks.test_sign_in_flood import eight_at_once\n"
        "asyncio.run(eight_at_once())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, timeout=60, check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()


class Stuck:
    """A verification that does not end until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def __call__(self, password: Secret, phc: str) -> bool:
        assert self.go.wait(30)
        return passwords.verifies(password, phc)


@pytest.mark.requirement("AS-95", "AS-96")
@pytest.mark.parametrize("account", ["ann", "nobody-here"])
async def test_who_finds_no_place_is_told_so_and_has_not_tried(account: str) -> None:
    stuck = Stuck()
    async with serving(verifier=PasswordVerifier(1, stuck)) as issuer:
        decoy = passwords.CURRENT_KIND
        full = [
            asyncio.create_task(issuer.plane.passwords.fits(Secret("x"), decoy))
            for _ in range(1 + PLACES)
        ]
        await asyncio.sleep(0)
        browser = issuer.browser()
        page = await browser.follow(await browser.authorize())
        for _ in range(7):  # more than may be wrong
            reply = await browser.sign_in(page, account, "not it")
            assert reply.status_code == 503
            assert int(reply.headers["retry-after"]) > 0
            assert 'id="sign-in"' in reply.text
        stuck.go.set()
        await asyncio.gather(*full)
        assert (await browser.sign_in(page, account, "not it")).status_code == 403
        assert sum("sign-in refused" in event for event in await issuer.events()) == 1


async def test_an_old_hash_is_derived_anew_at_the_next_sign_in_and_nothing_ends() -> None:
    async with serving() as issuer:
        before = issuer.browser()
        tokens = await before.tokens("ann")
        await keep(issuer, "ann", with_lanes("of ann"))
        assert (await sign_in(issuer.browser(), "ann", "not it")).status_code == 403
        assert (await kept(issuer, "ann") or "").startswith("$argon2id$v=19$m=65536,t=3,p=4$")
        assert (await sign_in(issuer.browser(), "ann", "of ann")).status_code == 200
        fresh = await kept(issuer, "ann")
        assert fresh is not None
        assert passwords.is_current(fresh)
        assert (await sign_in(issuer.browser(), "ann", "of ann")).status_code == 200
        assert await kept(issuer, "ann") == fresh
        assert (await before.http.get("/")).status_code == 200
        assert (await issuer.refresh(tokens["refresh_token"])).status_code == 200
        assert sum("password rehashed" in event for event in await issuer.events()) == 1


async def test_a_verification_that_does_not_end_is_known_to_those_who_watch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stuck = Stuck()
    async with serving(verifier=PasswordVerifier(1, stuck)) as issuer:
        transport = httpx2.ASGITransport(app=server.control(issuer.plane))
        async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as control:

            async def statuses() -> list[int]:
                return [(await control.get(path)).status_code for path in ("/readyz", "/livez")]

            decoy = passwords.CURRENT_KIND
            hung = asyncio.create_task(issuer.plane.passwords.fits(Secret("x"), decoy))
            await asyncio.sleep(0.05)
            assert await statuses() == [200, 200]
            monkeypatch.setattr(server, "SLOW_SECONDS", 0.01)
            assert await statuses() == [503, 200]
            assert "passwords" in (await control.get("/readyz")).text
            monkeypatch.setattr(server, "STUCK_SECONDS", 0.01)
            assert await statuses() == [503, 503]
            stuck.go.set()
            await hung
            assert await statuses() == [200, 200]


@pytest.mark.requirement("AS-95")
async def test_the_time_does_not_tell_an_old_account_from_none() -> None:
    """As many of the names that do not exist take longer as of those that do."""
    async with serving() as issuer:
        names = [f"nobody-{number}" for number in range(400)]

        def use(_: Connection, context: Context, __: AuditContext) -> list[str]:
            former = kind_of(with_lanes("x"))
            return [name for name in names if passwords.decoy(context, name) == former]

        async def slow() -> set[str]:
            again = await ControlPlane.open(issuer.plane.settings, issuer.clock)
            try:
                return set(await again.use_cases.write(use, "test"))
            finally:
                await again.close()

        assert await slow() == set()
        await keep(issuer, "ann", with_lanes("of ann"))
        half = await slow()
        assert half == await slow()  # also after a restart, and at another replica
        assert 150 < len(half) < 250
        await keep(issuer, "bob", with_lanes("of bob"))
        assert await slow() == set(names)
        replica = await ControlPlane.open(issuer.plane.settings, issuer.clock)
        try:
            assert (await sign_in(issuer.browser(), "ann", "of ann")).status_code == 200
            await replica.upkeep.tidy()
            left = set(await replica.use_cases.write(use, "test"))
            assert 150 < len(left) < 250
            assert (await sign_in(issuer.browser(), "bob", "of bob")).status_code == 200
            await replica.upkeep.tidy()
            assert await replica.use_cases.write(use, "test") == []
        finally:
            await replica.close()
