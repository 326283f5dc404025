"""Tenants."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from durward.core.configuration.declaration import Body, DeclarationKind, Names, Text
from durward.core.configuration.profile import Profile, profile_problems


class Tenant(Body, frozen=True):
    """An organization; users and clients belong to one.

    Each of its guardrails must allow what one of them asks for, whatever else grants it.
    """

    REFERENCES: ClassVar[Mapping[str, DeclarationKind]] = {"guardrails": DeclarationKind.POLICY}

    guardrails: Names = ()
    """Policies that cap the access of all its users and clients."""
    profile: Text = Profile.OAUTH21.value
    """The lowest security profile that its clients may be held to: `oauth21`; those of FAPI 2.0
    cannot be chosen yet."""

    @property
    def floor(self) -> Profile:
        """The lowest profile that its clients may be held to."""
        return Profile(self.profile)

    def problems(self) -> Iterator[str]:
        """What does not fit."""
        yield from profile_problems(self.profile)
