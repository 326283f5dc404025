"""Forms belong to the browser that they were sent to (OAuth 2.1 draft-15 §7.11; OWASP CSRF)."""

import hashlib
import hmac

from durward.core.values import Secret
from durward.core.wire import encode_base64url


def form_token(cookie: Secret, purpose: str) -> str:
    """The token in a form: only the holder of the cookie's secret can compute it."""
    mac = hmac.new(cookie.reveal().encode(), purpose.encode(), hashlib.sha256).digest()
    return encode_base64url(mac)


def is_from(cookie: Secret | None, purpose: str, given: str | None) -> bool:
    """Whether a form was sent by the browser that received it."""
    if cookie is None or given is None:
        return False
    return hmac.compare_digest(form_token(cookie, purpose).encode(), given.encode())
