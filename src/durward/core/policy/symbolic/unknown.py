"""The third answer of the solver: neither a witness nor a proof that there is none."""

from durward.core.errors import DurwardError


class Unknown(DurwardError):  # noqa: N818 - named as what it is
    """The question could not be decided; the message has the reason."""


class Exhausted(Unknown):
    """The whole question reached its limit of work: the rest of it is open."""
