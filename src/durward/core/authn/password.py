"""Which passwords are taken (AS-93; NIST SP 800-63B-4 §3.1.1.2)."""

MAX_CHARACTERS = 1_024
"""Of what is typed at sign-in: longer is not looked at."""


def is_acceptable(typed: str) -> bool:
    """Whether something typed at sign-in is worth a verification: not empty, not endless."""
    return 0 < len(typed) <= MAX_CHARACTERS and "\x00" not in typed
