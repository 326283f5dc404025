"""How waivers stand, in lines for people: `durward status` and `durward doctor`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from durward.core.difference import excerpt

QUIET: Final = "in force"
Waiver = Mapping[str, Any]


def waivers_to_tell(waivers: Sequence[Waiver]) -> list[Waiver]:
    """Those that `status` names: ended ones, those that end soon, and those without effect."""
    return [one for one in waivers if one["state"] != QUIET]


def waiver_lines(waivers: Sequence[Waiver]) -> Iterator[str]:
    """A line for each."""
    for one in waivers:
        yield f"waiver {excerpt(one['name'])}: {describe_waiver(one)}"


def describe_waiver(one: Waiver) -> str:
    """What it relaxes, whose it is, and how it ends."""
    relaxes = f"{excerpt(one['relaxes'])} for clients/{excerpt(one['client'])}"
    return f"{relaxes} {_state(one)}; owner: {excerpt(one['owner'])}"


def _state(one: Waiver) -> str:
    until, left = excerpt(one["until"]), one["days_left"]
    match one["state"]:
        case "ended":
            return f"ended on {until} and has no effect"
        case "not allowed":
            return "has no effect: the profile of the client takes no waiver"
        case _ if left == 0:
            return "ends today"
        case _:
            return f"ends in {left} day{'s' if left != 1 else ''}, on {until}"
