"""What the stars, question marks and variables of a pattern mean."""

import pytest
from tests.unit.policy.test_decisions import OWN, request, with_role

from durward.core.policy.engine.request import Principal
from durward.core.policy.language.automaton import STAR
from durward.core.policy.language.pattern import Variable, parse_resource, parse_template


def test_a_star_in_the_name_of_a_user_is_only_a_star() -> None:
    mine = {**OWN, "Resource": "arn:durward:orders:*:acme:order/${durward:Subject}"}
    star = Principal("*", "user", "acme", ("clerk",))
    assert not with_role(mine).evaluate(request(star)).allowed


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("order/*", "order/1/line/2:x", True),
        ("*/line/?", "order/1/line/2", True),
        ("*/line/?", "order/1/line/22", False),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "ac", False),
        ("ab*ba", "aba", False),
        ("?", "", False),
        ("*", "", True),
        ("order/${*}", "order/*", True),
        ("order/${*}", "order/1", False),
    ],
)
def test_a_star_matches_any_string_and_a_question_mark_one_character(
    pattern: str, text: str, expected: bool
) -> None:
    found = parse_resource(f"arn:durward:o:s:t:{pattern}")
    assert found.matches(f"arn:durward:o:s:t:{text}".split(":", 5), nothing) is expected


@pytest.mark.timeout(20)
def test_a_pattern_of_many_stars_is_decided_at_once() -> None:
    pattern = parse_resource("arn:durward:o:s:t:" + "*a" * 15 + "b")
    assert not pattern.matches(("arn", "durward", "o", "s", "t", "a" * 100_000), nothing)


def nothing(_: str) -> None:
    return None


def test_the_value_of_a_variable_is_literal_in_a_pattern() -> None:
    template = parse_template("*${app:None}*a${app:Star}b${app:Open}", wildcards=True)
    filled = template.filled({"app:none": "", "app:star": "*"})
    assert filled.parts == (STAR, "a*b", Variable("app:open"))
