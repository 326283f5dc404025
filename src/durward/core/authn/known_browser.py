"""Browsers that somebody has signed in at before (AS-96; OWASP, "Device Cookies").

Whoever guesses at an account from many addresses makes its owner wait as well. A browser that the
owner has signed in at has a cookie that nobody else has: it is counted by itself.
"""

from durward.core.values import Seconds

KNOWN_COOKIE = "__Host-durward-known"
UNUSED = Seconds(90 * 86_400)
"""After so long without a sign-in a browser is not known any more."""
MOST = 20
"""So many browsers of a person are known; the one unused longest gives way."""
