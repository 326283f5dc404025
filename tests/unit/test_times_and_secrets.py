"""Instants, durations, secrets."""

import hashlib

import pytest

from durward.core.values import Instant, Seconds, Secret, from_numeric_date, later, numeric_date


def test_an_instant_moves_by_whole_seconds() -> None:
    assert later(Instant(5), Seconds(2)) == 2_000_005
    assert later(Instant(5), Seconds(-1)) == -999_995


@pytest.mark.parametrize(("instant", "seconds"), [(0, 0), (999_999, 0), (1_000_000, 1), (-1, -1)])
def test_a_numeric_date_is_the_second_that_has_begun(instant: int, seconds: int) -> None:
    assert numeric_date(Instant(instant)) == seconds
    assert numeric_date(from_numeric_date(seconds)) == seconds


def test_a_secret_cannot_be_printed() -> None:
    secret = Secret("correct horse")
    assert "correct" not in f"{secret} {secret!r} {[secret]} {secret:>3}"
    assert secret.reveal() == "correct horse"
    assert secret.sha256() == hashlib.sha256(b"correct horse").digest()
