"""How a page is sent: escaped, never stored, never framed, its forms going where they may."""

from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from durward.core.authn.browser import is_from
from durward.core.authn.session import BROWSER_COOKIE, COOKIE
from durward.core.errors import ErrorCode, ProtocolError
from durward.core.oauth.metadata import STYLE_PATH
from durward.core.oauth.redirect import place_of
from durward.core.values import MICROSECONDS, Instant, Seconds, Secret

SEE_OTHER = 303
MAX_COOKIE_CHARACTERS = 200


def local_time(instant: Instant) -> str:
    """An instant for people."""
    return datetime.fromtimestamp(instant / MICROSECONDS, UTC).strftime("%Y-%m-%d %H:%M UTC")


def duration(seconds: int) -> str:
    """A duration for people, in the largest unit that fits it."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds > length and seconds % length == 0:
            return f"{seconds // length} {unit}s"
        if seconds == length:
            return f"1 {unit}"
    return f"{seconds} seconds"


templates = Environment(
    loader=PackageLoader("durward.entrypoints.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
templates.filters["local_time"] = local_time
templates.filters["duration"] = duration


POLICY: Final = (
    "default-src 'none'; style-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
"""Forms lead to the issuer alone (AS-13, AS-13a); `go_on` leads elsewhere."""


SUBMIT: Final = Markup("document.forms[0].submit()")
"""The only script of ours: a constant, which a page's policy allows by its hash."""
SUBMIT_HASH: Final = f"sha256-{b64encode(sha256(SUBMIT.encode()).digest()).decode()}"


def page(name: str, *, status: int = 200, **facts: object) -> HTMLResponse:
    """A page."""
    headers = {
        "content-security-policy": POLICY,
        "x-frame-options": "DENY",
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cache-control": "no-store",
        "cross-origin-opener-policy": "same-origin",
    }
    return HTMLResponse(templates.get_template(name).render(facts), status, headers)


def message(title: str, text: str, status: int = 400) -> HTMLResponse:
    """A page that only says something."""
    return page("message.html", status=status, title=title, text=text)


def see_other(uri: str) -> Response:
    """303: whatever was posted here is not posted there (AS-12)."""
    headers = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
    return RedirectResponse(uri, SEE_OTHER, headers)


def go_on(uri: str) -> Response:
    """A page that goes on to an application by itself, after a form of ours (AS-13a).

    Chromium applies `form-action` to all redirects after a form, also to those of the application
    that is redirected to, which may lead anywhere (CSP Level 3 §6.4.1).
    """
    response = page("goes_on.html", uri=uri, place=place_of(uri))
    response.headers["referrer-policy"] = "no-referrer"
    return response


def post_on(uri: str, fields: Mapping[str, str]) -> Response:
    """A page whose form posts an answer to an application (OAuth 2.0 Form Post Response Mode §2).

    A script submits it, and where none runs a button does. `form-action` counts for the redirects
    of the application too (AS-13a), which may lead anywhere; so it names schemes alone. The browser
    tells the application the origin that the form came from, as it may look at it.
    """
    response = page("posts_on.html", uri=uri, fields=fields, place=place_of(uri), script=SUBMIT)
    schemes = "https:" if uri.startswith("https:") else "https: http:"
    response.headers["content-security-policy"] = (
        f"default-src 'none'; style-src 'self'; script-src '{SUBMIT_HASH}'; "
        f"form-action {schemes}; frame-ancestors 'none'; base-uri 'none'"
    )
    response.headers["referrer-policy"] = "strict-origin"
    return response


def cookie(http: Request, name: str) -> Secret | None:
    """The secret of a cookie, if it was sent."""
    value = http.cookies.get(name)
    return Secret(value) if value and len(value) <= MAX_COOKIE_CHARACTERS else None


def session_of(http: Request) -> Secret | None:
    """The cookie of the session."""
    return cookie(http, COOKIE)


def browser_of(http: Request) -> Secret | None:
    """The cookie that binds forms to the browser."""
    return cookie(http, BROWSER_COOKIE)


def set_cookie(
    response: Response, name: str, secret: Secret, max_age: Seconds | None = None
) -> None:
    """For this host alone, for no script, not in requests that other sites make (AS-102).

    Without `max_age` it is gone when the browser is closed.
    """
    value = secret.reveal()
    response.set_cookie(name, value, max_age, path="/", secure=True, httponly=True, samesite="lax")


def drop_cookie(response: Response, name: str) -> None:
    """Make the browser forget it."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")


def check_same_site(http: Request) -> None:
    """Refuse a form that another site sent (Fetch Metadata; the form's token refuses it too).

    Raises ProtocolError `invalid_request`.
    """
    if http.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise ProtocolError(ErrorCode.INVALID_REQUEST, "the form was sent by another site")


def check_form(secret: Secret | None, purpose: str, given: str | None) -> None:
    """Refuse a form that was not sent to this browser. Raises ProtocolError `invalid_request`."""
    if not is_from(secret, purpose, given):
        raise ProtocolError(ErrorCode.INVALID_REQUEST, "the form belongs to another browser")


def style() -> list[Route]:
    """The one style sheet."""
    text = files("durward.entrypoints.pages").joinpath("durward.css").read_text()

    async def css(_: Request) -> Response:
        headers = {"cache-control": "public, max-age=3600", "x-content-type-options": "nosniff"}
        return Response(text, media_type="text/css", headers=headers)

    return [Route(STYLE_PATH, css)]
