"""Map all errors of an unavailable database, and of its driver, to one error.

PostgreSQL reports a SQLSTATE (PostgreSQL, appendix A); after a lost connection the driver raises
its own errors, and those of the operating system.
"""

import contextlib

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft

from durward.core.errors import Unavailable

RETRY_AFTER_SECONDS = 2
ACCOUNT = "look at the name, the account and the rights in `database` of [serve]"
ROOM = "look at the disk and the log of the database"
READ_ONLY = "let `database` name the node that takes writes, or all with target_session_attrs"
PUT_IN_PLACE = "was the database replaced?"
POOLER = "let the pooler in front of the database pool transactions or sessions"

POOLED = ("26000", "42P05")
"""A prepared statement is missing, or exists already: a pooler shares our connection."""

PASSING = {
    "08": "",  # connection exception
    "25P03": "",  # it ended a transaction that was idle, or
    "25P04": "",  # took too long
    "53": ROOM,  # no room on its disk, in its memory, for one more connection
    "53300": "raise `max_connections`: each replica has up to 15 connections",
    "55P03": "",  # lock not available: `lock_timeout`
    "57": "",  # it starts, stops, recovers, or an operator cancelled the statement
    "57014": "its `statement_timeout` may be too short",
    "58": ROOM,  # a file of its own cannot be read or written
    "25006": READ_ONLY,
    "2200H": "",  # its counter is at its end: the sequencer sets it back
    **dict.fromkeys(POOLED, POOLER),
    "40": "",  # serialization failure, deadlock
}
"""Failures that end by themselves, or by an operator's action at the database, by SQLSTATE."""

LASTING = {
    "28": ACCOUNT,  # nobody of that name, or not by that password
    "3D": ACCOUNT,  # no such database
    "3F": ACCOUNT,
    "42501": ACCOUNT,  # insufficient privilege
    "42P01": PUT_IN_PLACE,  # no such table
    "XX": ROOM,  # what it has is corrupted
}
"""Failures that need a repair, and are not bugs of a use case."""

NO_ROOM = ("53100", "58")
"""After these reads may succeed, and writes not."""

GONE = ("08", "25006", "57P", *POOLED)
"""After these no earlier connection is usable: another node may have the address by now."""


def outage(error: Exception) -> Unavailable | None:
    """The outage that an error reports; None if the error is a bug of a use case."""
    if isinstance(error, NoConnectionLeft):
        return store_unavailable("every connection is in use")
    if isinstance(error, TimeoutError):
        return store_unavailable("it does not answer")
    if isinstance(error, OSError):
        return store_unavailable(f"it cannot be reached: {str(error) or type(error).__name__}")
    if not isinstance(error, DBAPIError):
        return None
    if "statement pooling" in driver_message(error):
        return store_unavailable(
            driver_message(error), "pool_mode = transaction, in the pooler", passes=False
        )
    state = sqlstate_of(error)
    for known, passes in ((PASSING, True), (LASTING, False)):
        if (hint := _found(known, state)) is not None:
            return store_unavailable(driver_message(error), hint, passes=passes)
    # PEP 249: an operational error is not within the control of the programmer.
    is_operational = isinstance(error, OperationalError) or error.connection_invalidated
    return store_unavailable(driver_message(error)) if is_operational else None


def store_unavailable(why: str, hint: str = "", *, passes: bool = True) -> Unavailable:
    """The error for an unavailable store."""
    return Unavailable(
        f"the store: {why}", retry_after=RETRY_AFTER_SECONDS, hint=hint, passes=passes
    )


def sqlstate_of(error: BaseException | None) -> str:
    """The SQLSTATE of an error of the driver; empty if it has none."""
    original = error.orig if isinstance(error, DBAPIError) else error
    return getattr(original, "sqlstate", None) or ""


def driver_error_of(error: BaseException) -> Exception | None:
    """The error of the driver itself; None if SQLAlchemy made it without one."""
    with contextlib.suppress(ValueError):
        found: Exception | None = getattr(error, "driver_exception", None)
        return found
    return None


def driver_message(error: DBAPIError) -> str:
    """The message of the database, without the names of error classes."""
    driver = driver_error_of(error) or error.orig
    return (str(driver).splitlines() or [type(driver).__name__])[0]


def is_connection_lost(state: str) -> bool:
    """Whether every connection must be replaced."""
    return state.startswith(GONE)


def check_writable(connection: Connection) -> None:
    """Refuse a read-only server: the primary is elsewhere. Raises Unavailable."""
    if connection.dialect.name != "postgresql":
        return
    setting = text("SELECT current_setting('transaction_read_only')")
    if connection.execute(setting).scalar_one() == "on":
        raise store_unavailable("it takes no writes", READ_ONLY)


def _found(known: dict[str, str], state: str) -> str | None:
    """The entry of a SQLSTATE, else of its class."""
    return known.get(state, known.get(state[:2]))
