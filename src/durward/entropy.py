"""The one place that draws randomness; everywhere else it is an argument."""

import secrets

from durward.core.values import Secret
from durward.core.wire import encode_base64url

ID_BYTES = 16
SECRET_BYTES = 32


def new_id(prefix: str) -> str:
    """An id that nobody else has: 128 random bits behind a prefix that tells what it names."""
    return f"{prefix}_{encode_base64url(secrets.token_bytes(ID_BYTES))}"


def new_secret(prefix: str) -> Secret:
    """A secret of 256 random bits; the prefix lets scanners find one that leaked."""
    return Secret(f"{prefix}_{encode_base64url(secrets.token_bytes(SECRET_BYTES))}")


def jittered(seconds: float) -> float:
    """Between a half of a pause and all of it: those who wait for one thing do not come at once."""
    return seconds * (0.5 + secrets.randbelow(1 << 20) / (1 << 21))


def new_bytes() -> bytes:
    """256 random bits, such as a key."""
    return secrets.token_bytes(SECRET_BYTES)
