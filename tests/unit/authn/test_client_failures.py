"""Failed authentications of clients: which of them are recorded."""

import pytest

from durward.core.authn.client_failures import (
    BURST,
    MAX_SOURCES,
    REFILL,
    ClientFailures,
    Standing,
)
from durward.core.values import Instant, Seconds, later

pytestmark = pytest.mark.requirement("AS-25")
NOW = Instant(1_800_000_000_000_000)
HERE = "192.0.2.1"


def fail(failures: ClientFailures, times: int, now: Instant = NOW, source: str = HERE) -> list[str]:
    seen = []
    for _ in range(times):
        seen.append(failures.standing(source, now).name)
        failures.count(source, now)
    return seen


def test_a_source_has_a_budget_then_one_word_then_none() -> None:
    seen = fail(ClientFailures(), BURST + 3)
    assert seen == ["WITHIN"] * BURST + ["FIRST_OVER", "OVER", "OVER"]


def test_a_budget_comes_back_one_by_one() -> None:
    failures = ClientFailures()
    fail(failures, BURST)
    assert failures.standing(HERE, Instant(NOW + REFILL * 1_000_000 - 1)) is Standing.FIRST_OVER
    assert fail(failures, 2, later(NOW, REFILL)) == ["WITHIN", "FIRST_OVER"]


def test_who_went_on_is_not_heard_of_before_the_budget_is_whole_again() -> None:
    """Half a minute's worth of guesses for as long as it takes: one word and a budget's events."""
    failures, now, seen = ClientFailures(), NOW, list[str]()
    for _ in range(2 * BURST * REFILL):
        seen += fail(failures, 1, now)
        now = later(now, Seconds(1))
    assert seen.count("FIRST_OVER") == 2
    assert BURST <= seen.count("WITHIN") <= 2 * (BURST + 1)


def test_sources_have_budgets_of_their_own_and_a_network_has_one() -> None:
    failures = ClientFailures()
    fail(failures, BURST, source="2001:db8::1")
    assert failures.standing("2001:db8::2", NOW) is Standing.FIRST_OVER
    assert failures.standing("2001:db8:0:1::1", NOW) is Standing.WITHIN


def test_of_too_many_sources_the_one_that_failed_longest_ago_is_forgotten() -> None:
    failures = ClientFailures()
    fail(failures, BURST, source="first")
    fail(failures, BURST, source="second")
    for number in range(MAX_SOURCES - 2):
        failures.count(str(number), NOW)
    failures.count("first", NOW)
    failures.count("one more", NOW)
    assert failures.standing("first", NOW) is Standing.OVER
    assert failures.standing("second", NOW) is Standing.WITHIN


def test_a_clock_that_goes_back_gives_nothing() -> None:
    failures = ClientFailures()
    fail(failures, BURST)
    assert failures.standing(HERE, later(NOW, Seconds(-3_600))) is Standing.FIRST_OVER
