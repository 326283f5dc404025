"""Strict readers and exact writers of the encodings that cross our borders."""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TypeAlias

from durward.core.errors import ErrorCode, ProtocolError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonLike: TypeAlias = (
    "bool | int | float | str | Sequence[JsonLike] | Mapping[str, JsonLike] | None"
)

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*\Z")
_SIGNIFICANT = re.compile(r"[^eE]*[1-9]")
MAX_DEPTH = 32


def encode_base64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_base64url(text: str) -> bytes:
    """The one canonical reading of unpadded base64url (RFC 7515 §2, RFC 4648 §3.5).

    Padding, other alphabets, white space and stray trailing bits are refused: two texts never
    stand for the same bytes. Raises ProtocolError `invalid_request`.
    """
    if not _BASE64URL.match(text):
        raise ProtocolError(ErrorCode.INVALID_REQUEST, "not base64url without padding")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise ProtocolError(ErrorCode.INVALID_REQUEST, "not base64url") from error
    if encode_base64url(data) != text:
        raise ProtocolError(ErrorCode.INVALID_REQUEST, "base64url has stray bits at its end")
    return data


def parse_json(data: bytes, *, limit_bytes: int, limit_depth: int = MAX_DEPTH) -> Json:
    """JSON of a stranger (RFC 8259), read strictly.

    UTF-8 only, no half of a surrogate pair, no duplicate member names, no NaN or Infinity, no
    number that a double cannot hold, at most `limit_bytes` bytes and `limit_depth` levels. Raises
    ProtocolError `invalid_request`.
    """
    if len(data) > limit_bytes:
        raise ProtocolError(ErrorCode.INVALID_REQUEST, f"JSON is larger than {limit_bytes} bytes")
    try:
        text = data.decode("utf-8")
        value: Json = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_exact,
        )
        if "\\u" in text:  # only so can a half of a pair be written
            compact_json(value)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(
            ErrorCode.INVALID_REQUEST, "not valid JSON", private=str(error)
        ) from error
    if _depth_exceeds(value, limit_depth):
        raise ProtocolError(ErrorCode.INVALID_REQUEST, f"JSON is nested over {limit_depth} levels")
    return value


def compact_json(value: JsonLike) -> bytes:
    """JSON without white space, members in the order given."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sorted_json(value: JsonLike) -> bytes:
    """JSON without white space, members sorted: equal values give equal bytes."""
    return json.dumps(
        value, separators=(",", ":"), ensure_ascii=False, allow_nan=False, sort_keys=True
    ).encode()


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member name")
    return members


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"`{name}` is not JSON")


def _finite(number: str) -> float:
    """A number that is one here too: `1e999` would be read as Infinity, `1e-999` as nothing."""
    value = float(number)
    if not isfinite(value) or (value == 0 and _SIGNIFICANT.match(number)):
        raise ValueError(f"`{number[:20]}` is beyond what a double can hold")
    return value


def _exact(number: str) -> int:
    """A whole number that every reader takes for the same one (RFC 7493 §2.2).

    One that a double cannot hold is another number to many who read it after us: what one of us
    compares is not what another would.
    """
    value = int(number)
    try:
        is_exact = int(float(value)) == value
    except OverflowError:
        is_exact = False
    if not is_exact:
        raise ValueError(f"`{number[:20]}` is not a number that a double can hold")
    return value


def _depth_exceeds(value: Json, limit: int) -> bool:
    if not isinstance(value, list | dict):
        return False
    if limit == 0:
        return True
    children = value.values() if isinstance(value, dict) else value
    return any(_depth_exceeds(child, limit - 1) for child in children)
