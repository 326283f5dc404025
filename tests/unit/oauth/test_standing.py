"""What is left of a grant (ADR 23): it ends, or it goes on with less; it never gains."""

from dataclasses import replace

import pytest
from msgspec import structs

from durward.core.address import Address
from durward.core.api import Api
from durward.core.configuration.client import Client
from durward.core.oauth.grant import Grant
from durward.core.oauth.standing import Ended, Keeps, standing
from durward.core.people.person import Entitlements, Person
from durward.core.upstream import Upstream
from durward.core.values import ApiId, ClientId, GrantId, Instant, SessionId, TenantId, UserId

pytestmark = pytest.mark.requirement("AS-104")
ANN = Person(UserId("ann"), Entitlements.of("acme", ["clerk"], ["night"]))
DESK = Client(
    tenant="acme",
    grants=("authorization_code", "refresh_token"),
    apis=("orders",),
    scopes=("openid", "offline_access", "orders:read", "orders:write"),
    authentication="none",
)
ORDERS = Api(
    ApiId("orders"),
    "https://orders.example",
    "prod",
    Upstream((Address("a", 1),)),
    (),
    {"orders:read": "read", "orders:write": "write"},
)
GRANT = Grant(
    id=GrantId("g"),
    user=UserId("ann"),
    client=ClientId("desk"),
    tenant=TenantId("acme"),
    audience="https://orders.example",
    scopes=("openid", "orders:read", "orders:write"),
    session=SessionId("s"),
    methods=("pwd",),
    authenticated_at=Instant(0),
    nonce=None,
    created_at=Instant(0),
)
AGREED = frozenset(GRANT.scopes)
APIS = {"orders": ORDERS}


def kept(found: Keeps | Ended) -> tuple[str, ...]:
    assert isinstance(found, Keeps), found
    return found.scopes


def test_a_grant_whose_facts_are_as_they_were_keeps_everything() -> None:
    found = standing(GRANT, ANN, DESK, APIS, AGREED)
    assert kept(found) == GRANT.scopes
    assert isinstance(found, Keeps)
    assert (found.claims.tenant, found.claims.roles, found.claims.groups) == (
        "acme",
        ("clerk",),
        ("night",),
    )
    assert found.renewable
    assert not found.outlives_session


@pytest.mark.parametrize(
    ("person", "client", "consented", "reason"),
    [
        (None, DESK, AGREED, "the account was disabled"),
        (replace(ANN, disabled=True), DESK, AGREED, "the account was disabled"),
        (
            replace(ANN, entitlements=Entitlements.of("globex")),
            DESK,
            AGREED,
            "the person belongs to another tenant",
        ),
        (ANN, None, AGREED, "the client was disabled"),
        (ANN, structs.replace(DESK, disabled=True), AGREED, "the client was disabled"),
        (
            ANN,
            structs.replace(DESK, grants=("refresh_token",)),
            AGREED,
            "the client may not sign people in any more",
        ),
        (ANN, DESK, None, "the person has not agreed"),
        (ANN, structs.replace(DESK, apis=()), AGREED, "the client may not use the API any more"),
        (ANN, DESK, frozenset(), "the client may have none of its scopes any more"),
    ],
)
def test_a_grant_ends_with_what_it_stood_on_and_says_with_what(
    person: Person | None, client: Client | None, consented: frozenset[str] | None, reason: str
) -> None:
    assert standing(GRANT, person, client, APIS, consented) == Ended(reason)


def test_an_api_of_another_name_with_the_same_audience_is_still_the_grants() -> None:
    renamed = structs.replace(DESK, apis=("sales",))
    assert kept(standing(GRANT, ANN, renamed, {"sales": ORDERS}, AGREED)) == GRANT.scopes


def test_another_api_that_took_the_name_is_not_the_grants() -> None:
    other = {"orders": replace(ORDERS, audience="https://other.example")}
    assert isinstance(standing(GRANT, ANN, DESK, other, AGREED), Ended)


def test_a_scope_goes_that_the_api_the_client_or_the_person_took_back() -> None:
    left = ("openid", "orders:read")
    without = {"orders": replace(ORDERS, scopes={"orders:read": "read"})}
    assert kept(standing(GRANT, ANN, DESK, without, AGREED)) == left
    assert kept(standing(GRANT, ANN, structs.replace(DESK, scopes=left), APIS, AGREED)) == left
    assert kept(standing(GRANT, ANN, DESK, APIS, frozenset(left))) == left


def test_what_is_given_anew_is_no_part_of_an_old_grant() -> None:
    old = replace(GRANT, scopes=("orders:read",))
    assert kept(standing(old, ANN, DESK, APIS, AGREED)) == ("orders:read",)


def test_a_first_party_client_that_proves_who_it_is_needs_no_consent() -> None:
    ours = structs.replace(DESK, first_party=True, authentication="client_secret_basic")
    assert kept(standing(GRANT, ANN, ours, APIS, None)) == GRANT.scopes
    unproven = structs.replace(ours, authentication="none")
    assert isinstance(standing(GRANT, ANN, unproven, APIS, None), Ended)


def test_a_grant_outlives_its_session_only_while_offline_access_is_left_of_it() -> None:
    offline = replace(GRANT, scopes=("offline_access", "orders:read"))
    agreed = frozenset(offline.scopes)
    found = standing(offline, ANN, DESK, APIS, agreed)
    assert isinstance(found, Keeps)
    assert found.outlives_session
    less = standing(offline, ANN, DESK, APIS, agreed - {"offline_access"})
    assert isinstance(less, Keeps)
    assert not less.outlives_session


def test_a_client_without_the_refresh_grant_keeps_its_grant_and_renews_nothing() -> None:
    found = standing(
        GRANT, ANN, structs.replace(DESK, grants=("authorization_code",)), APIS, AGREED
    )
    assert isinstance(found, Keeps)
    assert not found.renewable


def test_a_grant_of_no_api_and_no_scope_stands_on_its_person_and_client() -> None:
    bare = replace(GRANT, audience=None, scopes=())
    assert kept(standing(bare, ANN, DESK, {}, frozenset())) == ()


@pytest.mark.requirement("AS-78")
def test_a_token_with_openid_or_of_no_api_is_good_at_the_issuer_too() -> None:
    keeps = standing(GRANT, ANN, DESK, APIS, AGREED)
    assert isinstance(keeps, Keeps)

    def audiences(grant: Grant, *scopes: str) -> tuple[str, ...]:
        told = grant.token_grant("https://id.example", scopes, keeps.claims, in_session=True)
        return told.audiences

    api, issuer = "https://orders.example", "https://id.example"
    assert audiences(GRANT, "orders:read") == (api,)
    assert audiences(GRANT, "openid", "orders:read") == (api, issuer)
    assert audiences(replace(GRANT, audience=None), "profile") == (issuer,)


def test_a_token_names_its_session_only_while_it_ends_with_it() -> None:
    keeps = standing(GRANT, ANN, DESK, APIS, AGREED)
    assert isinstance(keeps, Keeps)
    told = GRANT.token_grant("https://id.example", (), keeps.claims, in_session=True)
    assert (told.session, told.grant, told.roles) == ("s", "g", ("clerk",))
    told = GRANT.token_grant("https://id.example", (), keeps.claims, in_session=False)
    assert (told.session, told.grant) == (None, "g")
