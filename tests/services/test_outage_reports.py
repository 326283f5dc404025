"""A task that runs for ever tells once that the database is away, and once that it goes on."""

import pytest

from durward.core.errors import Conflict, DurwardError, Unavailable
from durward.services.rounds import LONGEST_PAUSE_SECONDS, Rounds

USUAL = 0.2


class Told:
    """A task whose rounds fail as a test wants, and its clock."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.at = 0.0
        self.rounds = Rounds("the log", self.lines.append, lambda: self.at)

    def round(self, error: DurwardError | None = None) -> None:
        self.at += 1
        with self.rounds.round():
            if error is not None:
                raise error


def away(why: str) -> Unavailable:
    return Unavailable(f"the store: {why}", passes=True)


def test_what_is_away_is_told_once_in_whatever_words_and_so_is_that_it_is_back() -> None:
    told = Told()
    told.round()
    for why in ("shutting down", "no such file", "starting up"):
        told.round(away(why))
    told.round()
    told.round()
    assert told.lines == ["the log: the store: shutting down", "the log: goes on, after 3 s"]
    told.round(away("shutting down"))
    assert len(told.lines) == 3


def test_pauses_grow_up_to_a_bound_differ_and_are_the_usual_ones_again() -> None:
    told = Told()
    assert told.rounds.pause(USUAL) == USUAL
    told.round(away("x"))
    assert USUAL < told.rounds.pause(USUAL) <= 0.5
    for _ in range(20):
        told.round(away("x"))
    pauses = {told.rounds.pause(USUAL) for _ in range(20)}
    assert len(pauses) > 10
    assert max(pauses) <= LONGEST_PAUSE_SECONDS
    assert min(pauses) >= LONGEST_PAUSE_SECONDS / 2
    assert told.rounds.pause(60) == 60, "who waits for longer anyhow waits no longer"
    told.round()
    assert told.rounds.pause(USUAL) == USUAL


def test_what_does_not_pass_is_told_anew_where_it_is_something_else() -> None:
    told = Told()
    spoiled = Unavailable("no key signs", hint="look at it")
    for error in (spoiled, spoiled, Conflict("another"), spoiled):
        told.round(error)
    key = "the log: no key signs (hint: look at it)"
    assert told.lines == [key, "the log: another", key]
    told.round(away("shutting down"))
    assert told.lines[3:] == ["the log: the store: shutting down"]


def test_a_mistake_of_ours_is_not_taken_for_a_failure_that_passes() -> None:
    told = Told()
    with pytest.raises(KeyError), told.rounds.round():
        raise KeyError("mistake")
    assert told.lines == []
