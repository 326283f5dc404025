"""Which passwords are accepted (AS-93; NIST SP 800-63B-4 §3.1.1.2)."""

MAX_CHARACTERS = 1_024
"""A longer input at sign-in is not verified."""


def is_acceptable(typed: str) -> bool:
    """Whether an input at sign-in is worth a verification: neither empty nor too long."""
    return 0 < len(typed) <= MAX_CHARACTERS and "\x00" not in typed
