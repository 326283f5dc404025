"""What a change of a person revokes at once (ADR 23, AS-104): decided only here."""

from dataclasses import dataclass

from durward.core.people.person import Person

DISABLED = "the account was disabled"
MOVED = "the person belongs to another tenant"


@dataclass(frozen=True, slots=True)
class Consequences:
    """The consequences of a change of one person."""

    revokes_tokens: bool = False
    """Whether tokens issued before are refused."""
    ends_sessions: str = ""
    """The reason for which sessions end; empty if they go on."""
    forgets_browsers: bool = False
    """Whether the browsers in which the person has signed in are forgotten."""
    forgets_proofs: bool = False
    """Whether the password and the consents are deleted."""


def consequences(before: Person, after: Person | None) -> Consequences:
    """The consequences of a change, or of a deletion (`after` is None).

    Revocation is final: a person who is enabled again signs in again.
    """
    if after is None:
        return Consequences(
            revokes_tokens=True, ends_sessions=DISABLED, forgets_browsers=True, forgets_proofs=True
        )
    ends = ""
    if after.disabled and not before.disabled:
        ends = DISABLED
    elif after.tenant != before.tenant:
        ends = MOVED
    return Consequences(
        revokes_tokens=after.entitlements != before.entitlements
        or after.disabled != before.disabled,
        ends_sessions=ends,
        forgets_browsers=after.disabled and not before.disabled,
    )
