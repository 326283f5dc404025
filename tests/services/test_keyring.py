"""The keyring: which key signs, who can verify meanwhile, and how one is replaced."""

from dataclasses import replace

import pytest
from tests.services.replica import Replica, given

from durward.core.errors import Misconfigured, Unavailable
from durward.core.jose.jws import key_named
from durward.core.values import Instant, Seconds, later
from durward.services import keyring
from durward.services.keyring import (
    ACCESS,
    ALGORITHMS,
    AUDIT,
    IDENTITY,
    ROTATED,
    SNAPSHOT,
    KeyRing,
    RotationRequest,
)

pytestmark = pytest.mark.anyio
LEAST = keyring.least(Seconds(60), Seconds(300))


async def ring(replica: Replica) -> KeyRing:
    key_file = replica.plane.publication.key_file
    return await replica.read(lambda c: keyring.load_ring(c, key_file))


async def signs_now(replica: Replica) -> dict[str, str]:
    found, now = await ring(replica), replica.clock()
    return {purpose: found.signing_key(purpose, now).kid for purpose in ALGORITHMS}


async def access_kid(replica: Replica) -> str | None:
    form = {"grant_type": "client_credentials", "resource": "https://orders.example"}
    return key_named(given(await replica.exchange("reporting", **form))["access_token"])


async def test_each_purpose_has_a_key_of_its_own_from_the_start(replica: Replica) -> None:
    found = await signs_now(replica)
    assert set(found) == {ACCESS, IDENTITY, SNAPSHOT, AUDIT}
    assert len(set(found.values())) == 4
    assert {key.purpose: key.algorithm for key in (await ring(replica)).keys} == dict(ALGORITHMS)


async def test_what_is_missing_is_made_and_nothing_else(replica: Replica) -> None:
    before = await signs_now(replica)
    key_file = replica.plane.publication.key_file
    await replica.plane.transactions.write(
        lambda c, audit: keyring.ensure_keys(c, key_file, audit), "test"
    )
    assert await signs_now(replica) == before


async def test_verifiers_get_the_public_half_and_of_their_purpose_alone(replica: Replica) -> None:
    found = (await ring(replica)).public((ACCESS, IDENTITY), replica.clock())
    assert {key["kid"] for key in found} == {
        kid for purpose, kid in (await signs_now(replica)).items() if purpose in ROTATED
    }
    private = {"d", "p", "q", "dp", "dq", "qi", "k"}
    assert not [key for key in found if private & key.keys()]


async def test_a_private_key_rests_in_an_envelope_of_its_own_name(replica: Replica) -> None:
    found = await ring(replica)
    one, other = found.keys[0], found.keys[1]
    assert found.open(one).kid == one.kid
    with pytest.raises(Unavailable):
        found.open(replace(one, private=other.private))


async def test_the_next_keys_are_known_before_they_sign(replica: Replica) -> None:
    before, kid = await signs_now(replica), await access_kid(replica)
    assert kid == before[ACCESS]
    turn, _ = await replica.plane.administration.rotate_keys(RotationRequest())
    assert await signs_now(replica) == before
    public = (await ring(replica)).public((ACCESS,), replica.clock())
    assert len(public) == 2
    seconds = (turn.signs_from - replica.clock()) // 1_000_000
    replica.clock.forward(seconds - 1)
    assert await access_kid(replica) == kid
    replica.clock.forward(1)
    after = await signs_now(replica)
    assert await access_kid(replica) == after[ACCESS] != kid
    assert all((after[p] != before[p]) is (p in ROTATED) for p in ALGORITHMS)


async def test_what_the_former_keys_signed_is_good_until_it_has_expired(replica: Replica) -> None:
    before = await signs_now(replica)
    turn, _ = await replica.plane.administration.rotate_keys(RotationRequest())
    last = later(turn.signs_from, Seconds(LEAST.grace - 1))
    assert turn.retired_at > last
    found = await ring(replica)
    assert before[ACCESS] in {key["kid"] for key in found.public((ACCESS,), last)}
    assert before[ACCESS] not in {key["kid"] for key in found.public((ACCESS,), turn.retired_at)}


@pytest.mark.parametrize(
    "wanted",
    [
        RotationRequest(ahead=Seconds(LEAST.ahead - 1)),
        RotationRequest(grace=Seconds(LEAST.grace - 1)),
        RotationRequest(ahead=LEAST.ahead, unsafe_now=True),
    ],
)
async def test_a_rotation_by_which_a_token_would_be_refused_is_not_begun(
    replica: Replica, wanted: RotationRequest
) -> None:
    with pytest.raises(Misconfigured):
        keyring.turn_of(wanted, LEAST, replica.clock())


def test_the_least_times_are_taken_where_none_is_given() -> None:
    now = Instant(0)
    turn = keyring.turn_of(RotationRequest(), LEAST, now)
    assert turn.signs_from == later(now, LEAST.ahead)
    assert turn.retired_at == later(turn.signs_from, LEAST.grace)


async def test_a_key_in_wrong_hands_is_replaced_at_once_and_destroyed(replica: Replica) -> None:
    before = await signs_now(replica)
    await replica.plane.administration.rotate_keys(RotationRequest(unsafe_now=True))
    after = await signs_now(replica)
    assert all((after[p] != before[p]) is (p in ROTATED) for p in ALGORITHMS)
    kept = {key.kid for key in (await ring(replica)).keys}
    assert not kept & {before[purpose] for purpose in ROTATED}, "its private half is gone"
    assert await access_kid(replica) == after[ACCESS]


async def test_who_replaces_a_key_at_once_ends_those_that_were_to_be_retired_later(
    replica: Replica,
) -> None:
    before = await signs_now(replica)
    await replica.plane.administration.rotate_keys(RotationRequest())
    await replica.plane.administration.rotate_keys(RotationRequest(unsafe_now=True))
    public = (await ring(replica)).public(ROTATED, replica.clock())
    assert not {before[purpose] for purpose in ROTATED} & {key["kid"] for key in public}
    assert len(public) == len(ROTATED)


async def test_a_rotation_is_published_and_recorded(replica: Replica) -> None:
    version = replica.plane.published.version
    _, published = await replica.plane.administration.rotate_keys(RotationRequest())
    assert published == replica.plane.published.version == version + 1
    created = [event for event in await replica.events() if '"key created"' in event]
    assert len(created) == len(ALGORITHMS) + len(ROTATED)
