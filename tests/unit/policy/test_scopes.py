"""Which scopes cover an action: by its name and by wildcards, among a few and among thousands."""

import time

from hypothesis import given
from hypothesis import strategies as st

from durward.core.policy.engine.evaluate import Policies, PolicySet
from durward.core.policy.language.pattern import MAX_WILDCARDS, parse_action

NAMES = st.text("aAbB", min_size=1, max_size=3)
PATTERNS = st.one_of(
    st.just("*"),
    st.builds(
        "{}:{}".format,
        st.sampled_from(["o", "O", "p"]),
        st.text("aAbB*?", min_size=1, max_size=MAX_WILDCARDS),
    ),
)
SCOPES = st.dictionaries(st.sampled_from("rstuv"), st.frozensets(PATTERNS, max_size=4))


def with_scopes(scopes: dict[str, frozenset[str]]) -> PolicySet:
    return PolicySet(Policies(scopes=scopes))


@given(scopes=SCOPES, api=st.sampled_from(["o", "p"]), name=NAMES)
def test_a_scope_covers_the_actions_that_its_patterns_match(
    scopes: dict[str, frozenset[str]], api: str, name: str
) -> None:
    action = f"{api}:{name}"
    naive = {
        scope
        for scope, patterns in scopes.items()
        if any(parse_action(pattern).matches(action.lower()) for pattern in patterns)
    }
    assert with_scopes(scopes).scopes_for(action) == naive


def test_twenty_thousand_actions_are_ready_soon() -> None:
    """Compared each with each, as they were once, they took most of a minute."""
    actions = frozenset(f"api{number % 1_000}:Get{number}" for number in range(20_000))
    began = time.process_time()
    ready = with_scopes({"": actions, "reports:read": actions})
    assert time.process_time() - began < 10
    assert ready.scopes_for("api7:Get7") == {"", "reports:read"}
