"""`plan` and `apply`: what is refused before anything is written, and what is written then."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.issuer import ISSUER, sample
from tests.services.replica import Replica

from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.errors import Misconfigured
from durward.services.candidate import DeclarationChange

pytestmark = pytest.mark.anyio
ALLOW: dict[str, Any] = {"Effect": "Allow", "Action": "orders:GetOrder", "Resource": "*"}


def a_policy(name: str, **changes: Any) -> Declaration:
    document: dict[str, Any] = {"Version": "2012-10-17", "Statement": {**ALLOW, **changes}}
    return Declaration(DeclarationKind.POLICY, name, document)


def a_role(role: str = "boss", /, **body: Any) -> Declaration:
    return Declaration(DeclarationKind.ROLE, role, body)


async def test_what_is_there_already_is_no_change_and_publishes_nothing(replica: Replica) -> None:
    version = replica.plane.published.version
    planned = await replica.plane.administration.plan(sample(), prune=True)
    assert (planned.changes, planned.secrets) == ((), ())
    assert await replica.apply(*sample(), prune=True) == version


async def test_a_plan_says_what_apply_would_do_and_does_nothing(replica: Replica) -> None:
    before = await replica.events()
    planned = await replica.plane.administration.plan([a_role(name="Boss")], prune=False)
    assert planned.changes == (DeclarationChange("add", DeclarationKind.ROLE, "boss"),)
    assert await replica.events() == before
    applied = await replica.plane.administration.apply([a_role(name="Boss")], prune=False)
    assert applied.changes == planned.changes


async def test_what_is_not_named_stays_and_goes_only_where_that_is_wanted(replica: Replica) -> None:
    await replica.apply(a_role())
    left = [one for one in sample() if one.name != "reporter" or one.kind.value != "roles"]
    beside = await replica.plane.administration.plan(left, prune=False)
    assert beside.changes == ()
    with pytest.raises(Misconfigured, match="reporter"):
        await replica.plane.administration.plan(left, prune=True)
    pruned = await replica.plane.administration.plan(sample(), prune=True)
    assert pruned.changes == (DeclarationChange("remove", DeclarationKind.ROLE, "boss"),)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (Declaration(DeclarationKind.USER, "eve", {"tenant": "nowhere"}), "nowhere"),
        (Declaration(DeclarationKind.USER, "eve", {"tenant": "acme", "x": 1}), "x"),
        (a_role(policies=["none"]), "none"),
        (a_policy("p", Action="orders:GetOrdre"), "orders:GetOrdre"),
        (a_policy("p", Effect="Perhaps"), "Effect"),
        (
            Declaration(
                DeclarationKind.TESTS,
                "t",
                {"never": [{**ALLOW, "Sid": "NobodyReads", "Action": "orders:GetOrder"}]},
            ),
            "NobodyReads",
        ),
    ],
)
async def test_what_does_not_fit_is_refused_whole_and_nothing_is_written(
    replica: Replica, wanted: Declaration, told: str
) -> None:
    version, before = replica.plane.published.version, await replica.events()
    good = a_role("good")
    for use in (replica.plane.administration.plan, replica.plane.administration.apply):
        with pytest.raises(Misconfigured, match=told):
            await use([good, wanted], prune=False)
    assert replica.plane.published.version == version
    assert await replica.events() == before


async def test_an_api_on_the_host_of_the_issuer_is_refused(replica: Replica) -> None:
    """ADR 28: one address may serve both, and the host alone tells them apart."""
    (orders,) = (one for one in sample() if one.kind is DeclarationKind.API)
    host = str(urlsplit(ISSUER).hostname)
    wanted = Declaration(orders.kind, orders.name, {**orders.body, "hosts": ["x", host.upper()]})
    told = rf"apis/orders: `hosts`: `{host}` is the host of the issuer"
    with pytest.raises(Misconfigured, match=told):
        await replica.plane.administration.apply([wanted], prune=False)


async def test_a_client_that_proves_itself_by_a_secret_gets_one_once(replica: Replica) -> None:
    body: dict[str, Any] = {"tenant": "acme", "grants": ["client_credentials"], "apis": ["orders"]}
    job = Declaration(DeclarationKind.CLIENT, "job", body)
    planned = await replica.plane.administration.plan([job], prune=False)
    assert planned.secrets == ("job",)
    applied = await replica.plane.administration.apply([job], prune=False)
    assert [name for name, _ in applied.secrets] == ["job"]
    again = await replica.plane.administration.apply([job], prune=False)
    assert again.secrets == ()
    assert not [
        event for event in await replica.events() if applied.secrets[0][1].reveal() in event
    ]


async def test_each_step_is_recorded_with_its_operator(replica: Replica) -> None:
    await replica.apply(a_role(), a_role("other"))
    await replica.apply(a_role(name="Boss"))
    await replica.apply(*sample(), prune=True)
    found = [one for one in await replica.events() if "roles/boss" in one]
    assert [one.split('"kind":"')[1].split('"')[0] for one in found] == [
        "declaration added",
        "declaration changed",
        "declaration removed",
    ]
    assert all('"actor":"operator"' in one for one in found)


async def test_a_version_that_was_can_be_had_again_and_one_that_is_not_kept_is_told(
    replica: Replica,
) -> None:
    version = replica.plane.published.version
    await replica.apply(a_role())
    planned = await replica.plane.administration.plan(prune=False, version=version)
    assert planned.changes == (DeclarationChange("remove", DeclarationKind.ROLE, "boss"),)
    with pytest.raises(Misconfigured, match="is not kept") as caught:
        await replica.plane.administration.plan(prune=False, version=10_000)
    assert "durward history" in caught.value.hint
