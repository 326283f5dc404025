"""The token endpoint: who proves itself, what a grant gives, and what is given only once."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.issuer import ISSUER
from tests.services.replica import Replica, given, refused

from durward.core.authn.session import SessionPolicy
from durward.core.configuration.declaration import DeclarationKind
from durward.core.oauth.client_auth import ASSERTION_TYPE, LONGEST_ASSERTION, SKEW
from durward.core.oauth.grants.refresh_token import REPEAT_WITHIN
from durward.core.values import ClientId, Instant, Seconds, later, numeric_date
from durward.core.wire import decode_base64url
from durward.keys.signing import generate
from durward.services import token
from durward.services.client_authentication import ASSERTIONS_KEPT, AssertionRoom, ClientRequest
from durward.services.housekeeping import sweep

pytestmark = pytest.mark.anyio
API = "https://orders.example"


def claims(token: str) -> Mapping[str, Any]:
    """What a token says; that it is signed is for tests/attacks."""
    found: Mapping[str, Any] = json.loads(decode_base64url(token.split(".")[1]))
    return found


async def test_a_client_gets_a_token_for_itself(replica: Replica) -> None:
    answer = given(
        await replica.exchange("reporting", grant_type="client_credentials", resource=API)
    )
    told = claims(answer["access_token"])
    assert (told["sub"], told["client_id"], told["aud"]) == ("reporting", "reporting", API)
    assert "refresh_token" not in answer
    assert await replica.count("token issued") == 1


@pytest.mark.requirement("AS-29")
@pytest.mark.parametrize(
    ("client", "grant_type", "code"),
    [
        ("reporting", "password", "unsupported_grant_type"),
        ("reporting", "authorization_code", "unauthorized_client"),
        ("desk", "client_credentials", "unauthorized_client"),
        ("nobody", "client_credentials", "invalid_client"),
        ("durward-cli", "client_credentials", "unauthorized_client"),
    ],
)
async def test_a_grant_is_for_the_clients_that_are_declared_to_have_it(
    replica: Replica, client: str, grant_type: str, code: str
) -> None:
    assert refused(await replica.exchange(client, grant_type=grant_type)) == code
    assert await replica.count("token refused") == 1


async def test_a_disabled_client_and_one_by_another_method_prove_nothing(replica: Replica) -> None:
    form = {"grant_type": "client_credentials", "resource": API}
    secret = replica.secrets.pop("reporting")
    assert refused(await replica.exchange("reporting", **form)) == "invalid_client"
    sent = {**form, "client_secret": secret.reveal()}
    given(await replica.exchange("reporting", **sent))
    basic = "client_secret_basic"
    await replica.change(DeclarationKind.CLIENT, "reporting", authentication=basic)
    assert refused(await replica.exchange("reporting", **sent)) == "invalid_client"
    replica.secrets["reporting"] = secret
    given(await replica.exchange("reporting", **form))
    await replica.change(DeclarationKind.CLIENT, "reporting", disabled=True)
    assert refused(await replica.exchange("reporting", **form)) == "invalid_client"


@pytest.mark.requirement("AS-23", "AS-24")
@pytest.mark.parametrize(
    ("declared", "by_header", "by_body"),
    [
        ("client_secret", True, True),
        ("client_secret_basic", True, False),
        ("client_secret_post", False, True),
    ],
)
async def test_a_secret_is_taken_where_the_declaration_lets_it_be_sent(
    replica: Replica, declared: str, by_header: bool, by_body: bool
) -> None:
    """Never in both places: a request proves itself once (RFC 6749 §2.3)."""
    await replica.change(DeclarationKind.CLIENT, "reporting", authentication=declared)
    form = {"grant_type": "client_credentials", "resource": API}
    secret = replica.secrets["reporting"].reveal()
    header = await replica.exchange("reporting", **form)
    assert (header.error is None) is by_header
    assert refused(await replica.exchange("reporting", **form, client_secret=secret)) == (
        "invalid_request"
    )
    del replica.secrets["reporting"]
    body = await replica.exchange("reporting", **form, client_secret=secret)
    assert (body.error is None) is by_body
    assert refused(await replica.exchange("reporting", **form)) == "invalid_client"


async def test_a_refusal_names_no_client_that_there_is_not(replica: Replica) -> None:
    """What was typed may be a secret in the wrong field."""
    await replica.exchange("my-secret", grant_type="client_credentials")
    assert not [event for event in await replica.events() if "my-secret" in event]


@pytest.mark.requirement("AS-28")
async def test_an_assertion_is_known_as_used_late_in_its_hour_too(replica: Replica) -> None:
    """As long as it would be taken, also where the sweeper runs meanwhile."""
    key = generate("ES256")
    jwks = {"keys": [dict(key.public_jwk)]}
    method = {"authentication": "private_key_jwt", "jwks": jwks}
    await replica.change(DeclarationKind.CLIENT, "reporting", **method)
    del replica.secrets["reporting"]

    async def sent(jti: str) -> str | None:
        claims = {"iss": "reporting", "sub": "reporting", "aud": ISSUER, "jti": jti}
        form = {
            "grant_type": "client_credentials",
            "resource": API,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": key.token("JWT", {**claims, "exp": last}, key.kid),
        }
        answer = await replica.exchange("reporting", **form)
        return answer.error.code.value if answer.error else None

    last = numeric_date(replica.clock.at) + LONGEST_ASSERTION
    assert await sent("early") is None
    for seconds in (LONGEST_ASSERTION - 1, 1, SKEW):  # the last second that it is taken in
        replica.clock.forward(seconds)
        await sweep(replica.plane.transactions.database, replica.clock.at, SessionPolicy())
        assert await sent("early") == "invalid_client"
    assert await sent("late") is None
    replica.clock.forward(1)
    assert await sent("later") == "invalid_client"


async def test_a_code_gives_what_its_person_agreed_to(people: Replica) -> None:
    answer = await people.tokens(await people.sign_in())
    told = claims(answer["access_token"])
    assert (told["sub"], told["client_id"], told["tenant"]) == ("ann", "desk", "acme")
    assert told["roles"] == ["clerk"]
    assert answer["scope"].split() == ["openid", "profile", "orders:read"]
    assert claims(answer["id_token"])["nonce"] == "n"
    assert answer["refresh_token"].startswith("dwr_")
    again = given(await people.refresh(answer["refresh_token"], resource=f"{API}/"))
    assert claims(again["access_token"])["aud"] == told["aud"]
    assert "nonce" not in claims(again["id_token"]), "that of the sign-in is not of this"


@pytest.mark.requirement("AS-18")
async def test_a_code_is_redeemed_once_and_a_second_time_ends_its_grant(people: Replica) -> None:
    code = await people.code(await people.sign_in())
    first = given(await people.redeem(code))
    assert refused(await people.redeem(code)) == "invalid_grant"
    assert refused(await people.refresh(first["refresh_token"])) == "invalid_grant"
    assert await people.count("code replayed") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"code_verifier": "another-verifier-of-more-than-forty-three-chars"},
        {"redirect_uri": "https://elsewhere.example/"},
        {"resource": "https://other.example"},
    ],
)
async def test_a_code_is_spent_also_where_the_rest_is_wrong(
    people: Replica, wrong: dict[str, str]
) -> None:
    """A second guess at the verifier there is not."""
    code = await people.code(await people.sign_in())
    assert refused(await people.redeem(code, **wrong)).startswith("invalid_")
    assert refused(await people.redeem(code)) == "invalid_grant"


async def test_a_code_of_another_client_is_worth_nothing_and_stays(people: Replica) -> None:
    code = await people.code(await people.sign_in())
    assert refused(await people.redeem(code, "other")) == "invalid_grant"
    given(await people.redeem(code))


@pytest.mark.requirement("AS-17")
@pytest.mark.parametrize(("seconds", "is_good"), [(59, True), (60, False)])
async def test_a_code_is_good_for_a_minute(people: Replica, seconds: int, is_good: bool) -> None:
    code = await people.code(await people.sign_in())
    people.clock.forward(seconds)
    assert ((await people.redeem(code)).error is None) is is_good


@pytest.mark.requirement("AS-33")
async def test_a_refresh_token_is_replaced_at_each_use(people: Replica) -> None:
    first = await people.tokens(await people.sign_in())
    second = given(await people.refresh(first["refresh_token"]))
    third = given(await people.refresh(second["refresh_token"]))
    assert len({each["refresh_token"] for each in (first, second, third)}) == 3


@pytest.mark.requirement("AS-34")
async def test_an_old_refresh_token_ends_its_whole_family(people: Replica) -> None:
    first = await people.tokens(await people.sign_in())
    second = given(await people.refresh(first["refresh_token"]))
    people.clock.forward(REPEAT_WITHIN)
    assert refused(await people.refresh(first["refresh_token"])) == "invalid_grant"
    assert refused(await people.refresh(second["refresh_token"])) == "invalid_grant"
    assert await people.count("refresh token reused") == 1


@pytest.mark.requirement("AS-34")
async def test_who_repeats_within_seconds_receives_the_same_successor(people: Replica) -> None:
    """The answer got lost: RFC 9700 §4.14.2 leaves room for that, and there is no second one."""
    first = await people.tokens(await people.sign_in())
    second = given(await people.refresh(first["refresh_token"]))
    people.clock.forward(REPEAT_WITHIN - 1)
    again = given(await people.refresh(first["refresh_token"]))
    assert again["refresh_token"] == second["refresh_token"]
    given(await people.refresh(second["refresh_token"]))
    assert refused(await people.refresh(first["refresh_token"])) == "invalid_grant"


@pytest.mark.requirement("AS-35")
async def test_a_family_lives_for_its_time_however_often_it_is_used(people: Replica) -> None:
    here = await people.sign_in("bob")
    asked: dict[str, str | None] = {
        "client_id": "other",
        "redirect_uri": "https://other.example/callback",
        "scope": "openid offline_access orders:read",
    }
    code = await people.code(here, "bob", **asked)
    answer = given(await people.redeem(code, "other"))
    for _ in range(2):
        people.clock.forward(15 * 86_400 - 1)
        answer = given(await people.refresh(answer["refresh_token"], "other"))
    people.clock.forward(2)
    assert refused(await people.refresh(answer["refresh_token"], "other")) == "invalid_grant"


async def test_without_offline_access_a_grant_ends_with_its_session(people: Replica) -> None:
    answer = await people.tokens(await people.sign_in())
    people.clock.forward(3_600)
    assert refused(await people.refresh(answer["refresh_token"])) == "invalid_grant"


async def test_who_refreshes_keeps_the_session_in_use(people: Replica) -> None:
    answer = await people.tokens(await people.sign_in())
    for _ in range(3):
        people.clock.forward(3_000)
        answer = given(await people.refresh(answer["refresh_token"]))


async def test_a_refresh_token_of_another_client_is_worth_nothing_and_stays(
    people: Replica,
) -> None:
    answer = await people.tokens(await people.sign_in())
    assert refused(await people.refresh(answer["refresh_token"], "other")) == "invalid_grant"
    given(await people.refresh(answer["refresh_token"]))


@pytest.mark.requirement("AS-30")
async def test_a_refresh_may_ask_for_less_and_never_for_more(people: Replica) -> None:
    answer = await people.tokens(await people.sign_in())
    less = given(await people.refresh(answer["refresh_token"], scope="orders:read"))
    assert less["scope"] == "orders:read"
    assert "id_token" not in less
    more = await people.refresh(less["refresh_token"], scope="orders:read orders:write")
    assert refused(more) == "invalid_scope"
    whole = given(await people.refresh(less["refresh_token"]))
    assert whole["scope"].split() == ["openid", "profile", "orders:read"]


@pytest.mark.requirement("AS-51")
async def test_a_refresh_may_be_for_the_issuer_alone(people: Replica) -> None:
    """It narrows what was granted, for one token (RFC 8707 §2.2)."""
    answer = await people.tokens(await people.sign_in())
    less = given(await people.refresh(answer["refresh_token"], resource=f"{ISSUER}/"))
    told = claims(less["access_token"])
    assert (told["aud"], told["scope"]) == (ISSUER, "openid profile")
    assert less["scope"] == "openid profile"
    whole = given(await people.refresh(less["refresh_token"]))
    assert claims(whole["access_token"])["aud"] == [API, ISSUER]
    form = [("grant_type", "refresh_token"), ("refresh_token", whole["refresh_token"])]
    both = urlencode([*form, ("resource", API), ("resource", ISSUER)]).encode()
    sent = ClientRequest(people.basic("desk"), both)
    again = given(await people.write(token.exchange, sent))
    assert claims(again["access_token"])["aud"] == [API, ISSUER]


@pytest.mark.requirement("AS-51")
@pytest.mark.parametrize(
    ("scope", "resource", "asked"),
    [
        ("openid orders:read", "https://x.example", None),
        ("openid orders:read", f"{ISSUER}/access/v1", None),
        ("orders:read", ISSUER, None),  # without `openid` it is not for the issuer
        ("openid orders:read", ISSUER, "orders:read"),
    ],
)
async def test_a_refresh_is_for_nothing_that_was_not_granted(
    people: Replica, scope: str, resource: str, asked: str | None
) -> None:
    answer = await people.tokens(await people.sign_in(), scope=scope)
    more = {"scope": asked} if asked else {}
    refused_one = await people.refresh(answer["refresh_token"], resource=resource, **more)
    assert refused(refused_one) == "invalid_target"
    given(await people.refresh(answer["refresh_token"]))


@pytest.mark.requirement("AS-104")
@pytest.mark.parametrize(
    ("kind", "name", "changes"),
    [
        (DeclarationKind.USER, "ann", {"disabled": True}),
        (DeclarationKind.USER, "ann", {"tenant": "globex"}),
        (DeclarationKind.CLIENT, "desk", {"grants": ["authorization_code"]}),
        (DeclarationKind.CLIENT, "desk", {"scopes": ["orders:write"]}),
        (DeclarationKind.CLIENT, "desk", {"apis": []}),
    ],
)
async def test_what_stands_no_more_is_not_renewed_also_where_it_is_given_back(
    people: Replica, kind: DeclarationKind, name: str, changes: dict[str, Any]
) -> None:
    answer = await people.tokens(await people.sign_in())
    found = {(one.kind, one.name): one for one in await people.plane.administration.export()}
    before = found[kind, name].body
    await people.change(kind, name, **changes)
    refused(await people.refresh(answer["refresh_token"]))
    await people.change(kind, name, **{key: before.get(key) for key in changes})
    assert refused(await people.refresh(answer["refresh_token"])) == "invalid_grant"


@pytest.mark.requirement("AS-104")
async def test_a_role_that_was_taken_is_in_no_further_token(people: Replica) -> None:
    answer = await people.tokens(await people.sign_in())
    await people.change(DeclarationKind.USER, "ann", roles=[])
    again = given(await people.refresh(answer["refresh_token"]))
    assert claims(again["access_token"]).get("roles", []) == []


async def test_a_refusal_is_committed_with_its_event(people: Replica) -> None:
    assert refused(await people.refresh("dwr_unknown")) == "invalid_grant"
    assert await people.count("token refused") == 1


@pytest.mark.requirement("AS-28")
def test_a_client_cannot_fill_the_store_with_assertions_that_it_used() -> None:
    """Fewer that live long than that live shortly; another client has room of its own."""
    now, room = Instant(1_800_000_000_000_000), AssertionRoom()
    job, other, hour = ClientId("job"), ClientId("other"), Seconds(4_200)

    def used(seconds: Seconds) -> int:
        number = 0
        while room.take(job, seconds, now):
            number += 1
        return number

    assert 0 < used(hour) <= ASSERTIONS_KEPT
    assert room.take(other, hour, now)
    now = later(now, Seconds(60))
    assert used(hour) == 60 * ASSERTIONS_KEPT // hour
    now = later(now, Seconds(60))
    assert used(Seconds(660)) > 5 * 60 * ASSERTIONS_KEPT // hour
