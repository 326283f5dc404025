"""Security profiles: an ordered ladder, and what each rung demands of a client (ADR 36).

The server, a tenant and a client each choose a floor, and the highest of them counts: a setting can
only tighten. The table has the rules about which an endpoint asks. What holds for every client is
not in it, as nothing asks: redirect URIs to the character, `iss` in each answer (RFC 9207), codes
that live for 60 s, no password grant, `code` as the only response type.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final


class Profile(Enum):
    """A rung, from the lowest to the highest; what a lower one demands a higher one demands too.

    Not a string, so that rungs are never compared by their spelling.
    """

    OAUTH21 = "oauth21"
    FAPI2_SP = "fapi2_sp"
    FAPI2_MS = "fapi2_ms"


LADDER: Final = tuple(Profile)


class ProfileDemand(StrEnum):
    """A rule that a profile turns on."""

    PKCE = "pkce"
    KEY_AUTHENTICATION = "key-authentication"
    ISSUER_AS_AUDIENCE = "issuer-as-audience"
    SHORT_ASSERTIONS = "short-assertions"
    STRONG_ALGORITHMS = "strong-algorithms"
    ENCRYPTED_REDIRECTS = "encrypted-redirects"
    PUSHED_REQUESTS = "pushed-requests"
    BOUND_TOKENS = "bound-tokens"
    STABLE_REFRESH_TOKENS = "stable-refresh-tokens"
    STRONG_ID_TOKENS = "strong-id-tokens"
    SIGNED_REQUESTS = "signed-requests"
    SIGNED_RESPONSES = "signed-responses"


@dataclass(frozen=True, slots=True)
class ProfileRule:
    """One demand: from which rung on, in words, and where it is written."""

    demand: ProfileDemand
    since: Profile
    text: str
    source: str
    is_available: bool = True
    """Whether this version has what a client needs to meet it. A rung with a demand that is not
    available cannot be chosen, and its clients are refused."""


SP, MS = "FAPI 2.0 Security Profile", "FAPI 2.0 Message Signing"

RULES: Final = (
    ProfileRule(
        ProfileDemand.PKCE,
        Profile.OAUTH21,
        "an S256 challenge in each authorization request",
        "OAuth 2.1 draft-15 §4.1.1; RFC 9700 §2.1.1",
    ),
    ProfileRule(
        ProfileDemand.KEY_AUTHENTICATION,
        Profile.FAPI2_SP,
        "client authentication by private_key_jwt",
        f"{SP} §5.3.2.1 items 3, 6",
    ),
    ProfileRule(
        ProfileDemand.ISSUER_AS_AUDIENCE,
        Profile.FAPI2_SP,
        "the issuer, as a string, as the audience of client assertions",
        f"{SP} §5.3.2.1 item 8",
    ),
    ProfileRule(
        ProfileDemand.SHORT_ASSERTIONS,
        Profile.FAPI2_SP,
        "client assertions that live for five minutes at most",
        "ours; RFC 7523 §3 item 4 leaves the time to the server",
    ),
    ProfileRule(
        ProfileDemand.STRONG_ALGORITHMS,
        Profile.FAPI2_SP,
        "client assertions signed by PS256, ES256 or Ed25519",
        f"{SP} §5.4.1 item 1",
    ),
    ProfileRule(
        ProfileDemand.ENCRYPTED_REDIRECTS,
        Profile.FAPI2_SP,
        "redirect URIs without http",
        f"{SP} §5.3.2.2 item 8",
    ),
    ProfileRule(
        ProfileDemand.PUSHED_REQUESTS,
        Profile.FAPI2_SP,
        "pushed authorization requests (PAR)",
        f"{SP} §5.3.2.2 items 2, 3; RFC 9126",
    ),
    ProfileRule(
        ProfileDemand.BOUND_TOKENS,
        Profile.FAPI2_SP,
        "access tokens that are bound to a key (DPoP, mTLS)",
        f"{SP} §5.3.2.1 items 4, 5; RFC 9449; RFC 8705",
        is_available=False,
    ),
    ProfileRule(
        ProfileDemand.STABLE_REFRESH_TOKENS,
        Profile.FAPI2_SP,
        "refresh tokens that are not rotated",
        f"{SP} §5.3.2.1 item 9",
        is_available=False,
    ),
    ProfileRule(
        ProfileDemand.STRONG_ID_TOKENS,
        Profile.FAPI2_SP,
        "ID tokens signed by PS256, ES256 or Ed25519",
        f"{SP} §5.4.1 item 1",
        is_available=False,
    ),
    ProfileRule(
        ProfileDemand.SIGNED_REQUESTS,
        Profile.FAPI2_MS,
        "signed authorization requests (JAR)",
        f"{MS}; RFC 9101",
        is_available=False,
    ),
    ProfileRule(
        ProfileDemand.SIGNED_RESPONSES,
        Profile.FAPI2_MS,
        "signed authorization responses (JARM)",
        f"{MS}; JWT Secured Authorization Response Mode (JARM)",
        is_available=False,
    ),
)


def highest(first: Profile, *others: Profile) -> Profile:
    """The rung that counts where several are chosen."""
    return max((first, *others), key=LADDER.index)


def is_above(one: Profile, other: Profile) -> bool:
    """Whether a rung is higher than another."""
    return LADDER.index(one) > LADDER.index(other)


def rules_of(profile: Profile) -> tuple[ProfileRule, ...]:
    """Everything that a rung demands."""
    return tuple(rule for rule in RULES if not is_above(rule.since, profile))


def demands_of(profile: Profile) -> frozenset[ProfileDemand]:
    """The same, by name."""
    return frozenset(rule.demand for rule in rules_of(profile))


def unavailable(profile: Profile) -> tuple[ProfileRule, ...]:
    """The rules of a rung that no client can meet in this version."""
    return tuple(rule for rule in rules_of(profile) if not rule.is_available)


def profile_problems(name: str) -> Iterator[str]:
    """Why a rung of this name cannot be chosen.

    One that is not built whole is refused rather than taken for less than its name says.
    """
    if name not in {profile.value for profile in LADDER}:
        yield f"profile is one of {', '.join(profile.value for profile in LADDER)}"
    elif missing := unavailable(Profile(name)):
        named = ", ".join(rule.text for rule in missing)
        yield f"the profile `{name}` demands what this version does not have yet: {named}"
