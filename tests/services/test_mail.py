"""Mails that wait, over a real SMTP server: sent, retried with a bound, given up with an event."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select
from tests.services.replica import Replica, Template
from tests.services.replica import replica as fresh_replica
from tests.smtp import Mailboxes, smtp_server

from durward.core.errors import Misconfigured
from durward.core.people.mail_text import Mail, compose
from durward.core.people.person import Email, Person
from durward.core.values import Instant, Secret, UserId
from durward.services import smtp
from durward.services.mail import LATE, NOTICE_LIFETIME, pause_after
from durward.services.mail_folder import KEPT, MailFolder
from durward.services.smtp import MailTls, SmtpServer
from durward.settings import MailSettings
from durward.store import schema
from durward.store.people import load_person

pytestmark = pytest.mark.anyio
SENDER = "accounts@issuer.example"
AT = Instant(1_800_000_000_000_000)


@pytest.fixture
async def issuer(tmp_path: Path, template: Template) -> AsyncIterator[tuple[Replica, Mailboxes]]:
    """An issuer whose server of mails is there at first."""
    with smtp_server(tmp_path, starttls=True) as boxes:
        settings = MailSettings(
            sender=SENDER, host="localhost", port=boxes.port, ca_bundle=str(boxes.ca_bundle)
        )
        async with fresh_replica(template, settings) as running:
            yield running, boxes


async def give_password(issuer: Replica, name: str = "ann") -> None:
    await issuer.give_password(name)


async def rows(issuer: Replica) -> list[bytes]:
    def use(connection: Connection) -> list[bytes]:
        return list(connection.execute(select(schema.work.c.payload)).scalars())

    return await issuer.read(use)


@pytest.mark.requirement("AS-99")
async def test_a_new_password_is_told_to_its_person_once(
    issuer: tuple[Replica, Mailboxes],
) -> None:
    running, boxes = issuer
    await give_password(running)
    (sealed,) = await rows(running)
    assert b"acme.example" not in sealed, "what a mail says rests encrypted"
    assert await running.plane.upkeep.mail() == 1
    assert await running.plane.upkeep.mail() == 0
    (message,) = boxes.taken
    assert message["To"] == "ann@acme.example"
    assert message["Subject"] == "Your password at issuer.example was replaced"
    assert await rows(running) == []


@pytest.mark.parametrize(
    ("emails", "told"),
    [
        ((), []),
        ((Email("c@a.example"), Email("c@b.example")), ["c@a.example"]),
        ((Email("c@a.example"), Email("c@b.example", verified=True)), ["c@b.example"]),
    ],
)
async def test_verified_addresses_are_told_else_the_first(
    issuer: tuple[Replica, Mailboxes], emails: tuple[Email, ...], told: list[str]
) -> None:
    running, boxes = issuer
    ann = await running.read(lambda c: load_person(c, UserId("ann")))
    assert ann is not None
    like = ann.entitlements
    cleo = Person(id=UserId("cleo"), entitlements=like, logins=("cleo",), emails=emails)
    await running.plane.people.add(cleo)
    await give_password(running, "cleo")
    assert await running.plane.upkeep.mail() == len(told)
    assert [message["To"] for message in boxes.taken] == told


ONE, OTHER = Email("c@a.example", verified=True), Email("c@b.example", verified=True)


@pytest.mark.requirement("AS-99")
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"emails": (OTHER,)}, ["c@a.example", "c@b.example"]),
        ({"emails": ()}, ["c@a.example"]),
        ({"emails": (ONE, replace(OTHER, verified=False))}, ["c@a.example"]),
        ({"emails": (ONE, OTHER)}, ["c@a.example", "c@b.example"]),
        ({"emails": (Email("C@A.example", verified=True), OTHER)}, ["c@a.example", "c@b.example"]),
        ({"logins": ("cleo", "chloe")}, ["c@a.example"]),
        ({"name": "Cleo"}, []),
    ],
)
async def test_another_address_is_told_to_the_former_and_the_new_one(
    issuer: tuple[Replica, Mailboxes], changes: dict[str, Any], told: list[str]
) -> None:
    """Whoever takes an account over by an address of their own cannot do so unseen."""
    running, boxes = issuer
    ann = await running.read(lambda c: load_person(c, UserId("ann")))
    assert ann is not None
    cleo = Person(UserId("cleo"), ann.entitlements, logins=("cleo",), emails=(ONE,))
    await running.plane.people.add(cleo)
    for _ in range(2):  # asked again it changes nothing, and tells nothing
        await running.plane.people.change("cleo", replace(cleo, **changes), None)
    await running.plane.upkeep.mail()
    assert sorted(message["To"] for message in boxes.taken) == told
    for message in boxes.taken:
        others = {"c@a.example", "c@b.example"} - {message["To"]}
        assert not any(other in message.get_content() for other in others)


async def test_a_server_that_is_away_gets_the_mail_when_it_is_back(
    tmp_path: Path, template: Template
) -> None:
    with smtp_server(tmp_path, starttls=True) as boxes:
        settings = MailSettings(
            sender=SENDER, host="localhost", port=boxes.port, ca_bundle=str(boxes.ca_bundle)
        )
    async with fresh_replica(template, settings) as running:
        upkeep = running.plane.upkeep
        await give_password(running, "ann")
        await give_password(running, "bob")
        assert await upkeep.mail() == 0
        (note,) = await upkeep.mail_notes()
        assert note.startswith(f"2 mails wait, the oldest for 0 s: localhost:{boxes.port}: ")
        assert await upkeep.mail() == 0, "not due yet"
        with smtp_server(tmp_path, starttls=True, boxes=boxes):
            running.clock.forward(pause_after(1))
            assert await upkeep.mail() == 2
        assert {str(message["To"]) for message in boxes.taken} == {
            "ann@acme.example",
            "bob@globex.example",
        }
        assert await upkeep.mail_notes() == []


async def test_a_mail_that_cannot_be_sent_in_time_is_given_up_and_told(
    tmp_path: Path, template: Template
) -> None:
    with smtp_server(tmp_path) as boxes:
        pass
    settings = MailSettings(sender=SENDER, host="localhost", port=boxes.port, tls="none")
    async with fresh_replica(template, settings) as running:
        await give_password(running, "ann")
        await give_password(running, "bob")
        for _ in range(3):
            await running.plane.upkeep.mail()
            running.clock.forward(400)
        running.clock.forward(NOTICE_LIFETIME)
        await running.plane.upkeep.mail()
        assert await rows(running) == []
        dropped = [event for event in await running.events() if '"work dropped"' in event]
        assert len(dropped) == 2
        assert "it could not be sent in time" in dropped[0]


async def test_an_address_that_the_server_refuses_holds_up_nobody_else(
    issuer: tuple[Replica, Mailboxes],
) -> None:
    running, boxes = issuer
    boxes.refused = {"ann@acme.example": "550 no such user"}
    await give_password(running, "ann")
    await give_password(running, "bob")
    assert await running.plane.upkeep.mail() == 1
    assert [message["To"] for message in boxes.taken] == ["bob@globex.example"]
    assert await rows(running) == []
    (dropped,) = [event for event in await running.events() if '"work dropped"' in event]
    assert "550 no such user" in dropped
    assert "users/ann" in dropped


@pytest.mark.parametrize("answer", ["451 try again", "421 too busy"])
async def test_a_mail_that_is_refused_for_now_is_sent_later(
    issuer: tuple[Replica, Mailboxes], answer: str
) -> None:
    running, boxes = issuer
    boxes.after_data = answer
    await give_password(running)
    assert await running.plane.upkeep.mail() == 0
    assert answer in (await running.plane.upkeep.mail_notes())[0]
    boxes.after_data = "250 taken"
    running.clock.forward(pause_after(1))
    assert await running.plane.upkeep.mail() == 1


async def test_mails_that_wait_for_long_are_told_whatever_the_reason(
    issuer: tuple[Replica, Mailboxes],
) -> None:
    running, _ = issuer
    await give_password(running)
    assert await running.plane.upkeep.mail_notes() == []
    running.clock.forward(LATE)
    assert await running.plane.upkeep.mail_notes() == [
        f"1 mails wait, the oldest for {LATE} s",
    ]


def test_pauses_double_up_to_five_minutes() -> None:
    assert [pause_after(attempts) for attempts in (1, 2, 3, 6, 7, 300)] == [
        *(10, 20, 40, 300, 300, 300),
    ]


def messages(*addresses: str) -> Sequence[EmailMessage]:
    return [
        compose(Mail(address, "Hello", ".\n..\ntext\n"), SENDER, f"m_{number}", AT)
        for number, address in enumerate(addresses)
    ]


@pytest.mark.parametrize("tls", [MailTls.STARTTLS, MailTls.IMPLICIT])
def test_a_server_is_verified_and_gets_the_password_encrypted(tmp_path: Path, tls: MailTls) -> None:
    starttls, implicit = tls is MailTls.STARTTLS, tls is MailTls.IMPLICIT
    with smtp_server(
        tmp_path, starttls=starttls, implicit=implicit, login=("durward", "let me")
    ) as boxes:
        ca = str(boxes.ca_bundle)
        good = SmtpServer("localhost", boxes.port, tls, "durward", Secret("let me"), ca)
        assert good.carry(messages("ann@acme.example")) == [None]
        assert boxes.taken[0].get_content().replace("\r\n", "\n") == ".\n..\ntext\n"
        wrong = SmtpServer("localhost", boxes.port, tls, "durward", Secret("x"), ca)
        (failure,) = wrong.carry(messages("ann@acme.example"))
        assert failure is not None
        assert "user or password refused" in failure.reason
        assert not failure.is_final
        stranger = SmtpServer("localhost", boxes.port, tls, "durward", Secret("let me"))
        (failure,) = stranger.carry(messages("ann@acme.example"))
        assert failure is not None
        assert "certificate" in failure.reason.lower()
        assert len(boxes.taken) == 1


def test_nothing_is_sent_in_clear_where_a_server_offers_no_starttls(tmp_path: Path) -> None:
    """A man in the middle removes the offer (RFC 3207 §6)."""
    with smtp_server(tmp_path) as boxes:
        server = SmtpServer("localhost", boxes.port)
        (failure,) = server.carry(messages("ann@acme.example"))
        assert failure is not None
        assert "STARTTLS" in failure.reason
        assert boxes.taken == []


def test_an_address_beyond_ascii_is_refused_where_the_server_cannot_take_it(
    tmp_path: Path,
) -> None:
    with smtp_server(tmp_path) as boxes:
        server = SmtpServer("localhost", boxes.port, MailTls.NONE)
        first, second = server.carry(messages("änn@acme.example", "bob@acme.example"))
        assert first is not None
        assert first.is_final
        assert second is None


def test_a_mail_at_which_the_server_hangs_up_holds_up_nobody_else(tmp_path: Path) -> None:
    boxes = Mailboxes(refused={"ann@acme.example": "421 and good bye"})
    with smtp_server(tmp_path, boxes=boxes):
        server = SmtpServer("localhost", boxes.port, MailTls.NONE)
        first, second = server.carry(messages("ann@acme.example", "bob@acme.example"))
        assert first is not None
        assert not first.is_final
        assert second is None


def test_a_folder_keeps_the_newest_mails(tmp_path: Path) -> None:
    folder = MailFolder(tmp_path / "mails")
    many = messages(*(f"a{number}@acme.example" for number in range(KEPT + 3)))
    assert folder.carry(many) == [None] * len(many)
    kept = sorted((tmp_path / "mails").iterdir())
    assert len(kept) == KEPT
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept)
    (tmp_path / "file").touch()
    (failure,) = MailFolder(tmp_path / "file").carry(many[:1])
    assert failure is not None
    assert not failure.is_final


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"sender": "nobody"}, "mail.sender"),
        ({}, "needs one of `host` and `folder`"),
        ({"host": "a.example", "folder": "x"}, "needs one of `host` and `folder`"),
        ({"host": "a.example", "tls": "none"}, "leaves this machine in clear"),
        ({"host": "a.example", "user": "u"}, "belong together"),
        ({"host": "a.example", "user": "u", "password_file": "/nowhere"}, "No such file"),
        ({"host": "a.example", "ca_bundle": "/nowhere"}, "there is no file"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(Misconfigured, match=told):
        MailSettings(**{"sender": SENDER, **settings}).carrier()


def test_a_password_that_others_can_read_is_refused(tmp_path: Path) -> None:
    kept = tmp_path / "password"
    kept.write_text("let me\n")
    kept.chmod(0o644)
    settings = MailSettings(sender=SENDER, host="a.example", user="u", password_file=str(kept))
    with pytest.raises(Misconfigured, match="readable by others"):
        settings.carrier()
    kept.chmod(0o600)
    carrier = settings.carrier()
    assert isinstance(carrier, SmtpServer)
    assert carrier.password is not None
    assert (carrier.port, carrier.tls, carrier.password.reveal()) == (587, "starttls", "let me")


@pytest.mark.parametrize(
    ("host", "password"), [("smtp..example.com", ""), ("x" * 64, ""), ("", "pässwort")]
)
def test_a_setting_that_cannot_be_used_ends_nothing(
    tmp_path: Path, host: str, password: str
) -> None:
    """The standard library raises ValueError for it."""
    with smtp_server(tmp_path, starttls=True, login=("durward", "let me")) as boxes:
        server = SmtpServer(
            *(host or "localhost", boxes.port, MailTls.STARTTLS, "durward"),
            *(Secret(password), str(boxes.ca_bundle)),
        )
        failures = server.carry(messages("ann@acme.example", "bob@acme.example"))
        assert all(failure and not failure.is_final for failure in failures)
        assert boxes.taken == []


def test_a_server_that_looks_at_a_mail_for_long_gets_it_once(tmp_path: Path) -> None:
    """Longer than it may take for any other answer (RFC 5321 §4.5.3.2.6)."""
    with smtp_server(tmp_path, boxes=Mailboxes(looks_at_mails=0.6)) as boxes:
        server = SmtpServer("localhost", boxes.port, MailTls.NONE, timeout_seconds=0.3)
        assert server.carry(messages("ann@acme.example")) == [None]
        assert len(boxes.taken) == 1


def test_what_was_sent_is_known_although_the_rest_takes_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "BATCH_SECONDS", 0.2)
    with smtp_server(tmp_path, boxes=Mailboxes(looks_at_mails=0.3)) as boxes:
        server = SmtpServer("localhost", boxes.port, MailTls.NONE)
        first, *others = server.carry(messages(*(f"{name}@acme.example" for name in "abc")))
        assert first is None
        assert all(other and not other.is_final for other in others)
        assert len(boxes.taken) == 1
