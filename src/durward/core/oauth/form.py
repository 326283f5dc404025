"""Parameters as they arrive in a form or a query (OAuth 2.1 draft-15 §3, Appendix B)."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from durward.core.errors import ErrorCode, ProtocolError

MAX_FORM_BYTES = 65_536
MAX_FIELDS = 50
MAX_VALUE_CHARACTERS = 16_384

REPEATABLE = {"resource", "audience"}
"""Parameters that may be repeated (RFC 8707 §2)."""


def parse_form(body: bytes) -> Mapping[str, tuple[str, ...]]:
    """The parameters of a form, each with its values in the order they were sent.

    A repeated parameter is refused, except those in REPEATABLE; one without a value, or without
    `=`, counts as not sent (OAuth 2.1 draft-15 §3.1, §3.2), as does nothing between two `&`.
    Raises ProtocolError `invalid_request`.
    """
    if len(body) > MAX_FORM_BYTES:
        raise _wrong(f"the form is larger than {MAX_FORM_BYTES} bytes")
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError as error:
        raise _wrong("the form cannot be read") from error
    found: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        if len(value) > MAX_VALUE_CHARACTERS or "\x00" in value:
            raise _wrong(f"`{name[:50]}` is too long, or has a NUL")
        if name in found and name not in REPEATABLE:
            raise _wrong(f"`{name[:50]}` is sent twice")
        if value:
            found[name] = (*found.get(name, ()), value)
        else:
            found.setdefault(name, ())
    return {name: values for name, values in found.items() if values}


def one(form: Mapping[str, tuple[str, ...]], name: str) -> str | None:
    """The value of a parameter that is sent at most once; None if it is absent."""
    return form[name][0] if name in form else None


def required(form: Mapping[str, tuple[str, ...]], name: str) -> str:
    """The value of a required parameter. Raises ProtocolError `invalid_request`."""
    value = one(form, name)
    if value is None:
        raise _wrong(f"`{name}` is missing")
    return value


def _wrong(problem: str) -> ProtocolError:
    return ProtocolError(ErrorCode.INVALID_REQUEST, problem)
