"""An expression that means every text but some."""

import re

from hypothesis import given
from hypothesis import strategies as st

from durward.core.edge.envoy.client_headers import (
    ALWAYS,
    FORWARDED_FOR,
    all_but,
    only_declared,
    strip_identity,
)

WORDS = st.text(alphabet="abx-.", max_size=6)


@given(st.sets(WORDS, max_size=8), st.lists(WORDS, max_size=20))
def test_it_matches_a_text_where_that_is_none_of_them(words: set[str], others: list[str]) -> None:
    expression = re.compile(all_but(words))
    for text in {*words, *others, *(word + "x" for word in words), *(word[:-1] for word in words)}:
        assert bool(expression.fullmatch(text)) is (text not in words), (text, expression)


def regex_of(config: object) -> re.Pattern[str]:
    (found,) = re.findall(r"'regex': '((?:[^'\\]|\\.)*)'", str(config).replace('"', "'"))
    return re.compile(found.replace("\\\\", "\\"))


def test_what_http_needs_arrives_whatever_an_api_names() -> None:
    removed = regex_of(only_declared(["if-match"]))
    assert not any(removed.fullmatch(name) for name in (*ALWAYS, "if-match"))
    for name in ("x-custom", "if-match-2", "if-matc", "accept-language", "content", "a"):
        assert removed.fullmatch(name)


def test_the_addresses_of_trusted_proxies_stay_until_they_are_read() -> None:
    assert regex_of(strip_identity()).fullmatch(FORWARDED_FOR)
    removed = regex_of(strip_identity(keep_forwarded_for=True))
    assert not removed.fullmatch(FORWARDED_FOR)
    for name in ("x-forwarded-", "x-forwarded-fo", "x-forwarded-for2", "x-forwarded-user"):
        assert removed.fullmatch(name)
