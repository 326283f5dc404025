"""Mails over SMTP (RFC 5321, RFC 8314): some by one connection, encrypted unless it is local.

The standard library speaks the protocol, in a thread. It refuses line breaks in commands, escapes
dots, and forgets what a server said before STARTTLS.
"""

import smtplib
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from enum import StrEnum
from typing import Any, Final

from durward.core.values import Secret

TIMEOUT_SECONDS: Final = 15.0
"""Of each answer of the server but the last; RFC 5321 §4.5.3.2 lets it take minutes, and it takes
seconds."""
TAKEN_SECONDS: Final = 120.0
"""Of the answer to a whole mail: a server may look at it for long, and whoever does not wait for it
sends the mail twice (RFC 5321 §4.5.3.2.6 has ten minutes)."""
BATCH_SECONDS: Final = 90.0
"""After this time no more mails are begun: the last one may take five minutes more, and what was
sent is noted before the lease ends."""
MOST_BREAKS: Final = 3
"""After so many broken connections the rest of the mails waits for another time."""
PERMANENT: Final = range(500, 600)
CANNOT_CONNECT: Final = (OSError, smtplib.SMTPException, ValueError)
"""The standard library raises ValueError for names and passwords that it cannot encode, and for a
challenge that it cannot read."""
MAX_REASON: Final = 200


class MailTls(StrEnum):
    """How a connection is encrypted."""

    STARTTLS = "starttls"
    """By the command STARTTLS, without which nothing is sent (RFC 3207)."""
    IMPLICIT = "implicit"
    """From the beginning (RFC 8314 §3)."""
    NONE = "none"
    """Not at all: to a server on this machine."""


@dataclass(frozen=True, slots=True)
class MailFailure:
    """Why a mail was not taken."""

    reason: str
    is_final: bool = False
    """Whether this address or this mail will not be taken later either."""


@dataclass(frozen=True)
class SmtpServer:
    """The server that takes mails for everybody."""

    host: str
    port: int
    tls: MailTls = MailTls.STARTTLS
    user: str = ""
    password: Secret | None = None
    ca_bundle: str | None = None
    timeout_seconds: float = TIMEOUT_SECONDS

    def carry(self, messages: Sequence[EmailMessage]) -> list[MailFailure | None]:
        """Send mails one after the other; for each None if the server took it."""
        outcomes: list[MailFailure | None] = []
        breaks, end = 0, time.monotonic() + BATCH_SECONDS
        while len(outcomes) < len(messages):
            left = messages[len(outcomes) :]
            if time.monotonic() >= end:
                return outcomes + [MailFailure("those before it took too long")] * len(left)
            try:
                with self._connected() as server:
                    failure = _send_until_broken(server, left, outcomes, end)
            except CANNOT_CONNECT as error:
                breaks, failure = MOST_BREAKS, MailFailure(reason_of(error))
            if failure is not None:
                where = MailFailure(f"{self.host}:{self.port}: {failure.reason}")
                breaks += 1
                # One mail may be the cause: the next ones are sent by another connection.
                all_of_them = len(messages) - len(outcomes)
                outcomes += [where] * (1 if breaks < MOST_BREAKS else all_of_them)
        return outcomes

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        secure = ssl.create_default_context(cafile=self.ca_bundle)
        server: smtplib.SMTP
        if self.tls is MailTls.IMPLICIT:
            server = _TlsConnection(
                self.host, self.port, timeout=self.timeout_seconds, context=secure
            )
        else:
            server = _Connection(self.host, self.port, timeout=self.timeout_seconds)
        try:
            if self.tls is MailTls.STARTTLS:
                server.starttls(context=secure)
            if self.user and self.password is not None:
                server.login(self.user, self.password.reveal())
            yield server
        finally:
            with suppress(OSError, smtplib.SMTPException):
                server.quit()
            server.close()


class _Connection(smtplib.SMTP):
    """A connection that waits longer for the answer to a whole mail."""

    def data(self, msg: Any) -> tuple[int, bytes]:
        """Send the mail itself (RFC 5321 §4.1.1.4)."""
        if self.sock is not None:
            self.sock.settimeout(TAKEN_SECONDS)
        try:
            return super().data(msg)
        finally:
            if self.sock is not None:
                self.sock.settimeout(self.timeout)


class _TlsConnection(_Connection, smtplib.SMTP_SSL):
    """The same, encrypted from the beginning."""


def _send_until_broken(
    server: smtplib.SMTP,
    messages: Sequence[EmailMessage],
    outcomes: list[MailFailure | None],
    end: float,
) -> MailFailure | None:
    """Send mails, and note each outcome; the failure of the one at which the connection ended.

    None is begun after `end`, of the monotonic clock.
    """
    for message in messages:
        # After a 421 there is no connection: the one before has its outcome.
        if server.sock is None or time.monotonic() >= end:
            return None
        try:
            outcomes.append(_send(server, message))
        except (OSError, smtplib.SMTPException) as error:
            return MailFailure(reason_of(error))
    return None


def _send(server: smtplib.SMTP, message: EmailMessage) -> MailFailure | None:
    """Send one mail. Raises what ends the connection."""
    try:
        server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        return MailFailure(_told(code, text), is_final=code in PERMANENT)
    except smtplib.SMTPDataError as error:
        return MailFailure(
            _told(error.smtp_code, error.smtp_error), is_final=error.smtp_code in PERMANENT
        )
    except ValueError as error:  # a line break in a command
        return MailFailure(_line(str(error)), is_final=True)
    except smtplib.SMTPNotSupportedError:
        return MailFailure("the server takes ASCII addresses only (RFC 6531)", is_final=True)
    except smtplib.SMTPSenderRefused as error:
        # The sender is a setting: somebody will mend it.
        return MailFailure(_told(error.smtp_code, error.smtp_error))
    return None


def reason_of(error: Exception) -> str:
    """Why a server could not be used, in one line."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "user or password refused"
    if isinstance(error, smtplib.SMTPResponseException):
        return _told(error.smtp_code, error.smtp_error)
    if isinstance(error, OSError) and error.strerror:
        return _line(error.strerror)
    return _line(str(error) or type(error).__name__)


def _told(code: int, text: bytes | str) -> str:
    told = text.decode("ascii", "replace") if isinstance(text, bytes) else text
    return _line(f"{code} {told}")


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:MAX_REASON]
