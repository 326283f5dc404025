"""Cached tokens of commands, in files of mode 0600."""

import fcntl
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EARLY_SECONDS = 10


@dataclass(frozen=True)
class CachedToken:
    """Cached tokens for one resource."""

    access_token: str
    expires_at: float
    refresh_token: str | None
    resource: str

    @property
    def is_fresh(self) -> bool:
        """Whether the access token will not expire soon."""
        return self.expires_at > time.time() + EARLY_SECONDS  # noqa: TID251 - a client's cache

    def __repr__(self) -> str:
        return "CachedToken(•••)"


def cached(folder: Path, name: str) -> CachedToken | None:
    """The cached tokens of a user or client; None if there are none."""
    try:
        found = json.loads((folder / "tokens.json").read_text())[name]
        return CachedToken(
            found["access_token"], found["expires_at"], found["refresh_token"], found["resource"]
        )
    except (OSError, ValueError, KeyError):
        return None


def keep(folder: Path, name: str, resource: str, answer: Mapping[str, Any]) -> None:
    """Cache the response of the token endpoint for a resource.

    Two commands at once keep both: one that wrote back what the other had renewed would bring a
    spent refresh token, which ends its family.
    """
    path = folder / "tokens.json"
    with (folder / ".tokens.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            known = json.loads(path.read_text())
        except (OSError, ValueError):
            known = {}
        known[name] = {
            "access_token": answer["access_token"],
            "expires_at": time.time() + answer["expires_in"],  # noqa: TID251 - a client's cache
            "refresh_token": answer.get("refresh_token"),
            "resource": resource,
        }
        aside = path.with_name(".tokens.new")
        aside.unlink(missing_ok=True)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(known, file)
        aside.rename(path)
