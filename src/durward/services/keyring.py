"""The keyring: the signing keys, the published keys, and their rotation."""

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
from durward.keys.signing import Signer, generate, load_signer
from durward.store.keys import StoredKey, load_keys, record_key, remove_keys, retire_key

ACCESS, IDENTITY, SNAPSHOT, AUDIT = "access", "identity", "snapshot", "audit"
ALGORITHMS: Mapping[str, str] = {
    ACCESS: "ES256",
    IDENTITY: "RS256",
    SNAPSHOT: "Ed25519",
    AUDIT: "Ed25519",
}
ROTATED = (ACCESS, IDENTITY)
"""The purposes that `rotate` covers; edges and auditors pin the keys of snapshots and log."""

MAX_JWK_BYTES = 8_192


@dataclass(frozen=True)
class KeyRing:
    """The keys of the store, decrypted with the key file when they sign."""

    key_file: KeyFile
    keys: tuple[StoredKey, ...]

    def signing_key(self, purpose: str, now: Instant) -> StoredKey:
        """The key that signs for a purpose now. Raises Unavailable."""
        found = life.signing(self.keys, purpose, now)
        if found is None:
            raise Unavailable(f"no key signs for `{purpose}`")
        return found

    def open(self, key: StoredKey) -> Signer:
        """Decrypt a key. Raises Unavailable."""
        return load_signer(
            key.algorithm, self.key_file.unseal(key.private, associated_data(key.kid))
        )

    def signer(self, purpose: str, now: Instant) -> Signer:
        """The key that signs for a purpose now, decrypted. Raises Unavailable."""
        return self.open(self.signing_key(purpose, now))

    def public(self, purposes: tuple[str, ...], now: Instant) -> list[dict[str, Json]]:
        """The public keys that verifiers need now (RFC 7517)."""
        keys = [key for key in life.published(self.keys, now) if key.purpose in purposes]
        found = (parse_json(key.public, limit_bytes=MAX_JWK_BYTES) for key in keys)
        return [key for key in found if isinstance(key, dict)]


def associated_data(kid: str) -> str:
    """The associated data that binds an envelope to its key."""
    return f"signing_keys/private/{kid}"


def load_ring(connection: Connection, key_file: KeyFile) -> KeyRing:
    """Load the keyring."""
    return KeyRing(key_file, tuple(load_keys(connection)))


def open_key_file(connection: Connection, path: Path) -> KeyFile:
    """The key file that encrypts the keys in the store; made only while the store has none.

    Raises Misconfigured if it is missing, damaged, or another one.
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
    """Load the keyring, and make a key for every purpose that has none."""
    ring = load_ring(connection, key_file)
    for purpose in ALGORITHMS:
        if life.signing(ring.keys, purpose, audit.at) is None:
            signer = generate(ALGORITHMS[purpose])
            _add(connection, key_file, purpose, signer, audit.at, audit)
    return load_ring(connection, key_file)


@dataclass(frozen=True, slots=True)
class RotationRequest:
    """A request to rotate keys; a missing time is the shortest with which no token is refused."""

    ahead: Seconds | None = None
    grace: Seconds | None = None
    unsafe_now: bool = False
    """Rotate at once, and refuse every token of the former keys."""


def least(ahead: Seconds, access_lifetime: Seconds) -> life.MinimumTimes:
    """The minimum times of a rotation that refuses no token, with the longest token and skew."""
    longest = max(access_lifetime, id_token.LIFETIME)
    return life.MinimumTimes(ahead, Seconds(longest + MAX_SKEW))


def turn_of(wish: RotationRequest, bounds: life.MinimumTimes, now: Instant) -> life.Rotation:
    """The times at which the next keys sign and the others are retired. Raises Misconfigured."""
    if not wish.unsafe_now:
        return life.rotation(now, bounds, wish.ahead, wish.grace)
    if (wish.ahead, wish.grace) != (None, None):
        hint = "remove --ahead and --grace"
        problem = "the keys are replaced at once, without other times"
        raise Misconfigured("unsafe_now", problem, hint=hint)
    return life.at_once(now)


def next_signers() -> dict[str, Signer]:
    """New keys for the rotated purposes; making them takes a while."""
    return {purpose: generate(ALGORITHMS[purpose]) for purpose in ROTATED}


def rotate_keys(
    connection: Connection,
    key_file: KeyFile,
    signers: Mapping[str, Signer],
    turn: life.Rotation,
    audit: AuditContext,
) -> None:
    """Publish the next keys, and retire the former ones at the time of the rotation.

    A key with an earlier retirement keeps it, unless all former keys are refused at once.
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
        private=key_file.seal(signer.to_bytes(), associated_data(signer.kid)),
        published_at=audit.at,
        signs_from=signs_from,
    )
    record_key(connection, stored, audit)
