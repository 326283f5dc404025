"""Sessions and guesses: when they count, and how fast they may come."""

from dataclasses import replace

import pytest

from durward.core.authn.browser import form_token, is_from
from durward.core.authn.password import is_acceptable
from durward.core.authn.session import Session, SessionPolicy
from durward.core.authn.throttle import (
    ACCOUNT,
    PAIR,
    SOURCE,
    Count,
    attempt_from,
    counted_name,
    longest_wait,
    wait,
)
from durward.core.values import Instant, Seconds, Secret, SessionId, TenantId, UserId, later

NOW = Instant(1_800_000_000_000_000)
SESSION = Session(
    SessionId("s"), UserId("ann"), TenantId("acme"), ("pwd",), NOW, NOW, NOW, "192.0.2.1", "agent"
)
POLICY = SessionPolicy(Seconds(60), Seconds(100))


@pytest.mark.requirement("AS-103")
@pytest.mark.parametrize(
    ("seen", "age", "live"),
    [(0, 59, True), (0, 60, False), (50, 99, True), (50, 100, False), (90, 101, False)],
)
def test_a_session_ends_unused_and_at_its_age(seen: int, age: int, live: bool) -> None:
    session = replace(SESSION, seen_at=later(NOW, Seconds(seen)))
    assert session.is_live(later(NOW, Seconds(age)), POLICY) == live


def test_an_ended_session_does_not_count() -> None:
    assert not replace(SESSION, ended_at=NOW).is_live(NOW, POLICY)


@pytest.mark.requirement("AS-96")
@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0), (4, 0), (5, 1), (6, 2), (10, 32), (15, 900), (10_000, 900)]
)
def test_waits_double_from_the_fifth_failure_on_up_to_a_bound(failures: int, seconds: int) -> None:
    assert wait(Count(failures, NOW), PAIR, NOW) == seconds


def test_a_wait_ends_to_the_microsecond() -> None:
    count = Count(5, NOW)
    assert wait(count, PAIR, Instant(NOW + 999_999)) == 1
    assert wait(count, PAIR, Instant(NOW + 1_000_000)) == 0


def test_what_is_long_ago_is_forgotten() -> None:
    assert wait(Count(10_000, NOW), ACCOUNT, later(NOW, ACCOUNT.forgotten)) == 0


@pytest.mark.requirement("AS-96")
def test_nobody_is_locked_out_by_guesses_from_elsewhere() -> None:
    assert longest_wait([(Count(10**6, NOW), ACCOUNT), (None, PAIR)], NOW) <= 30


@pytest.mark.requirement("AS-96")
def test_what_was_typed_is_counted_under_a_name_that_tells_nothing() -> None:
    names = {
        name: limit
        for account in ("ann", "ann:192.0.2.1", "a password in the wrong field", "x" * 16_384)
        for name, limit in attempt_from(b"key", account, "192.0.2.1").limits.items()
    }
    assert len(names) == 2 * 4 + 1, "the source is one"
    assert {len(name) for name in names} == {43}
    ann = attempt_from(b"key", "ann", "192.0.2.1")
    assert ann == attempt_from(b"key", "ann", "192.0.2.1")
    assert ann.limits[ann.pair] is PAIR
    assert sorted(ann.limits.values(), key=lambda limit: limit.free) == [PAIR, ACCOUNT, SOURCE]
    other_key = attempt_from(b"other key", "ann", "192.0.2.1")
    assert not ann.limits.keys() & other_key.limits.keys()


def test_parts_of_a_name_do_not_run_into_each_other() -> None:
    names = {counted_name(b"key", *parts) for parts in (("a", "b"), ("ab",), ("a,b",), ('a","b',))}
    assert len(names) == 4


@pytest.mark.requirement("AS-96")
def test_addresses_of_one_network_are_one_source() -> None:
    first = attempt_from(b"key", "ann", "2001:db8::1")
    assert first == attempt_from(b"key", "ann", "2001:db8::2")
    assert first.pair != attempt_from(b"key", "ann", "2001:db8:0:1::1").pair


def test_a_form_belongs_to_the_browser_and_purpose_it_was_made_for() -> None:
    mine, other = Secret("mine"), Secret("other")
    token = form_token(mine, "i_1")
    assert is_from(mine, "i_1", token)
    assert not is_from(mine, "i_2", token)
    assert not is_from(other, "i_1", token)
    assert not is_from(None, "i_1", token)
    assert not is_from(mine, "i_1", None)
    assert not is_from(mine, "i_1", "ä")


@pytest.mark.parametrize("typed", ["", "x" * 1_025, "a\0b"])
def test_what_cannot_be_a_password_is_not_looked_at(typed: str) -> None:
    assert not is_acceptable(typed)


@pytest.mark.requirement("AS-96")
@pytest.mark.parametrize("failures", [101, 1_000, 1_000_000])
def test_who_guesses_somewhere_keeps_nobody_else_there_out_for_long(failures: int) -> None:
    """Neither the others behind one address, nor the owner of an account elsewhere."""
    for limit in (SOURCE, ACCOUNT):
        assert 0 < wait(Count(failures, NOW), limit, NOW) <= 30
    assert wait(Count(99, NOW), SOURCE, NOW) == 0
