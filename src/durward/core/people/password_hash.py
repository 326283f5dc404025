"""Password hashes of other servers: parsed, bounded, and stored in one canonical form each.

The canonical form is the PHC string, of bcrypt the modular crypt format. A hash that takes too much
time or memory to verify is refused: anybody can cause a verification.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

MAX_SECONDS: Final = 2.0
"""The longest verification, by the estimates below."""
MAX_MEMORY_BYTES: Final = 256 << 20
MAX_TEXT: Final = 1_024
"""Characters of a hash; the longest PHC strings have less than half."""
ALONE_MEMORY_BYTES: Final = 64 << 20
ALONE_SECONDS: Final = 1.0
"""Hashes that take more are verified one at a time, so that they occupy one slot."""

MICROSECONDS_ARGON2: Final = 2.0
"""For each KiB and pass."""
MICROSECONDS_BCRYPT: Final = 90.0
"""For each round."""
MICROSECONDS_SCRYPT: Final = 0.5
"""For each block of 128 bytes."""
MICROSECONDS_PBKDF2: Final = {"sha1": 0.5, "sha256": 0.5, "sha512": 0.8}
"""For each iteration of a block. All are about a third above the times of a server of 2024."""

SALT_BYTES: Final = range(1, 129)
DIGEST_BYTES: Final = range(16, 129)
"""Shorter digests collide by chance."""
ARGON2_SALT_BYTES: Final = 8
"""The minimum of OpenSSL (RFC 9106 §3.1 recommends 16)."""
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,9}\Z")
_BCRYPT: Final = re.compile(r"\$2[aby]\$([0-9]{2})\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})\Z")
_BCRYPT_ALPHABET: Final = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_FROM_BCRYPT: Final = str.maketrans(_BCRYPT_ALPHABET, _ALPHABET)
_TO_BCRYPT: Final = str.maketrans(_ALPHABET, _BCRYPT_ALPHABET)
_DIGESTS: Final = {"sha1": 20, "sha256": 32, "sha512": 64}


class HashScheme(StrEnum):
    """The scheme of a hash; the value is its PHC identifier."""

    ARGON2ID = "argon2id"
    ARGON2I = "argon2i"
    ARGON2D = "argon2d"
    BCRYPT = "bcrypt"
    SCRYPT = "scrypt"
    PBKDF2_SHA1 = "pbkdf2-sha1"
    PBKDF2_SHA256 = "pbkdf2-sha256"
    PBKDF2_SHA512 = "pbkdf2-sha512"

    @property
    def is_argon2(self) -> bool:
        """Whether it is a variant of Argon2 (RFC 9106)."""
        return self in {HashScheme.ARGON2ID, HashScheme.ARGON2I, HashScheme.ARGON2D}

    @property
    def prf(self) -> str:
        """The hash function of PBKDF2; empty of the others."""
        return self.value.removeprefix("pbkdf2-") if self.value.startswith("pbkdf2-") else ""


_NAMES: Final = {
    HashScheme.BCRYPT: ("cost",),
    **dict.fromkeys((HashScheme.ARGON2ID, HashScheme.ARGON2I, HashScheme.ARGON2D), ("m", "t", "p")),
    HashScheme.SCRYPT: ("ln", "r", "p"),
    **dict.fromkeys(
        (HashScheme.PBKDF2_SHA1, HashScheme.PBKDF2_SHA256, HashScheme.PBKDF2_SHA512), ("i",)
    ),
}
"""The parameters of each, in the order of its PHC string."""


@dataclass(frozen=True, slots=True, repr=False)
class PasswordHash:
    """A hash of a supported scheme, with its parameters."""

    scheme: HashScheme
    parameters: tuple[int, ...]
    salt: bytes
    digest: bytes

    def __repr__(self) -> str:
        """Without salt and digest, which are secret."""
        return f"PasswordHash({self.cost})"

    @property
    def cost(self) -> str:
        """The scheme and its parameters, for people."""
        named = zip(_NAMES[self.scheme], self.parameters, strict=True)
        return f"{self.scheme} {','.join(f'{name}={value}' for name, value in named)}"

    @property
    def text(self) -> str:
        """The canonical form, as stored."""
        if self.scheme is HashScheme.BCRYPT:
            salt, digest = (
                _encode(part).translate(_TO_BCRYPT) for part in (self.salt, self.digest)
            )
            return f"$2b${self.parameters[0]:02}${salt}{digest}"
        named = zip(_NAMES[self.scheme], self.parameters, strict=True)
        listed = ",".join(f"{name}={value}" for name, value in named)
        version = "$v=19" if self.scheme.is_argon2 else ""
        return f"${self.scheme}{version}${listed}${_encode(self.salt)}${_encode(self.digest)}"

    @property
    def kind(self) -> str:
        """A hash with the same cost, of an unknown password: equal for all hashes of equal cost."""
        return replace(self, salt=bytes(16), digest=bytes(len(self.digest))).text

    @property
    def lanes(self) -> int:
        """The number of threads of a verification."""
        return self.parameters[2] if self.scheme.is_argon2 else 1

    @property
    def seconds(self) -> float:
        """The estimated time of a verification on an idle processor."""
        first, *others = self.parameters
        match self.scheme:
            case HashScheme.BCRYPT:
                return MICROSECONDS_BCRYPT * (1 << first) / 1e6
            case HashScheme.SCRYPT:
                block_size, parallel = others
                return MICROSECONDS_SCRYPT * (1 << first) * block_size * parallel / 1e6
            case HashScheme.ARGON2ID | HashScheme.ARGON2I | HashScheme.ARGON2D:
                return MICROSECONDS_ARGON2 * first * others[0] / 1e6
            case _:
                prf = self.scheme.prf
                blocks = -(-len(self.digest) // _DIGESTS[prf])
                return MICROSECONDS_PBKDF2[prf] * first * blocks / 1e6

    @property
    def memory_bytes(self) -> int:
        """The memory of a verification."""
        first, *others = self.parameters
        if self.scheme.is_argon2:
            return first << 10
        if self.scheme is HashScheme.SCRYPT:
            block_size, parallel = others
            return 128 * block_size * ((1 << first) + parallel)
        return 8 << 10

    @property
    def goes_alone(self) -> bool:
        """Whether it is verified one at a time."""
        return (
            self.lanes > 1 or self.memory_bytes > ALONE_MEMORY_BYTES or self.seconds > ALONE_SECONDS
        )

    def problem(self) -> str:
        """Why it is refused; empty if it is accepted."""
        least = ARGON2_SALT_BYTES if self.scheme.is_argon2 else SALT_BYTES.start
        if len(self.salt) not in range(least, SALT_BYTES.stop):
            return (
                f"the salt has {len(self.salt)} bytes: {least} to {SALT_BYTES.stop - 1} are allowed"
            )
        if len(self.digest) not in DIGEST_BYTES:
            return f"the digest has {len(self.digest)} bytes: 16 to 128 are allowed"
        if found := self._out_of_range():
            return found
        if self.memory_bytes > MAX_MEMORY_BYTES:
            taken, most = math.ceil(self.memory_bytes / (1 << 20)), MAX_MEMORY_BYTES >> 20
            return f"{self.cost} takes {taken} MiB for each sign-in, more than {most}"
        if self.seconds > MAX_SECONDS:
            taken_seconds = math.ceil(self.seconds * 10) / 10
            return f"{self.cost} takes {taken_seconds:.1f} s for each sign-in, more than 2"
        return ""

    def _out_of_range(self) -> str:
        """Parameters outside the range of the scheme."""
        first, *others = self.parameters
        match self.scheme:
            case HashScheme.BCRYPT if first not in range(4, 32):
                return "the cost of bcrypt is 4 to 31"
            case HashScheme.SCRYPT if first not in range(1, 32) or others[0] * others[1] >= 2**30:
                return "scrypt has a cost of 2**1 to 2**31, and r * p below 2**30 (RFC 7914 §2)"
            case HashScheme.ARGON2ID | HashScheme.ARGON2I | HashScheme.ARGON2D if (
                others[1] > 2**24 - 1 or first < 8 * others[1]
            ):
                return "Argon2 has 8 KiB for each lane at least (RFC 9106 §3.1)"
            case _:
                return ""


def parse_password_hash(text: str) -> PasswordHash:
    """Parse a hash in the format of PHC, modular crypt, passlib or Django.

    Raises ValueError, which contains no part of the hash.
    """
    if len(text) > MAX_TEXT:
        raise ValueError(f"a hash has at most {MAX_TEXT} characters")
    text = _without_django_name(text)
    begins = text.removeprefix("$").partition("$")[0]
    read = _READERS.get(begins if text.startswith("$") else f"{begins}$")
    if read is None:
        raise ValueError(
            "unknown hash scheme: supported are argon2id, argon2i, argon2d, bcrypt ($2a$, $2b$, "
            "$2y$), scrypt and PBKDF2 (PHC, passlib, Django)"
        )
    return _taken(read(text))


def parse_keycloak_credential(secret: str, credential: str) -> PasswordHash:
    """Parse a password credential of a Keycloak export: its `secretData` and `credentialData`.

    Raises ValueError, which contains no part of the hash.
    """
    found, told = _json_object(secret, "secretData"), _json_object(credential, "credentialData")
    algorithm = str(told.get("algorithm"))
    salt, digest = (_decode_padded(str(found.get(name))) for name in ("salt", "value"))
    if algorithm == "argon2":
        more = told.get("additionalParameters")
        more = more if isinstance(more, dict) else {}
        first: dict[str, str] = {
            name: str(value[0] if isinstance(value, list) and value else value)
            for name, value in more.items()
        }
        scheme = _scheme(f"argon2{first.get('type', 'id')}")
        if not scheme.is_argon2 or first.get("version", "1.3") != "1.3":
            raise ValueError("unsupported type or version of Argon2")
        numbers = (first.get("memory"), told.get("hashIterations"), first.get("parallelism"))
        return _taken(
            PasswordHash(scheme, tuple(_number(str(value)) for value in numbers), salt, digest)
        )
    name = {"pbkdf2": "pbkdf2-sha1"}.get(algorithm, algorithm)
    if not name.startswith("pbkdf2-"):
        raise ValueError("unsupported algorithm of Keycloak")
    iterations = _number(str(told.get("hashIterations")))
    return _taken(PasswordHash(_scheme(name), (iterations,), salt, digest))


def kind_of(text: str) -> str:
    """The kind of a stored hash; empty if it is not supported."""
    try:
        return parse_password_hash(text).kind
    except ValueError:
        return ""


def _without_django_name(text: str) -> str:
    """Django writes `argon2$argon2id$…` and `bcrypt$$2b$…`: the rest is as others write it."""
    for name, rest in (("argon2$", "argon2"), ("bcrypt$", "$2")):
        if text.startswith(name + rest):
            inner = text.removeprefix(name)
            return inner if inner.startswith("$") else f"${inner}"
    return text


def _taken(found: PasswordHash) -> PasswordHash:
    if problem := found.problem():
        raise ValueError(problem)
    return found


def _argon2(text: str) -> PasswordHash:
    name, version, listed, salt, digest = _parts(text, 5)
    if version != "v=19":
        raise ValueError("Argon2 of another version than 19 (0x13)")
    scheme = _scheme(name)
    return PasswordHash(scheme, _parameters(listed, scheme), _decode(salt), _decode(digest))


def _bcrypt(text: str) -> PasswordHash:
    found = _BCRYPT.match(text)
    if not found:
        raise ValueError("a bcrypt hash has 60 characters: `$2b$`, the cost, salt and digest")
    cost, salt, digest = found.groups()
    return PasswordHash(
        HashScheme.BCRYPT,
        (int(cost),),
        # Some servers set spare bits of the last character, which all implementations ignore.
        *(_decode(part.translate(_FROM_BCRYPT), spare=True) for part in (salt, digest)),
    )


def _scrypt(text: str) -> PasswordHash:
    name, listed, salt, digest = _parts(text, 4)
    scheme = _scheme(name)
    return PasswordHash(scheme, _parameters(listed, scheme), _decode(salt), _decode(digest))


def _pbkdf2(text: str) -> PasswordHash:
    """PHC has `i=29000` (and often `l=32`), passlib the number alone, and `.` for `+`."""
    name, listed, salt, digest = _parts(text, 4)
    scheme = _scheme("pbkdf2-sha1" if name == "pbkdf2" else name)
    value = _decode(digest.replace(".", "+"))
    iterations, _, length = listed.removeprefix("i=").partition(",l=")
    if length and _number(length) != len(value):
        raise ValueError("the digest is not as long as `l` says")
    salt_bytes = _decode(salt.replace(".", "+"))
    return PasswordHash(scheme, (_number(iterations),), salt_bytes, value)


def _django_pbkdf2(text: str) -> PasswordHash:
    name, iterations, salt, digest = _plain_parts(text, 4)
    scheme = _scheme(name.replace("_", "-"))
    return PasswordHash(scheme, (_number(iterations),), salt.encode(), _decode_padded(digest))


def _django_scrypt(text: str) -> PasswordHash:
    _, cost, salt, block_size, parallel, digest = _plain_parts(text, 6)
    number = _number(cost)
    if number & (number - 1):
        raise ValueError("the cost of scrypt is a power of two")
    numbers = (number.bit_length() - 1, _number(block_size), _number(parallel))
    return PasswordHash(HashScheme.SCRYPT, numbers, salt.encode(), _decode_padded(digest))


_READERS: Final[Mapping[str, Callable[[str], PasswordHash]]] = {
    **dict.fromkeys(("argon2id", "argon2i", "argon2d"), _argon2),
    **dict.fromkeys(("2a", "2b", "2y"), _bcrypt),
    "scrypt": _scrypt,
    **dict.fromkeys(("pbkdf2", "pbkdf2-sha1", "pbkdf2-sha256", "pbkdf2-sha512"), _pbkdf2),
    **dict.fromkeys(("pbkdf2_sha1$", "pbkdf2_sha256$"), _django_pbkdf2),
    "scrypt$": _django_scrypt,
}
"""By the beginning of a hash; a name with `$` has no leading `$`."""


def _parts(text: str, number: int) -> list[str]:
    return _plain_parts(text.removeprefix("$"), number)


def _plain_parts(text: str, number: int) -> list[str]:
    parts = text.split("$")
    if len(parts) != number:
        raise ValueError(f"it has {len(parts)} parts between `$`, and not {number}")
    return parts


def _scheme(name: str) -> HashScheme:
    try:
        return HashScheme(name)
    except ValueError:
        raise ValueError("unsupported scheme") from None


def _parameters(listed: str, scheme: HashScheme) -> tuple[int, ...]:
    names, found = _NAMES[scheme], [pair.partition("=") for pair in listed.split(",")]
    if tuple(name for name, _, _ in found) != names:
        raise ValueError(f"the parameters of {scheme} are {', '.join(names)}, in this order")
    return tuple(_number(value) for _, _, value in found)


def _number(text: str) -> int:
    if not _NUMBER.match(text):
        raise ValueError("a parameter is not a number of one to ten digits")
    return int(text)


def _decode(text: str, *, spare: bool = False) -> bytes:
    """Base64 without padding; `spare` bits behind the last byte may be set."""
    try:
        found = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("salt or digest is not Base64") from None
    if not spare and _encode(found) != text:
        raise ValueError("salt or digest is not canonical Base64 without padding")
    return found


def _decode_padded(text: str) -> bytes:
    return _decode(text.rstrip("="))


def _encode(value: bytes) -> str:
    return base64.b64encode(value).decode().rstrip("=")


def _json_object(text: str, name: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError(f"`{name}` is not a JSON object")  # noqa: TRY004 - it is what was sent
    return found
