"""Passwords: hashed with Argon2id outside of any transaction, because that takes its time."""

import os

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from sqlalchemy import Connection

from durward.core.audit.event import Trail
from durward.core.errors import Misconfigured
from durward.core.values import Secret, UserId
from durward.entropy import new_secret
from durward.services.context import Context
from durward.store.known_browsers import forget_known_browsers
from durward.store.people import load_password, record_password
from durward.store.sessions import end_session, open_sessions

ITERATIONS, LANES, MEMORY_KIB = 3, 4, 65_536
"""The second recommended choice of RFC 9106 §4."""

SALT_BYTES, HASH_BYTES = 16, 32
DECOY = (
    "$argon2id$v=19$m=65536,t=3,p=4$VueY/11fd2rhxGr4HnsybA$aa398d"
    "9iawa/J6/5Z3PIJzg7nrD+73mQl+SQnvQvRbs"
)
"""The hash of a password that nobody knows: verified where there is no account."""


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


def verifies(password: Secret, phc: str) -> bool:
    """Whether the password is the one of the hash."""
    try:
        Argon2id.verify_phc_encoded(password.reveal().encode(), phc)
    except InvalidKey:
        return False
    return True


def mint_password() -> Secret:
    """A first password: 256 random bits, shown once to whoever asked for it."""
    return new_secret("dwp")


def has_password(connection: Connection, user: UserId) -> bool:
    """Whether a person can sign in by password."""
    return load_password(connection, user) is not None


def set_password(
    connection: Connection, context: Context, user: UserId, phc: str, trail: Trail
) -> None:
    """Give a person a password; whoever was signed in by the one before is not any more (AS-104).

    Raises Misconfigured where there is no such person.
    """
    if user not in context.published.estate.users:
        raise Misconfigured(f"users/{user}", "is not declared", hint="durward export")
    record_password(connection, user, phc, trail)
    forget_known_browsers(connection, user)
    for session in open_sessions(connection, user):
        end_session(connection, session.id, "the password was replaced", trail)
