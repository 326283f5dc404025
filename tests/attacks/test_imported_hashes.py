"""Hashes that others made: none of them keeps anybody else from signing in (AS-96)."""

import time

import httpx2
import pytest
from sqlalchemy import Update, update
from tests.issuer import Issuer

from durward.core.people.password_hash import kind_of
from durward.entrypoints.server import control
from durward.services.passwords import decoy
from durward.services.people_import import AT_ONCE
from durward.store.schema import passwords

pytestmark = [pytest.mark.anyio, pytest.mark.alone]
SALT_AND_DIGEST = "c2FsdHNhbHRzYWx0c2FsdA$" + "c" * 42 + "A"
ENDLESS = [
    f"$argon2id$v=19$m=4194304,t=4294967295,p=1${SALT_AND_DIGEST}",
    f"$argon2id$v=19$m=19456,t=2,p=16777215${SALT_AND_DIGEST}",
    "$2b$31$" + "." * 53,
    f"$scrypt$ln=40,r=8,p=1${SALT_AND_DIGEST}",
    f"$pbkdf2-sha512$i=4294967295${SALT_AND_DIGEST}",
]


async def put(issuer: Issuer, statement: Update) -> None:
    await issuer.plane.transactions.write(lambda c, _: c.execute(statement), "test")


async def sign_in(issuer: Issuer, account: str, password: str) -> int:
    browser = issuer.browser()
    page = await browser.follow(await browser.authorize())
    reply = await browser.sign_in(page, account, password)
    return 200 if 'id="consent"' in reply.text else reply.status_code


@pytest.mark.requirement("AS-96")
async def test_a_hash_that_takes_for_ever_is_not_computed(issuer: Issuer) -> None:
    """Also where it stands in a row, which nobody but the store's owner writes."""
    for place, endless in enumerate(ENDLESS):
        spoiled = update(passwords).where(passwords.c.user == "bob").values(hash=endless)
        await put(issuer, spoiled)
        issuer.clock.forward(3_600)
        began = time.monotonic()
        assert await sign_in(issuer, "bob", "any") == 403
        assert time.monotonic() - began < 2, place
        assert issuer.plane.passwords.oldest_seconds() == 0
    assert await sign_in(issuer, "ann", issuer.passwords["ann"]) == 200


@pytest.mark.requirement("AS-96")
async def test_a_batch_with_a_hash_that_takes_for_ever_is_refused_whole(issuer: Issuer) -> None:
    transport = httpx2.ASGITransport(app=control(issuer.plane))
    async with httpx2.AsyncClient(transport=transport, base_url="http://durward") as http:
        for endless in ENDLESS:
            lines = [
                {"login": "eve", "tenant": "acme"},
                {"login": "mallory", "tenant": "acme", "password_hash": endless},
            ]
            reply = await http.post("/admin/v1/people/import", json={"people": lines})
            assert reply.status_code == 422, reply.text
            assert "line 2: password_hash: " in reply.json()["title"]
            assert endless[20:] not in reply.text
        many = [{"login": f"a{number}", "tenant": "acme"} for number in range(AT_ONCE + 1)]
        reply = await http.post("/admin/v1/people/import", json={"people": many})
        assert reply.status_code == 422
        reply = await http.post("/admin/v1/people/import", content=b" " * (5 << 20))
        assert reply.status_code == 422
    assert not any("eve" in event or '"p_' in event for event in await issuer.events())


@pytest.mark.requirement("AS-95")
async def test_names_that_nobody_has_take_the_time_of_imported_hashes_at_once(
    issuer: Issuer,
) -> None:
    """Also before anything is published, and before the next count."""
    brought = "$2b$04$" + "/" * 21 + "O" + "/" * 30 + "."
    lines = [
        {"login": f"eve{number}", "tenant": "acme", "password_hash": brought}
        for number in range(20)
    ]
    transport = httpx2.ASGITransport(app=control(issuer.plane))
    async with httpx2.AsyncClient(transport=transport, base_url="http://durward") as http:
        reply = await http.post("/admin/v1/people/import", json={"people": lines})
        assert reply.json() == {"added": 20, "existing": 0, "problems": []}
    context = issuer.plane.use_cases.context()
    found = [decoy(context, f"nobody-{number}") for number in range(200)]
    assert 160 < found.count(kind_of(brought)) < 200
