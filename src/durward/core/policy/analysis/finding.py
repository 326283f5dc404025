"""What is told to the author of a policy: a check, a place, a reason and what to do."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is, the worst first. An error means something else than it says, or nothing."""

    ERROR = "error"
    SECURITY = "security"
    WARNING = "warning"
    SUGGESTION = "suggestion"


@dataclass(frozen=True, slots=True)
class Check:
    """A rule by its id: how bad it is to break it, why that matters, what to do.

    `grants`: it concerns only documents that grant, not those that cap.
    """

    id: str
    severity: Severity
    reason: str
    fix: str
    grants: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A place (a JSON pointer) at which a check found something; `hint` fixes this very one."""

    check: Check
    pointer: str
    message: str
    hint: str = ""

    @property
    def fix(self) -> str:
        """What to do."""
        return self.hint or self.check.fix
