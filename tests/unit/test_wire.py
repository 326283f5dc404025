"""Strict readers and exact writers."""

import pytest

from durward.core.errors import ErrorCode, ProtocolError
from durward.core.wire import (
    MAX_DEPTH,
    compact_json,
    decode_base64url,
    encode_base64url,
    parse_json,
    sorted_json,
)


@pytest.mark.parametrize("data", [b"", b"f", b"fo", b"foo", bytes(range(256))])
def test_base64url_round_trips(data: bytes) -> None:
    assert decode_base64url(encode_base64url(data)) == data


@pytest.mark.requirement("AS-45")
@pytest.mark.parametrize("text", ["Zg==", "Zm8=", "Zh", "Z", "Zm 8", "Zm+8", "Zm/8", "Zm8\n", "é"])
def test_only_the_canonical_base64url_is_read(text: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_base64url(text)
    assert caught.value.code is ErrorCode.INVALID_REQUEST


@pytest.mark.requirement("AS-45")
@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b"NaN",
        b"1e999",
        b"1e-999",
        b"-0.0e1\x00",
        b"9007199254740993",
        b"-9007199254740993",
        b"1" + b"0" * 400,
        b"1" * 5_000,
        b'{"a": [-1E400]}',
        b"[Infinity]",
        b'{"a":1}x',
        b"",
        b"\xff",
        b'\xef\xbb\xbf{"a":1}',
        b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2),
        b"[" * 100_000,
        b"1" * 101_000,
    ],
)
def test_json_that_two_readers_could_read_differently_is_refused(text: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_json(text, limit_bytes=100_000)
    assert caught.value.code is ErrorCode.INVALID_REQUEST


def test_json_is_limited_in_bytes_not_in_characters() -> None:
    assert parse_json('"é"'.encode(), limit_bytes=4) == "é"
    with pytest.raises(ProtocolError):
        parse_json('"é"'.encode(), limit_bytes=3)


def test_json_may_be_nested_up_to_the_limit() -> None:
    assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, limit_bytes=1000)


def test_compact_json_keeps_the_order_and_sorted_json_forgets_it() -> None:
    assert compact_json({"b": 1, "a": "é"}) == '{"b":1,"a":"é"}'.encode()
    assert sorted_json({"b": 1, "a": 2}) == sorted_json({"a": 2, "b": 1}) == b'{"a":2,"b":1}'


@pytest.mark.parametrize("write", [compact_json, sorted_json])
def test_what_is_not_json_is_not_written(write: type) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write(float("nan"))


@pytest.mark.parametrize("text", [rb'"\ud800"', rb'{"\udfff": 1}', rb'["a", "\uDC00\uD800"]'])
def test_half_of_a_surrogate_pair_is_no_text(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_json(text, limit_bytes=100)
    assert parse_json(rb'"\ud83d\ude00\u00e4"', limit_bytes=100) == "\U0001f600\u00e4"


@pytest.mark.parametrize(
    "number", ["9007199254740992", "18014398509481984", "1" + "0" * 22, "0e-999", "-0.0", "5e-324"]
)
def test_a_number_that_a_double_holds_is_read(number: str) -> None:
    assert parse_json(number.encode(), limit_bytes=1_000) == float(number)
