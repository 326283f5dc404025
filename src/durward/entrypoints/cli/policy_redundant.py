"""`durward policy redundant`: statements that can be removed without any effect."""

from pathlib import Path

from durward.core.policy.analysis.redundancy import Redundant, redundant
from durward.core.policy.symbolic.unknown import Unknown
from durward.entrypoints.cli.exit_code import DONE, FOUND
from durward.entrypoints.cli.policy_questions import HERE, access_of, single
from durward.entrypoints.terminal import say, say_json


def redundant_statements(path: Path = HERE, *, json: bool = False) -> int:
    """List redundant statements: without all of them, the same requests are allowed.

    Exit code 1 when there is one.

    Args:
        path: Declarations (a file or a folder) or a single policy.
        json: Print one JSON object.
    """
    document = single(path)
    if document:
        found, idle = list(redundant([document])), frozenset[str]()
    else:
        access = access_of(path)
        found, idle = list(access.redundant()), access.idle
    found.reverse()
    needless = [each.statement for each in found if not each.undecided]
    left_open = [each for each in found if each.undecided]
    if json:
        undecided = {each.statement: each.undecided for each in left_open}
        wire = {"redundant": needless, "undecided": undecided, "not_asked": sorted(idle)}
        say_json(wire)
    else:
        print_redundant(needless, left_open, sorted(idle))
    if left_open and not needless:
        raise Unknown(f"{len(left_open)} cannot be decided: {left_open[0].undecided}")
    return FOUND if needless else DONE


def print_redundant(needless: list[str], left_open: list[Redundant], idle: list[str]) -> None:
    """Print the findings for people."""
    for name in needless:
        say(f"`{name}` is redundant")
    for each in left_open:
        say(f"`{each.statement}`: cannot be decided: {each.undecided}")
    for name in idle:
        say(f"`{name}` was not checked: it applies to no declared principal")
    if not needless and not left_open:
        say("no statement is redundant")
