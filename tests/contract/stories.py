"""What people, clients and operators do, told once for each thing that can fail meanwhile.

What is asked again afterwards, as clients do, may succeed or be refused; it never gives anything
out twice, and nothing is lost.
"""

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from email.message import EmailMessage
from functools import partial
from typing import Any, TypeAlias
from unittest.mock import patch

import httpx2
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from sqlalchemy import Connection, delete, insert
from tests.contract.faults import each_fault, everything, fails, faults, told_of
from tests.issuer import ISSUER, Browser, Issuer, answer_of, asked, hidden, sample

from durward.core.audit.checkpoint import Checkpoint, verify_checkpoint
from durward.core.audit.event import AuditContext, AuditEvent, EventKind
from durward.core.audit.verify import Verification
from durward.core.authn.session import COOKIE
from durward.core.authn.throttle import attempt_from
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.edge.parts import LIST_TYPE, Listing, digest_of
from durward.core.edge.report import IN_CONTACT, NodeReport, Refused
from durward.core.errors import Unavailable
from durward.core.oauth.authorize import INTERACTION_LIFETIME
from durward.core.people.import_line import ImportLine
from durward.core.people.mail_text import Mail
from durward.core.people.person import Email, Entitlements, Person
from durward.core.values import Secret, UserId, numeric_date
from durward.core.wire import Json, decode_base64url
from durward.entropy import new_id
from durward.keys.signing import generate
from durward.services import passwords, recovery, sequence
from durward.services import people as taking
from durward.services.context import Context
from durward.services.keyring import ACCESS, AUDIT, ROTATED, SNAPSHOT, RotationRequest, load_ring
from durward.services.mail import LEASE, MailDelivery, queue_mail
from durward.services.people_import import import_people
from durward.services.smtp import MailFailure
from durward.store import schema
from durward.store.holds import hold_people
from durward.store.reset_links import ResetLink, record_reset_link
from durward.store.snapshots import load_snapshot

CANCELS: dict[str, Json] = {"Effect": "Allow", "Action": "orders:CancelOrder", "Resource": "*"}
NEVER: dict[str, Json] = {**CANCELS, "Sid": "NoBoss", "Resource": "arn:durward:orders:*:initech:*"}
Prepare: TypeAlias = Callable[[Issuer], Awaitable[Any]]
THIS_SESSION = re.compile(r'name="session" value="([^"]*)">\s*<input type="hidden" name="this"')
Act: TypeAlias = Callable[[Any], Awaitable[httpx2.Response]]


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
        if injected.lost:
            assert not given_out(await issuer.redeem(code))
            code = await issuer.browser().code()
            before = await everything(issuer)
            continue
        assert await everything(issuer) == before


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
        if injected.lost:
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
        if injected.lost:
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
            if injected.lost:
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


async def one_step(
    issuer: Issuer, prepare: Prepare, act: Act, is_done: Callable[[Any], Awaitable[bool]]
) -> None:
    """One transaction: as if it had not been asked, or done; asked again it is done."""
    for which in each_fault():
        thing = await prepare(issuer)
        before = await everything(issuer)
        with faults(issuer, **which) as injected:
            reply = await act(thing)
        if injected.struck:
            assert reply.status_code == 503
            if not injected.lost:
                assert await everything(issuer) == before
            reply = await act(thing)
        assert reply.status_code < 400
        assert await is_done(thing)
        if not injected.struck:
            return


async def revoke(issuer: Issuer) -> None:
    """A client takes back a token."""

    async def prepare(_: Issuer) -> str:
        return (await issuer.browser().tokens())["refresh_token"]

    async def is_done(token: str) -> bool:
        return (await issuer.refresh(token)).status_code == 400

    await one_step(issuer, prepare, issuer.revoke, is_done)


async def end_own_session(issuer: Issuer) -> None:
    """A person ends a session of theirs on another machine."""

    async def prepare(_: Issuer) -> tuple[Browser, Browser, dict[str, str]]:
        other, here = issuer.browser(), issuer.browser()
        await other.code()
        theirs = THIS_SESSION.search((await other.http.get("/")).text)
        await here.code()
        token = hidden(await here.http.get("/"), "token")
        assert theirs is not None
        return here, other, {"token": token, "session": theirs[1]}

    async def act(thing: tuple[Browser, Browser, dict[str, str]]) -> httpx2.Response:
        return await thing[0].http.post("/", data=thing[2])

    async def is_done(thing: tuple[Browser, Browser, dict[str, str]]) -> bool:
        return (await thing[1].http.get("/")).status_code == 303

    await one_step(issuer, prepare, act, is_done)


async def deprovision(issuer: Issuer) -> None:
    """A person takes back what they let an application do."""

    async def prepare(_: Issuer) -> tuple[Browser, str, dict[str, str]]:
        browser = issuer.browser()
        tokens = await browser.tokens()
        token = hidden(await browser.http.get("/"), "token")
        return browser, tokens["refresh_token"], {"token": token, "client": "desk"}

    async def act(thing: tuple[Browser, str, dict[str, str]]) -> httpx2.Response:
        return await thing[0].http.post("/", data=thing[2])

    async def is_done(thing: tuple[Browser, str, dict[str, str]]) -> bool:
        asked = await thing[0].follow(await thing[0].authorize())
        return 'id="consent"' in asked.text and (await issuer.refresh(thing[1])).status_code == 400

    await one_step(issuer, prepare, act, is_done)


async def look(issuer: Issuer) -> None:
    """A session that is in use is noted as such, or the page is not shown."""

    async def prepare(_: Issuer) -> Browser:
        browser = issuer.browser()
        await browser.code()
        issuer.clock.forward(61)
        return browser

    async def act(browser: Browser) -> httpx2.Response:
        return await browser.http.get("/")

    async def is_done(_: Browser) -> bool:
        rows = (await everything(issuer))["sessions"]
        return any(str(issuer.clock()) in row for row in rows)

    await one_step(issuer, prepare, act, is_done)


async def ask(issuer: Issuer) -> None:
    """A client's request waits for its person, or is not taken."""

    async def prepare(_: Issuer) -> Browser:
        return issuer.browser()

    async def act(browser: Browser) -> httpx2.Response:
        return await browser.authorize()

    async def is_done(browser: Browser) -> bool:
        return 'id="sign-in"' in (await browser.follow(await browser.authorize())).text

    await one_step(issuer, prepare, act, is_done)


async def sign_in(issuer: Issuer) -> None:
    """Nobody is signed in halfway; who tries again is let in, and what was counted is forgiven."""
    for number, which in enumerate(each_fault(commits=4)):
        issuer.clock.forward(60)
        browser = issuer.browser(f"192.0.2.{number}")
        page = await browser.follow(await browser.authorize())
        with faults(issuer, **which) as injected:
            reply = await browser.sign_in(page)
        assert reply.status_code == (503 if injected.struck else 200)
        if injected.struck:
            assert (
                COOKIE not in browser.http.cookies
                or (await browser.http.get("/")).status_code == 200
            )
            issuer.clock.forward(60)
            reply = await browser.sign_in(page)
        assert 'id="consent"' in reply.text
        key = issuer.plane.publication.key_file.derive("attempts")
        pair = attempt_from(key, "ann", f"192.0.2.{number}").pair
        counted = (await everything(issuer))["attempts"]
        assert not [row for row in counted if pair in row or ", -" in row]
        if not injected.struck:
            return


async def sign_in_again(issuer: Issuer) -> None:
    """The secret of a session is replaced, or it stays; the session is one and the same."""
    for number, which in enumerate(each_fault(commits=3)):
        issuer.clock.forward(60)
        browser = issuer.browser(f"192.0.2.{number}")
        await browser.code()
        issuer.clock.forward(1)
        had = len((await everything(issuer))["sessions"])
        page = await browser.follow(await browser.authorize(prompt="login"))
        with faults(issuer, **which) as injected:
            reply = await browser.sign_in(page)
        if injected.struck:
            assert reply.status_code == 503
            issuer.clock.forward(60)
            reply = await browser.sign_in(page)
        code_was_lost = which == {"after_commit": 2}
        assert reply.status_code == (400 if code_was_lost else 200)
        more = len((await everything(issuer))["sessions"]) - had
        assert more <= injected.struck, "one whose secret got lost on its way, at most"
        if not injected.struck:
            return


async def derive_anew(issuer: Issuer) -> None:
    """A hash of former parameters is replaced once or stays; its owner gets in either way."""
    kdf = Argon2id(salt=b"s" * 16, length=32, iterations=1, lanes=4, memory_cost=64)
    former = kdf.derive_phc_encoded(issuer.passwords["ann"].encode())

    def replaced(rows: dict[str, list[str]]) -> int:
        return sum("password rehashed" in row for row in rows["audit_outbox"])

    for number, which in enumerate(each_fault(commits=4)):
        issuer.clock.forward(60)
        await issuer.plane.use_cases.write(
            lambda c, x, t: passwords.set_password(c, x, UserId("ann"), former, t), "test"
        )
        before = replaced(await everything(issuer))
        browser = issuer.browser(f"198.51.100.{number}")
        page = await browser.follow(await browser.authorize())
        with faults(issuer, **which) as injected:
            await browser.sign_in(page)
        if injected.struck:
            issuer.clock.forward(60)
            again = issuer.browser(f"203.0.113.{number}")
            page = await again.follow(await again.authorize())
            assert (await again.sign_in(page)).status_code < 400
        after = await everything(issuer)
        assert replaced(after) == before + 1
        assert not any(former in row for row in after["passwords"])
        if not injected.struck:
            return


async def give_password(issuer: Issuer) -> None:
    """A password is replaced with all that stood on it, or not; the last one told is the one."""
    for which in each_fault():
        tokens = await issuer.browser().tokens()
        before = await everything(issuer)
        with faults(issuer, **which) as injected:
            said = await told_of(issuer.plane.people.new_password(UserId("ann")))
        assert (said == "done") is not injected.struck
        assert said == "not known" or not injected.lost
        if said == "not done":
            assert await everything(issuer) == before
            assert (await issuer.refresh(tokens["refresh_token"])).status_code == 200
        issuer.passwords["ann"] = (await issuer.plane.people.new_password(UserId("ann"))).reveal()
        assert (await issuer.refresh(tokens["refresh_token"])).status_code == 400
        if not injected.struck:
            return


async def manage_people(issuer: Issuer) -> None:
    """Each step of somebody's life is taken whole or not at all, and asked again it is taken once.

    What is there so when it is asked for again is not there twice. An invariant is not settled in
    time, which is noted in the same transaction.
    """
    await issuer.apply(
        Declaration(DeclarationKind.TENANT, "initech", {}),
        Declaration(
            DeclarationKind.POLICY, "cancels", {"Version": "2012-10-17", "Statement": [CANCELS]}
        ),
        Declaration(DeclarationKind.ROLE, "boss", {"policies": ["cancels"]}),
        Declaration(DeclarationKind.TESTS, "boundaries", {"never": [NEVER]}),
    )
    with patch.object(taking, "STEPS", 0):
        await _manage_people(issuer)


async def _manage_people(issuer: Issuer) -> None:
    people, groups = issuer.plane.people, issuer.plane.groups
    for number, which in enumerate(each_fault(), 1):
        name, group = f"cleo-{number}", f"night-{number}"

        def like(roles: Sequence[str], of: Sequence[str], name: str = name) -> Person:
            return Person(UserId(""), Entitlements.of("initech", roles, of), (name,))

        strikes = []
        for step in (
            lambda group=group: groups.put(group, "at night"),
            lambda like=like, group=group: people.add(like(["boss"], [group])),
            lambda like=like, name=name: people.change(name, like([], []), None),
            lambda name=name, group=group: groups.join(group, name),
            lambda group=group: groups.delete(group),
            lambda name=name: people.delete(name, None),
        ):
            before = await everything(issuer)
            with faults(issuer, **which) as injected:
                told = await told_of(step())
            assert told == "done" or injected.struck
            if told == "not done":
                assert await everything(issuer) == before
            if injected.struck:
                await step()
            strikes.append(injected)
        rows = await everything(issuer)
        left = ("people", "identifiers", "groups", "group_members", "passwords")
        assert not [row for part in left for row in rows[part] if name in row or group in row]
        assert len(rows["retired_people"]) == number
        gone = sum("person deleted" in row for row in rows["audit_outbox"])
        assert (gone, sum("group deleted" in row for row in rows["audit_outbox"])) == (number,) * 2
        if not any(injected.struck for injected in strikes):
            return


async def bring_people(issuer: Issuer) -> None:
    """A batch of an import is done or not; sent again, it goes on, and everybody is there once."""

    def hashes(rows: dict[str, list[str]]) -> int:
        return sum("$2b$04$" in row for row in rows["passwords"])

    for number, which in enumerate(each_fault()):
        brought = "$2b$04$" + "." * 53
        lines = [
            ImportLine(
                login=f"new-{number}-{place}",
                tenant="acme",
                groups=("imported",),
                password_hash=brought,
            )
            for place in range(3)
        ]
        before = await everything(issuer)
        with faults(issuer, **which) as injected:
            said = await told_of(import_people(issuer.plane.use_cases, lines))
        assert (said == "done") is not injected.struck
        if said == "not done":
            assert await everything(issuer) == before
        again = await import_people(issuer.plane.use_cases, lines)
        assert again.added + again.existing == len(lines)
        after = await everything(issuer)
        assert len(after["people"]) == len(before["people"]) + len(lines)
        assert hashes(after) == hashes(before) + len(lines)
        if not injected.struck:
            return


async def push_request(issuer: Issuer) -> None:
    """A pushed request is stored or not, and completed once, whatever fails."""
    auth = ("desk", issuer.secrets["desk"])
    browser = issuer.browser()
    await browser.code()

    async def push() -> httpx2.Response:
        async with issuer.http() as http:
            return await http.post("/par", data=asked(), auth=auth)

    async def come(uri: str) -> httpx2.Response:
        query = {"client_id": "desk", "request_uri": uri}
        return await browser.http.get("/authorize", params=query)

    for which in each_fault():
        before = await everything(issuer)
        with faults(issuer, **which) as injected:
            reply = await push()
        if injected.struck:
            assert reply.status_code == 503
            if not injected.lost:
                assert await everything(issuer) == before
        else:
            assert reply.status_code == 201
            break
    for which in each_fault():
        uri = (await push()).json()["request_uri"]
        before = await everything(issuer)
        with faults(issuer, **which) as injected:
            reply = await come(uri)
        if injected.struck:
            assert reply.status_code == 503
            if not injected.lost:
                assert await everything(issuer) == before
                assert answer_of(await come(uri))["code"]
        else:
            assert answer_of(reply)["code"]
        assert (await come(uri)).status_code == 400, "completed once"
        if not injected.struck:
            return


async def prove_by_key(issuer: Issuer) -> None:
    """An assertion gives a token once, whatever fails."""
    key = generate("ES256")
    client: dict[str, Json] = {
        "tenant": "acme",
        "grants": ["client_credentials"],
        "authentication": "private_key_jwt",
        "apis": ["orders"],
        "scopes": ["reports:read"],
        "jwks": {"keys": [dict(key.public_jwk)]},
    }
    await issuer.apply(Declaration(DeclarationKind.CLIENT, "signer", client))

    async def prove(jti: str) -> httpx2.Response:
        claims = {"iss": "signer", "sub": "signer", "aud": ISSUER, "jti": jti}
        expires = numeric_date(issuer.clock()) + 60
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": key.token("JWT", {**claims, "exp": expires}, key.kid),
        }
        async with issuer.http() as http:
            return await http.post("/token", data=form)

    for number, which in enumerate(each_fault()):
        before = await everything(issuer)
        with faults(issuer, **which) as injected:
            reply = await prove(f"j{number}")
        if injected.struck:
            assert reply.status_code == 503
            if not injected.lost:
                assert await everything(issuer) == before
                assert given_out(await prove(f"j{number}"))
        assert not given_out(await prove(f"j{number}")), "used once"
        if not injected.struck:
            assert given_out(reply)
            return


async def mistake_a_secret(issuer: Issuer) -> None:
    """A wrong secret is counted, or the answer says to come back; right or wrong it never says."""
    right = dict(issuer.secrets)
    for which in each_fault():
        issuer.clock.forward(3_600)
        issuer.secrets = {**right, "reporting": "wrong"}
        with faults(issuer, **which) as injected:
            reply = await issuer.token("reporting", grant_type="client_credentials")
        assert reply.status_code == (503 if injected.struck else 401)
        issuer.secrets = right
        issuer.clock.forward(3_600)
        assert given_out(await issuer.token("reporting", grant_type="client_credentials"))
        if not injected.struck:
            return


async def put_in_order(issuer: Issuer) -> None:
    """Events are sequenced and signed for, or wait; the log is sound, and only grows."""
    older = None
    for which in each_fault():
        await issuer.token("reporting", grant_type="nothing")
        with faults(issuer, **which) as injected:
            failed = await fails(issuer.plane.upkeep.sequence())
        assert failed == injected.struck
        await issuer.plane.upkeep.sequence()
        older = await sound(issuer, older)
        assert (await everything(issuer))["audit_outbox"] == []
        if not injected.struck:
            return


async def sound(issuer: Issuer, older: Checkpoint | None) -> Checkpoint:
    """The newest checkpoint, under which the whole log lies."""
    signer = issuer.plane.keys.signer(AUDIT)
    found = await issuer.plane.log.checkpoint()
    assert found is not None
    newest = verify_checkpoint(found[1], sequence.log_key(ISSUER, signer))
    verification = Verification(newest, older)
    for _, body in await issuer.plane.log.leaves(0, 100_000):
        verification.take(body)
    report = verification.report(newest)
    assert report.is_sound, report.problems
    assert newest.size == verification.size > (older.size if older else 0)
    return newest


async def set_aside(issuer: Issuer) -> None:
    """Rows of others are taken out of the log's tables and told in the log, or are still there."""
    number = 0
    for which in each_fault(commits=2):
        forged = [
            insert(schema.log).values(sequence=10**6, event_id="x1", body=b"x1"),
            insert(schema.outbox).values(event_id="x2", body=b"x2"),
            insert(schema.checkpoints).values(size=10**7, note="nobody signed this"),
        ]
        for statement in forged:
            await issuer.plane.transactions.database.write(lambda c, s=statement: c.execute(s))  # type: ignore[misc]
        number += len(forged)
        with faults(issuer, **which) as injected:
            failed = await fails(issuer.plane.upkeep.sequence())
        assert failed == injected.struck
        told = await issuer.events()
        assert sum('"row set aside"' in body for body in told) == number
        assert f" {number} rows of others" in (await issuer.plane.upkeep.log_notes())[0]
        await sound(issuer, None)
        assert (await everything(issuer))["audit_outbox"] == []
        if not injected.struck:
            return


async def ship(issuer: Issuer) -> None:
    """What an edge sends until it is told that it arrived is there once."""
    for number, which in enumerate(each_fault()):
        facts = {"inputs": {"policies": digest_of(f"{number}".encode())}}
        batch = [
            AuditEvent(
                new_id("e"), issuer.clock(), EventKind.DECISION, "ann", "orders/1", facts=facts
            )
            for _ in range(2)
        ]
        before = await everything(issuer)
        with faults(issuer, **which) as injected:
            failed = await fails(issuer.plane.fleet.ingest(batch))
        assert failed == injected.struck
        if failed and not injected.lost:
            assert await everything(issuer) == before
        await issuer.plane.fleet.ingest(batch)
        told = await issuer.events()
        assert (await issuer.plane.fleet.ingest(batch)).taken == 0
        assert [sum(one.id in body for body in told) for one in batch] == [1, 1]
        if not injected.struck:
            return


async def hand_over(issuer: Issuer) -> None:
    """Policies that only a node has are kept when it is told so."""
    for number, which in enumerate(each_fault()):
        part = f"policies {number}".encode()
        facts = {"inputs": {"policies": digest_of(part)}}
        told = AuditEvent(new_id("e"), issuer.clock(), EventKind.DECISION, "ann", "o", facts=facts)
        assert (await issuer.plane.fleet.ingest([told])).lacking == {digest_of(part)}
        with faults(issuer, **which) as injected:
            assert await fails(issuer.plane.fleet.keep_policies(part)) == injected.struck
        await issuer.plane.fleet.keep_policies(part)
        assert (await issuer.plane.fleet.ingest([told])).lacking == set()
        assert await issuer.plane.fleet.parts([digest_of(part)]) == {digest_of(part): part}
        if not injected.struck:
            return


async def declare(issuer: Issuer) -> None:
    """What is declared, its snapshot, and what people and clients have, change as one.

    The first commit is the one of the read that the checks begin with.
    """
    fresh: dict[str, Json] = {"tenant": "acme", "grants": ["client_credentials"]}
    wanted = [
        *(one for one in sample() if one.name not in {"ann", "desk", "reporter"}),
        Declaration(DeclarationKind.ROLE, "reporter", {"name": "Reporter"}),
        Declaration(DeclarationKind.CLIENT, "fresh", fresh),
    ]
    is_there = False
    for which in each_fault(commits=2):
        if not is_there:
            await as_it_was(issuer)
        before = await everything(issuer)
        with faults(issuer, **which) as injected:
            told = await told_of(issuer.plane.administration.apply(wanted, prune=True))
        after = await everything(issuer)
        is_there = after == before
        assert told in {"not known", "not done" if is_there else "done"}
        assert injected.struck or told == "done"
        if not is_there:
            await nothing_is_left(issuer)
        assert not (injected.lost and is_there) or which == {"after_commit": 0}
        planned = await issuer.plane.administration.plan(wanted, prune=True)
        assert bool(planned.changes) == is_there
        if not injected.struck:
            return


async def go_back(issuer: Issuer) -> None:
    """What was declared under a version is declared again as a whole, or nothing is changed."""
    then = issuer.plane.published.version
    was = configured(await issuer.plane.administration.export())
    fresh: dict[str, Json] = {"tenant": "acme", "grants": ["client_credentials"]}
    now = [
        *(one for one in was if one.name != "reporter"),
        Declaration(DeclarationKind.ROLE, "reporter", {"name": "Reporter"}),
        Declaration(DeclarationKind.CLIENT, "fresh", fresh),
    ]
    is_back = True
    for which in each_fault(commits=2):
        if is_back:
            await issuer.plane.administration.apply(now, prune=True)
        before = await everything(issuer)
        with faults(issuer, **which) as injected:
            told = await told_of(issuer.plane.administration.apply(prune=True, version=then))
        is_back = await everything(issuer) != before
        assert told in {"not known", "done" if is_back else "not done"}
        assert injected.struck or told == "done"
        assert (configured(await issuer.plane.administration.export()) == was) == is_back
        if not injected.struck:
            return


async def take_less(issuer: Issuer) -> None:
    """What a client loses its grants lose for good, or nothing is changed."""
    (desk,) = (one for one in sample() if (one.kind, one.name) == (DeclarationKind.CLIENT, "desk"))
    less: dict[str, Json] = {
        "scopes": ["openid"],
        "grants": ["authorization_code"],
        "redirect_uris": ["https://desk.example/elsewhere"],
    }
    wanted = Declaration(DeclarationKind.CLIENT, "desk", {**desk.body, **less})
    for which in each_fault(commits=2):
        issuer.clock.forward(60)
        await issuer.apply(*sample())
        browser = issuer.browser()
        token = (await browser.tokens())["refresh_token"]
        code = await browser.code()
        before = await everything(issuer)
        with faults(issuer, **which) as injected:
            failed = await fails(issuer.plane.administration.apply([wanted], prune=False))
        assert failed == injected.struck
        if injected.struck and not injected.lost:
            assert await everything(issuer) == before
        await issuer.plane.administration.apply([wanted], prune=False)
        await issuer.apply(*sample())
        assert not given_out(await issuer.refresh(token))
        assert not given_out(await issuer.redeem(code))
        if not injected.struck:
            return


def configured(declared: list[Declaration]) -> list[Declaration]:
    """What versions tell of: people are rows."""
    return [one for one in declared if one.kind is not DeclarationKind.USER]


async def as_it_was(issuer: Issuer) -> None:
    """The sample, and somebody who is signed in."""
    await issuer.plane.administration.apply(
        [one for one in sample() if one.name != "fresh"], prune=True
    )
    await issuer.plane.administration.apply(
        [one for one in sample() if one.name != "desk"], prune=True
    )
    await issuer.apply(*sample())
    password = passwords.hashed(Secret(issuer.passwords["ann"]))
    await issuer.plane.use_cases.write(
        lambda c, x, t: passwords.set_password(c, x, UserId("ann"), password, t), "test"
    )
    issuer.clock.forward(60)
    await issuer.browser().tokens()


async def nothing_is_left(issuer: Issuer) -> None:
    """Of the person and the client that were removed; and edges are told."""
    rows = await everything(issuer)
    gone = ("passwords", "known_browsers", "consents", "refresh_families", "refresh_tokens")
    left = [row for name in gone for row in rows[name] if "ann" in row or "desk" in row]
    assert not left
    alive = [row for name in ("sessions", "grants") for row in rows[name] if row.endswith("None)")]
    assert not alive
    assert not [row for row in rows["client_secrets"] if "'desk'" in row]
    assert [row for row in rows["client_secrets"] if "'fresh'" in row]
    told = await published(issuer)
    assert not [name for name, data in told.items() if b'"ann"' in data]


async def published(issuer: Issuer) -> dict[str, bytes]:
    """The parts of the newest snapshot: every one that its list names is there."""
    found = await issuer.plane.transactions.database.read(load_snapshot)
    assert found is not None
    listing = Listing.from_wire(decode_base64url(found[1].split(b".")[1].decode()))
    assert listing.version == found[0]
    bodies = await issuer.plane.fleet.parts(list(listing.parts.values()))
    return {name: bodies[digest] for name, digest in listing.parts.items()}


async def sweep(issuer: Issuer) -> None:
    """What is over goes, or stays for the next round; what was refused is told once."""
    for told, which in enumerate(each_fault(commits=16), 1):
        await issuer.browser().authorize()
        issuer.clock.forward(INTERACTION_LIFETIME)
        issuer.plane.upkeep.unrecorded.refuse("token", "192.0.2.9")
        with faults(issuer, **which) as injected:
            failed = await fails(issuer.plane.upkeep.tidy())
        assert failed == injected.struck
        await issuer.plane.upkeep.tidy()
        assert (await everything(issuer))["interactions"] == []
        assert sum('"requests refused"' in body for body in await issuer.events()) == told
        if not injected.struck:
            return


async def turn_keys(issuer: Issuer) -> None:
    """One key of each purpose stays, and edges are told of the same ones; no token is refused."""
    database = issuer.plane.transactions.database
    for which in each_fault():
        issuer.clock.forward(1)
        token = (await issuer.browser().tokens(scope="openid"))["access_token"]
        # As a database is before anything was published from it.
        await database.write(lambda c: c.execute(delete(schema.deployment)))
        before = await everything(issuer)
        with faults(issuer, **which) as injected:
            said = await told_of(issuer.plane.administration.rotate_keys(RotationRequest()))
        is_done = await everything(issuer) != before
        assert said in {"not known", "done" if is_done else "not done"}
        assert injected.struck or said == "done"
        ring = await database.read(lambda c: load_ring(c, issuer.plane.publication.key_file))
        staying = [key.purpose for key in ring.keys if key.retired_at is None]
        assert sorted(one for one in staying if one in ROTATED) == sorted(ROTATED)
        for key in ring.keys:
            ring.open(key)
        await issuer.plane.publication.refresh()
        assert (await issuer.userinfo(token)).status_code == 200
        told = json.loads((await published(issuer))["keys"])
        assert told["keys"] == ring.public((ACCESS,), issuer.clock())
        if not injected.struck:
            return


async def follow(issuer: Issuer) -> None:
    """A node joins, tells, and is forgotten; each counts once, and its refusal is told once."""
    for number, which in enumerate(each_fault()):
        place = f"place-{number}"
        strikes = []
        refusing = NodeReport(
            node=f"node-{number}",
            place=f"{place}-moved",
            durward="0",
            version=issuer.plane.published.version,
            refused={"api/orders": Refused("d", "Envoy refuses it")},
        )
        for step in (
            lambda place=place, node=refusing.node: issuer.plane.fleet.join(node, place),
            lambda moved=refusing.place, node=refusing.node: issuer.plane.fleet.join(node, moved),
            lambda report=refusing: issuer.plane.fleet.receive_report(report),
            lambda left=refusing.place, node=refusing.node: issuer.plane.fleet.leave(node, left),
            lambda node=refusing.node: issuer.plane.fleet.forget(node),
        ):
            issuer.clock.forward(IN_CONTACT + 1)  # so that the node is silent, and may move
            with faults(issuer, **which) as injected:
                failed = await fails(step())
            assert failed == injected.struck
            strikes.append(injected)
            if injected.struck and not injected.lost:
                await step()
        assert not [
            node for node in (await issuer.plane.fleet.load()).nodes if node.id == refusing.node
        ]
        told = [event for event in await issuer.events() if f'"nodes/{refusing.node}"' in event]
        kinds = [json.loads(event)["kind"] for event in told if '"kind"' in event]
        assert sorted(kinds) == [
            *("node forgotten", "node joined", "node joined", "node left", "parts refused")
        ]
        if not any(injected.struck for injected in strikes):
            return


async def put_back(issuer: Issuer) -> None:
    """A node that is ahead is overtaken once, and what may have been used in between is ended."""
    for which in each_fault(commits=3):
        issuer.clock.forward(1)
        token = (await issuer.browser().tokens())["refresh_token"]
        plane = issuer.plane
        before = await plane.fleet.load()
        signer = plane.keys.signer(SNAPSHOT)
        database, version = before.deployment.database, before.version + 5
        listing = Listing(version, database, before.deployment.epoch, {})
        signed = signer.jws(LIST_TYPE, listing.to_wire(), signer.kid)
        with faults(issuer, **which) as injected:
            failed = await fails(plane.fleet.overtake(signed))
        assert injected.struck or not failed
        if not failed:
            assert (await plane.fleet.load()).version == version + 1
        await plane.fleet.overtake(signed)  # as the node does where nobody answered
        after = await plane.fleet.load()
        assert (after.version, after.deployment.epoch) == (
            version + 1,
            before.deployment.epoch + 1,
        )
        await plane.publication.refresh()
        assert (await issuer.refresh(token)).status_code == 400
        if not injected.struck:
            return


class Post:
    """Takes mails, or answers as it is told."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.answer: MailFailure | None = None

    def carry(self, messages: Sequence[EmailMessage]) -> list[MailFailure | None]:
        if self.answer is None:
            self.taken += [str(message["To"]) for message in messages]
        return [self.answer] * len(messages)


async def send_mails(issuer: Issuer) -> None:
    """A mail is sent at least once, or given up with one event, whatever fails in between."""
    plane, post = issuer.plane, Post()
    mails = MailDelivery(
        plane.transactions, lambda: plane.publication.key_file, post, "a@issuer.example"
    )

    def queue(connection: Connection, context: Context, audit: AuditContext) -> None:
        sending, mail = replace(context, sends_mail=True), Mail("ann@acme.example", "Hello", "text")
        queue_mail(connection, sending, "ann", mail, LEASE, audit)

    async def repeated(act: Callable[[], Awaitable[Any]]) -> None:
        """As its loop does: what failed is done again, once its lease is over."""
        while await fails(act()):
            issuer.clock.forward(LEASE // 4)

    dropped = 0
    for which in each_fault(commits=11):
        post.taken.clear()
        with faults(issuer, **which) as injected:
            await repeated(lambda: plane.use_cases.write(queue, "test"))
            for answer in (MailFailure("451 later"), None):
                post.answer = answer
                await repeated(mails.deliver)
                issuer.clock.forward(LEASE // 4)
            await repeated(lambda: plane.use_cases.write(queue, "test"))
            post.answer = MailFailure("550 no", is_final=True)
            await repeated(mails.deliver)
        post.answer = None
        issuer.clock.forward(LEASE)
        await mails.deliver()
        assert await mails.notes() == []
        before, dropped = dropped, sum('"work dropped"' in one for one in await issuer.events())
        assert len(post.taken) + dropped - before >= 2, "neither of the two is lost"
        if not injected.struck:
            assert (len(post.taken), dropped - before) == (1, 1)
            return


async def recover(issuer: Issuer) -> None:
    """A question is answered by one link, and a link replaces the password once, whatever fails."""
    use_cases, rita, link = issuer.plane.use_cases, UserId("rita"), Secret("dwl_known")
    emails = (Email("rita@acme.example", verified=True),)
    await issuer.plane.people.add(Person(rita, Entitlements.of("acme"), ("rita",), emails))

    def ask_reset(connection: Connection, context: Context, audit: AuditContext) -> None:
        recovery.ask_reset(connection, context, "rita", audit)

    def know_link(connection: Connection, _: Context, audit: AuditContext) -> None:
        hold_people(connection, rita)
        known = ResetLink(rita, "rita@acme.example")
        record_reset_link(connection, link.sha256(), known, recovery.LIFETIME, audit)

    async def repeated(act: Callable[[], Awaitable[Any]]) -> Any:
        """As a browser or a loop does: what failed is done again, once its lease is over."""
        while True:
            try:
                return await act()
            except Unavailable:
                issuer.clock.forward(recovery.LEASE)

    links = 0
    for number, which in enumerate(each_fault(commits=4)):
        phc = f"$argon2id$v=19$m=8,t=1,p=1${number:022}$" + 43 * "A"

        def reset(
            connection: Connection, context: Context, audit: AuditContext, phc: str = phc
        ) -> bool:
            return recovery.reset_password(connection, context, link, phc, audit)

        issuer.clock.forward(3_600)
        with faults(issuer, **which) as asking:
            await repeated(lambda: use_cases.write(ask_reset, "browser"))
            await repeated(issuer.plane.recovery.answer)
        before, links = links, sum('"reset link made"' in one for one in await issuer.events())
        assert 1 <= links - before <= 1 + asking.lost, "asked again if nobody was told"
        await use_cases.write(know_link, "test")
        links += 1
        with faults(issuer, **which) as injected:
            done = await repeated(partial(use_cases.write, reset, "browser"))
        assert done is not injected.lost, "where nobody was told, the link is worth nothing more"
        assert not await use_cases.write(reset, "browser")
        assert phc in str(await everything(issuer))
        if not asking.struck and not injected.struck:
            return


STORIES = (
    send_mails,
    recover,
    *(redeem, rotate, agree, sign_out, replay, revoke, end_own_session, deprovision, look, ask),
    *(
        sign_in,
        sign_in_again,
        derive_anew,
        give_password,
        bring_people,
        manage_people,
        prove_by_key,
        push_request,
        mistake_a_secret,
    ),
    *(
        put_in_order,
        set_aside,
        ship,
        hand_over,
        declare,
        go_back,
        take_less,
        sweep,
        turn_keys,
        follow,
        put_back,
    ),
)
