"""What a node knows of revocations: it is kept until no token lives that it concerns."""

from collections.abc import Iterable

import pytest

from durward.core.edge.revocation import (
    KEPT,
    MAX_DELTA,
    Revocation,
    RevocationKind,
    RevokedTokens,
    living,
    newest,
)
from durward.core.errors import Misconfigured
from durward.core.values import Instant, Seconds, later

START = Instant(1_800_000_000_000_000)


def revoked(value: str, sequence: int = 1, at: Instant = START) -> Revocation:
    return Revocation(sequence, RevocationKind.GRANT, value, at)


def values(entries: Iterable[Revocation]) -> list[str]:
    return [entry.value for entry in entries]


def test_what_is_new_goes_into_the_delta_which_is_pushed_at_once() -> None:
    known = RevokedTokens().learn([revoked("a")], 1, 10, START)
    known = known.learn([revoked("b", 2)], 2, 20, START)
    assert (known.sequence, known.at) == (2, 20)
    assert (values(known.base), values(known.delta)) == ([], ["a", "b"])


def test_a_delta_that_grew_too_long_moves_to_the_base() -> None:
    many = [revoked(f"g{number}", number) for number in range(MAX_DELTA)]
    known = RevokedTokens().learn(many, MAX_DELTA, 0, START)
    assert len(known.delta) == MAX_DELTA
    known = known.learn([revoked("one more", MAX_DELTA)], MAX_DELTA + 1, 0, START)
    assert (len(known.base), known.delta) == (MAX_DELTA + 1, ())


def test_what_moves_to_the_base_is_what_a_token_may_still_live_under() -> None:
    """No access token lives for longer than an hour; a minute more is for clocks."""
    assert living([revoked("a")], later(START, Seconds(KEPT - 1))) == (revoked("a"),)
    assert living([revoked("a")], later(START, KEPT)) == ()


def test_what_is_known_stays_known_whatever_the_feed_says_later() -> None:
    """A store that was put back gives its numbers anew: that makes no token good again."""
    known = RevokedTokens().learn([revoked("a", 9)], 9, 10, START)
    known = known.learn([], 0, 0, START)
    assert (known.sequence, values(known.delta)) == (0, ["a"])


def test_of_one_thing_the_last_revocation_counts_by_time_and_not_by_number() -> None:
    late = later(START, Seconds(5))
    assert newest([revoked("a", 1, late), revoked("a", 7)]) == (revoked("a", 1, late),)
    other = Revocation(2, RevocationKind.SESSION, "a", START)
    assert set(newest([revoked("a"), other])) == {revoked("a"), other}


def test_what_is_written_on_the_disk_is_what_is_read_and_anything_else_is_refused() -> None:
    known = RevokedTokens(3, 4, (revoked("a"),), (revoked("b", 2),))
    assert RevokedTokens.from_wire(known.to_wire()) == known
    for spoiled in (b"", known.to_wire()[:-2], b"\xff\xfe", b'{"sequence": "3"}'):
        with pytest.raises(Misconfigured):
            RevokedTokens.from_wire(spoiled)
