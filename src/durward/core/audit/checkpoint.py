"""A checkpoint: the size and root of the log, signed (C2SP tlog-checkpoint and signed-note v1).

An older checkpoint shows whether the log was truncated or rewritten since.
"""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from durward.core.errors import ErrorCode, ProtocolError

ED25519 = b"\x01"
KEY_HASH_BYTES = 4
MARK = "\u2014 "
Sign = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class LogKey:
    """The name of a log and its Ed25519 public key."""

    name: str
    public: bytes

    @property
    def hash(self) -> bytes:
        """The key hash before the signature (C2SP signed-note)."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    def to_wire(self) -> str:
        """The verifier key in one line (C2SP signed-note, "vkey")."""
        encoded = base64.b64encode(ED25519 + self.public).decode()
        return f"{self.name}+{self.hash.hex()}+{encoded}"

    @classmethod
    def from_wire(cls, text: str) -> Self:
        """Read a verifier key. Raises ProtocolError."""
        try:
            name, hashed, encoded = text.strip().split("+", 2)
            decoded = base64.b64decode(encoded, validate=True)
        except ValueError as error:
            raise _wrong("not the public key of a log") from error
        key = cls(name, decoded[1:])
        if decoded[:1] != ED25519 or key.hash.hex() != hashed:
            raise _wrong("not the public key of a log")
        return key


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log's state at one moment."""

    origin: str
    size: int
    root: bytes

    @property
    def body(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def signed(self, key: LogKey, sign: Sign) -> str:
        """The signed note."""
        signature = base64.b64encode(key.hash + sign(self.body.encode())).decode()
        return f"{self.body}\n{MARK}{key.name} {signature}\n"


def verify_checkpoint(note: str, key: LogKey) -> Checkpoint:
    """The checkpoint of a note that this key signed. Raises ProtocolError."""
    body, blank, signatures = note.partition("\n\n")
    lines = body.split("\n")
    if not blank or len(lines) != 3 or not lines[1].isascii() or not lines[1].isdigit():  # noqa: PLR2004
        raise _wrong("not a checkpoint")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except ValueError as error:  # also of what is not ASCII
        raise _wrong("not a checkpoint") from error
    public = Ed25519PublicKey.from_public_bytes(key.public)
    for line in signatures.splitlines():
        name, _, encoded = line.removeprefix(MARK).partition(" ")
        if name == key.name and _is_signature(public, key, encoded, body + "\n"):
            return Checkpoint(lines[0], int(lines[1]), root)
    raise _wrong("the checkpoint is not signed by this log's key")


def _is_signature(public: Ed25519PublicKey, key: LogKey, encoded: str, body: str) -> bool:
    try:
        signature = base64.b64decode(encoded, validate=True)
        if signature[:KEY_HASH_BYTES] != key.hash:
            return False
        public.verify(signature[KEY_HASH_BYTES:], body.encode())
    except (ValueError, InvalidSignature):  # also of what is not ASCII
        return False
    return True


def _wrong(problem: str) -> ProtocolError:
    return ProtocolError(ErrorCode.INVALID_REQUEST, problem)
