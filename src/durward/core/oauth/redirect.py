"""Compare redirect URIs of requests, and build the URIs of responses (AS-1…3)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from durward.core.configuration.client import FORM_POST
from durward.core.configuration.redirect_uri import URI


def is_registered(asked: str, registered: Iterable[str], *, native: bool) -> bool:
    """Whether a redirect URI is registered: an exact comparison (RFC 9700 §4.1.3).

    The loopback address of a `native` client may have any port (RFC 8252 §7.3), and so may
    `localhost`, if the client registered that name: many clients listen there (§8.3 advises
    against it, since the name may resolve elsewhere).
    """
    known = set(registered)
    if asked in known:
        return True
    return native and (portless := _without_port(asked)) is not None and portless in known


def _without_port(uri: str) -> str | None:
    """A loopback URI without its port; None for any other."""
    found = re.match(r"(http://(?:127\.0\.0\.1|\[::1\]|localhost)):([1-9][0-9]{0,4})(/.*)?\Z", uri)
    if not found or not URI.match(uri):
        return None
    return found[1] + (found[3] or "")


@dataclass(frozen=True, slots=True)
class ClientAnswer:
    """An authorization response, on its way through the browser."""

    uri: str
    """Where the browser goes."""
    fields: Mapping[str, str] | None = None
    """What it posts there; None: nothing, the answer is in the URI."""


def answer(
    redirect_uri: str, mode: str, parameters: Mapping[str, str | None], issuer: str
) -> ClientAnswer:
    """An authorization response with `iss` (RFC 9207 §2), by the response mode of the request.

    The modes are `query`, and `form_post` of OAuth 2.0 Form Post Response Mode 1.0 §2.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    given["iss"] = issuer
    if mode == FORM_POST:
        return ClientAnswer(redirect_uri, given)
    return ClientAnswer(answer_to(redirect_uri, given))


def answer_to(uri: str, parameters: Mapping[str, str | None]) -> str:
    """The URI with further parameters; one without a value is left out."""
    query = "&".join(
        f"{quote(name, safe='')}={quote(value, safe='')}"
        for name, value in parameters.items()
        if value is not None
    )
    return f"{uri}{'&' if '?' in uri else '?'}{query}" if query else uri


def place_of(uri: str) -> str:
    """Where a URI leads, for people: its origin, or its private scheme (RFC 8252 §7.1)."""
    parts = urlsplit(uri)
    if parts.scheme in {"http", "https"}:
        return f"{parts.scheme}://{parts.netloc}"
    return f"{parts.scheme}:"
