"""What a grant keeps is what its request would be given now, whatever has changed since."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.issuer import asked

from durward.core.address import Address
from durward.core.api import Api
from durward.core.configuration.client import Client
from durward.core.configuration.profile import Profile
from durward.core.errors import ProtocolError
from durward.core.oauth.authorize import (
    AuthorizationRequest,
    Facts,
    RedirectTarget,
    consent_reasons,
    read_request,
    read_target,
)
from durward.core.oauth.form import parse_form
from durward.core.oauth.grant import Grant
from durward.core.oauth.requirements import Requirements
from durward.core.oauth.standing import Ended, Keeps, standing
from durward.core.people.person import Entitlements, Person
from durward.core.upstream import Upstream
from durward.core.values import ApiId, ClientId, GrantId, Instant, SessionId, TenantId, UserId

SCOPES = ("openid", "offline_access", "profile", "orders:read", "orders:write", "stock:read")
AUDIENCES = ("https://orders.example", "https://stock.example")
DESK = "http://127.0.0.1:8490/callback"
TARGET = RedirectTarget(ClientId("desk"), DESK, None)
some = st.lists(st.sampled_from(SCOPES), unique=True).map(tuple)


@st.composite
def apis(draw: st.DrawFn) -> dict[str, Api]:
    """Up to two APIs, whose audiences and scopes change hands."""
    audiences = draw(st.permutations(AUDIENCES))
    return {
        name: Api(
            ApiId(name),
            audience,
            "prod",
            Upstream((Address("a", 1),)),
            (),
            dict.fromkeys(draw(some), "words"),
        )
        for name, audience in zip(("orders", "stock"), audiences, strict=True)
        if draw(st.booleans())
    }


clients = st.builds(
    Client,
    tenant=st.just("acme"),
    grants=st.lists(
        st.sampled_from(["authorization_code", "refresh_token"]), unique=True, min_size=1
    ).map(tuple),
    apis=st.lists(st.sampled_from(["orders", "stock"]), unique=True).map(tuple),
    scopes=some,
    redirect_uris=st.just((DESK,)),
    authentication=st.sampled_from(["client_secret_basic", "none"]),
    first_party=st.booleans(),
    disabled=st.sampled_from([False, False, False, True]),
)
people = st.builds(
    lambda disabled, **entitlements: Person(
        UserId("ann"), Entitlements.of(**entitlements), disabled=disabled
    ),
    tenant=st.sampled_from(["acme", "acme", "globex"]),
    roles=st.lists(st.sampled_from(["clerk", "boss"]), unique=True).map(tuple),
    groups=st.lists(st.sampled_from(["night"]), unique=True).map(tuple),
    disabled=st.sampled_from([False, False, False, True]),
)
agreed = st.none() | some.map(frozenset)
grants = st.builds(
    lambda audience, scopes: Grant(
        id=GrantId("g"),
        user=UserId("ann"),
        client=ClientId("desk"),
        tenant=TenantId("acme"),
        audience=audience,
        scopes=scopes,
        session=SessionId("s"),
        methods=("pwd",),
        authenticated_at=Instant(0),
        nonce=None,
        created_at=Instant(0),
    ),
    st.sampled_from(AUDIENCES),
    some.filter(bool),
)

NOW = Instant(1_800_000_000_000_000)
DEMANDED = Requirements(Profile.OAUTH21, is_authenticated=True, waivers={})


def anew(grant: Grant, client: Client, found: dict[str, Api], scope: str) -> bool:
    """The naive rule: ask the authorization endpoint for this one scope again."""
    form: Any = asked(redirect_uri=client.redirect_uris[0], resource=grant.audience, scope=scope)
    try:
        form = parse_form("&".join(f"{name}={value}" for name, value in form.items()).encode())
        target = read_target(form, {"desk": client})
        request = read_request(form, target, client, found, None, DEMANDED, NOW)
    except ProtocolError:
        return False
    return request.audience == grant.audience and request.scopes == (scope,)


def unasked(client: Client, consented: frozenset[str] | None, scopes: tuple[str, ...]) -> bool:
    """Whether it would be given without asking, or was agreed to where asking is the rule."""
    if client.authentication == "none":
        return consented is not None and set(scopes) <= consented
    request = AuthorizationRequest(TARGET, "c", None, scopes)
    return not consent_reasons(Facts(request, client, None, False, None, consented))


@given(grants, people | st.none(), clients | st.none(), apis(), agreed)
def test_what_is_left_is_what_would_be_issued_anew(
    grant: Grant,
    person: Person | None,
    client: Client | None,
    found: dict[str, Api],
    consented: frozenset[str] | None,
) -> None:
    told = standing(grant, person, client, found, consented)
    alive = person is not None and not person.disabled and person.tenant == grant.tenant
    left = tuple(
        scope
        for scope in grant.scopes
        if alive
        and client is not None
        and anew(grant, client, found, scope)
        and unasked(client, consented, (scope,))
    )
    if not left:
        assert isinstance(told, Ended)
        assert told.reason
        return
    assert isinstance(told, Keeps)
    assert told.scopes == left
    assert client is not None
    assert told.renewable is ("refresh_token" in client.grants)
    assert person is not None
    assert told.claims.tenant == grant.tenant
    assert (told.claims.roles, told.claims.groups) == (person.roles, person.groups)


@given(grants, people, clients, apis(), agreed)
def test_what_stands_stands_as_it_was_and_never_with_more(
    grant: Grant,
    person: Person,
    client: Client,
    found: dict[str, Api],
    consented: frozenset[str] | None,
) -> None:
    told = standing(grant, person, client, found, consented)
    if isinstance(told, Keeps):
        assert set(told.scopes) <= set(grant.scopes)
        again = standing(replace(grant, scopes=told.scopes), person, client, found, consented)
        assert again == told
        assert told.outlives_session <= grant.outlives_session


@given(people, clients, apis(), agreed)
def test_a_grant_that_asked_for_no_scope_and_no_api_stands_on_its_person_and_client(
    person: Person, client: Client, found: dict[str, Api], consented: frozenset[str] | None
) -> None:
    grant = Grant(
        *(GrantId("g"), UserId("ann"), ClientId("desk"), TenantId("acme"), None, ()),
        *(SessionId("s"), ("pwd",), Instant(0), None, Instant(0)),
    )
    told = standing(grant, person, client, found, consented)
    stands = not person.disabled and person.tenant == "acme"
    stands = stands and not client.disabled and "authorization_code" in client.grants
    stands = stands and unasked(client, consented, ())
    assert isinstance(told, Keeps) is stands
