"""Factors of a sign-in."""

import pytest

from durward.core.authn.factors import is_multi_factor


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        ([], False),
        (["pwd"], False),
        (["pwd", "pin"], False),
        (["pwd", "user"], False),
        (["otp", "sms"], False),
        (["pwd", "otp"], True),
        (["hwk", "fpt"], True),
        (["mfa"], True),
    ],
)
def test_two_methods_of_one_kind_are_one_factor(methods: list[str], *, expected: bool) -> None:
    assert is_multi_factor(methods) is expected
