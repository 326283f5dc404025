"""Budgets of requests, and the sources that they are counted by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durward.core.authn.budget import Buckets, Budget
from durward.core.authn.network_prefix import counted_source
from durward.core.values import MICROSECONDS, Instant, Seconds, later

NOW = Instant(1_800_000_000_000_000)


def test_so_many_at_once_and_then_so_many_a_second() -> None:
    buckets = Buckets(Budget(burst=3, per_second=2))
    assert [buckets.take("a", NOW) for _ in range(5)] == [0, 0, 0, 1, 1]
    half = Instant(NOW + MICROSECONDS // 2)
    assert buckets.take("a", Instant(half - 1)) == 1
    assert [buckets.take("a", half) for _ in range(2)] == [0, 1]


def test_each_name_has_a_bucket_of_its_own() -> None:
    buckets = Buckets(Budget(1, 1))
    assert [buckets.take(name, NOW) for name in ("a", "b", "a")] == [0, 0, 1]


def test_who_waits_as_long_as_told_is_let_in() -> None:
    buckets = Buckets(Budget(1, 1))
    buckets.take("a", NOW)
    wait = buckets.take("a", Instant(NOW + 1))
    assert buckets.take("a", later(Instant(NOW + 1), wait)) == 0


def test_a_clock_that_was_put_back_makes_nobody_wait_longer_than_for_one() -> None:
    buckets = Buckets(Budget(2, 1))
    for _ in range(2):
        buckets.take("a", NOW)
    assert buckets.take("a", later(NOW, Seconds(-3_600))) == 1
    assert buckets.take("a", later(NOW, Seconds(-3_599))) == 0


def test_the_name_that_was_not_heard_of_for_longest_is_forgotten_first() -> None:
    buckets = Buckets(Budget(1, 1), names=2)
    for name in ("a", "b", "a", "c"):  # of `a` was heard again, though it was refused
        buckets.take(name, NOW)
    assert buckets.take("a", NOW) == 1
    assert buckets.take("b", NOW) == 0


@given(
    st.integers(1, 20),
    st.integers(1, 1_000),
    st.lists(st.integers(0, 3 * MICROSECONDS), min_size=1, max_size=60),
)
def test_in_no_span_of_time_are_there_more_than_the_burst_and_what_came_meanwhile(
    burst: int, per_second: int, pauses: list[int]
) -> None:
    budget = Budget(burst, per_second)
    buckets, at, allowed = Buckets(budget), NOW, []
    for pause in pauses:
        at = Instant(at + pause)
        if not buckets.take("a", at):
            allowed.append(at)
    for first in range(len(allowed)):
        for last in range(first, len(allowed)):
            span = allowed[last] - allowed[first]
            assert last - first + 1 <= burst + span // budget.interval


@pytest.mark.parametrize(
    ("source", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::1", "::/64"),
        ("", ""),
        ("@", "@"),
        ("x" * 100, "x" * 64),
    ],
)
def test_what_one_party_has_by_itself_is_one_source(source: str, counted: str) -> None:
    assert counted_source(source) == counted
