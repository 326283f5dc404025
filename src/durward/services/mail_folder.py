"""Mails as files in a folder, for a demo without a server of mails."""

from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from durward.services.smtp import MailFailure, reason_of

KEPT: Final = 100
"""Files; of more the oldest go."""


@dataclass(frozen=True)
class MailFolder:
    """A folder with the newest mails, each a file that mail programs open."""

    path: Path

    def carry(self, messages: Sequence[EmailMessage]) -> list[MailFailure | None]:
        """Write mails; for each None if it was written."""
        return [self._write(message) for message in messages]

    def _write(self, message: EmailMessage) -> MailFailure | None:
        name = str(message["Message-ID"]).strip("<>").partition("@")[0]
        fresh = self.path / f".{name}.new"
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.touch(mode=0o600)
            fresh.write_bytes(message.as_bytes())
            fresh.rename(self.path / f"{name}.eml")
            kept = sorted(self.path.glob("*.eml"), key=lambda each: each.stat().st_mtime_ns)
            for old in kept[:-KEPT]:
                old.unlink(missing_ok=True)
        except OSError as error:
            return MailFailure(f"{self.path}: {reason_of(error)}")
        return None
