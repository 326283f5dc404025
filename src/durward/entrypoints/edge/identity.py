"""The identity of a node: an id from the control plane, and its place (ADR 22)."""

import hashlib
import os
import socket
from pathlib import Path

import msgspec

from durward.core.configuration.declaration import NAME
from durward.core.errors import Unavailable
from durward.entrypoints.edge.xds import replace

MACHINE_ID = Path("/etc/machine-id")


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The identity in the state folder."""

    id: str


def load_id(state: Path) -> str | None:
    """The id of the node of this folder; None if it has none yet, or it is lost."""
    try:
        id = msgspec.json.decode(path_in(state).read_bytes(), type=Identity).id
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return id if NAME.match(id) else None


def save_id(state: Path, id: str) -> None:
    """Store the id. Raises Unavailable."""
    replace(path_in(state), msgspec.json.encode(Identity(id)))


def path_in(state: Path) -> Path:
    """The file of the id."""
    return state / "node.json"


def place_of(state: Path) -> str:
    """The place of this folder on this machine: a copy of the folder is another place.

    Raises Unavailable if the folder cannot be read.
    """
    try:
        found = state.stat()
    except OSError as error:
        raise Unavailable(f"{state}: {error.strerror}") from error
    try:
        machine = MACHINE_ID.read_text().strip()
    except (OSError, UnicodeDecodeError):
        machine = ""
    told = (machine, socket.gethostname(), str(found.st_dev), str(found.st_ino), os.fspath(state))
    return hashlib.sha256("\0".join(told).encode()).hexdigest()[:16]
