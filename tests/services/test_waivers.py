"""A waiver lets one client sign people in without PKCE, until its last day and no longer."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from sqlalchemy import Connection
from tests.issuer import API, DESK, ISSUER, START, asked
from tests.services.replica import Replica, SignIn, given, refused, told

from durward.core.audit.event import AuditContext
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.configuration.profile import Profile
from durward.core.errors import Misconfigured
from durward.core.oauth.authorize import Answer, Consent
from durward.core.oauth.client_auth import ASSERTION_TYPE
from durward.core.values import Seconds, UserId, later, numeric_date
from durward.core.wire import decode_base64url
from durward.entrypoints.server import control
from durward.keys.signing import generate
from durward.services import authorize, token
from durward.services.authorize import InteractionRequired, Outcome
from durward.services.client_authentication import ClientRequest
from durward.services.context import Context
from durward.services.ended_waivers import EndedWaivers
from durward.settings import ServeSettings
from durward.wiring import ControlPlane

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("AS-109")]
NONCE = "n-0S6_WzA2Mj"
PLAIN: dict[str, str | None] = {
    "code_challenge": None,
    "code_challenge_method": None,
    "nonce": NONCE,
}
"""What an OpenID client sends that knows no PKCE."""
TODAY, BODY = (
    "2027-01-15",  # START is 08:00 UTC of it
    {
        "client": "desk",
        "relaxes": "pkce",
        "owner": "web team",
        "reason": "its library has no PKCE",
        "until": "2027-01-15",
    },
)
TO_MIDNIGHT = 16 * 3_600


def waiver(name: str = "desk-pkce", /, **changes: Any) -> Declaration:
    return Declaration(DeclarationKind.WAIVER, name, {**BODY, **changes})


async def events(people: Replica, kind: str) -> list[dict[str, Any]]:
    found = [json.loads(event) for event in await people.events()]
    return [event for event in found if event["kind"] == kind]


async def redeemed(people: Replica, code: str, **more: str) -> token.TokenAnswer:
    """As a client without PKCE does it: no verifier, and the redirect URI again."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": DESK, **more}
    return await people.exchange("desk", **form)


@pytest.fixture
async def here(people: Replica) -> SignIn:
    return await people.sign_in()


@pytest.mark.requirement("AS-4", "AS-6")
async def test_a_client_with_a_waiver_signs_people_in_by_nonce(
    people: Replica, here: SignIn
) -> None:
    assert told(await people.begin(here, **PLAIN))["error"] == "invalid_request"
    await people.apply(waiver())
    answer = given(await redeemed(people, await people.code(here, **PLAIN)))
    claims = json.loads(decode_base64url(answer["id_token"].split(".")[1]))
    assert claims["nonce"] == NONCE
    declared = (await events(people, "declaration added"))[-1]
    assert (declared["target"], declared["facts"]["declared"]) == ("waivers/desk-pkce", BODY)
    for kind in ("grant created", "token issued"):
        assert (await events(people, kind))[-1]["facts"]["waiver"] == "desk-pkce"
    refreshed = given(await people.refresh(answer["refresh_token"]))
    assert refreshed["access_token"]
    assert "waiver" not in (await events(people, "token issued"))[-1]["facts"]


@pytest.mark.requirement("AS-4", "AS-6")
async def test_with_a_waiver_a_challenge_that_is_sent_counts(people: Replica, here: SignIn) -> None:
    await people.apply(waiver())
    code = await people.code(here, nonce=NONCE)
    assert refused(await redeemed(people, code)) == "invalid_grant"
    given(await people.redeem(await people.code(here, nonce=NONCE)))
    assert not [one for one in await events(people, "token issued") if "waiver" in one["facts"]]


@pytest.mark.parametrize(
    "wrong", [{"code_verifier": "v" * 43}, {"redirect_uri": ""}, {"redirect_uri": f"{DESK}/"}]
)
async def test_a_code_without_a_challenge_is_redeemed_as_oauth_2_0_does(
    people: Replica, here: SignIn, wrong: dict[str, str]
) -> None:
    """No verifier (RFC 9700 §4.8.2), and the redirect URI again (RFC 6749 §4.1.3)."""
    await people.apply(waiver())
    code = await people.code(here, **PLAIN)
    assert refused(await redeemed(people, code, **wrong)) == "invalid_grant"
    assert refused(await redeemed(people, code)) == "invalid_grant", "it is spent"


@pytest.mark.parametrize(("seconds", "is_taken"), [(TO_MIDNIGHT - 1, True), (TO_MIDNIGHT, False)])
async def test_it_counts_to_the_end_of_its_last_day(
    people: Replica, here: SignIn, seconds: int, is_taken: bool
) -> None:
    await people.apply(waiver())
    people.clock.forward(seconds)
    here = await people.sign_in(before=here)
    outcome = await people.begin(here, **PLAIN)
    assert isinstance(outcome, InteractionRequired) is is_taken
    if not is_taken:
        answer = told(outcome)
        assert answer["error"] == "invalid_request"
        assert "the waiver `desk-pkce` ended on 2027-01-15" in answer["error_description"]
        (event,) = await events(people, "authorization refused")
        assert event["facts"]["reason"] == "waiver-ended"


async def test_who_answers_after_its_end_is_not_let_through(people: Replica, here: SignIn) -> None:
    """A request waits for its person for up to half an hour; the end may come meanwhile."""
    await people.apply(waiver())
    people.clock.forward(TO_MIDNIGHT - 60)
    here = await people.sign_in(before=here)
    step = await people.begin(here, **PLAIN)
    assert isinstance(step, InteractionRequired)
    people.clock.forward(60)
    allowed = Consent(UserId("ann"), Answer.ALLOW)
    answer = told(await people.proceed(here, step.interaction, allowed))
    assert (answer["error"], "code" in answer) == ("invalid_request", False)
    assert await people.count("consent given") == 0
    assert (await events(people, "authorization refused"))[0]["facts"]["reason"] == "waiver-ended"


@pytest.mark.parametrize(("seconds", "error"), [(29, None), (30, "invalid_grant")])
async def test_a_code_from_before_its_end_is_worth_nothing_after_it(
    people: Replica, here: SignIn, seconds: int, error: str | None
) -> None:
    await people.apply(waiver())
    people.clock.forward(TO_MIDNIGHT - 30)
    code = await people.code(await people.sign_in(before=here), **PLAIN)
    people.clock.forward(seconds)
    answer = await redeemed(people, code)
    assert (answer.error and answer.error.code.value) == error
    if answer.error:
        assert "ended on 2027-01-15" in answer.error.public
        assert (await events(people, "token refused"))[0]["facts"]["reason"] == "waiver-ended"


async def test_one_that_is_removed_counts_no_more_at_once(people: Replica, here: SignIn) -> None:
    await people.apply(waiver())
    waiting = await people.begin(here, **PLAIN)
    assert isinstance(waiting, InteractionRequired)
    code = await people.code(here, **PLAIN)
    await people.remove(DeclarationKind.WAIVER, "desk-pkce")
    assert refused(await redeemed(people, code)) == "invalid_grant"
    allowed = Consent(UserId("ann"), Answer.ALLOW)
    answer = told(await people.proceed(here, waiting.interaction, allowed))
    assert answer["error"] == "invalid_request"
    (removed,) = await events(people, "declaration removed")
    assert removed["facts"]["declared"] == BODY


async def test_a_code_whose_openid_was_taken_away_is_bound_by_nothing(
    people: Replica, here: SignIn
) -> None:
    """What a grant lost it has lost for good: without an ID token no nonce is compared."""
    await people.apply(waiver())
    code = await people.code(here, **PLAIN)
    await people.remove(DeclarationKind.WAIVER, "desk-pkce")
    scopes = people.plane.published.configuration.clients["desk"].scopes
    left = [scope for scope in scopes if scope != "openid"]
    await people.change(DeclarationKind.CLIENT, "desk", scopes=left)
    await people.change(DeclarationKind.CLIENT, "desk", scopes=[*scopes])
    await people.apply(waiver())
    assert refused(await redeemed(people, code)) == "invalid_grant"


async def test_the_client_of_a_waiver_stays_one_that_nonce_protects(people: Replica) -> None:
    await people.apply(waiver())
    with pytest.raises(Misconfigured, match="has no scope `openid`"):
        await people.change(DeclarationKind.CLIENT, "desk", scopes=["orders:read"])
    with pytest.raises(Misconfigured, match=r"waivers/desk-pkce: .*public client"):
        await people.change(DeclarationKind.CLIENT, "desk", authentication="none")
    with pytest.raises(Misconfigured, match="waivers/desk-pkce: client names `desk`"):
        await people.remove(DeclarationKind.CLIENT, "desk")


@pytest.mark.parametrize(
    ("until", "line", "widens"),
    [
        (TODAY, "relaxes pkce for clients/desk until the end of 2027-01-15", True),
        ("2027-01-14", "ended on 2027-01-14: it has no effect", False),
    ],
)
async def test_a_plan_shows_it_and_one_that_has_ended_stays_applicable(
    people: Replica, here: SignIn, until: str, line: str, widens: bool
) -> None:
    planned = await people.plane.administration.plan([waiver(until=until)], prune=False)
    (inside,) = planned.report.details
    assert line in inside.lines[0].text
    assert inside.lines[0].widens is widens
    await people.apply(waiver(until=until))
    taken = isinstance(await people.begin(here, **PLAIN), InteractionRequired)
    assert taken is widens


async def test_the_metadata_of_a_client_has_its_profile_and_its_waivers(people: Replica) -> None:
    await people.apply(waiver())
    transport = httpx2.ASGITransport(app=control(people.plane))
    async with httpx2.AsyncClient(transport=transport, base_url="http://x") as http:
        found = (await http.get("/admin/v1/clients/desk")).json()
        assert found["token_endpoint_auth_methods"] == ["client_secret_basic", "client_secret_post"]
        assert found["profile"] == "oauth21"
        here = {"name": "desk-pkce", "relaxes": "pkce", "until": TODAY}
        assert found["waivers"] == [{**here, "state": "ends soon"}]
        assert (await http.get("/admin/v1/clients/durward-cli")).json()["waivers"] == []
        assert (await http.get("/admin/v1/clients/nobody")).status_code == 404
        people.clock.forward(TO_MIDNIGHT)
        found = (await http.get("/admin/v1/clients/desk")).json()
        assert found["waivers"] == [{**here, "state": "ended"}]


async def test_a_year_ahead_is_the_most(people: Replica) -> None:
    with pytest.raises(Misconfigured, match="2028-01-16 is the latest day now"):
        await people.apply(waiver(until="2028-01-17"))
    await people.apply(waiver(until="2028-01-16"))
    people.clock.at = later(START, Seconds(-86_400))  # what is declared already is not asked again
    plan = people.plane.administration.plan
    assert (await plan([Declaration(DeclarationKind.ROLE, "boss", {})], prune=False)).changes
    with pytest.raises(Misconfigured, match="2028-01-15 is the latest day now"):
        await plan([waiver(until="2028-01-16", owner="ops")], prune=False)


async def test_its_end_is_recorded_once_whichever_replica_sees_it(people: Replica) -> None:
    await people.apply(waiver())
    people.clock.forward(TO_MIDNIGHT - 1)
    await people.plane.upkeep.tidy()
    assert await people.count("waiver ended") == 0
    people.clock.forward(1)
    for _ in range(2):
        await people.plane.upkeep.tidy()
    transactions, known = people.plane.transactions, people.plane.published.configuration
    await people.plane.upkeep.sequence()  # another replica, or this one anew: it is in the log now
    await EndedWaivers().record(transactions.database, known, transactions.audit("serve"))
    (event,) = await events(people, "waiver ended")
    assert event["target"] == "waivers/desk-pkce"
    assert event["facts"]["until"] == "2027-01-15"
    await people.apply(waiver(until="2027-01-16"))
    people.clock.forward(86_400)
    await people.plane.upkeep.tidy()
    assert await people.count("waiver ended") == 2, "a renewed one has another end"


def raised(context: Context) -> Context:
    """A server whose lowest profile is a higher one."""
    return replace(context, profile=Profile.FAPI2_SP)


@pytest.mark.requirement("AS-87")
async def test_no_profile_that_is_not_built_whole_gives_a_code(
    people: Replica, here: SignIn
) -> None:
    """`serve` and `apply` refuse to choose it; should another version have, nothing is weaker."""
    await people.apply(waiver())
    waiting = await people.begin(here)
    assert isinstance(waiting, InteractionRequired)

    def begin(
        connection: Connection, context: Context, form: bytes, audit: AuditContext
    ) -> Outcome:
        known = raised(context)
        return authorize.begin(connection, known, form, here.browser, here.session, audit)

    def proceed(connection: Connection, context: Context, audit: AuditContext) -> Outcome:
        known, allowed = raised(context), Consent(UserId("ann"), Answer.ALLOW)
        id, browser = waiting.interaction, here.browser
        return authorize.proceed(connection, known, id, browser, here.session, allowed, audit)

    for changes in ({}, PLAIN):
        outcome = await people.write(begin, urlencode(asked(**changes)).encode())
        assert told(outcome)["error"] == "unauthorized_client"
    assert told(await people.write(proceed))["error"] == "unauthorized_client"
    reasons = [one["facts"]["reason"] for one in await events(people, "authorization refused")]
    assert reasons == ["profile-not-available"] * 3


@pytest.mark.requirement("AS-87")
async def test_no_profile_that_is_not_built_whole_gives_a_token(people: Replica) -> None:
    def exchange(
        connection: Connection, context: Context, request: ClientRequest, audit: AuditContext
    ) -> token.TokenAnswer:
        return token.exchange(connection, raised(context), request, audit)

    by_secret = ClientRequest(people.basic("reporting"), b"grant_type=client_credentials")
    assert refused(await people.write(exchange, by_secret)) == "invalid_client"
    key = generate("ES256")
    jwks = {"keys": [dict(key.public_jwk)]}
    method = {"authentication": "private_key_jwt", "jwks": jwks}
    await people.change(DeclarationKind.CLIENT, "reporting", **method)
    claims = {"iss": "reporting", "sub": "reporting", "aud": ISSUER, "jti": "1"}
    expires = {"exp": numeric_date(people.clock.at) + 60}
    form = {
        "grant_type": "client_credentials",
        "resource": API,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": key.token("JWT", {**claims, **expires}, key.kid),
    }
    by_key = ClientRequest(None, urlencode(form).encode())
    assert refused(await people.write(exchange, by_key)) == "unauthorized_client"
    (_, event) = await events(people, "token refused")
    assert event["facts"]["reason"] == "profile-not-available"


@pytest.mark.requirement("AS-87")
async def test_a_profile_that_is_not_built_whole_cannot_be_chosen(people: Replica) -> None:
    for kind, name in ((DeclarationKind.CLIENT, "desk"), (DeclarationKind.TENANT, "acme")):
        with pytest.raises(Misconfigured, match=r"demands what this version does not have.*DPoP"):
            await people.change(kind, name, profile="fapi2_sp")
    settings = ServeSettings(issuer="http://localhost:1", runtime="", state="", profile="fapi2_sp")
    with pytest.raises(Misconfigured, match=r"serve\.profile: .*\(DPoP, mTLS\)"):
        await ControlPlane.open(settings)
    await people.change(DeclarationKind.CLIENT, "desk", profile="oauth21")
