"""Names that nobody has are spread over the kinds of hash as those that there are (AS-95)."""

import hashlib
from collections import Counter
from collections.abc import Mapping

import pytest

from durward.core.authn.decoy import HashKinds

NAMES = [hashlib.sha256(str(number).encode()).digest() for number in range(2_000)]
NOW = "argon2id"


def kinds(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    found = HashKinds(NOW, counts)
    return [found.of(name) for name in NAMES]


def test_without_a_password_everybody_is_of_the_kind_of_now() -> None:
    assert set(kinds({})) == {NOW}
    assert set(kinds({"bcrypt": {"bcrypt": 0}})) == {NOW}


@pytest.mark.requirement("AS-95")
def test_names_are_spread_as_hashes_are() -> None:
    counts = {"bcrypt": {"bcrypt": 600, NOW: 200}, "scrypt": {"scrypt": 100}, NOW: {NOW: 100}}
    found = Counter(kinds(counts))
    assert found["bcrypt"] == pytest.approx(1_200, abs=100)
    assert found["scrypt"] == pytest.approx(200, abs=60)
    assert found[NOW] == pytest.approx(600, abs=80)
    assert HashKinds(NOW, counts).kinds == {"bcrypt", "scrypt", NOW}


@pytest.mark.requirement("AS-95")
def test_as_hashes_are_derived_anew_names_change_once_and_never_back() -> None:
    before = kinds({"bcrypt": {"bcrypt": 100}, "scrypt": {"scrypt": 50}})
    for renewed in range(0, 101, 10):
        left = {"bcrypt": 100 - renewed, NOW: renewed}
        after = kinds({"bcrypt": left, "scrypt": {"scrypt": 50}})
        moved = {(x, y) for x, y in zip(before, after, strict=True) if x != y}
        assert moved <= {("bcrypt", NOW)}
        before = after
    assert "bcrypt" not in before


def test_who_comes_with_another_kind_takes_names_and_moves_no_others() -> None:
    before = kinds({"bcrypt": {"bcrypt": 100}, "scrypt": {"scrypt": 50}})
    after = kinds({"bcrypt": {"bcrypt": 100}, "scrypt": {"scrypt": 50}, "pbkdf2": {"pbkdf2": 50}})
    moved = {y for x, y in zip(before, after, strict=True) if x != y}
    assert moved == {"pbkdf2"}
