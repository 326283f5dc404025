"""The authorization endpoint: parse the request, and decide the next step.

`next_step` serves the endpoint, the sign-in and the consent alike: it returns the next page, the
redirect with a code, or the redirect with an error.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias
from urllib.parse import quote

from durward.core.api import Api
from durward.core.authn.session import Session
from durward.core.configuration.client import Client
from durward.core.errors import ErrorCode, ProtocolError, Reason
from durward.core.oauth.form import one, required
from durward.core.oauth.redirect import is_registered
from durward.core.oauth.requested_claims import read_claims
from durward.core.oauth.requirements import Requirements, read_challenge
from durward.core.oauth.resource import chosen_api, granted_scopes
from durward.core.oauth.scopes import IDENTITY_SCOPES
from durward.core.people.person import Person
from durward.core.values import ClientId, Instant, Seconds, UserId, later

Form: TypeAlias = Mapping[str, tuple[str, ...]]
MAX_STATE_BYTES = 8_192
"""Applications store their state in it, such as a URL; Envoy's own oauth2 filter sends so much."""
MAX_ENCODED_STATE_BYTES = 12_288
"""Of `state` as it stands in the URL of the response: servers take 16 KiB of headers, cookies
included, and a letter of no ASCII takes three for each of its bytes."""
MAX_NONCE_BYTES = 512
"""A random value (OIDC Core §15.5.2); libraries that put a time before theirs send 150."""
MAX_LOGIN_HINT_BYTES = 320
"""An e-mail address at most (RFC 5321 §4.5.3.1)."""
QUERY = "query"
PROMPTS = {"none", "login", "consent", "select_account"}
INTERACTION_LIFETIME = Seconds(1_800)
CODE_LIFETIME = Seconds(60)


@dataclass(frozen=True, slots=True)
class RedirectTarget:
    """A client and its redirect URI, both proven, so that errors may be sent there too."""

    client: ClientId
    redirect_uri: str
    state: str | None
    mode: str = QUERY
    """The response mode, one that the client is declared to use."""


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A parsed authorization request; it is stored until a person has answered."""

    target: RedirectTarget
    challenge: str | None
    """None where a waiver let it be absent."""
    audience: str | None
    """The API that the access token is for; None for a client that only signs people in."""
    scopes: tuple[str, ...]
    nonce: str | None = None
    prompt: tuple[str, ...] = ()
    max_age: Seconds | None = None
    subject: UserId | None = None
    """Whose sign-in is asked for, by a verified `id_token_hint` or by `claims`."""
    login_hint: str | None = None
    pushed: bytes | None = None
    """The hash of the reference by which it came; None: the browser brought it whole."""


def read_target(form: Form, clients: Mapping[str, Client]) -> RedirectTarget:
    """The client and its redirect URI (OAuth 2.1 draft-15 §4.1.1, §4.1.2.1).

    Until both are proven nothing is sent anywhere: raises ProtocolError, shown on a page (AS-3).
    """
    client_id = required(form, "client_id")
    client = clients.get(client_id)
    if client is None or client.disabled or "authorization_code" not in client.grants:
        raise _unable(client_id, client)
    redirect_uri = required(form, "redirect_uri")
    if not is_registered(
        redirect_uri, client.redirect_uris, native=client.authentication == "none"
    ):
        raise ProtocolError(
            ErrorCode.INVALID_REQUEST,
            "the application asked to be answered at an address that it is not registered with",
            private=f"`{client_id}`: {redirect_uri[:300]}",
            reason=Reason.REDIRECT_URI_NOT_DECLARED,
            client=client_id,
        )
    state = _bounded(form, "state", MAX_STATE_BYTES)
    if state is not None and len(quote(state, safe="")) > MAX_ENCODED_STATE_BYTES:
        raise _invalid(
            f"`state` is too long: percent-encoded it has at most {MAX_ENCODED_STATE_BYTES} bytes"
        )
    mode = one(form, "response_mode") or QUERY
    if mode not in client.response_modes:  # the error goes where answers may always go
        mode = client.response_modes[0]
    return RedirectTarget(ClientId(client_id), redirect_uri, state, mode)


def _unable(client_id: str, client: Client | None) -> ProtocolError:
    """The error for a client that signs nobody in.

    Only a name that is declared is recorded: what was sent may be a secret in the wrong field.
    """
    public = "this application is not known here, or may not sign people in"
    code, reason = ErrorCode.INVALID_CLIENT, Reason.UNKNOWN_CLIENT
    if client is None:
        return ProtocolError(code, public, private="unknown client", reason=reason)
    reason = Reason.CLIENT_DISABLED if client.disabled else Reason.GRANT_NOT_DECLARED
    private = f"`{client_id}` is disabled, or has no grant authorization_code"
    return ProtocolError(code, public, private=private, reason=reason, client=client_id)


def is_still_proven(target: RedirectTarget, client: Client) -> bool:
    """Whether the redirect URI is still registered: a person may take half an hour (AS-3)."""
    native = client.authentication == "none"
    able = not client.disabled and "authorization_code" in client.grants
    return able and is_registered(target.redirect_uri, client.redirect_uris, native=native)


def read_request(
    form: Form,
    target: RedirectTarget,
    client: Client,
    apis: Mapping[str, Api],
    subject: UserId | None,
    requirements: Requirements,
    now: Instant,
) -> AuthorizationRequest:
    """Parse the whole request; `subject` is that of a verified hint.

    Raises ProtocolError, which is sent to the redirect URI.
    """
    requirements.check_available()
    for name, code in (
        ("request", ErrorCode.REQUEST_NOT_SUPPORTED),
        ("request_uri", ErrorCode.REQUEST_URI_NOT_SUPPORTED),
    ):
        if name in form:
            raise ProtocolError(code, f"`{name}` is not supported")
    if required(form, "response_type") != "code":
        code = ErrorCode.UNSUPPORTED_RESPONSE_TYPE
        raise ProtocolError(code, "`response_type` must be `code`")
    mode = one(form, "response_mode")
    if mode is None and QUERY not in client.response_modes:
        mode = QUERY  # OAuth 2.0 Multiple Response Type Encoding Practices §2.1
    if mode is not None and mode not in client.response_modes:
        public = f"`response_mode` must be one of {', '.join(client.response_modes)}"
        reason = Reason.RESPONSE_MODE_NOT_DECLARED
        raise ProtocolError(ErrorCode.INVALID_REQUEST, public, reason=reason)
    challenge = read_challenge(form, requirements, now)
    claims = read_claims(form)
    claims.check_met()
    if None not in {subject, claims.subject} and subject != claims.subject:
        raise _invalid("`id_token_hint` and `claims` name different people")
    api = chosen_api(client, form, apis) if client.apis or "resource" in form else None
    return AuthorizationRequest(
        target=target,
        challenge=challenge,
        audience=api.audience if api else None,
        scopes=granted_scopes(client, form, {*(api.scopes if api else ()), *IDENTITY_SCOPES}),
        nonce=_bounded(form, "nonce", MAX_NONCE_BYTES),
        prompt=_prompt(form),
        max_age=_max_age(form),
        subject=subject or claims.subject,
        login_hint=_bounded(form, "login_hint", MAX_LOGIN_HINT_BYTES),
    )


def _bounded(form: Form, name: str, longest_bytes: int) -> str | None:
    """Free text, bounded: it is stored until a person has answered, for unauthenticated callers.

    Control characters, which take six times the space, are refused (RFC 6749 Appendix A.5).
    """
    text = one(form, name)
    if text is not None and len(text.encode()) > longest_bytes:
        raise _invalid(f"`{name}` is too long: at most {longest_bytes} bytes")
    if text is not None and any(character < " " for character in text):
        raise _invalid(f"`{name}` has a control character")
    return text


def _prompt(form: Form) -> tuple[str, ...]:
    asked = tuple(dict.fromkeys((one(form, "prompt") or "").split()))
    if set(asked) - PROMPTS:
        raise _invalid("`prompt` has a value that is not known")
    if "none" in asked and len(asked) > 1:  # OIDC Core §3.1.2.1
        raise _invalid("`prompt` has `none` beside another value")
    return asked


def _max_age(form: Form) -> Seconds | None:
    text = one(form, "max_age")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):  # noqa: PLR2004 - 30 years
        raise _invalid("`max_age` is not a number of seconds")
    return Seconds(int(text))


class Prompt(StrEnum):
    """The page that a person is shown."""

    LOGIN = "login"
    CONSENT = "consent"


class Answer(StrEnum):
    """A person's answer on the consent page."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Consent:
    """The submitted consent form; it counts for the person that it was shown to."""

    by: UserId
    answer: Answer


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The submitted sign-in form was accepted and began the session of this browser."""


@dataclass(frozen=True, slots=True)
class SignInRefused:
    """The submitted sign-in form was refused.

    The page is shown again, even if another person is signed in at this browser: a form counts
    only for the request that it was shown for.
    """


Reply: TypeAlias = Consent | SignedIn | SignInRefused


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts on which the next step depends."""

    request: AuthorizationRequest
    client: Client
    session: Session | None
    """The live session of this browser."""
    is_fresh: bool
    """Whether the session's person signed in for this request."""
    user: Person | None
    """The session's person; None where that account is gone or disabled."""
    consented: frozenset[str] | None
    """The scopes that this person consented to for this client and API; None: never asked."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Show a page."""

    prompt: Prompt
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fail:
    """Send an error to the redirect URI."""

    error: ProtocolError


@dataclass(frozen=True, slots=True)
class Issue:
    """Send a code to the redirect URI; `consented` is stored if it is new."""

    session: Session
    user: Person
    consented: frozenset[str] | None


Step: TypeAlias = Ask | Fail | Issue


def next_step(facts: Facts, reply: Reply | None, now: Instant) -> Step:
    """Decide the next step from facts that were loaded in the same transaction."""
    silent = "none" in facts.request.prompt
    reasons = login_reasons(facts, now)
    if isinstance(reply, SignInRefused):
        return Ask(Prompt.LOGIN, reasons)
    if reasons or facts.session is None or facts.user is None:
        if silent:
            return Fail(ProtocolError(ErrorCode.LOGIN_REQUIRED, "nobody is signed in"))
        return Ask(Prompt.LOGIN, reasons)
    answer = None
    if isinstance(reply, Consent) and reply.by == facts.session.user:
        answer = reply.answer
    if answer is Answer.DENY:
        return Fail(ProtocolError(ErrorCode.ACCESS_DENIED, "the person did not agree"))
    reasons = consent_reasons(facts)
    if not reasons:
        return Issue(facts.session, facts.user, None)
    if silent:
        return Fail(ProtocolError(ErrorCode.CONSENT_REQUIRED, "the person has to agree first"))
    if answer is not Answer.ALLOW:
        return Ask(Prompt.CONSENT, reasons)
    agreed = (facts.consented or frozenset()) | set(facts.request.scopes)
    return Issue(facts.session, facts.user, agreed)


def login_reasons(facts: Facts, now: Instant) -> tuple[str, ...]:
    """The reasons why a person must sign in; none if they need not (OIDC Core §3.1.2.3)."""
    request, session = facts.request, facts.session
    if session is None:
        return ("no-session",)
    if facts.user is None:
        return ("account-disabled",)
    found = []
    # A sign-in at another page, even a later one, does not count here (OIDC Core §3.1.2.1).
    if {"login", "select_account"} & set(request.prompt) and not facts.is_fresh:
        found.append("asked-by-client")
    # A sign-in for this request is fresh enough, even if `max_age` is 0.
    old = request.max_age is not None and now >= later(session.authenticated_at, request.max_age)
    if old and not facts.is_fresh:
        found.append("too-long-ago")
    if request.subject is not None and request.subject != session.user:
        found.append("another-account")
    return tuple(found)


def consent_reasons(facts: Facts) -> tuple[str, ...]:
    """The reasons why a person must consent; none if they need not.

    A public client cannot prove its identity, so it needs consent each time (AS-20; OAuth 2.1
    §7.3.1). A third-party application needs it at least once, even without scopes: its token has
    the person's roles (OIDC Core §3.1.2.4).
    """
    found = []
    if "consent" in facts.request.prompt:
        found.append("asked-by-client")
    if facts.client.authentication == "none":
        found.append("client-not-proven")
    elif not facts.client.asks_nobody and (
        facts.consented is None or set(facts.request.scopes) - facts.consented
    ):
        found.append("not-yet-agreed")
    return tuple(found)


def _invalid(public: str) -> ProtocolError:
    return ProtocolError(ErrorCode.INVALID_REQUEST, public)
