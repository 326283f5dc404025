"""The authorization endpoint and its pages: sign in, agree, go back (OAuth 2.1 draft-15 §4.1)."""

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durward.core.api import Api
from durward.core.authn.browser import form_token
from durward.core.authn.password import is_acceptable
from durward.core.authn.session import BROWSER_COOKIE, COOKIE
from durward.core.errors import ErrorCode, ProtocolError, Unavailable
from durward.core.oauth.authorize import (
    Answer,
    Consent,
    Prompt,
    Reply,
    SignedIn,
    SignInRefused,
)
from durward.core.oauth.form import one, parse_form
from durward.core.oauth.metadata import ACCOUNT_PATH, AUTHORIZATION_PATH, INTERACTION_PATH
from durward.core.oauth.redirect import origin
from durward.core.oauth.scopes import IDENTITY_SCOPES
from durward.core.values import Secret, UserId
from durward.entropy import new_secret
from durward.faces.http.body import read_form
from durward.faces.http.caller import source_of, while_connected
from durward.faces.pages.render import (
    browser_of,
    check_form,
    check_same_site,
    message,
    page,
    see_other,
    session_of,
    set_cookie,
)
from durward.services import authorize, sessions
from durward.services.authorize import AtHome, Broken, Outcome, Question, Redirect, Waits
from durward.services.passwords import is_current
from durward.services.sessions import Admitted, TooSoon
from durward.wiring import ControlPlane

TOO_MANY, WRONG, BAD, BUSY = 429, 403, 400, 503
BUSY_TEXT = "Many people sign in at this moment. Try again in a few seconds."
NO_ANSWER = ProtocolError(ErrorCode.INVALID_REQUEST, "the form has no answer")
BROWSER = "browser"
Form = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Notice:
    """What the sign-in page says about the attempt before."""

    problem: str = ""
    account: str = ""
    status: int = 200
    retry_after: int = 0


NO_NOTICE = Notice()


def routes(plane: ControlPlane) -> list[Route]:
    """GET and POST at both (AS-9)."""
    pages = Pages(plane)
    return [
        Route(AUTHORIZATION_PATH, pages.begin, methods=["GET", "POST"]),
        Route(INTERACTION_PATH, pages.show, methods=["GET"]),
        Route(INTERACTION_PATH, pages.answered, methods=["POST"]),
    ]


class Pages:
    """From a client's request to the redirect; what waits meanwhile lies in the store."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    async def begin(self, http: Request) -> Response:
        """Take a request, by query or by form (OIDC Core §3.1.2.1)."""
        try:
            form = await read_form(http) if http.method == "POST" else http.url.query.encode()
        except ProtocolError as error:
            return broken(error)
        browser, session = browser_of(http), session_of(http)
        known = browser or new_secret("dwb")
        outcome = await self._plane.use(
            lambda c, x, t: authorize.begin(c, x, form, known, session, t), BROWSER, source_of(http)
        )
        answer = self._shown(outcome, known)
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
        account, before = one(form, "account") or "", session_of(http)
        try:
            begun = await self._verified(http, account, one(form, "password") or "", before)
        except Unavailable as busy:
            begun = Notice(BUSY_TEXT, account, BUSY, busy.retry_after)
        if isinstance(begun, Notice):
            outcome = await self._proceed(http, id, before, SignInRefused())
            return self._shown(outcome, browser_of(http), begun)
        outcome = await self._proceed(http, id, begun, SignedIn())
        if isinstance(outcome, Question):  # what follows is a page of its own
            outcome = Waits(outcome.interaction)
        answer = self._shown(outcome, browser_of(http))
        set_cookie(answer, COOKIE, begun)
        return answer

    async def _verified(
        self, http: Request, account: str, typed: str, before: Secret | None
    ) -> Secret | Notice:
        """The new session's secret. Whatever was wrong, it took as long and says the same.

        Raises Unavailable where too many others sign in at this moment; that is no attempt.
        """
        use, source = self._plane.use, source_of(http)
        self._plane.passwords.check_room()
        admitted = await use(lambda c, x, t: sessions.admit(c, x, account, t), BROWSER, source)
        if isinstance(admitted, TooSoon):
            text = f"Too many attempts. Try again in {admitted.wait} seconds."
            return Notice(text, account, TOO_MANY, admitted.wait)
        password = Secret(typed if is_acceptable(typed) else "")
        for _ in range(2):  # again where the hash was renewed, or replaced, meanwhile
            if not await self._fits(http, account, password, admitted):
                break
            begun = await self._begun(http, account, password, admitted.phc, before)
            if isinstance(begun, Secret):
                return begun
            if begun is None:
                break
            admitted = begun
        await use(lambda c, x, t: sessions.refuse(c, x, account, t), BROWSER, source)
        return Notice("The name or the password is not right.", account, WRONG)

    async def _fits(
        self, http: Request, account: str, password: Secret, admitted: Admitted
    ) -> bool:
        try:
            fits = await while_connected(http, self._plane.passwords.fits(password, admitted.phc))
        except Unavailable:
            release = sessions.release
            await self._plane.use(
                lambda c, x, t: release(c, x, account, t), BROWSER, source_of(http)
            )
            raise
        return fits and admitted.exists

    async def _begun(
        self, http: Request, account: str, password: Secret, phc: str, before: Secret | None
    ) -> Secret | Admitted | None:
        agent, renewed = http.headers.get("user-agent", ""), await self._renewed(password, phc)
        return await self._plane.use(
            lambda c, x, t: sessions.sign_in(c, x, account, phc, renewed, before, agent, t),
            BROWSER,
            source_of(http),
        )

    async def _renewed(self, password: Secret, phc: str) -> str | None:
        """Another hash of a password whose hash has other parameters than those of now."""
        if is_current(phc):
            return None
        with contextlib.suppress(Unavailable):  # it is as good at the next sign-in
            return await self._plane.passwords.hash(password)
        return None

    async def _proceed(
        self, http: Request, id: str, session: Secret | None, reply: Reply | None = None
    ) -> Outcome:
        browser = browser_of(http)
        return await self._plane.use(
            lambda c, x, t: authorize.proceed(c, x, id, browser, session, reply, t),
            BROWSER,
            source_of(http),
        )

    def _shown(
        self, outcome: Outcome, browser: Secret | None, notice: Notice = NO_NOTICE
    ) -> Response:
        match outcome:
            case Waits(interaction):
                return see_other(f"{INTERACTION_PATH}?id={interaction}")
            case Redirect(uri):
                return see_other(uri)
            case AtHome():
                return see_other(ACCOUNT_PATH)
            case Broken(error):
                return broken(error)
            case Question() if browser is None:
                return broken(authorize.ENDED)
            case Question(prompt=Prompt.LOGIN):
                token = form_token(browser, for_sign_in(outcome.interaction))
                return sign_in_page(outcome, token, notice)
            case Question(person=person):
                assert person is not None  # noqa: S101 - nobody else is asked for consent
                token = form_token(browser, for_consent(outcome.interaction, person))
                return consent_page(outcome, token, self._plane.published.estate.apis.values())


def for_sign_in(interaction: str) -> str:
    """What the form of the sign-in page is for."""
    return f"sign-in:{interaction}"


def for_consent(interaction: str, person: UserId) -> str:
    """What the form of the consent page is for: one person's answer."""
    return f"consent:{interaction}:{person}"


def sign_in_page(asked: Question, token: str, notice: Notice) -> Response:
    """Who are you?"""
    request = asked.request
    hint = notice.account or (request.login_hint if request else None) or ""
    answer = page(
        "sign_in.html",
        status=notice.status,
        form_action=origin(request.target.redirect_uri) if request else "",
        id=asked.interaction,
        token=token,
        client=asked.client_name,
        account=hint[:200],
        reasons=asked.reasons,
        problem=notice.problem,
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
    target = origin(request.target.redirect_uri)
    return page(
        "consent.html",
        form_action=target,
        id=asked.interaction,
        token=token,
        client=asked.client_name,
        user=asked.user,
        person=asked.person,
        scopes=[words.get(scope) or scope for scope in request.scopes],
        resource=request.audience,
        target=target,
        lasts=asked.lasts,
        with_session=asked.with_session,
        unproven=client.authentication == "none",
    )


def broken(error: ProtocolError) -> Response:
    """An error that nobody can be told but the person who sits there (AS-3)."""
    return message("This cannot go on", f"{error.public[:1].upper()}{error.public[1:]}.", BAD)
