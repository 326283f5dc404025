"""The authorization endpoint and its pages: sign in, agree, go back (OAuth 2.1 draft-15 §4.1)."""

from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durward.core.api import Api
from durward.core.authn.browser import form_token
from durward.core.authn.known_browser import KNOWN_COOKIE, UNUSED
from durward.core.authn.session import BROWSER_COOKIE, COOKIE
from durward.core.errors import ErrorCode, ProtocolError
from durward.core.oauth.authorize import (
    Answer,
    Consent,
    Prompt,
    Reply,
    SignedIn,
    SignInRefused,
)
from durward.core.oauth.corrections import correction
from durward.core.oauth.form import one, parse_form
from durward.core.oauth.issuer import is_loopback
from durward.core.oauth.metadata import ACCOUNT_PATH, AUTHORIZATION_PATH, INTERACTION_PATH
from durward.core.oauth.redirect import place_of
from durward.core.oauth.scopes import IDENTITY_SCOPES
from durward.core.values import Secret, UserId
from durward.entropy import new_secret
from durward.entrypoints.http.body import read_form
from durward.entrypoints.http.caller import source_of
from durward.entrypoints.http.correction_lines import Corrections
from durward.entrypoints.pages.password_sign_in import BROWSER, Form, Notice, PasswordAttempt
from durward.entrypoints.pages.render import (
    browser_of,
    check_form,
    check_same_site,
    go_on,
    message,
    page,
    post_on,
    see_other,
    session_of,
    set_cookie,
)
from durward.services import authorize
from durward.services.authorize import (
    ErrorPage,
    InteractionRequired,
    LocalSignIn,
    Outcome,
    Question,
    Redirect,
)
from durward.wiring import ControlPlane

BAD = 400
NO_ANSWER = ProtocolError(ErrorCode.INVALID_REQUEST, "the form has no answer")


NO_NOTICE = Notice()
IN_THE_LOG = " The log of `durward serve` tells what to change."


def routes(plane: ControlPlane, corrections: Corrections) -> list[Route]:
    """GET and POST at both (AS-9)."""
    pages = Pages(plane, corrections)
    return [
        Route(AUTHORIZATION_PATH, pages.begin, methods=["GET", "POST"]),
        Route(INTERACTION_PATH, pages.show, methods=["GET"]),
        Route(INTERACTION_PATH, pages.answered, methods=["POST"]),
    ]


class Pages:
    """From a client's request to the redirect; what waits meanwhile lies in the store."""

    def __init__(self, plane: ControlPlane, corrections: Corrections) -> None:
        self._plane = plane
        self._corrections = corrections
        self._shows_log = is_loopback(urlsplit(plane.issuer).hostname or "")
        """Whether who reads a page may have started the server."""

    async def begin(self, http: Request) -> Response:
        """Take a request, by query or by form (OIDC Core §3.1.2.1)."""
        try:
            form = await read_form(http) if http.method == "POST" else http.url.query.encode()
        except ProtocolError as error:
            return broken(error)
        browser, session = browser_of(http), session_of(http)
        known = browser or new_secret("dwb")
        outcome = await self._plane.use_cases.write(
            lambda c, x, t: authorize.begin(c, x, form, known, session, t), BROWSER, source_of(http)
        )
        answer = self._shown(outcome, known, leave=see_other)  # no form of ours came before
        if browser is None:
            set_cookie(answer, BROWSER_COOKIE, known)
        return answer

    async def show(self, http: Request) -> Response:
        """The page of a request that waits."""
        outcome = await self._proceed(http, http.query_params.get("id", ""), session_of(http))
        return self._shown(outcome, browser_of(http))

    async def answered(self, http: Request) -> Response:
        """A form of that page came back."""
        try:
            check_same_site(http)
            form = parse_form(await read_form(http))
            id, browser = one(form, "id") or "", browser_of(http)
            match one(form, "answer"):
                case "sign-in":
                    check_form(browser, for_sign_in(id), one(form, "token"))
                    return await self._sign_in(http, id, form)
                case "allow" | "deny" as given:
                    person = UserId(one(form, "person") or "")
                    check_form(browser, for_consent(id, person), one(form, "token"))
                    reply = Consent(person, Answer(given))
                    return self._shown(
                        await self._proceed(http, id, session_of(http), reply), browser
                    )
                case _:
                    return broken(NO_ANSWER)
        except ProtocolError as error:
            return broken(error)

    async def _sign_in(self, http: Request, id: str, form: Form) -> Response:
        attempt = PasswordAttempt.read(self._plane, http, form)
        begun = await attempt.outcome()
        if isinstance(begun, Notice):
            outcome = await self._proceed(http, id, attempt.before.session, SignInRefused())
            return self._shown(outcome, browser_of(http), begun)
        outcome = await self._proceed(http, id, begun.session, SignedIn())
        if isinstance(outcome, Question):  # what follows is a page of its own
            outcome = InteractionRequired(outcome.interaction)
        answer = self._shown(outcome, browser_of(http))
        set_cookie(answer, COOKIE, begun.session)
        set_cookie(answer, KNOWN_COOKIE, begun.known, UNUSED)
        return answer

    async def _proceed(
        self, http: Request, id: str, session: Secret | None, reply: Reply | None = None
    ) -> Outcome:
        browser = browser_of(http)
        return await self._plane.use_cases.write(
            lambda c, x, t: authorize.proceed(c, x, id, browser, session, reply, t),
            BROWSER,
            source_of(http),
        )

    def _shown(
        self,
        outcome: Outcome,
        browser: Secret | None,
        notice: Notice = NO_NOTICE,
        leave: Callable[[str], Response] = go_on,
    ) -> Response:
        match outcome:
            case InteractionRequired(interaction):
                return see_other(f"{INTERACTION_PATH}?id={interaction}")
            case Redirect(sent, error, client):
                if error:
                    self._corrections.report(AUTHORIZATION_PATH, error, client)
                return leave(sent.uri) if sent.fields is None else post_on(sent.uri, sent.fields)
            case LocalSignIn():
                return see_other(ACCOUNT_PATH)
            case ErrorPage(error):
                self._corrections.report(AUTHORIZATION_PATH, error, None)
                is_told = self._shows_log and correction(error) is not None
                return broken(error, IN_THE_LOG if is_told else "")
            case Question() if browser is None:
                return broken(authorize.ENDED)
            case Question(prompt=Prompt.LOGIN):
                token = form_token(browser, for_sign_in(outcome.interaction))
                return sign_in_page(outcome, token, notice, can_recover=self._plane.sends_mail)
            case Question(person=person):
                assert person is not None  # noqa: S101 - nobody else is asked for consent
                token = form_token(browser, for_consent(outcome.interaction, person))
                return consent_page(
                    outcome, token, self._plane.published.configuration.apis.values()
                )


def for_sign_in(interaction: str) -> str:
    """What the form of the sign-in page is for."""
    return f"sign-in:{interaction}"


def for_consent(interaction: str, person: UserId) -> str:
    """What the form of the consent page is for: one person's answer."""
    return f"consent:{interaction}:{person}"


def sign_in_page(asked: Question, token: str, notice: Notice, *, can_recover: bool) -> Response:
    """Who are you?"""
    request = asked.request
    hint = notice.account or (request.login_hint if request else None) or ""
    answer = page(
        "sign_in.html",
        status=notice.status,
        id=asked.interaction,
        token=token,
        client=asked.client_name,
        account=hint[:200],
        reasons=asked.reasons,
        problem=notice.problem,
        can_recover=can_recover,
    )
    if notice.retry_after:
        answer.headers["retry-after"] = str(notice.retry_after)
    return answer


def consent_page(asked: Question, token: str, apis: Iterable[Api]) -> Response:
    """May it? The client, where it sends you, what it asks for in words, where, and how long."""
    request, client = asked.request, asked.client
    assert request and client and asked.user  # noqa: S101, PT018 - nobody else asks for consent
    scopes = next((api.scopes for api in apis if api.audience == request.audience), {})
    words = {**scopes, **IDENTITY_SCOPES}
    return page(
        "consent.html",
        id=asked.interaction,
        token=token,
        client=asked.client_name,
        user=asked.user,
        person=asked.person,
        account=asked.user.login,
        scopes=[words.get(scope) or scope for scope in request.scopes],
        resource=request.audience,
        target=place_of(request.target.redirect_uri),
        lasts=asked.lasts,
        with_session=asked.with_session,
        unproven=client.authentication == "none",
    )


def broken(error: ProtocolError, more: str = "") -> Response:
    """An error that nobody can be told but the person who sits there (AS-3)."""
    text = f"{error.public[:1].upper()}{error.public[1:]}.{more}"
    return message("This cannot go on", text, BAD)
