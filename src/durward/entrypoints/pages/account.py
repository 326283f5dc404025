"""The issuer's root: who I am, where I am signed in, what I let applications do."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durward.core.authn.browser import form_token
from durward.core.authn.session import BROWSER_COOKIE, COOKIE
from durward.core.errors import ProtocolError
from durward.core.oauth.form import one, parse_form
from durward.core.oauth.metadata import ACCOUNT_PATH, INTERACTION_PATH
from durward.core.oauth.scopes import IDENTITY_SCOPES
from durward.core.values import Secret
from durward.entropy import new_secret
from durward.entrypoints.http.body import read_form
from durward.entrypoints.http.caller import source_of
from durward.entrypoints.pages.interaction import broken
from durward.entrypoints.pages.render import (
    browser_of,
    check_form,
    check_same_site,
    drop_cookie,
    page,
    see_other,
    session_of,
    set_cookie,
)
from durward.services import account, authorize
from durward.services.account import Overview
from durward.wiring import ControlPlane

PURPOSE = "account"


def routes(plane: ControlPlane) -> list[Route]:
    """Its forms end a session, or take back what an application may do."""

    async def show(http: Request) -> Response:
        session = session_of(http)
        seen = await plane.use_cases.write(
            lambda c, x, t: account.overview(c, x, session, t), "browser", source_of(http)
        )
        return overview(plane, seen, session) if seen and session else await to_sign_in(http)

    async def to_sign_in(http: Request) -> Response:
        browser = browser_of(http)
        known = browser or new_secret("dwb")
        begun = await plane.use_cases.write(
            lambda c, x, t: authorize.begin_at_home(c, x, known, t), "browser", source_of(http)
        )
        answer = see_other(f"{INTERACTION_PATH}?id={begun.interaction}")
        if browser is None:
            set_cookie(answer, BROWSER_COOKIE, known)
        return answer

    async def change(http: Request) -> Response:
        session = session_of(http)
        try:
            check_same_site(http)
            form = parse_form(await read_form(http))
            check_form(session, PURPOSE, one(form, "token"))
        except ProtocolError as error:
            return broken(error)
        source = source_of(http)
        if ended := one(form, "session"):
            await plane.use_cases.write(
                lambda c, x, t: account.end_own_session(c, x, session, ended, t), "browser", source
            )
        elif client := one(form, "client"):
            await plane.use_cases.write(
                lambda c, x, t: account.withdraw(c, x, session, client, t), "browser", source
            )
        answer = see_other(ACCOUNT_PATH)
        if one(form, "this"):
            drop_cookie(answer, COOKIE)
        return answer

    return [
        Route(ACCOUNT_PATH, show, methods=["GET"]),
        Route(ACCOUNT_PATH, change, methods=["POST"]),
    ]


def overview(plane: ControlPlane, seen: Overview, session: Secret) -> Response:
    """The page."""
    configuration = plane.published.configuration
    words = dict(IDENTITY_SCOPES)
    for api in configuration.apis.values():
        words |= api.scopes
    clients: dict[str, dict[str, object]] = {}
    for grant in seen.grants:
        client = configuration.clients.get(grant.client)
        name = client.name if client and client.name else grant.client
        known = clients.setdefault(grant.client, {"name": name, "scopes": {}, "since": 0})
        scopes = known["scopes"]
        assert isinstance(scopes, dict)  # noqa: S101 - three lines above
        scopes |= {scope: words.get(scope) or scope for scope in grant.scopes}
        known["since"] = grant.created_at
    return page(
        "account.html",
        user=seen.person,
        account=seen.person.login,
        here=seen.session.id,
        sessions=seen.sessions,
        clients=clients,
        token=form_token(session, PURPOSE),
    )
