"""The keyring: which keys sign now, which are published, and their rotation."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from durward.core.audit.event import AuditContext
from durward.core.errors import Misconfigured, Unavailable
from durward.core.jose import life
from durward.core.jose.jwt import MAX_SKEW
from durward.core.oauth import id_token
from durward.core.values import Instant, Seconds
from durward.core.wire import Json, parse_json, sorted_json
from durward.keys.envelope import PUT_BACK, KeyFile
from durward.keys.signing import Signer, generate, load
from durward.store.keys import StoredKey, load_keys, record_key, remove_keys, retire_key

ACCESS, IDENTITY, SNAPSHOT, AUDIT = "access", "identity", "snapshot", "audit"
ALGORITHMS: Mapping[str, str] = {
    ACCESS: "ES256",
    IDENTITY: "RS256",
    SNAPSHOT: "Ed25519",
    AUDIT: "Ed25519",
}
ROTATED = (ACCESS, IDENTITY)
"""What `rotate` replaces; edges and auditors pin the keys of snapshots and of the log."""

MAX_JWK_BYTES = 8_192


@dataclass(frozen=True)
class KeyRing:
    """Keys as they lie in the store, opened with the key file when they sign."""

    key_file: KeyFile
    keys: tuple[StoredKey, ...]

    def signing_key(self, purpose: str, now: Instant) -> StoredKey:
        """The key that signs for a purpose now. Raises Unavailable."""
        found = life.signing(self.keys, purpose, now)
        if found is None:
            raise Unavailable(f"no key signs for `{purpose}`")
        return found

    def open(self, key: StoredKey) -> Signer:
        """A key out of its envelope. Raises Unavailable."""
        return load(key.algorithm, self.key_file.unseal(key.private, place(key.kid)))

    def signer(self, purpose: str, now: Instant) -> Signer:
        """The key that signs now, opened. Raises Unavailable."""
        return self.open(self.signing_key(purpose, now))

    def public(self, purposes: tuple[str, ...], now: Instant) -> list[dict[str, Json]]:
        """The public keys that verifiers need now (RFC 7517)."""
        keys = [key for key in life.published(self.keys, now) if key.purpose in purposes]
        found = (parse_json(key.public, limit_bytes=MAX_JWK_BYTES) for key in keys)
        return [key for key in found if isinstance(key, dict)]


def place(kid: str) -> str:
    """What an envelope of a private key belongs to."""
    return f"signing_keys/private/{kid}"


def load_ring(connection: Connection, key_file: KeyFile) -> KeyRing:
    """The keyring as it is now."""
    return KeyRing(key_file, tuple(load_keys(connection)))


def open_key_file(connection: Connection, path: Path) -> KeyFile:
    """The key file under which the keys in the store rest; made only where none rests yet.

    Raises Misconfigured where it is gone, spoiled, or another one.
    """
    kept = load_keys(connection)
    key_file = KeyFile.open(path, make=not kept)
    try:
        if kept:
            KeyRing(key_file, tuple(kept)).open(kept[0])
    except Unavailable as error:
        problem = "not the key file under which the keys in the database are encrypted"
        raise Misconfigured(str(path), problem, hint=PUT_BACK) from error
    return key_file


def ensure_keys(connection: Connection, key_file: KeyFile, audit: AuditContext) -> KeyRing:
    """The keyring, with a key for every purpose that had none."""
    ring = load_ring(connection, key_file)
    for purpose in ALGORITHMS:
        if life.signing(ring.keys, purpose, audit.at) is None:
            signer = generate(ALGORITHMS[purpose])
            _add(connection, key_file, purpose, signer, audit.at, audit)
    return load_ring(connection, key_file)


@dataclass(frozen=True, slots=True)
class RotationRequest:
    """How keys are to be replaced; without a time it is the shortest that refuses no token."""

    ahead: Seconds | None = None
    grace: Seconds | None = None
    unsafe_now: bool = False
    """At once, and nothing that the former keys signed is good any more."""


def least(ahead: Seconds, access_lifetime: Seconds) -> life.MinimumTimes:
    """The bounds of a rotation in which no token is refused: the longest one, and clocks, count."""
    longest = max(access_lifetime, id_token.LIFETIME)
    return life.MinimumTimes(ahead, Seconds(longest + MAX_SKEW))


def turn_of(wish: RotationRequest, bounds: life.MinimumTimes, now: Instant) -> life.Rotation:
    """When the next keys sign and the others are retired. Raises Misconfigured."""
    if not wish.unsafe_now:
        return life.rotation(now, bounds, wish.ahead, wish.grace)
    if (wish.ahead, wish.grace) != (None, None):
        hint = "remove --ahead and --grace"
        problem = "the keys are replaced at once, without other times"
        raise Misconfigured("unsafe_now", problem, hint=hint)
    return life.at_once(now)


def next_signers() -> dict[str, Signer]:
    """A new key for each purpose that is rotated: they take a while to make."""
    return {purpose: generate(ALGORITHMS[purpose]) for purpose in ROTATED}


def rotate_keys(
    connection: Connection,
    key_file: KeyFile,
    signers: Mapping[str, Signer],
    turn: life.Rotation,
    audit: AuditContext,
) -> None:
    """Publish the next keys; those before them are retired when the turn says.

    Who was to be retired before stays that long, unless nothing of before is good any more.
    """
    at_once = turn.retired_at <= audit.at
    for key in load_keys(connection):
        if key.purpose in ROTATED and (at_once or key.retired_at is None):
            retire_key(connection, key.kid, turn.retired_at, audit)
    for purpose, signer in signers.items():
        _add(connection, key_file, purpose, signer, turn.signs_from, audit)
    remove_keys(connection, audit.at)


def _add(
    connection: Connection,
    key_file: KeyFile,
    purpose: str,
    signer: Signer,
    signs_from: Instant,
    audit: AuditContext,
) -> None:
    stored = StoredKey(
        kid=signer.kid,
        purpose=purpose,
        algorithm=signer.algorithm,
        public=sorted_json(signer.public_jwk),
        private=key_file.seal(signer.to_bytes(), place(signer.kid)),
        published_at=audit.at,
        signs_from=signs_from,
    )
    record_key(connection, stored, audit)
