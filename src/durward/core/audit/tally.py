"""Counts of refused requests and unrecorded events, which are summed up in one event.

They are unauthenticated: with an event for each, any client could grow the log without limit.
"""

from collections import Counter
from dataclasses import dataclass, field

from durward.core.wire import JsonLike

MAX_SOURCES = 10_000
"""The number of sources that are distinguished; others count without their names."""


@dataclass
class Tally:
    """Counts since the last event."""

    refused: Counter[str] = field(default_factory=Counter)
    """Requests that had no budget left, by endpoint."""
    not_recorded: Counter[str] = field(default_factory=Counter)
    """Events that the log had no room for, by kind."""
    sources: Counter[str] = field(default_factory=Counter)

    def refuse(self, endpoint: str, source: str) -> None:
        """Count a request that was refused before it was processed."""
        self.refused[endpoint] += 1
        self._from(source)

    def leave_out(self, kind: str, source: str) -> None:
        """Count an event that was not recorded."""
        self.not_recorded[kind] += 1
        self._from(source)

    def _from(self, source: str) -> None:
        if source in self.sources or len(self.sources) < MAX_SOURCES:
            self.sources[source] += 1

    def facts(self) -> dict[str, JsonLike]:
        """The facts of the summary event; empty if there is nothing to report.

        `sources` is their number, at most MAX_SOURCES; `most` is the source with the most.
        """
        if not self.sources:
            return {}
        source, count = min(self.sources.items(), key=lambda item: (-item[1], item[0]))
        return {
            "refused": dict(self.refused),
            "not_recorded": dict(self.not_recorded),
            "sources": len(self.sources),
            "most": {"source": source, "count": count},
        }
