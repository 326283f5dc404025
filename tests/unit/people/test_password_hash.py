"""Hashes of other servers: read as they were written, verified as they were made, bounded.

The hashes are made here, by the standard library, bcrypt and cryptography's own derivation.
"""

import base64
import hashlib
import json
from collections.abc import Callable

import bcrypt
import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2d, Argon2i, Argon2id

from durward.core.people.password_hash import (
    HashScheme,
    PasswordHash,
    kind_of,
    parse_keycloak_credential,
    parse_password_hash,
)
from durward.core.values import Secret
from durward.services.passwords import goes_alone, verifies

PASSWORD = "čtyři slova a 1 kočka"
SALT = b"\xfb\xff sixteen bytes"
TEXT_SALT = "saltOfDjango"


def b64(value: bytes) -> str:
    return base64.b64encode(value).decode().rstrip("=")


def ab64(value: bytes) -> str:
    """As passlib writes it."""
    return b64(value).replace("+", ".")


def pbkdf2(name: str, iterations: int, salt: bytes = SALT, length: int | None = None) -> bytes:
    return hashlib.pbkdf2_hmac(name, PASSWORD.encode(), salt, iterations, length)


def scrypt(cost: int, salt: bytes = SALT, length: int = 32) -> bytes:
    return hashlib.scrypt(PASSWORD.encode(), salt=salt, n=2**cost, r=8, p=2, dklen=length)


def argon2(kind: type, lanes: int = 1) -> str:
    kdf = kind(salt=SALT, length=32, iterations=2, lanes=lanes, memory_cost=64)
    return str(kdf.derive_phc_encoded(PASSWORD.encode()))


def bcrypt_as(begins: str) -> str:
    made = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    return begins + made.removeprefix("$2b$")


HASHES: dict[str, Callable[[], str]] = {
    "argon2id": lambda: argon2(Argon2id),
    "argon2i": lambda: argon2(Argon2i),
    "argon2d": lambda: argon2(Argon2d),
    "argon2id of four lanes": lambda: argon2(Argon2id, 4),
    "argon2 of Django": lambda: "argon2" + argon2(Argon2id),
    "bcrypt 2a": lambda: bcrypt_as("$2a$"),
    "bcrypt 2b": lambda: bcrypt_as("$2b$"),
    "bcrypt 2y": lambda: bcrypt_as("$2y$"),
    "bcrypt of Django": lambda: "bcrypt$" + bcrypt_as("$2b$"),
    "scrypt": lambda: f"$scrypt$ln=4,r=8,p=2${b64(SALT)}${b64(scrypt(4))}",
    "scrypt of Django": lambda: (
        f"scrypt$16${TEXT_SALT}$8$2${base64.b64encode(scrypt(4, TEXT_SALT.encode(), 64)).decode()}"
    ),
    "pbkdf2-sha256 PHC": lambda: f"$pbkdf2-sha256$i=7,l=32${b64(SALT)}${b64(pbkdf2('sha256', 7))}",
    "pbkdf2-sha256 passlib": lambda: f"$pbkdf2-sha256$7${ab64(SALT)}${ab64(pbkdf2('sha256', 7))}",
    "pbkdf2-sha512 passlib": lambda: f"$pbkdf2-sha512$7${ab64(SALT)}${ab64(pbkdf2('sha512', 7))}",
    "pbkdf2 passlib": lambda: f"$pbkdf2$7${ab64(SALT)}${ab64(pbkdf2('sha1', 7))}",
    "pbkdf2_sha256 of Django": lambda: (
        f"pbkdf2_sha256$7${TEXT_SALT}$"
        f"{base64.b64encode(pbkdf2('sha256', 7, TEXT_SALT.encode())).decode()}"
    ),
    "pbkdf2_sha1 of Django": lambda: (
        f"pbkdf2_sha1$7${TEXT_SALT}$"
        f"{base64.b64encode(pbkdf2('sha1', 7, TEXT_SALT.encode())).decode()}"
    ),
}


@pytest.mark.parametrize("name", HASHES)
def test_the_password_fits_what_was_kept_of_it_and_no_other_does(name: str) -> None:
    found = parse_password_hash(HASHES[name]())
    assert parse_password_hash(found.text) == found, "what is kept is read alike"
    assert verifies(Secret(PASSWORD), found.text)
    for other in ("", PASSWORD + " ", PASSWORD.upper()):
        assert not verifies(Secret(other), found.text)


@pytest.mark.parametrize("name", HASHES)
def test_a_kind_costs_the_same_and_is_nobodys(name: str) -> None:
    found = parse_password_hash(HASHES[name]())
    kind = parse_password_hash(found.kind)
    assert (kind.cost, kind.seconds, kind.memory_bytes, kind.goes_alone) == (
        *(found.cost, found.seconds, found.memory_bytes),
        found.goes_alone,
    )
    assert kind.kind == found.kind == kind_of(HASHES[name]())
    assert not verifies(Secret(PASSWORD), found.kind)


def test_nothing_of_a_hash_is_printed() -> None:
    found = parse_password_hash(HASHES["scrypt"]())
    assert repr(found) == "PasswordHash(scrypt ln=4,r=8,p=2)"
    assert str(found) == repr(found)


@pytest.mark.parametrize(
    ("algorithm", "name", "length"),
    [("pbkdf2-sha256", "sha256", 64), ("pbkdf2-sha512", "sha512", 64), ("pbkdf2", "sha1", 64)],
)
def test_a_credential_of_keycloak_is_read(algorithm: str, name: str, length: int) -> None:
    """Its digests are longer than one block of the hash function."""
    digest = pbkdf2(name, 7, length=length)
    secret = {"value": base64.b64encode(digest).decode(), "salt": base64.b64encode(SALT).decode()}
    credential = {"hashIterations": 7, "algorithm": algorithm, "additionalParameters": {}}
    found = parse_keycloak_credential(json.dumps(secret), json.dumps(credential))
    assert verifies(Secret(PASSWORD), found.text)
    assert not verifies(Secret("another"), found.text)


def test_an_argon2_credential_of_keycloak_is_read() -> None:
    phc = argon2(Argon2id)
    salt, digest = phc.split("$")[-2:]
    secret = json.dumps({"value": digest + "=", "salt": salt + "=="})
    more = {"memory": ["64"], "type": ["id"], "version": ["1.3"], "parallelism": ["1"]}
    told = {"hashIterations": 2, "algorithm": "argon2", "additionalParameters": more}
    assert parse_keycloak_credential(secret, json.dumps(told)).text == phc
    for name, value in (("type", ["x"]), ("version", ["1.0"]), ("memory", []), ("memory", 7.5)):
        wrong = {**told, "additionalParameters": {**more, name: value}}
        with pytest.raises(ValueError, match=r"unsupported|number|lane"):
            parse_keycloak_credential(secret, json.dumps(wrong))


@pytest.mark.parametrize(
    ("secret", "credential"),
    [
        ("", "{}"),
        ("[]", "{}"),
        ("{}", "[" * 100_000),
        ("{}", '{"algorithm": "md5"}'),
        ("{}", '{"algorithm": "argon2", "additionalParameters": 3}'),
        ("{}", '{"algorithm": "pbkdf2-md5", "hashIterations": 1}'),
        ('{"salt": "AA==", "value": "AA=="}', '{"algorithm": "pbkdf2", "hashIterations": 0}'),
    ],
)
def test_no_credential_of_keycloak_is_taken_for_one(secret: str, credential: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_keycloak_credential(secret, credential)


def test_bcrypt_reads_72_bytes_as_it_always_did() -> None:
    """Libraries before bcrypt 5 cut off what is longer: their hashes were made so."""
    made = bcrypt.hashpw(("č" * 36).encode(), bcrypt.gensalt(4)).decode()
    assert verifies(Secret("č" * 36), made)
    assert verifies(Secret("č" * 36 + "and more"), made)
    assert not verifies(Secret("č" * 35), made)


def test_a_bcrypt_salt_with_spare_bits_is_the_one_without() -> None:
    made = bcrypt_as("$2b$")
    spare = {".": "/", "O": "P", "e": "f", "u": "v"}[made[28]]
    found = parse_password_hash(made[:28] + spare + made[29:])
    assert found.text == made
    assert verifies(Secret(PASSWORD), found.text)


DIGEST = b64(bytes(32))
BOUNDS = [
    ("$2b$14$" + "." * 53, ""),
    ("$2b$15$" + "." * 53, "3.0 s"),
    ("$2b$31$" + "." * 53, " s for each"),
    ("$2b$03$" + "." * 53, "4 to 31"),
    ("$2b$99$" + "." * 53, "4 to 31"),
    (f"$argon2id$v=19$m=262144,t=3,p=1${b64(SALT)}${DIGEST}", ""),
    (f"$argon2id$v=19$m=262145,t=1,p=1${b64(SALT)}${DIGEST}", "257 MiB"),
    (f"$argon2id$v=19$m=262144,t=4,p=1${b64(SALT)}${DIGEST}", "2.1 s"),
    (f"$argon2id$v=19$m=8,t=9999999999,p=1${b64(SALT)}${DIGEST}", " s for each"),
    (f"$argon2id$v=19$m=31,t=1,p=4${b64(SALT)}${DIGEST}", "8 KiB for each lane"),
    (f"$argon2id$v=19$m=9999999999,t=1,p=99999999${b64(SALT)}${DIGEST}", "lane"),
    (f"$argon2id$v=16$m=64,t=1,p=1${b64(SALT)}${DIGEST}", "version"),
    (f"$argon2id$v=19$m=64,t=1,p=1${b64(SALT[:7])}${DIGEST}", "the salt has 7 bytes"),
    (f"$argon2id$v=19$t=1,m=64,p=1${b64(SALT)}${DIGEST}", "in this order"),
    (f"$argon2id$v=19$m=64,t=1,p=1${b64(SALT)}${DIGEST}$", "parts"),
    (f"$scrypt$ln=17,r=8,p=1${b64(SALT)}${DIGEST}", ""),
    (f"$scrypt$ln=18,r=8,p=1${b64(SALT)}${DIGEST}", "257 MiB"),
    (f"$scrypt$ln=9999999999,r=8,p=1${b64(SALT)}${DIGEST}", "RFC 7914"),
    (f"$scrypt$ln=1,r=99999,p=99999${b64(SALT)}${DIGEST}", "RFC 7914"),
    (f"$scrypt$ln=14,r=8,p=64${b64(SALT)}${DIGEST}", "4.2 s"),
    (f"scrypt$100$salt$8$1${DIGEST}", "power of two"),
    (f"$pbkdf2-sha256$4000000${b64(SALT)}${DIGEST}", ""),
    (f"$pbkdf2-sha256$4000001${b64(SALT)}${DIGEST}", " s for each"),
    (f"$pbkdf2-sha256$2000001${b64(SALT)}${b64(bytes(64))}", " s for each"),
    (f"$pbkdf2-sha256$0${b64(SALT)}${DIGEST}", "number"),
    (f"$pbkdf2-sha256$+7${b64(SALT)}${DIGEST}", "number"),
    (f"$pbkdf2-sha256$\u0667${b64(SALT)}${DIGEST}", "number"),
    (f"$pbkdf2-sha256$i=7,l=31${b64(SALT)}${DIGEST}", "as long as"),
    (f"$pbkdf2-sha256$7${b64(SALT)}${b64(bytes(15))}", "the digest has 15 bytes"),
    (f"$pbkdf2-sha256$7${b64(SALT)}${b64(bytes(129))}", "the digest has 129 bytes"),
    (f"$pbkdf2-sha256$7$${DIGEST}", "the salt has 0 bytes"),
    (f"$pbkdf2-sha256$7$*${DIGEST}", "Base64"),
    (f"$pbkdf2-sha256$7${b64(SALT)}=${DIGEST}", "without padding"),
    (f"$pbkdf2-md5$7${b64(SALT)}${DIGEST}", "unknown hash scheme"),
    ("$2x$04$" + "." * 53, "unknown hash scheme"),
    ("$2b$04$" + "." * 52, "60 characters"),
    ("$1$salt$digest", "unknown hash scheme"),
    ("5f4dcc3b5aa765d61d8327deb882cf99", "unknown hash scheme"),
    ("", "unknown hash scheme"),
    ("$" * 2_000, "1024 characters"),
]


@pytest.mark.requirement("AS-96")
@pytest.mark.parametrize(("text", "problem"), BOUNDS)
def test_what_would_take_too_much_or_is_malformed_is_refused_with_the_number(
    text: str, problem: str
) -> None:
    if not problem:
        assert parse_password_hash(text).kind
        return
    with pytest.raises(ValueError, match=r".") as told:
        parse_password_hash(text)
    assert problem in str(told.value)
    assert kind_of(text) == ""
    assert not verifies(Secret(PASSWORD), text), "a row with it is nobody's password"
    assert not goes_alone(text)
    parts = [part for part in text.split("$") if len(part) > 15 and "=" not in part[:3]]
    assert not any(part in str(told.value) for part in parts), "nothing of a hash is told"


@pytest.mark.parametrize(
    ("found", "alone"),
    [
        (PasswordHash(HashScheme.ARGON2ID, (19_456, 2, 1), SALT, SALT), False),
        (PasswordHash(HashScheme.ARGON2ID, (64, 1, 2), SALT, SALT), True),
        (PasswordHash(HashScheme.ARGON2ID, (65_537, 1, 1), SALT, SALT), True),
        (PasswordHash(HashScheme.BCRYPT, (13,), SALT, SALT), False),
        (PasswordHash(HashScheme.BCRYPT, (14,), SALT, SALT), True),
        (PasswordHash(HashScheme.SCRYPT, (15, 8, 1), SALT, SALT), False),
        (PasswordHash(HashScheme.SCRYPT, (16, 8, 1), SALT, SALT), True),
        (PasswordHash(HashScheme.PBKDF2_SHA256, (2_000_000,), SALT, bytes(32)), False),
        (PasswordHash(HashScheme.PBKDF2_SHA256, (2_000_001,), SALT, bytes(32)), True),
    ],
)
def test_what_takes_much_goes_one_at_a_time(found: PasswordHash, alone: bool) -> None:
    assert found.goes_alone is alone
