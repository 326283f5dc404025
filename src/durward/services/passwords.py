"""Passwords: hashed with Argon2id outside of any transaction, because that takes its time."""

import hmac
import os
import re
import threading
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from sqlalchemy import Connection

from durward.core.audit.event import AuditContext
from durward.core.edge.revocation import RevocationKind
from durward.core.errors import Misconfigured
from durward.core.values import Secret, UserId
from durward.entropy import new_secret
from durward.services.context import Context
from durward.store.grants import end_grants, live_grants
from durward.store.holds import hold_people
from durward.store.known_browsers import forget_known_browsers
from durward.store.people import load_password, record_password
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
FORMER: Final = "$argon2id$v=19$m=65536,t=3,p=4$"
"""How hashes began until now; what has it is derived anew at the next sign-in."""

DECOYS: Final = {
    CURRENT: CURRENT + "7q8qB4R/GG1HbEjLhwAEDA$Q3x9HkQ0o866vyrLRqxJfyKF9NCQIf38rrzpk+HrncE",
    FORMER: FORMER + "VueY/11fd2rhxGr4HnsybA$aa398d9iawa/J6/5Z3PIJzg7nrD+73mQl+SQnvQvRbs",
}
"""Hashes of passwords that nobody knows: verified where there is no account."""

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


def verifies(password: Secret, phc: str) -> bool:
    """Whether the password is the one of the hash; one with several lanes waits for its turn."""
    if takes_threads(phc):
        with ONE_AT_A_TIME:
            return _verifies(password, phc)
    return _verifies(password, phc)


def _verifies(password: Secret, phc: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(password.reveal().encode(), phc)
    except InvalidKey:
        return False
    return True


def takes_threads(phc: str) -> bool:
    """Whether a hash was derived in several lanes (PHC string format: `p`)."""
    return not re.search(r"[,$]p=1[,$]", phc)


def is_current(phc: str) -> bool:
    """Whether a hash has the parameters of now."""
    return phc.startswith(CURRENT)


def decoy(context: Context, account: str) -> str:
    """What to verify where there is no such account, so that the time does not tell (AS-95).

    As many of the names that do not exist take the longer time as of those that do, each always
    the same, by a keyed hash of the name that nobody outside can compute. As people sign in and
    their hashes are derived anew, such names change to the shorter time too, each once.
    """
    drawn = hmac.digest(context.key_file.derive("decoys"), account.encode(), "sha256")
    takes_longer = int.from_bytes(drawn[:4], "big") < context.former_share * 2**32
    return DECOYS[FORMER if takes_longer else CURRENT]


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
    if user not in context.published.configuration.users:
        raise Misconfigured(f"users/{user}", "is not declared", hint="durward export")
    hold_people(connection, user)
    record_password(connection, user, phc, audit)
    forget_known_browsers(connection, user)
    for session in open_sessions(connection, user):
        end_session(connection, session.id, REPLACED, audit)
    ids = [grant.id for grant in live_grants(connection, user=user)]
    end_grants(connection, ids, REPLACED, audit, instead=(RevocationKind.SUBJECT, user))
