"""Browsers with which a person has signed in before (AS-96; OWASP, "Device Cookies").

Guesses at an account from many addresses make its owner wait as well. A browser with which the
owner has signed in has a cookie that nobody else has, and a count of its own.
"""

from durward.core.values import Seconds

KNOWN_COOKIE = "__Host-durward-known"
UNUSED = Seconds(90 * 86_400)
"""A browser without a sign-in for so long is forgotten."""
MOST = 20
"""The known browsers of one person; of more, the one unused longest is forgotten."""
