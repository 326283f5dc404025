"""How each waiver stands today: for operators, who renew it in time or remove it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from durward.core.configuration.configuration import Configuration
from durward.core.configuration.profile import Profile, highest, is_above
from durward.core.values import Instant

SOON_DAYS: Final = 14
"""From how many days before its last day on the end of a waiver is announced."""


class WaiverState(StrEnum):
    """What a waiver does now."""

    IN_FORCE = "in force"
    ENDS_SOON = "ends soon"
    ENDED = "ended"
    NOT_ALLOWED = "not allowed"
    """The profile of its client takes no waiver: the server's was raised."""


@dataclass(frozen=True, slots=True)
class WaiverStatus:
    """One waiver, as declared, and its state."""

    name: str
    client: str
    relaxes: str
    owner: str
    reason: str
    until: str
    days_left: int
    """Days after today on which it counts: 0 on its last day, negative once it has ended."""
    state: WaiverState


def waiver_statuses(
    configuration: Configuration, floor: Profile, now: Instant
) -> Iterator[WaiverStatus]:
    """All waivers, the one that ends first at the front; `floor` is the server's profile."""
    for name, waiver in sorted(
        configuration.waivers.items(), key=lambda each: (each[1].ends_at, each[0])
    ):
        profile = configuration.profile_of(configuration.clients[waiver.client])
        left = waiver.days_left(now)
        if waiver.is_over(now):
            state = WaiverState.ENDED
        elif is_above(highest(floor, profile), Profile.OAUTH21):
            state = WaiverState.NOT_ALLOWED
        else:
            state = WaiverState.ENDS_SOON if left <= SOON_DAYS else WaiverState.IN_FORCE
        yield WaiverStatus(
            *(name, waiver.client, waiver.relaxes, waiver.owner, waiver.reason, waiver.until),
            *(left, state),
        )
