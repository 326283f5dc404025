"""The pages for people who do not know their password: ask for a link, and choose a new one by it.

The link's GET shows a form and changes nothing: programs that look at mails open links too.
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durward.core.authn.browser import form_token
from durward.core.authn.new_password import LEAST_ALONE
from durward.core.authn.session import BROWSER_COOKIE
from durward.core.errors import ProtocolError, Unavailable
from durward.core.oauth.form import one, parse_form
from durward.core.oauth.metadata import RECOVERY_PATH, RESET_PATH
from durward.core.people.person import Person
from durward.core.values import Secret
from durward.entropy import new_secret
from durward.entrypoints.http.body import read_form
from durward.entrypoints.http.caller import source_of
from durward.entrypoints.pages.interaction import broken
from durward.entrypoints.pages.password_change import problem_with
from durward.entrypoints.pages.password_sign_in import BROWSER, BUSY, BUSY_TEXT, Notice
from durward.entrypoints.pages.render import (
    MAX_COOKIE_CHARACTERS,
    browser_of,
    check_form,
    check_same_site,
    message,
    page,
    set_cookie,
)
from durward.services import recovery
from durward.wiring import ControlPlane

PURPOSE: Final = "recovery"
BAD: Final = 400
NO_NOTICE: Final = Notice()
ASKED: Final = (
    "If there is such an account and it has a verified address, a mail with a link is sent to it "
    "within a few minutes. The link works once, for half an hour."
)
NO_MAIL: Final = "This service sends no mails. Ask those who run it for a new password."
OVER: Final = "This link is not valid any more. Ask for another one."


def routes(plane: ControlPlane) -> list[Route]:
    """GET and POST of both."""
    pages = RecoveryPages(plane)
    return [
        Route(RECOVERY_PATH, pages.question, methods=["GET"]),
        Route(RECOVERY_PATH, pages.asked, methods=["POST"]),
        Route(RESET_PATH, pages.choice, methods=["GET"]),
        Route(RESET_PATH, pages.chosen, methods=["POST"]),
    ]


class RecoveryPages:
    """From the question to the new password."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    async def question(self, http: Request) -> Response:
        """Who are you?"""
        if not self._plane.sends_mail:
            return message("No mails", NO_MAIL, 200)
        browser = browser_of(http)
        known = browser or new_secret("dwb")
        answer = page("recover.html", token=form_token(known, PURPOSE))
        if browser is None:
            set_cookie(answer, BROWSER_COOKIE, known)
        return answer

    async def asked(self, http: Request) -> Response:
        """The same page for everybody, whatever was typed (AS-95)."""
        try:
            check_same_site(http)
            form = parse_form(await read_form(http))
            check_form(browser_of(http), PURPOSE, one(form, "token"))
        except ProtocolError as error:
            return broken(error)
        typed = one(form, "account") or ""
        if not self._plane.sends_mail:
            return message("No mails", NO_MAIL, 200)
        await self._plane.use_cases.write(
            lambda c, x, t: recovery.ask_reset(c, x, typed, t), BROWSER, source_of(http)
        )
        return message("Look at your mails", ASKED, 200)

    async def choice(self, http: Request) -> Response:
        """The form of a link; opening it changes nothing."""
        link = link_of(http.query_params.get("link"))
        person = await self._owner(link)
        return form_page(person, link) if person and link else over()

    async def chosen(self, http: Request) -> Response:
        """A new password came by a link."""
        try:
            check_same_site(http)
            form = parse_form(await read_form(http))
        except ProtocolError as error:
            return broken(error)
        link = link_of(one(form, "link"))
        person = await self._owner(link)
        if person is None or link is None:
            return over()
        typed = Secret(one(form, "new") or "")
        if problem := await problem_with(self._plane, typed, one(form, "again"), person):
            return form_page(person, link, Notice(problem, status=BAD))
        try:
            fresh = await self._plane.passwords.hash(typed)
        except Unavailable as busy:
            notice = Notice(BUSY_TEXT, status=BUSY, retry_after=busy.retry_after)
            return form_page(person, link, notice)
        done = await self._plane.use_cases.write(
            lambda c, x, t: recovery.reset_password(c, x, link, fresh, t), BROWSER, source_of(http)
        )
        return page("password_chosen.html") if done else over()

    async def _owner(self, link: Secret | None) -> Person | None:
        if link is None:
            return None
        now = self._plane.now()
        return await self._plane.transactions.read(lambda c: recovery.owner_of_link(c, link, now))


def link_of(given: str | None) -> Secret | None:
    """The secret of a link, if there is one that could be ours."""
    return Secret(given) if given and len(given) <= MAX_COOKIE_CHARACTERS else None


def form_page(person: Person, link: Secret, notice: Notice = NO_NOTICE) -> Response:
    """The form for a new password."""
    answer = page(
        "reset.html",
        status=notice.status,
        account=person.login,
        link=link.reveal(),
        least=LEAST_ALONE,
        problem=notice.problem,
    )
    if notice.retry_after:
        answer.headers["retry-after"] = str(notice.retry_after)
    return answer


def over() -> Response:
    """The page of a link that is worth nothing: used, too old, or of somebody without a right."""
    return page("reset_over.html", status=BAD, text=OVER)
