"""Summaries of unauthenticated events that are too many to be recorded one by one.

Refused requests, and events of unauthenticated users and clients beyond a budget, are counted, and
recorded in one event a minute. Events of authenticated principals, and of replays, are always
recorded.
"""

from dataclasses import replace
from threading import Lock

from sqlalchemy import Connection

from durward.core.audit.event import AuditContext, AuditEvent, EventKind
from durward.core.audit.tally import Tally
from durward.core.authn.budget import Buckets, Budget
from durward.core.authn.network_prefix import counted_source
from durward.services.context import Context
from durward.store.audit import record_event

ANONYMOUS_EVENTS = Budget(burst=1_000, per_second=10)
"""The budget of one process: it records a misconfigured fleet in full, and 1 GB a day at most."""


class Unrecorded:
    """The counts of one process; the store's thread and the event loop both write them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._tally = Tally()
        self._room = Buckets(ANONYMOUS_EVENTS, names=1)
        self._untold: AuditEvent | None = None

    def refuse(self, endpoint: str, source: str) -> None:
        """Count a request that was refused before it used the store."""
        with self._lock:
            self._tally.refuse(endpoint, source)

    def has_room(self, event: AuditEvent) -> bool:
        """Whether an unauthenticated event may be recorded by itself; if not, it is counted."""
        with self._lock:
            if not self._room.take("", event.at):
                return True
            source = counted_source(str(event.facts.get("source", "")))
            self._tally.leave_out(event.kind.value, source)
            return False

    def untold(self, audit: AuditContext) -> AuditEvent | None:
        """The summary event; it stays the same until `mark_recorded`, whatever fails."""
        with self._lock:
            if self._untold is None and (facts := self._tally.facts()):
                self._untold = replace(
                    audit.event(EventKind.REQUESTS_REFUSED, "requests"), facts=facts
                )
                self._tally = Tally()
            return self._untold

    def mark_recorded(self) -> None:
        """Note that the summary is in the log."""
        with self._lock:
            self._untold = None


def record_anonymous(connection: Connection, context: Context, event: AuditEvent) -> None:
    """Record an unauthenticated event, within the budget."""
    if context.has_room(event):
        record_event(connection, event)
