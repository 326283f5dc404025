"""What has no exact meaning in SQL."""

from durward.core.errors import DurwardError


class Untranslatable(DurwardError):  # noqa: N818 - named as what it is
    """A condition that the database cannot be asked exactly; `hint` says what to do instead."""

    def __init__(self, problem: str, *, hint: str = "") -> None:
        super().__init__(problem)
        self.hint = hint

    def of(self, statement: str) -> "Untranslatable":
        """The same, told with the statement in which it stands."""
        return Untranslatable(f"statement `{statement}`: {self}", hint=self.hint)
