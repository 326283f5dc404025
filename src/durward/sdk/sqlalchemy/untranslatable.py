"""Conditions that SQL cannot express exactly."""

from durward.core.errors import DurwardError


class Untranslatable(DurwardError):  # noqa: N818 - named as what it is
    """A condition that SQL cannot express exactly; `hint` is the alternative."""

    def __init__(self, problem: str, *, hint: str = "") -> None:
        super().__init__(problem)
        self.hint = hint

    def of(self, statement: str) -> "Untranslatable":
        """The same error with the name of the statement."""
        return Untranslatable(f"statement `{statement}`: {self}", hint=self.hint)
