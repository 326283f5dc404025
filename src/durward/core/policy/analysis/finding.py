"""A finding for the author of a policy: a check, a place, a reason and a fix."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """The severity, the worst first. An error is a statement that does not mean what it says."""

    ERROR = "error"
    SECURITY = "security"
    WARNING = "warning"
    SUGGESTION = "suggestion"


@dataclass(frozen=True, slots=True)
class Check:
    """A rule with its id, severity, reason and fix.

    `grants`: it applies only to documents that grant, not to those that cap.
    """

    id: str
    severity: Severity
    reason: str
    fix: str
    grants: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A place (a JSON pointer) that breaks a check; `hint` is the fix for this place."""

    check: Check
    pointer: str
    message: str
    hint: str = ""

    @property
    def fix(self) -> str:
        """The fix: that of this place, or of the check."""
        return self.hint or self.check.fix
