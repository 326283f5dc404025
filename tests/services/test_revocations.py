"""The feed that edges follow: everything that was revoked, in its order, and nothing left out."""

import json

import pytest
from tests.issuer import ISSUER
from tests.services.replica import Replica, given, refused

from durward.core.configuration.declaration import DeclarationKind
from durward.core.edge.envoy.revocation_maps import FILTERS, canary_session
from durward.core.edge.revocation import KEPT, RevocationKind
from durward.core.errors import ErrorCode, ProtocolError
from durward.core.wire import decode_base64url
from durward.services import account, revocations, userinfo
from durward.services.client_authentication import ClientRequest
from durward.services.revocations import RevocationFeed
from durward.services.revoke import Revoked, revoke

pytestmark = pytest.mark.anyio
USER = DeclarationKind.USER


async def feed(people: Replica, after: int = 0, at: int = 0) -> RevocationFeed:
    now = people.clock()
    return await people.read(lambda c: revocations.load_feed(c, after, at, now))


async def test_an_edge_is_told_what_came_after_what_it_knows(people: Replica) -> None:
    await people.change(USER, "ann", roles=[])
    first = await feed(people)
    assert [entry.value for entry in first.entries] == ["ann"]
    assert await feed(people, first.sequence, first.at) == RevocationFeed(
        first.sequence, first.at, ()
    )
    people.clock.forward(1)
    await people.change(USER, "bob", roles=[])
    second = await feed(people, first.sequence, first.at)
    assert [entry.value for entry in second.entries] == ["bob"]
    assert second.sequence > first.sequence


async def test_an_edge_that_knows_a_number_of_another_history_is_told_everything(
    people: Replica,
) -> None:
    """The store was put back: numbers are given anew."""
    await people.change(USER, "ann", roles=[])
    known = await feed(people)
    for after, at in ((known.sequence, known.at + 1), (known.sequence + 7, known.at), (7, 0)):
        assert (await feed(people, after, at)).entries == known.entries


async def test_what_no_living_token_concerns_is_not_told(people: Replica) -> None:
    await people.change(USER, "ann", roles=[])
    people.clock.forward(KEPT - 1)
    assert (await feed(people)).entries
    people.clock.forward(2)
    told = await feed(people)
    assert told.entries == ()
    assert told.sequence, "the number goes on"


async def test_the_end_of_a_session_revokes_it(people: Replica) -> None:
    here = await people.sign_in()
    answer = await people.tokens(here)
    seen = await people.write(account.overview, here.session)
    assert seen is not None
    await people.write(account.end_own_session, here.session, seen.session.id)
    told = [(entry.kind, entry.value) for entry in (await feed(people)).entries]
    assert (RevocationKind.SESSION, seen.session.id) in told
    assert refused(await people.refresh(answer["refresh_token"])) == "invalid_grant"


async def taken_back(people: Replica, token: str, client: str = "desk") -> Revoked:
    request = ClientRequest(people.basic(client), f"token={token}".encode())
    return await people.write(revoke, request)


@pytest.mark.parametrize("which", ["refresh_token", "access_token"])
async def test_a_client_takes_back_what_it_was_given(people: Replica, which: str) -> None:
    """RFC 7009 §2.1: with the one token the grant goes, and so do all the others."""
    answer = await people.tokens(await people.sign_in())
    assert (await taken_back(people, answer[which])).error is None
    told = [entry.kind for entry in (await feed(people)).entries]
    assert told == [RevocationKind.GRANT]
    assert refused(await people.refresh(answer["refresh_token"])) == "invalid_grant"


async def test_what_is_not_the_clients_stays_and_is_answered_alike(people: Replica) -> None:
    """RFC 7009 §2.2: whether there is such a token is nobody's business."""
    answer = await people.tokens(await people.sign_in())
    for token in (answer["refresh_token"], answer["access_token"], "dwr_unknown", "x.y.z"):
        assert (await taken_back(people, token, "other")).error is None
    assert (await feed(people)).entries == ()
    given(await people.refresh(answer["refresh_token"]))


async def test_who_does_not_prove_itself_revokes_nothing_and_is_recorded(people: Replica) -> None:
    answer = await people.tokens(await people.sign_in())
    people.secrets["desk"], kept = people.secrets["other"], people.secrets["desk"]
    refusal = (await taken_back(people, answer["refresh_token"])).error
    assert refusal is not None
    assert refusal.code is ErrorCode.INVALID_CLIENT
    assert await people.count("token refused") == 1
    people.secrets["desk"] = kept
    given(await people.refresh(answer["refresh_token"]))


async def test_a_token_that_a_client_got_for_itself_lives_for_minutes_and_says_so(
    people: Replica,
) -> None:
    form = {"grant_type": "client_credentials", "resource": "https://orders.example"}
    own = given(await people.exchange("reporting", **form))
    refusal = (await taken_back(people, own["access_token"], "reporting")).error
    assert refusal is not None
    assert refusal.code is ErrorCode.UNSUPPORTED_TOKEN_TYPE


async def test_the_canary_of_each_filter_is_nobodys_and_revoked_from_the_beginning(
    people: Replica,
) -> None:
    context = people.plane.use_cases.context()
    found = revocations.canary_tokens(context, "https://orders.example", people.clock())
    assert set(found) == set(FILTERS)
    for name, token in found.items():
        told = json.loads(decode_base64url(token.split(".")[1]))
        assert told["sid"] == canary_session(name)
        assert told["aud"] == "https://orders.example"
        assert told["iss"] == ISSUER
        assert "scope" not in told
        assert told["sub"] == f"durward:{name}"


async def test_userinfo_asks_what_is_so_now_and_not_what_the_token_says(people: Replica) -> None:
    answer = await people.tokens(await people.sign_in())
    token = answer["access_token"]
    told = await people.write(userinfo.load_claims, token)
    assert dict(told) == {"sub": "ann", "name": "Ann Archer", "preferred_username": "ann"}
    await people.change(DeclarationKind.CLIENT, "desk", scopes=["openid", "orders:read"])
    assert dict(await people.write(userinfo.load_claims, token)) == {"sub": "ann"}
    await taken_back(people, answer["refresh_token"])
    with pytest.raises(ProtocolError) as caught:
        await people.write(userinfo.load_claims, token)
    assert caught.value.code is ErrorCode.INVALID_TOKEN


async def test_userinfo_is_for_tokens_with_openid_alone(people: Replica) -> None:
    answer = await people.tokens(await people.sign_in(), scope="orders:read")
    for token in (answer["access_token"], "x.y.z"):
        with pytest.raises(ProtocolError):
            await people.write(userinfo.load_claims, token)
