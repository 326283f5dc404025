"""A sign-in by password: admitted, verified outside of any transaction, begun."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self, TypeVar

from sqlalchemy import Connection
from starlette.requests import Request

from durward.core.audit.event import AuditContext
from durward.core.authn.known_browser import KNOWN_COOKIE
from durward.core.authn.password import is_acceptable
from durward.core.errors import Unavailable
from durward.core.oauth.form import one
from durward.core.values import Secret
from durward.entrypoints.http.caller import source_of, while_connected
from durward.entrypoints.pages.render import cookie, session_of
from durward.services import sessions
from durward.services.context import Context
from durward.services.passwords import is_current
from durward.services.sessions import Admitted, Begun, BrowserSecrets, TooSoon
from durward.wiring import ControlPlane

BROWSER = "browser"
Form = Mapping[str, tuple[str, ...]]
T = TypeVar("T")
TOO_MANY, WRONG, BUSY = 429, 403, 503
BUSY_TEXT = "Many people sign in at this moment. Try again in a few seconds."


@dataclass(frozen=True)
class Notice:
    """What the sign-in page says about the attempt before."""

    problem: str = ""
    account: str = ""
    status: int = 200
    retry_after: int = 0


@dataclass(frozen=True)
class PasswordAttempt:
    """The name and the password that a form brought."""

    plane: ControlPlane
    http: Request
    account: str
    password: Secret
    before: BrowserSecrets
    refusal: ClassVar[str] = "The name or the password is not right."

    @classmethod
    def read(cls, plane: ControlPlane, http: Request, form: Form) -> Self:
        """What was typed, and what the browser is recognised by."""
        typed = one(form, "password") or ""
        password = Secret(typed if is_acceptable(typed) else "")
        before = BrowserSecrets(session_of(http), cookie(http, KNOWN_COOKIE))
        return cls(plane, http, one(form, "account") or "", password, before)

    async def outcome(self) -> Begun | Notice:
        """What the browser is given. Whatever was wrong, it took as long and says the same."""
        try:
            return await self._verified()
        except Unavailable as busy:
            # The verifier's. Where it is the store's, the page's own transaction tells of it.
            return Notice(BUSY_TEXT, self.account, BUSY, busy.retry_after)

    async def _verified(self) -> Begun | Notice:
        account = self.account
        self.plane.passwords.check_room()
        admitted = await self._admitted()
        if isinstance(admitted, TooSoon):
            text = f"Too many attempts. Try again in {admitted.wait} seconds."
            return Notice(text, account, TOO_MANY, admitted.wait)
        for _ in range(2):  # again where the hash was renewed, or replaced, meanwhile
            if not await self._fits(admitted):
                break
            begun = await self._begun(admitted)
            if isinstance(begun, Begun):
                return begun
            if begun is None:
                break
            admitted = begun
        person = admitted.person
        await self._use(lambda c, x, t: sessions.refuse(c, x, person, t))
        return Notice(self.refusal, account, WRONG)

    async def _admitted(self) -> Admitted | TooSoon:
        account, known = self.account, self.before.known
        return await self._use(lambda c, x, t: sessions.admit(c, x, account, known, t))

    async def _fits(self, admitted: Admitted) -> bool:
        try:
            fits = await while_connected(
                self.http,
                self.plane.passwords.fits(self.password, admitted.phc, known=admitted.known),
            )
        except Unavailable:
            attempt = admitted.attempt
            await self._use(lambda c, x, t: sessions.release(c, x, attempt, t))
            raise
        return fits and admitted.exists

    async def _begun(self, admitted: Admitted) -> Begun | Admitted | None:
        agent = self.http.headers.get("user-agent", "")
        before, renewed = self.before, await self._renewed(admitted.phc)
        return await self._use(
            lambda c, x, t: sessions.sign_in(c, x, admitted, renewed, before, agent, t)
        )

    async def _renewed(self, phc: str) -> str | None:
        """Another hash of a password whose hash has other parameters than those of now."""
        if is_current(phc):
            return None
        with contextlib.suppress(Unavailable):  # it is as good at the next sign-in
            return await self.plane.passwords.hash(self.password)
        return None

    async def _use(self, use: Callable[[Connection, Context, AuditContext], T]) -> T:
        return await self.plane.use_cases.write(use, BROWSER, source_of(self.http))
