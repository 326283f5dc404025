"""Profiles are a ladder: of those that are chosen the highest counts, and it is kept whole."""

import itertools

import pytest

from durward.core.configuration.profile import (
    LADDER,
    RULES,
    Profile,
    ProfileDemand,
    demands_of,
    highest,
    is_above,
    profile_problems,
    unavailable,
)

pytestmark = pytest.mark.requirement("AS-87")


@pytest.mark.parametrize("chosen", [*itertools.product(LADDER, repeat=3)])
def test_settings_only_tighten(chosen: tuple[Profile, Profile, Profile]) -> None:
    """Of server, tenant and client none takes away what another demands; all combinations."""
    counts = highest(*chosen)
    assert counts in chosen
    assert all(demands_of(counts) >= demands_of(one) for one in chosen)
    assert not any(is_above(one, counts) for one in chosen)
    assert {highest(*order) for order in itertools.permutations(chosen)} == {counts}


def test_each_rung_demands_more_than_the_one_below() -> None:
    for lower, higher in itertools.pairwise(LADDER):
        assert demands_of(lower) < demands_of(higher)
    assert demands_of(Profile.OAUTH21) == {ProfileDemand.PKCE}


def test_every_demand_is_in_the_table_once_with_its_source() -> None:
    assert sorted(rule.demand for rule in RULES) == sorted(ProfileDemand)
    for rule in RULES:
        assert rule.source.startswith(("OAuth 2.1", "FAPI 2.0", "ours; RFC ")), rule


def test_a_rung_that_is_not_built_whole_cannot_be_chosen() -> None:
    """It would be taken for less than its name says."""
    assert [*profile_problems("oauth21")] == []
    for name in ("fapi2_sp", "fapi2_ms"):
        (problem,) = profile_problems(name)
        for rule in unavailable(Profile(name)):
            assert rule.text in problem
    assert "(DPoP, mTLS)" in problem
    assert "(JAR)" in problem


@pytest.mark.parametrize("name", ["", "fapi", "OAUTH21", "fapi2_sp "])
def test_a_name_that_is_no_rung_is_refused_with_those_that_are(name: str) -> None:
    assert [*profile_problems(name)] == ["profile is one of oauth21, fapi2_sp, fapi2_ms"]
