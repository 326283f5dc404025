"""The page on which a person changes the own password."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from durward.core.authn.browser import form_token
from durward.core.authn.known_browser import KNOWN_COOKIE, UNUSED
from durward.core.authn.new_password import LEAST_ALONE, MOST, PasswordProblem
from durward.core.authn.session import COOKIE
from durward.core.errors import ProtocolError, Unavailable
from durward.core.oauth.form import one, parse_form
from durward.core.oauth.metadata import ACCOUNT_PATH, PASSWORD_PATH
from durward.core.people.person import Person
from durward.core.values import Secret
from durward.entrypoints.http.body import read_form
from durward.entrypoints.http.caller import source_of
from durward.entrypoints.pages.interaction import broken
from durward.entrypoints.pages.password_sign_in import (
    BROWSER,
    Form,
    Notice,
    PasswordAttempt,
)
from durward.entrypoints.pages.render import (
    check_form,
    check_same_site,
    message,
    page,
    see_other,
    session_of,
    set_cookie,
)
from durward.services import own_password, sessions
from durward.services.sessions import Admitted, Begun, TooSoon
from durward.wiring import ControlPlane

PURPOSE: Final = "password"
BAD: Final = 400
NO_NOTICE: Final = Notice()
OTHERWISE: Final = "The two new passwords are not the same."
PROBLEMS: Final[Mapping[PasswordProblem, str]] = {
    PasswordProblem.TOO_SHORT: f"A password has at least {LEAST_ALONE} characters.",
    PasswordProblem.TOO_LONG: f"A password has at most {MOST} characters.",
    PasswordProblem.NOT_TEXT: "This password has a character that cannot be used.",
    PasswordProblem.GUESSABLE: "This password would soon be guessed: it is used by many, or made "
    "of your name, of a row of keys, or of repetitions. Choose another one.",
}


@dataclass(frozen=True)
class OwnChange(PasswordAttempt):
    """The present password, and the new one, which is accepted if the present one is right."""

    fresh: Secret
    keep_grants: bool
    refusal: ClassVar[str] = "The present password is not right."

    async def _admitted(self) -> Admitted | TooSoon:
        before = self.before
        admitted = await self._use(lambda c, x, t: own_password.admit_owner(c, x, before, t))
        if admitted is None:
            raise SignedOutMeanwhile
        return admitted

    async def _begun(self, admitted: Admitted) -> Begun | Admitted | None:
        before, keeps, attempt = self.before, self.keep_grants, admitted.attempt
        try:
            fresh = await self.plane.passwords.hash(self.fresh)
        except Unavailable:
            await self._use(lambda c, x, t: sessions.release(c, x, attempt, t))
            raise
        return await self._use(
            lambda c, x, t: own_password.replace_own(c, x, admitted, fresh, before, keeps, t)
        )


class SignedOutMeanwhile(Exception):  # noqa: N818 - named as what it is
    """The session ended while the form was looked at."""


def routes(plane: ControlPlane) -> list[Route]:
    """GET shows the form, POST changes the password."""
    pages = PasswordPages(plane)
    return [
        Route(PASSWORD_PATH, pages.show, methods=["GET"]),
        Route(PASSWORD_PATH, pages.answered, methods=["POST"]),
    ]


class PasswordPages:
    """The form, and what became of it."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    async def show(self, http: Request) -> Response:
        """The form, for somebody who is signed in."""
        return await self._for_owner(http, self._form)

    async def answered(self, http: Request) -> Response:
        """The form came back."""
        try:
            check_same_site(http)
            form = parse_form(await read_form(http))
            check_form(session_of(http), PURPOSE, one(form, "token"))
        except ProtocolError as error:
            return broken(error)

        async def change(http: Request, person: Person, session: Secret) -> Response:
            outcome = await self._changed(http, form, person)
            if isinstance(outcome, Notice):
                return form_page(person, session, outcome)
            answer = message("Password changed", "Your password is changed.", 200)
            set_cookie(answer, COOKIE, outcome.session)
            set_cookie(answer, KNOWN_COOKIE, outcome.known, UNUSED)
            return answer

        return await self._for_owner(http, change)

    async def _form(self, _: Request, person: Person, session: Secret) -> Response:
        return form_page(person, session)

    async def _for_owner(
        self, http: Request, then: Callable[[Request, Person, Secret], Awaitable[Response]]
    ) -> Response:
        """Go on for somebody who is signed in and has a password; others sign in first."""
        session = session_of(http)
        found = await self._plane.use_cases.write(
            lambda c, x, t: own_password.owner(c, x, session, t), BROWSER, source_of(http)
        )
        if found is None or session is None:
            return see_other(ACCOUNT_PATH)
        person, has_password = found
        if not has_password:
            return message("No password", "Your account has no password to change.", 200)
        try:
            return await then(http, person, session)
        except SignedOutMeanwhile:
            return see_other(ACCOUNT_PATH)

    async def _changed(self, http: Request, form: Form, person: Person) -> Begun | Notice:
        typed = Secret(one(form, "new") or "")
        if problem := await problem_with(self._plane, typed, one(form, "again"), person):
            return Notice(problem, status=BAD)
        attempt = PasswordAttempt.read(self._plane, http, form)
        keeps = one(form, "keep") == "yes"
        return await OwnChange(
            self._plane, http, "", attempt.password, attempt.before, typed, keeps
        ).outcome()


async def problem_with(
    plane: ControlPlane, typed: Secret, repeated: str | None, person: Person
) -> str:
    """What is wrong with a new password that was typed twice; empty if it is accepted."""
    if repeated != typed.reveal():
        return OTHERWISE
    found = await asyncio.to_thread(own_password.judge, typed, person, plane.issuer)
    return PROBLEMS[found] if found else ""


def form_page(person: Person, session: Secret, notice: Notice = NO_NOTICE) -> Response:
    """The form, with what was wrong."""
    answer = page(
        "password.html",
        status=notice.status,
        token=form_token(session, PURPOSE),
        account=person.login,
        least=LEAST_ALONE,
        problem=notice.problem,
    )
    if notice.retry_after:
        answer.headers["retry-after"] = str(notice.retry_after)
    return answer
