"""Authorization: what a client's request leads to, and what its person has to answer first."""

import pytest
from tests.services.replica import Replica, SignIn, given, told

from durward.core.configuration.declaration import DeclarationKind
from durward.core.oauth.authorize import (
    INTERACTION_LIFETIME,
    Answer,
    Consent,
    Prompt,
    SignedIn,
    SignInRefused,
)
from durward.core.values import Secret, UserId
from durward.services import account, authorize
from durward.services.authorize import (
    ErrorPage,
    InteractionRequired,
    LocalSignIn,
    Question,
    Redirect,
)

pytestmark = pytest.mark.anyio
ANN_ALLOWS = Consent(UserId("ann"), Answer.ALLOW)
NOBODY = SignIn(Secret("dwk_nobody"), Secret("dwn_nobody"))


async def waiting(people: Replica, here: SignIn | None, **changes: str | None) -> str:
    """The interaction of a request that waits for its person."""
    step = await people.begin(here, **changes)
    assert isinstance(step, InteractionRequired), step
    return step.interaction


async def question(people: Replica, here: SignIn, id: str) -> Question:
    step = await people.proceed(here, id, None)
    assert isinstance(step, Question), step
    return step


async def test_who_is_not_signed_in_is_asked_to_sign_in(people: Replica) -> None:
    asked = await question(people, NOBODY, await waiting(people, NOBODY))
    assert (asked.prompt, asked.person) == (Prompt.LOGIN, None)


async def test_who_is_signed_in_is_asked_whether_the_client_may(people: Replica) -> None:
    here = await people.sign_in()
    asked = await question(people, here, await waiting(people, here))
    assert (asked.prompt, asked.person, asked.client_name) == (Prompt.CONSENT, "ann", "Order desk")
    assert asked.with_session, "without `offline_access` it ends with the session"


async def test_what_was_agreed_to_is_not_asked_again(people: Replica) -> None:
    here = await people.sign_in()
    await people.code(here)
    assert isinstance(await people.begin(here), Redirect)
    more = await people.begin(here, scope="openid", prompt="consent")
    assert isinstance(more, InteractionRequired), "unless the client wants it to be"


@pytest.mark.requirement("AS-11")
async def test_the_answer_has_the_state_of_the_request_and_the_issuer(people: Replica) -> None:
    here = await people.sign_in()
    id = await waiting(people, here)
    answer = told(await people.proceed(here, id, ANN_ALLOWS))
    assert answer.keys() == {"code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == ("st", "https://issuer.example")


async def test_a_person_who_says_no_is_taken_at_their_word(people: Replica) -> None:
    here = await people.sign_in()
    id = await waiting(people, here)
    answer = told(await people.proceed(here, id, Consent(UserId("ann"), Answer.DENY)))
    assert (answer["error"], answer["state"]) == ("access_denied", "st")
    assert await people.count("consent refused") == 1
    assert isinstance(await people.begin(here), InteractionRequired), "it is asked again"


async def test_a_consent_counts_for_the_person_that_it_was_shown_to(people: Replica) -> None:
    anns = await people.sign_in("ann")
    id = await waiting(people, anns)
    bobs = await people.sign_in("bob", before=anns)
    bobs = SignIn(bobs.session, bobs.known, anns.browser)
    step = await people.proceed(bobs, id, ANN_ALLOWS)
    assert isinstance(step, Question)
    assert step.person == "bob"


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"client_id": None},
        {"redirect_uri": "https://elsewhere.example/"},
        {"redirect_uri": None},
    ],
)
async def test_an_error_is_shown_and_sent_nowhere_until_the_redirect_uri_is_proven(
    people: Replica, changes: dict[str, str | None]
) -> None:
    assert isinstance(await people.begin(NOBODY, **changes), ErrorPage)
    assert await people.count("authorization refused") == 1
    assert not [event for event in await people.events() if "clients/nobody" in event]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"scope": "orders:everything"}, "invalid_scope"),
        ({"resource": "https://other.example"}, "invalid_target"),
        ({"prompt": "none"}, "login_required"),
    ],
)
async def test_any_other_error_is_told_to_the_client(
    people: Replica, changes: dict[str, str | None], code: str
) -> None:
    answer = told(await people.begin(NOBODY, **changes))
    assert (answer["error"], answer["state"]) == (code, "st")
    assert await people.count("authorization refused") == 1


@pytest.mark.requirement("AS-75")
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"max_age": "0"},
        {"login_hint": "ann"},
        {"scope": "openid profile orders:read orders:write"},
        {"acr_values": "phr", "ui_locales": "de fr", "display": "popup"},
        {"claims": '{"id_token":{"sub":{"value":"bob"}}}'},
        {"claims": '{"id_token":{"acr":{"essential":true,"value":"phr"}}}'},
        {"response_type": "token"},
    ],
)
@pytest.mark.parametrize("here", ["nobody", "not asked yet", "agreed"])
async def test_with_prompt_none_no_page_is_shown_whatever_else_is_asked(
    people: Replica, here: str, changes: dict[str, str | None]
) -> None:
    at = NOBODY if here == "nobody" else await people.sign_in()
    if here == "agreed":
        await people.code(at)
    answer = told(await people.begin(at, prompt="none", **changes))
    assert ("code" in answer) != ("error" in answer)
    if here != "agreed":
        assert "code" not in answer


@pytest.mark.requirement("AS-77")
async def test_a_login_hint_signs_nobody_in_and_chooses_nobody(people: Replica) -> None:
    asked = await question(people, NOBODY, await waiting(people, NOBODY, login_hint="ann"))
    assert (asked.prompt, asked.person, asked.user) == (Prompt.LOGIN, None, None)
    bobs = await people.sign_in("bob")
    asked = await question(people, bobs, await waiting(people, bobs, login_hint="ann"))
    assert asked.person == "bob", "a hint is for the page where somebody types who they are"
    refused = told(await people.begin(NOBODY, login_hint="ann", prompt="none"))
    assert refused["error"] == "login_required"


@pytest.mark.requirement("AS-79")
async def test_claims_say_whose_sign_in_is_asked_for(people: Replica) -> None:
    anns, bobs = await people.sign_in("ann"), await people.sign_in("bob")
    await people.code(anns)
    claims = '{"id_token":{"sub":{"value":"ann"}}}'
    assert "code" in told(await people.begin(anns, claims=claims, prompt="none"))
    refused = told(await people.begin(bobs, claims=claims, prompt="none"))
    assert refused["error"] == "login_required"
    asked = await question(people, bobs, await waiting(people, bobs, claims=claims))
    assert (asked.prompt, asked.reasons) == (Prompt.LOGIN, ("another-account",))
    hint = (await people.tokens(anns))["id_token"]
    other = claims.replace("ann", "bob")
    both = told(await people.begin(anns, claims=other, id_token_hint=hint))
    assert both["error"] == "invalid_request"


@pytest.mark.requirement("AS-79")
async def test_an_essential_class_of_sign_in_that_there_is_not_is_told_at_once(
    people: Replica,
) -> None:
    claims = '{"id_token":{"acr":{"essential":true,"values":["phr","phrh"]}}}'
    for here in (NOBODY, await people.sign_in()):
        answer = told(await people.begin(here, claims=claims))
        assert answer["error"] == "unmet_authentication_requirements"
    for voluntary in ({"acr_values": "phr"}, {"claims": '{"id_token":{"acr":{"value":"phr"}}}'}):
        await waiting(people, NOBODY, **voluntary)


@pytest.mark.requirement("AS-75")
async def test_prompts_are_shown_one_after_the_other(people: Replica) -> None:
    """`login consent`: first a sign-in for this request, then consent, also where both were."""
    here = await people.sign_in()
    await people.code(here)
    id = await waiting(people, here, prompt="login consent")
    assert (await question(people, here, id)).prompt is Prompt.LOGIN
    again = await people.sign_in(before=here)
    fresh = SignIn(again.session, again.known, here.browser)
    asked = await people.proceed(fresh, id, SignedIn())
    assert isinstance(asked, Question)
    assert asked.prompt is Prompt.CONSENT
    assert "code" in told(await people.proceed(fresh, id, ANN_ALLOWS))


async def test_with_prompt_none_nobody_is_asked(people: Replica) -> None:
    here = await people.sign_in()
    assert told(await people.begin(here, prompt="none"))["error"] == "consent_required"
    await people.code(here)
    assert "code" in told(await people.begin(here, prompt="none"))


async def test_a_request_that_waits_belongs_to_the_browser_that_began_it(people: Replica) -> None:
    here, there = await people.sign_in(), await people.sign_in()
    id = await waiting(people, here)
    assert isinstance(await people.proceed(there, id, ANN_ALLOWS), ErrorPage)
    assert isinstance(
        await people.write(authorize.proceed, id, None, here.session, ANN_ALLOWS), ErrorPage
    )
    assert "code" in told(await people.proceed(here, id, ANN_ALLOWS))


async def test_a_request_is_answered_once(people: Replica) -> None:
    here = await people.sign_in()
    id = await waiting(people, here)
    assert "code" in told(await people.proceed(here, id, ANN_ALLOWS))
    assert isinstance(await people.proceed(here, id, ANN_ALLOWS), ErrorPage)


@pytest.mark.parametrize(("early", "is_open"), [(1, True), (0, False)])
async def test_a_request_waits_for_so_long_and_no_longer(
    people: Replica, early: int, is_open: bool
) -> None:
    id = await waiting(people, NOBODY)
    people.clock.forward(INTERACTION_LIFETIME - early)
    assert isinstance(await people.proceed(NOBODY, id, None), Question) is is_open


async def test_a_sign_in_that_was_refused_is_asked_again_whoever_else_is_signed_in(
    people: Replica,
) -> None:
    here = await people.sign_in()
    id = await waiting(people, here, prompt="login")
    step = await people.proceed(here, id, SignInRefused())
    assert isinstance(step, Question)
    assert step.prompt is Prompt.LOGIN


async def test_a_client_that_wants_a_fresh_sign_in_gets_one(people: Replica) -> None:
    here = await people.sign_in()
    await people.code(here)
    id = await waiting(people, here, prompt="login")
    assert (await question(people, here, id)).prompt is Prompt.LOGIN
    again = await people.sign_in(before=here)
    fresh = SignIn(again.session, again.known, here.browser)
    assert "code" in told(await people.proceed(fresh, id, SignedIn()))


@pytest.mark.requirement("AS-76")
async def test_an_id_token_says_whose_sign_in_the_client_expects(people: Replica) -> None:
    anns = await people.sign_in("ann")
    hint = (await people.tokens(anns))["id_token"]
    assert "code" in told(await people.begin(anns, id_token_hint=hint, prompt="none"))
    bobs = await people.sign_in("bob")
    refused = told(await people.begin(bobs, id_token_hint=hint, prompt="none"))
    assert refused["error"] == "login_required"
    forged = told(await people.begin(anns, id_token_hint=hint[:-8] + "AAAAAAAA"))
    assert forged["error"] == "invalid_request"


@pytest.mark.requirement("AS-104")
@pytest.mark.parametrize(
    "changes",
    [
        {"disabled": True},
        {"redirect_uris": ["https://elsewhere.example/"]},
    ],
)
async def test_what_was_declared_otherwise_meanwhile_is_not_answered(
    people: Replica, changes: dict[str, object]
) -> None:
    here = await people.sign_in()
    id = await waiting(people, here)
    await people.change(DeclarationKind.CLIENT, "desk", **changes)
    step = await people.proceed(here, id, ANN_ALLOWS)
    assert isinstance(step, ErrorPage) or "code" not in told(step)


async def test_what_was_taken_meanwhile_is_not_in_the_grant(people: Replica) -> None:
    here = await people.sign_in()
    id = await waiting(people, here)
    await people.change(DeclarationKind.CLIENT, "desk", scopes=["openid", "profile"])
    step = await people.proceed(here, id, ANN_ALLOWS)
    if isinstance(step, Redirect) and "code" in told(step):
        assert "orders:read" not in given(await people.redeem(told(step)["code"]))["scope"]


async def test_people_sign_in_for_the_issuers_own_pages_too(people: Replica) -> None:
    step = await people.write(authorize.begin_at_home, NOBODY.browser)
    asked = await question(people, NOBODY, step.interaction)
    assert (asked.prompt, asked.client_name) == (Prompt.LOGIN, "")
    begun = await people.sign_in()
    here = SignIn(begun.session, begun.known, NOBODY.browser)
    assert isinstance(await people.proceed(here, step.interaction, SignedIn()), LocalSignIn)
    assert isinstance(await people.proceed(here, step.interaction, SignedIn()), ErrorPage)


@pytest.mark.requirement("AS-21")
async def test_consent_that_is_withdrawn_ends_what_it_gave_and_is_asked_for_again(
    people: Replica,
) -> None:
    here = await people.sign_in()
    answer = await people.tokens(here)
    assert not await people.write(account.withdraw, None, "desk")
    assert await people.write(account.withdraw, here.session, "desk")
    assert (await people.refresh(answer["refresh_token"])).error is not None
    assert isinstance(await people.begin(here), InteractionRequired)
