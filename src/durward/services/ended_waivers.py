"""Waivers whose last day has passed: the log says so once, whichever replica sees it first."""

import hashlib

from durward.core.audit.event import AuditContext, AuditEvent, EventKind
from durward.core.configuration.configuration import Configuration
from durward.core.configuration.waiver import Waiver
from durward.core.wire import encode_base64url, sorted_json
from durward.store.audit import ingest_events
from durward.store.database import Database

ID_BYTES = 16


class EndedWaivers:
    """Those that this replica has recorded; after a restart the log is asked once more."""

    def __init__(self) -> None:
        self._recorded: set[str] = set()

    async def record(
        self, database: Database, configuration: Configuration, audit: AuditContext
    ) -> None:
        """Record the waivers that ended and are not known to be in the log. Raises Unavailable."""
        events = [
            event
            for name, waiver in configuration.waivers.items()
            if waiver.is_over(audit.at)
            and (event := ended_event(name, waiver, audit)).id not in self._recorded
        ]
        if events:
            await database.write(lambda c: ingest_events(c, events))
            self._recorded |= {event.id for event in events}


def ended_event(name: str, waiver: Waiver, audit: AuditContext) -> AuditEvent:
    """The event of the end of a waiver: every replica gives it the same id, so it is there once.

    With another last day it is another end.
    """
    ended = [name, waiver.client, waiver.relaxes, waiver.until]
    digest = hashlib.sha256(sorted_json({"waiver": ended})).digest()[:ID_BYTES]
    facts = {"client": waiver.client, "relaxes": waiver.relaxes}
    facts |= {"owner": waiver.owner, "until": waiver.until}
    return AuditEvent(
        f"e_{encode_base64url(digest)}",
        audit.at,
        EventKind.WAIVER_ENDED,
        audit.actor,
        f"waivers/{name}",
        facts=facts,
    )
