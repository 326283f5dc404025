"""A real SMTP server in this process (aiosmtpd), on a free port, with or without TLS."""

import asyncio
import contextlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from tests.certificates import Authority
from tests.ports import free_port


@dataclass
class Mailboxes:
    """What a server took, and how it answers."""

    port: int = 0
    ca_bundle: Path = Path()
    taken: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    """Answers to RCPT, by address."""
    after_data: str = "250 taken"
    looks_at_mails: float = 0.0
    """Seconds before that answer."""

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _: Any, __: Any, envelope: Any, address: str, ___: list[str]
    ) -> str:
        if told := self.refused.get(address):
            return told
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: Any, __: Any, envelope: Any) -> str:  # noqa: N802
        if self.after_data.startswith("250"):
            message = message_from_bytes(envelope.content, policy=default)
            assert isinstance(message, EmailMessage)
            self.taken.append(message)
            self.recipients += envelope.rcpt_tos
        await asyncio.sleep(self.looks_at_mails)
        return self.after_data


@contextlib.contextmanager
def smtp_server(
    folder: Path,
    *,
    starttls: bool = False,
    implicit: bool = False,
    login: tuple[str, str] | None = None,
    boxes: Mailboxes | None = None,
) -> Iterator[Mailboxes]:
    """A server that takes everything; with `login` only from who gives these."""
    boxes = boxes or Mailboxes()
    boxes.port = boxes.port or free_port()
    secure = None
    if starttls or implicit:
        authority = Authority("mail")
        boxes.ca_bundle, chain = folder / "ca.pem", folder / "server.pem"
        boxes.ca_bundle.write_text(authority.pem)
        issued = authority.issue("localhost")
        chain.write_text(issued.certificate + issued.key)
        secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        secure.load_cert_chain(chain)

    def check(_: Any, __: Any, ___: Any, ____: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        fits = login == (given.login.decode(), given.password.decode())
        return AuthResult(success=fits, handled=False)

    controller = Controller(
        boxes,
        hostname="127.0.0.1",
        port=boxes.port,
        ssl_context=secure if implicit else None,
        tls_context=secure if starttls else None,
        require_starttls=starttls,
        auth_required=login is not None and not implicit,
        authenticator=check if login else None,
        auth_require_tls=not implicit,
        enable_SMTPUTF8=False,
    )
    controller.start()
    try:
        yield boxes
    finally:
        controller.stop()
