"""What every backend promises about hashes of former parameters: replaced once, refused nobody."""

import asyncio

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from sqlalchemy import Connection
from tests.issuer import Issuer
from tests.issuer import issuer as serving

from durward.core.audit.event import AuditContext
from durward.core.values import UserId
from durward.services import passwords
from durward.services.context import Context
from durward.store.holds import hold_people
from durward.store.passwords import load_password, record_password

pytestmark = pytest.mark.anyio


async def sign_in(issuer: Issuer, source: str) -> int:
    browser = issuer.browser(source)
    page = await browser.follow(await browser.authorize())
    reply = await browser.sign_in(page, "ann", "of ann")
    return 200 if 'id="consent"' in reply.text else reply.status_code


async def test_of_sign_ins_at_the_same_moment_one_replaces_the_hash_and_all_get_in(
    url: str,
) -> None:
    kdf = Argon2id(salt=b"s" * 16, length=32, iterations=1, lanes=4, memory_cost=64)
    former = kdf.derive_phc_encoded(b"of ann")

    def keep(connection: Connection, _: Context, audit: AuditContext) -> None:
        hold_people(connection, "ann")
        record_password(connection, UserId("ann"), former, audit)

    async with serving(url) as issuer:
        await issuer.plane.use_cases.write(keep, "test")
        sources = [f"192.0.2.{number}" for number in range(4)]
        found = await asyncio.gather(*(sign_in(issuer, source) for source in sources))
        assert found == [200] * 4
        kept = await issuer.plane.use_cases.write(
            lambda c, _x, _t: load_password(c, UserId("ann")), "test"
        )
        assert kept is not None
        assert passwords.is_current(kept)
        events = await issuer.events()
        assert sum("password rehashed" in event for event in events) == 1
