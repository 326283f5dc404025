"""The authorization endpoint's rules: what may be asked, and what happens next."""

from dataclasses import replace

import pytest

from durward.core.authn.session import Session
from durward.core.configuration.client import Client
from durward.core.configuration.profile import Profile
from durward.core.errors import ErrorCode, ProtocolError
from durward.core.oauth.authorize import (
    Answer,
    Ask,
    AuthorizationRequest,
    Consent,
    Facts,
    Fail,
    Issue,
    Prompt,
    RedirectTarget,
    SignInRefused,
    next_step,
    read_request,
    read_target,
)
from durward.core.oauth.requirements import Requirements
from durward.core.people.person import Entitlements, Person
from durward.core.values import ClientId, Instant, Seconds, SessionId, TenantId, UserId, later

NOW = Instant(1_800_000_000_000_000)
TARGET = RedirectTarget(ClientId("desk"), "https://desk.example/back", "st")
CLIENT = Client(tenant="acme", redirect_uris=("https://desk.example/back",), scopes=("openid",))
DEMANDED = Requirements(Profile.OAUTH21, is_authenticated=True, waivers={})
REQUEST = AuthorizationRequest(TARGET, "c" * 43, None, ("openid",))
SESSION = Session(
    SessionId("s"), UserId("ann"), TenantId("acme"), ("pwd",), NOW, NOW, NOW, "192.0.2.1", "agent"
)
ANN = Person(UserId("ann"), Entitlements.of("acme"))
FACTS = Facts(
    request=REQUEST,
    client=CLIENT,
    session=SESSION,
    is_fresh=False,
    user=ANN,
    consented=frozenset({"openid"}),
)
ALLOW = Consent(SESSION.user, Answer.ALLOW)


def form(**values: str | None) -> dict[str, tuple[str, ...]]:
    usual: dict[str, str | None] = {
        "client_id": "desk",
        "redirect_uri": "https://desk.example/back",
        "response_type": "code",
        "code_challenge": "c" * 43,
        "code_challenge_method": "S256",
        **values,
    }
    return {name: (value,) for name, value in usual.items() if value is not None}


def parsed(**values: str | None) -> AuthorizationRequest:
    return read_request(form(**values), TARGET, CLIENT, {}, None, DEMANDED, NOW)


@pytest.mark.requirement("AS-3")
@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"client_id": None},
        {"redirect_uri": None},
        {"redirect_uri": "https://desk.example/back/"},
        {"redirect_uri": "https://desk.example/"},
        {"redirect_uri": "https://DESK.example/back"},
        {"redirect_uri": "https://desk.example:443/back"},
        {"redirect_uri": "https://desk.example/back?x=1"},
        {"redirect_uri": "https://desk.example/back#x"},
        {"redirect_uri": "https://desk.example%2eevil.example/back"},
        {"redirect_uri": "https://desk.example@evil.example/back"},
        {"redirect_uri": "javascript:alert(1)"},
        {"state": "s" * 8_193},
    ],
)
def test_without_a_proven_client_and_address_nothing_is_sent_anywhere(
    changes: dict[str, str | None],
) -> None:
    with pytest.raises(ProtocolError):
        read_target(form(**changes), {"desk": CLIENT})


def test_a_disabled_client_is_not_known() -> None:
    disabled = Client(tenant="acme", redirect_uris=CLIENT.redirect_uris, disabled=True)
    with pytest.raises(ProtocolError) as refused:
        read_target(form(), {"desk": disabled})
    assert refused.value.code is ErrorCode.INVALID_CLIENT


@pytest.mark.requirement("AS-4", "AS-15", "AS-16", "AS-75", "AS-81")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"code_challenge": None}, ErrorCode.INVALID_REQUEST),
        ({"code_challenge_method": None}, ErrorCode.INVALID_REQUEST),
        ({"code_challenge_method": "plain"}, ErrorCode.INVALID_REQUEST),
        ({"code_challenge": "short"}, ErrorCode.INVALID_REQUEST),
        ({"code_challenge": "c" * 44}, ErrorCode.INVALID_REQUEST),
        ({"response_type": None}, ErrorCode.INVALID_REQUEST),
        ({"response_type": "token"}, ErrorCode.UNSUPPORTED_RESPONSE_TYPE),
        ({"response_type": "code id_token"}, ErrorCode.UNSUPPORTED_RESPONSE_TYPE),
        ({"response_mode": "fragment"}, ErrorCode.INVALID_REQUEST),
        ({"response_mode": "form_post"}, ErrorCode.INVALID_REQUEST),
        ({"response_mode": "web_message"}, ErrorCode.INVALID_REQUEST),
        ({"prompt": "none login"}, ErrorCode.INVALID_REQUEST),
        ({"prompt": "dance"}, ErrorCode.INVALID_REQUEST),
        ({"max_age": "-1"}, ErrorCode.INVALID_REQUEST),
        ({"max_age": "soon"}, ErrorCode.INVALID_REQUEST),
        ({"request": "eyJ"}, ErrorCode.REQUEST_NOT_SUPPORTED),
        ({"request_uri": "urn:x"}, ErrorCode.REQUEST_URI_NOT_SUPPORTED),
        ({"scope": "more  still"}, ErrorCode.INVALID_SCOPE),
        ({"resource": "https://elsewhere.example"}, ErrorCode.INVALID_TARGET),
    ],
)
def test_what_is_not_supported_is_refused_by_its_own_code(
    changes: dict[str, str | None], code: ErrorCode
) -> None:
    with pytest.raises(ProtocolError) as refused:
        parsed(**changes)
    assert refused.value.code is code


@pytest.mark.requirement("AS-8", "AS-77", "AS-82")
def test_unknown_parameters_are_ignored() -> None:
    extra = {"claims": "{}", "display": "page", "acr_values": "1", "ui_locales": "de", "x": "y"}
    assert parsed(scope="openid", **extra) == parsed(scope="openid")


def test_who_is_signed_in_and_agreed_before_gets_a_code() -> None:
    assert next_step(FACTS, None, NOW) == Issue(SESSION, ANN, None)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (replace(FACTS, session=None, user=None), "no-session"),
        (replace(FACTS, user=None), "account-disabled"),
        (
            replace(FACTS, request=replace(REQUEST, prompt=("login",))),
            "asked-by-client",
        ),
        (replace(FACTS, request=replace(REQUEST, subject=UserId("bob"))), "another-account"),
    ],
)
@pytest.mark.requirement("AS-75", "AS-76")
def test_a_person_is_asked_to_sign_in_and_silently_it_fails(facts: Facts, reason: str) -> None:
    assert next_step(facts, None, NOW) == Ask(Prompt.LOGIN, (reason,))
    assert next_step(facts, ALLOW, NOW) == Ask(Prompt.LOGIN, (reason,))
    silent = replace(facts, request=replace(facts.request, prompt=("none",)))
    if reason != "asked-by-client":
        step = next_step(silent, None, NOW)
        assert isinstance(step, Fail)
        assert step.error.code is ErrorCode.LOGIN_REQUIRED


@pytest.mark.requirement("AS-76")
@pytest.mark.parametrize(("age", "asked"), [(59, False), (60, True), (61, True)])
def test_a_sign_in_is_too_old_from_max_age_on(age: int, asked: bool) -> None:
    now = later(NOW, Seconds(age))
    request = replace(REQUEST, max_age=Seconds(60))
    step = next_step(replace(FACTS, request=request), None, now)
    assert (step == Ask(Prompt.LOGIN, ("too-long-ago",))) == asked


def test_a_sign_in_for_this_request_is_fresh_enough_for_any_max_age() -> None:
    request = replace(REQUEST, max_age=Seconds(0), prompt=("login",))
    facts = replace(FACTS, request=request, is_fresh=True)
    assert isinstance(next_step(facts, None, later(NOW, Seconds(6))), Issue)


def test_what_was_not_agreed_to_is_asked_for() -> None:
    facts = replace(FACTS, consented=frozenset())
    assert next_step(facts, None, NOW) == Ask(Prompt.CONSENT, ("not-yet-agreed",))
    assert next_step(facts, ALLOW, NOW) == Issue(SESSION, ANN, frozenset({"openid"}))
    denied = next_step(facts, Consent(SESSION.user, Answer.DENY), NOW)
    assert isinstance(denied, Fail)
    assert denied.error.code is ErrorCode.ACCESS_DENIED


@pytest.mark.parametrize("answer", list(Answer))
def test_the_consent_of_somebody_else_is_no_answer(answer: Answer) -> None:
    facts = replace(FACTS, consented=None)
    step = next_step(facts, Consent(UserId("bob"), answer), NOW)
    assert step == Ask(Prompt.CONSENT, ("not-yet-agreed",))


@pytest.mark.requirement("AS-20")
def test_who_was_never_asked_is_asked_also_where_no_scope_is_wanted() -> None:
    facts = replace(FACTS, request=replace(REQUEST, scopes=()), consented=None)
    assert next_step(facts, None, NOW) == Ask(Prompt.CONSENT, ("not-yet-agreed",))
    assert next_step(facts, ALLOW, NOW) == Issue(SESSION, ANN, frozenset())
    assert isinstance(next_step(replace(facts, consented=frozenset()), None, NOW), Issue)


def test_a_refused_sign_in_is_asked_again_whoever_else_is_signed_in() -> None:
    assert next_step(FACTS, SignInRefused(), NOW) == Ask(Prompt.LOGIN, ())


@pytest.mark.requirement("AS-75")
def test_silently_nobody_is_asked_to_agree() -> None:
    request = replace(REQUEST, prompt=("none",))
    step = next_step(replace(FACTS, consented=frozenset(), request=request), None, NOW)
    assert isinstance(step, Fail)
    assert step.error.code is ErrorCode.CONSENT_REQUIRED


@pytest.mark.requirement("AS-20")
def test_a_client_that_cannot_prove_itself_asks_each_time() -> None:
    native = Client(tenant="acme", authentication="none", first_party=True)
    step = next_step(replace(FACTS, client=native), None, NOW)
    assert step == Ask(Prompt.CONSENT, ("client-not-proven",))


def test_our_own_application_need_not_ask_unless_it_wants_to() -> None:
    own = replace(FACTS, client=Client(tenant="acme", first_party=True), consented=frozenset())
    assert isinstance(next_step(own, None, NOW), Issue)
    wants = replace(own, request=replace(REQUEST, prompt=("consent",)))
    assert next_step(wants, None, NOW) == Ask(Prompt.CONSENT, ("asked-by-client",))


@pytest.mark.requirement("AS-30")
def test_access_without_a_session_is_never_given_by_default() -> None:
    scopes = ("openid", "offline_access", "profile")
    client = Client(tenant="acme", redirect_uris=CLIENT.redirect_uris, scopes=scopes)

    def asked(**values: str | None) -> tuple[str, ...]:
        return read_request(form(**values), TARGET, client, {}, None, DEMANDED, NOW).scopes

    assert asked() == ("openid", "profile")
    assert asked(scope="offline_access  openid more") == ("offline_access", "openid")
