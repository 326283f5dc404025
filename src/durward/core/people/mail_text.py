"""Mails to people: plain text, from one sender, to one address (RFC 5322, RFC 3834 §5).

A mail is composed of checked parts. What comes from people stands in the text alone, never in a
header; an address with anything but an address in it is refused.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final
from urllib.parse import urlsplit

from durward.core.people.identifier import AT, canonical_email
from durward.core.people.person import Person
from durward.core.values import MICROSECONDS, Instant, Seconds

MAX_TEXT_CHARACTERS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Mail:
    """What is told to somebody."""

    to: str
    subject: str
    text: str


def mailbox(spelled: str) -> Address:
    """Where mails to an address go: its local part as it is written, its domain as A-labels.

    Raises ValueError for what is no address.
    """
    local, _, domain = canonical_email(spelled).rpartition(AT)
    written = spelled.rpartition(AT)[0]
    local = written if written.lower() == local else local
    return Address(username=local, domain=domain)


def compose(mail: Mail, sender: str, id: str, at: Instant) -> EmailMessage:
    """The message. The same `id` gives the same Message-ID: a server may drop the second one.

    Raises ValueError for an address that is none, or a header that would be two.
    """
    origin = mailbox(sender)
    message = EmailMessage(policy=SMTP)
    message["From"] = origin
    message["To"] = mailbox(mail.to)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(at // MICROSECONDS, UTC))
    message["Message-ID"] = f"<{id}@{origin.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text[:MAX_TEXT_CHARACTERS])
    return message


def password_replaced(to: str, account: str, issuer: str, at: Instant, *, by_person: bool) -> Mail:
    """The notice of a new password (AS-99)."""
    who = "by somebody who gave the former one" if by_person else "by an operator"
    text = (
        f"The password of the account {account} at {issuer} was replaced on {moment(at)}, {who}.\n"
        "All other browsers were signed out.\n\n"
        "If you did not expect this, tell those who run the service at once.\n"
    )
    return Mail(to, f"Your password at {host_of(issuer)} was replaced", text)


def password_by_mail(to: str, account: str, issuer: str, at: Instant) -> Mail:
    """The notice of a password that was chosen by a link (AS-99)."""
    text = (
        f"The password of the account {account} at {issuer} was replaced on {moment(at)}, by a "
        "link that was sent to your address.\nAll browsers and applications were signed out.\n\n"
        "If you did not expect this, tell those who run the service at once.\n"
    )
    return Mail(to, f"Your password at {host_of(issuer)} was replaced", text)


def reset_link(
    to: str, account: str, issuer: str, uri: str, lifetime: Seconds, source: str
) -> Mail:
    """The mail by which somebody chooses a new password."""
    asked = f" (from the address {source})" if source else ""
    text = (
        f"Somebody{asked} asked for a new password of the account {account} at {issuer}.\n\n"
        f"Choose one here, within {lifetime // 60} minutes:\n\n{uri}\n\n"
        "The link works once. Whoever opens it can take over the account: pass it on to nobody.\n"
        "If it was not you, you need not do anything.\n"
    )
    return Mail(to, f"A new password for {host_of(issuer)}", text)


def names_changed(to: str, account: str, issuer: str, at: Instant) -> Mail:
    """The notice of other login names or addresses (AS-99).

    It names none: whoever reads it may have lost the account, or never had it.
    """
    text = (
        f"The login names or e-mail addresses of the account {account} at {issuer} were changed on "
        f"{moment(at)}, by an operator.\n\n"
        "If you did not expect this, tell those who run the service at once.\n"
    )
    return Mail(to, f"Your account at {host_of(issuer)} was changed", text)


def invitation(to: str, account: str, issuer: str, uri: str, lifetime: Seconds) -> Mail:
    """The mail by which an operator lets somebody choose a password."""
    text = (
        f"Those who run {issuer} ask you to choose a password for your account {account}.\n\n"
        f"Choose it here, within {lifetime // 86_400} days:\n\n{uri}\n\n"
        "The link works once. Whoever opens it can take over the account: pass it on to nobody.\n"
    )
    return Mail(to, f"Your account at {host_of(issuer)}", text)


def addressees(*people: Person) -> list[str]:
    """Where somebody is told of a change, from what they were to what they are, each address once.

    At each verified address; where none is verified, at the first: an operator gave it, and nobody
    else can. Others of these may be a stranger's, who need not know of the account.
    """
    found: dict[str, str] = {}
    for person in people:
        verified = [email for email in person.emails if email.verified]
        for email in verified or person.emails[:1]:
            found.setdefault(canonical_email(email.address), email.address)
    return list(found.values())


def host_of(issuer: str) -> str:
    """The host by which people know the service."""
    return urlsplit(issuer).hostname or ""


def moment(at: Instant) -> str:
    """An instant for people."""
    return datetime.fromtimestamp(at // MICROSECONDS, UTC).strftime("%Y-%m-%d %H:%M UTC")
