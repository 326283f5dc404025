"""Mails: one address, one line for each header, whatever people are called."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durward.core.people.mail_text import (
    Mail,
    addressees,
    compose,
    invitation,
    mailbox,
    names_changed,
    password_by_mail,
    password_replaced,
    reset_link,
)
from durward.core.people.person import Email, Entitlements, Person
from durward.core.values import Instant, Seconds, UserId

AT = Instant(1_800_000_000_000_000)
SENDER = "accounts@login.example.com"


def test_a_mail_says_that_a_program_wrote_it_and_has_the_id_of_its_item() -> None:
    message = compose(Mail("ann@acme.example", "Hello", "text\n"), SENDER, "m_1", AT)
    assert message["To"] == "ann@acme.example"
    assert message["From"] == SENDER
    assert message["Message-ID"] == "<m_1@login.example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"] == "Fri, 15 Jan 2027 08:00:00 +0000"
    assert message.get_content() == "text\n"


@pytest.mark.parametrize(
    ("spelled", "goes_to"),
    [
        ("Ann.Archer@Acme.Example", "Ann.Archer@acme.example"),
        ("ann+mail@bücher.example", "ann+mail@xn--bcher-kva.example"),
        ("ann\uff20acme.example", "ann@acme.example"),
        ("änn@acme.example", "änn@acme.example"),
    ],
)
def test_a_mail_goes_to_the_address_as_it_is_written(spelled: str, goes_to: str) -> None:
    assert mailbox(spelled).addr_spec == goes_to


@pytest.mark.parametrize(
    "spelled",
    [
        "",
        "ann",
        "ann@acme.example\r\nBcc: eve@evil.example",
        "ann@acme.example\nSubject: x",
        "ann@acme.example, eve@evil.example",
        "ann@acme.example,eve@evil.example",
        "Ann <ann@acme.example>",
        "<ann@acme.example>",
        "ann@acme.example>\r\nRCPT TO:<eve@evil.example",
        '"a b"@acme.example',
        "ann\x00@acme.example",
        "ann @acme.example",
        "a\x0bb@acme.example",
        "ann@[127.0.0.1]",
    ],
)
def test_what_is_more_than_an_address_gets_no_mail(spelled: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        compose(Mail(spelled, "Hello", "text"), SENDER, "m_1", AT)


PIECES = st.lists(
    st.sampled_from(["a", "@", "é", ":", ",", ";", "<", ">", '"', " ", "\t", "\x00", "\u2028"])
    | st.sampled_from(
        ["\r", "\n", "\r\n", "Bcc: eve@evil.example", "\r\nBcc: eve@evil.example\r\n"]
    ),
    max_size=6,
).map("".join)


@settings(max_examples=80)
@given(PIECES, PIECES, PIECES)
def test_no_text_makes_another_header_or_recipient(to: str, subject: str, text: str) -> None:
    """Mail header injection: whatever is not refused has exactly these headers."""
    usual = {"from", "to", "subject", "date", "message-id", "auto-submitted"}
    of_the_body = {"content-type", "content-transfer-encoding", "mime-version"}
    for address in (to, f"{to}@acme.example"):
        try:
            written = compose(Mail(address, subject, text), SENDER, "m_1", AT).as_bytes()
        except ValueError:
            continue
        head = written.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").split(b"\r\n")
        names = [line.partition(b":")[0].decode().lower() for line in head]
        assert sorted(names) == sorted({*usual, *of_the_body})
        assert b"\n" not in b"".join(head)


def test_the_notice_of_a_new_password_says_what_when_and_by_whom() -> None:
    mail = password_replaced("a@b.example", "ann", "https://login.example", AT, by_person=False)
    assert mail.subject == "Your password at login.example was replaced"
    assert (
        "ann at https://login.example was replaced on 2027-01-15 08:00 UTC, by an op" in mail.text
    )
    mail = password_replaced("a@b.example", "ann", "https://login.example", AT, by_person=True)
    assert "by somebody who gave the former one" in mail.text


ISSUER = "https://login.example.com"
LINK = f"{ISSUER}/reset?link=dwl_x"


def test_a_mail_with_a_link_says_whose_it_is_how_long_it_works_and_who_asked() -> None:
    asked = reset_link("a@b.example", "ann", ISSUER, LINK, Seconds(1_800), "192.0.2.7")
    invited = invitation("a@b.example", "ann", ISSUER, LINK, Seconds(3 * 86_400))
    for mail, within in ((asked, "30 minutes"), (invited, "3 days")):
        assert mail.to == "a@b.example"
        assert "login.example.com" in mail.subject
        assert f"within {within}:\n\n{LINK}\n" in mail.text
        assert "account ann" in mail.text
    assert "(from the address 192.0.2.7)" in asked.text
    assert "from the address" not in reset_link("a", "ann", ISSUER, LINK, Seconds(60), "").text


def test_a_notice_says_what_happened_and_names_no_address() -> None:
    replaced = password_by_mail("a@b.example", "ann", ISSUER, AT)
    renamed = names_changed("a@b.example", "ann", ISSUER, AT)
    for mail, what in ((replaced, "was replaced"), (renamed, "were changed")):
        assert f"{what} on" in mail.text
        assert "ann" in mail.text
        assert "@" not in mail.text + mail.subject


def somebody(*emails: tuple[str, bool]) -> Person:
    return Person(
        UserId("p_1"),
        Entitlements.of("acme", []),
        ("ann",),
        tuple(Email(address, verified) for address, verified in emails),
    )


def test_a_change_is_told_at_verified_addresses_of_before_and_after_once() -> None:
    before = somebody(("old@b.example", True), ("mallory@c.example", False))
    after = somebody(("OLD@b.example", True), ("new@b.example", True))
    assert addressees(before, after) == ["old@b.example", "new@b.example"]
    unproven = somebody(("first@b.example", False), ("second@b.example", False))
    assert addressees(unproven) == ["first@b.example"]
    assert addressees(somebody()) == []
