"""Passwords: hashed with Argon2id outside of any transaction, because that takes its time.

Imported hashes (`core/people/password_hash.py`) are verified with their own scheme, and replaced at
the next sign-in.
"""

import contextlib
import hmac
import os
import threading
from collections.abc import Callable, Mapping
from typing import Final

import bcrypt
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.argon2 import Argon2d, Argon2i, Argon2id
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from sqlalchemy import Connection

from durward.core.audit.event import AuditContext
from durward.core.authn.decoy import HashKinds
from durward.core.edge.revocation import RevocationKind
from durward.core.errors import Misconfigured
from durward.core.people.mail_text import Mail, password_replaced
from durward.core.people.password_hash import HashScheme, PasswordHash, parse_password_hash
from durward.core.people.person import Person
from durward.core.values import Secret, UserId
from durward.entropy import new_secret
from durward.services.context import Context
from durward.services.mail import notify
from durward.store.grants import end_grants, live_grants
from durward.store.holds import hold_people
from durward.store.known_browsers import forget_known_browsers
from durward.store.passwords import load_password, record_password
from durward.store.people import load_person
from durward.store.reset_links import forget_reset_link
from durward.store.sessions import end_session, open_sessions

ITERATIONS: Final = 2
MEMORY_KIB: Final = 19_456
LANES: Final = 1
"""OWASP's parameters for Argon2id (Password Storage Cheat Sheet), with one lane.

OpenSSL takes the threads of further lanes from one pool of the whole process, in which two
derivations wait for each other's threads for ever.
"""

SALT_BYTES, HASH_BYTES = 16, 32
CURRENT: Final = f"$argon2id$v=19$m={MEMORY_KIB},t={ITERATIONS},p={LANES}$"
CURRENT_KIND: Final = PasswordHash(
    HashScheme.ARGON2ID,
    (MEMORY_KIB, ITERATIONS, LANES),
    bytes(SALT_BYTES),
    bytes(HASH_BYTES),
).kind
BCRYPT_BYTES: Final = 72
"""bcrypt ignores the rest of a password, and bcrypt 5 leaves the cut to its caller."""
_ARGON2: Final[Mapping[HashScheme, Callable[[bytes, str], None]]] = {
    HashScheme.ARGON2ID: Argon2id.verify_phc_encoded,
    HashScheme.ARGON2I: Argon2i.verify_phc_encoded,
    HashScheme.ARGON2D: Argon2d.verify_phc_encoded,
}
_PRF: Final[Mapping[str, hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - of PBKDF2, as the hash's maker chose
    "sha256": hashes.SHA256(),
    "sha512": hashes.SHA512(),
}

REPLACED: Final = "the password was replaced"
"""Why sessions and grants ended."""

ONE_AT_A_TIME = threading.Lock()


def hashed(password: Secret) -> str:
    """The hash that is kept (PHC string format)."""
    kdf = Argon2id(
        salt=os.urandom(SALT_BYTES),
        length=HASH_BYTES,
        iterations=ITERATIONS,
        lanes=LANES,
        memory_cost=MEMORY_KIB,
    )
    return kdf.derive_phc_encoded(password.reveal().encode())


def verifies(password: Secret, kept: str) -> bool:
    """Whether the password is the one of the hash; one with several lanes waits for its turn.

    What is no hash within the bounds, such as a spoiled row, no password fits.
    """
    try:
        found = parse_password_hash(kept)
    except ValueError:
        return False
    turn = ONE_AT_A_TIME if found.lanes > 1 else contextlib.nullcontext()
    with turn:
        return _verifies(password.reveal().encode(), found)


def _verifies(password: bytes, found: PasswordHash) -> bool:
    first, *others = found.parameters
    length = len(found.digest)
    try:
        if found.scheme is HashScheme.BCRYPT:
            return bool(bcrypt.checkpw(password[:BCRYPT_BYTES], found.text.encode()))
        if found.scheme in _ARGON2:
            _ARGON2[found.scheme](password, found.text)
        elif found.scheme is HashScheme.SCRYPT:
            block_size, parallel = others
            kdf = Scrypt(salt=found.salt, length=length, n=2**first, r=block_size, p=parallel)
            kdf.verify(password, found.digest)
        else:
            prf = _PRF[found.scheme.prf]
            PBKDF2HMAC(prf, length, found.salt, first).verify(password, found.digest)
    except InvalidKey:
        return False
    return True


def goes_alone(kept: str) -> bool:
    """Whether a hash is verified one at a time: it has several lanes, or takes much."""
    try:
        return parse_password_hash(kept).goes_alone
    except ValueError:
        return False


def is_current(phc: str) -> bool:
    """Whether a hash has the parameters of now."""
    return phc.startswith(CURRENT)


def decoy(context: Context, account: str) -> str:
    """What to verify where there is no such account, so that the time does not tell (AS-95).

    By a keyed hash of the name that nobody outside can compute.
    """
    drawn = hmac.digest(context.key_file.derive("decoys"), account.encode(), "sha256")
    return kinds_of(context.hash_kinds).of(drawn)


def kinds_of(counts: Mapping[str, Mapping[str, int]]) -> HashKinds:
    """How passwords are hashed, and how they are hashed now."""
    return HashKinds(CURRENT_KIND, counts)


def no_such_person(name: str) -> Misconfigured:
    """What is told where nobody is called so."""
    return Misconfigured(f"people/{name}", "there is no such person", hint="durward people list")


def mint_password() -> Secret:
    """A first password: 256 random bits, shown once to whoever asked for it."""
    return new_secret("dwp")


def has_password(connection: Connection, user: UserId) -> bool:
    """Whether a person can sign in by password."""
    return load_password(connection, user) is not None


def set_password(
    connection: Connection, context: Context, user: UserId, phc: str, audit: AuditContext
) -> None:
    """Give a person a password; what stood on the one before ends (AS-104).

    Whoever knew that one may have signed in with it and let an application in, so that grants end
    too, also those that outlive a session.
    Raises Misconfigured where there is no such person.
    """
    hold_people(connection, user)
    person = load_person(connection, user)
    if person is None:
        raise no_such_person(user)
    replace_password(connection, user, phc, audit)
    end_everything(connection, user, audit)
    tell_of_password(connection, context, person, audit)


def end_everything(connection: Connection, user: UserId, audit: AuditContext) -> None:
    """End the sessions and the grants of a person whose password was replaced by somebody else."""
    for session in open_sessions(connection, user):
        end_session(connection, session.id, REPLACED, audit)
    ids = [grant.id for grant in live_grants(connection, user=user)]
    end_grants(connection, ids, REPLACED, audit, instead=(RevocationKind.SUBJECT, user))


def replace_password(
    connection: Connection, user: UserId, phc: str, audit: AuditContext, **facts: str
) -> None:
    """Keep another hash; what vouched for the former password vouches for nothing any more."""
    record_password(connection, user, phc, audit, **facts)
    forget_known_browsers(connection, user)
    forget_reset_link(connection, user)


def tell_of_password(
    connection: Connection,
    context: Context,
    person: Person,
    audit: AuditContext,
    *,
    by_person: bool = False,
) -> None:
    """Tell somebody that their password was replaced (AS-99)."""

    def notice(address: str) -> Mail:
        login, issuer = person.login, context.issuer
        return password_replaced(address, login, issuer, audit.at, by_person=by_person)

    notify(connection, context, person, notice, audit)
