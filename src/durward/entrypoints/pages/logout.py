"""Signing out at an application's request (OpenID Connect RP-Initiated Logout 1.0)."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durward.core.authn.browser import form_token
from durward.core.authn.session import COOKIE
from durward.core.errors import ProtocolError
from durward.core.oauth.form import one, parse_form
from durward.core.oauth.metadata import LOGOUT_PATH
from durward.entrypoints.http.body import read_form
from durward.entrypoints.http.caller import source_of
from durward.entrypoints.pages.interaction import broken
from durward.entrypoints.pages.render import (
    check_form,
    check_same_site,
    drop_cookie,
    go_on,
    message,
    page,
    see_other,
    session_of,
)
from durward.services.logout import MustConfirm, Outcome, SignedOut, StillOpen, Wrong, sign_out
from durward.wiring import ControlPlane

PURPOSE = "logout"
PASSED_ON = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state")


def routes(plane: ControlPlane) -> list[Route]:
    """GET and POST; the person is asked where nothing proves who wants it (AS-83)."""

    async def arrive(http: Request) -> Response:
        try:
            form = await read_form(http) if http.method == "POST" else http.url.query.encode()
            confirmed = is_confirmed(http, form)
            if http.method == "POST" and session_of(http) is None:
                return redirect_to_get(form)
        except ProtocolError as wrong:
            return broken(wrong)
        session = session_of(http)
        outcome: Outcome = await plane.use_cases.write(
            lambda c, x, t: sign_out(c, x, form, session, confirmed=confirmed, audit=t),
            "browser",
            source_of(http),
        )
        match outcome:
            case Wrong(error):
                return broken(error)
            case MustConfirm(names_another):
                return ask(http, form, names_another=names_another)
            case StillOpen():
                return page("still_open.html")
            case SignedOut(uri):
                text = "You are signed out."
                leave = go_on if confirmed else see_other
                answer = leave(uri) if uri else message("Signed out", text, 200)
                if session is not None:
                    drop_cookie(answer, COOKIE)
                return answer

    return [Route(LOGOUT_PATH, arrive, methods=["GET", "POST"])]


def is_confirmed(http: Request, form: bytes) -> bool:
    """Whether this is our own page's form. Raises ProtocolError where it pretends to be."""
    given = one(parse_form(form), "confirm") if http.method == "POST" else None
    if given is None:
        return False
    check_same_site(http)
    check_form(session_of(http), PURPOSE, given)
    return True


def redirect_to_get(form: bytes) -> Response:
    """The same as a GET: with that a browser sends the cookie which it kept back from a POST.

    An application's form comes from another site, and the cookie is `SameSite=Lax`. Raises
    ProtocolError `invalid_request`.
    """
    return see_other(f"{LOGOUT_PATH}?{urlencode(passed_on(form))}")


def passed_on(form: bytes) -> dict[str, str]:
    """The parameters that are known (RP-Initiated Logout §2). Raises ProtocolError."""
    parameters = parse_form(form)
    found = {name: one(parameters, name) for name in PASSED_ON}
    return {name: value for name, value in found.items() if value is not None}


def ask(http: Request, form: bytes, *, names_another: bool) -> Response:
    """The page that asks."""
    session, passed = session_of(http), passed_on(form)
    assert session is not None  # noqa: S101 - somebody is signed in, or we would not ask
    return page(
        "sign_out.html",
        token=form_token(session, PURPOSE),
        passed=passed,
        names_another=names_another,
    )
