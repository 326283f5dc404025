"""Envelope encryption: each secret under a key of its own, that key under the key file's.

AES-256-GCM both times. What a secret belongs to is authenticated with it: moved to another row, it
does not open.
"""

import os
import stat
import tempfile
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from durward.core.errors import Misconfigured, Unavailable

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
VERSION = b"\x01"
WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES
PUT_BACK = "put back the one that you kept: what rests in the database opens with no other"
OTHERS = stat.S_IRWXG | stat.S_IRWXO


class KeyFile:
    """The key under which all others rest."""

    def __init__(self, key: bytes) -> None:
        self._key = AESGCM(key)
        self._bytes = key

    @classmethod
    def open(cls, path: Path, *, make: bool = True) -> Self:
        """Read the key file, or make it, unless something rests under it already.

        Raises Misconfigured where it cannot be read, or others can read it too.
        """
        try:
            if make and not path.exists():
                create(path)
            readable_by_others = path.stat().st_mode & OTHERS
            key = path.read_bytes()
        except OSError as error:
            problem = f"the key file cannot be read or made: {error.strerror}"
            raise Misconfigured(str(path), problem, hint=PUT_BACK) from error
        if readable_by_others:
            hint = f"chmod 600 {path}"
            raise Misconfigured(str(path), "the key file is readable by other users", hint=hint)
        if len(key) != KEY_BYTES:
            problem = f"a key file holds {KEY_BYTES} bytes, and this one {len(key)}"
            raise Misconfigured(str(path), problem, hint=PUT_BACK)
        return cls(key)

    def seal(self, secret: bytes, belongs_to: str) -> bytes:
        """The secret in its envelope."""
        key, inner, outer = os.urandom(KEY_BYTES), os.urandom(NONCE_BYTES), os.urandom(NONCE_BYTES)
        bound = belongs_to.encode()
        wrapped = outer + self._key.encrypt(outer, key, bound)
        return VERSION + wrapped + inner + AESGCM(key).encrypt(inner, secret, bound)

    def unseal(self, envelope: bytes, belongs_to: str) -> bytes:
        """The secret. Raises Unavailable where the key file is not the one that sealed it."""
        bound, body = belongs_to.encode(), envelope[1:]
        wrapped, rest = body[:WRAPPED_BYTES], body[WRAPPED_BYTES:]
        if envelope[:1] != VERSION:
            raise Unavailable(f"{belongs_to} is encrypted in an unknown format")
        try:
            key = self._key.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], bound)
            return AESGCM(key).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], bound)
        except (InvalidTag, ValueError) as error:
            raise Unavailable(f"{belongs_to} cannot be opened with this key file") from error

    def derive(self, purpose: str) -> bytes:
        """A key of 256 bits for one purpose, the same at every replica (HKDF, RFC 5869)."""
        kdf = HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=f"durward {purpose}".encode())
        return kdf.derive(self._bytes)

    def __repr__(self) -> str:
        return "KeyFile(•••)"


def create(path: Path) -> None:
    """Make a key file, whole or not at all; of two that try at once, one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, fresh = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        os.write(descriptor, os.urandom(KEY_BYTES))
        os.fsync(descriptor)
        os.link(fresh, path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)  # without its name it would be lost, and all that rests under it
        finally:
            os.close(folder)
    except FileExistsError:
        pass
    finally:
        os.close(descriptor)
        Path(fresh).unlink()
