"""Waivers: a rule that one client need not keep until a day (ADR 18)."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Annotated, ClassVar, Final

import msgspec

from durward.core.configuration.client import Client
from durward.core.configuration.declaration import Body, DeclarationKind, Text
from durward.core.configuration.profile import Profile, ProfileDemand, is_above
from durward.core.values import MICROSECONDS, Instant

RELAXABLE: Final = (ProfileDemand.PKCE,)
LONGEST_DAYS: Final = 366
"""How far ahead a last day may be: a year, also a leap year."""
OPENID: Final = "openid"
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_EPOCH: Final = date(1970, 1, 1).toordinal()
_DAY: Final = 86_400 * MICROSECONDS


class Waiver(Body, frozen=True):
    """A relaxation that somebody answers for, with its reason and its last day.

    `until` is a calendar date; the waiver counts to the end of that day in UTC.
    """

    REFERENCES: ClassVar[Mapping[str, DeclarationKind]] = {"client": DeclarationKind.CLIENT}

    client: Text
    """The one client that it is for: confidential, with the scope `openid`."""
    relaxes: Text
    """What the client need not do: `pkce`."""
    owner: Text
    """The person or team who answers for it."""
    reason: Annotated[str, msgspec.Meta(max_length=1_000)]
    """Why the client cannot keep the rule."""
    until: Text
    """Its last day, such as `2027-03-31`, to the end of that day in UTC; at most 366 days ahead."""

    @property
    def last_day(self) -> date:
        """The last day on which it counts."""
        return date.fromisoformat(self.until)

    @property
    def ends_at(self) -> Instant:
        """The instant from which on it does not count: the end of its last day in UTC."""
        return Instant((self.last_day.toordinal() + 1 - _EPOCH) * _DAY)

    def is_over(self, now: Instant) -> bool:
        """Whether its last day has passed."""
        return now >= self.ends_at

    def days_left(self, now: Instant) -> int:
        """The days after this one on which it counts: 0 on its last day, then negative."""
        return self.last_day.toordinal() - day_of(now).toordinal()

    def problems(self, clients: Mapping[str, Client]) -> Iterator[str]:
        """Why it cannot be declared, whatever the time and the profile."""
        if self.relaxes not in RELAXABLE:
            yield f"relaxes is one of {', '.join(RELAXABLE)}"
        if not self.owner.strip():
            yield "owner is empty: name the person or team who answers for it"
        if not self.reason.strip():
            yield "reason is empty: say why the client cannot keep the rule"
        if not _is_date(self.until):
            yield "until is the last day, as in 2027-03-31"
        if client := clients.get(self.client):
            yield from self._problems_of_client(client)

    def _problems_of_client(self, client: Client) -> Iterator[str]:
        """A code without a challenge needs an authenticated client and a `nonce` (RFC 9700 §2.1.1).

        Without these it could be redeemed by whoever has it, or injected into another session.
        """
        if client.authentication == "none":
            yield f"`{self.client}` is a public client: without PKCE its codes are anybody's"
        if "authorization_code" not in client.grants:
            yield f"`{self.client}` has no grant authorization_code, and needs no waiver"
        elif OPENID not in client.scopes:
            yield f"`{self.client}` has no scope `{OPENID}`: only OpenID clients use `nonce`"

    def problems_of_profile(self, profile: Profile) -> Iterator[str]:
        """Why its client, which is held to `profile`, cannot have it."""
        if is_above(profile, Profile.OAUTH21):
            yield f"`{self.client}` has the profile `{profile.value}`, which takes no waiver"

    def problems_of_time(self, now: Instant) -> Iterator[str]:
        """Why it cannot be declared today.

        One that has ended can be: files of before stay applicable, and it changes nothing.
        """
        if self.days_left(now) > LONGEST_DAYS:
            last = day_of(now) + timedelta(days=LONGEST_DAYS)
            yield f"until is more than {LONGEST_DAYS} days ahead; {last} is the latest day now"


def _is_date(text: str) -> bool:
    if not _DATE.match(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def day_of(instant: Instant) -> date:
    """The calendar day in UTC."""
    return date.fromordinal(_EPOCH + instant // _DAY)
