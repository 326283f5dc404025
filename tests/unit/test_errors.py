"""Errors have a public and a private side."""

from durward.core.errors import ErrorCode, Misconfigured, ProtocolError, Unavailable


def test_a_protocol_error_keeps_its_private_side_apart() -> None:
    error = ProtocolError(ErrorCode.INVALID_CLIENT, "authentication failed", private="no `x`")
    assert "no `x`" not in error.public
    assert str(error) == "invalid_client: authentication failed (no `x`)"
    assert str(ProtocolError(ErrorCode.INVALID_GRANT, "spent")) == "invalid_grant: spent"


def test_a_misconfiguration_names_its_place_and_what_to_do() -> None:
    error = Misconfigured("durward.toml: tokens", "unknown key `x`", hint="did you mean `y`?")
    assert str(error) == "durward.toml: tokens: unknown key `x`"
    assert error.hint == "did you mean `y`?"


def test_unavailable_says_when_to_come_back() -> None:
    assert Unavailable("the store does not answer", retry_after=7).retry_after == 7
