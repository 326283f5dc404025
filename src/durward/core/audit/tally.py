"""What was refused, or not recorded, because it was too much: counted, and told by one event.

Nobody signed in for it: an event for each would let anybody grow the log as they like.
"""

from collections import Counter
from dataclasses import dataclass, field

from durward.core.wire import JsonLike

MAX_SOURCES = 10_000
"""How many sources are told apart; what others did counts without their names."""


@dataclass
class Tally:
    """Counts since the last event."""

    refused: Counter[str] = field(default_factory=Counter)
    """Requests that had no budget left, by endpoint."""
    not_recorded: Counter[str] = field(default_factory=Counter)
    """Events that the log had no room for, by kind."""
    sources: Counter[str] = field(default_factory=Counter)

    def refuse(self, endpoint: str, source: str) -> None:
        """A request was refused before it was looked at."""
        self.refused[endpoint] += 1
        self._from(source)

    def leave_out(self, kind: str, source: str) -> None:
        """An event was not recorded."""
        self.not_recorded[kind] += 1
        self._from(source)

    def _from(self, source: str) -> None:
        if source in self.sources or len(self.sources) < MAX_SOURCES:
            self.sources[source] += 1

    def facts(self) -> dict[str, JsonLike]:
        """What an event tells; empty where there is nothing to tell.

        `sources` is how many there were, or the bound where there were more; `most` is the one
        that did most.
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
