"""What a change of a person takes away at once (ADR 23, AS-104): decided here, and nowhere else."""

from dataclasses import dataclass

from durward.core.people.person import Person

DISABLED = "the account was disabled"
MOVED = "the person belongs to another tenant"


@dataclass(frozen=True, slots=True)
class Consequences:
    """What a change of one person comes to."""

    revokes_tokens: bool = False
    """Tokens that were issued before say what is not so any more."""
    ends_sessions: str = ""
    """Why the sessions end that they have; empty where they go on."""
    forgets_browsers: bool = False
    """Whether browsers that they signed in with are strangers from now on."""
    forgets_proofs: bool = False
    """Whether their password, and what they agreed to, go with them."""


def consequences(before: Person, after: Person | None) -> Consequences:
    """What follows when a person becomes another, or is deleted (`after` is None).

    What is taken away is taken away for good: whoever is enabled again signs in again.
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
