"""What the solver says where it neither found a witness nor proved that there is none."""

from durward.core.errors import DurwardError


class Unknown(DurwardError):  # noqa: N818 - named as what it is
    """The question could not be settled; the message tells why."""


class Exhausted(Unknown):
    """The whole question took as much work as it may: what is left of it is open."""
