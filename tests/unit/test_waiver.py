"""A waiver has an owner, a reason and a last day, and is for one client that can do without."""

from typing import Any

import pytest

from durward.core.configuration.client import Client
from durward.core.configuration.configuration import Configuration, read_configuration
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.configuration.declaration_changes import Sides, details
from durward.core.configuration.profile import Profile
from durward.core.configuration.waiver import LONGEST_DAYS, Waiver
from durward.core.errors import Misconfigured
from durward.core.oauth.waiver_status import WaiverState, waiver_statuses
from durward.core.values import Instant, from_numeric_date

pytestmark = pytest.mark.requirement("AS-109")
MIDNIGHT = from_numeric_date(1_806_537_600)  # 2027-04-01T00:00:00Z
DAY = 86_400_000_000
BODY: dict[str, Any] = {
    "client": "wiki",
    "relaxes": "pkce",
    "owner": "web team",
    "reason": "its library has no PKCE",
    "until": "2027-03-31",
}
WIKI: dict[str, Any] = {
    "tenant": "acme",
    "redirect_uris": ["https://wiki.example/back"],
    "scopes": ["openid"],
}


def waiver(**changes: str) -> Waiver:
    return Waiver(**{**BODY, **changes})


def configuration(
    *waivers: dict[str, Any], tenant: dict[str, Any] | None = None, **client: Any
) -> Configuration:
    """The waivers `w0`, `w1`, … beside a client `wiki`."""
    declared = [
        Declaration(DeclarationKind.TENANT, "acme", tenant or {}),
        Declaration(DeclarationKind.CLIENT, "wiki", {**WIKI, **client}),
    ]
    declared += [
        Declaration(DeclarationKind.WAIVER, f"w{place}", body) for place, body in enumerate(waivers)
    ]
    return read_configuration(declared)


@pytest.mark.parametrize(("offset", "is_over"), [(-1, False), (0, True), (1, True)])
def test_it_counts_to_the_end_of_its_last_day_in_utc(offset: int, is_over: bool) -> None:
    assert waiver().is_over(Instant(MIDNIGHT + offset)) is is_over


@pytest.mark.parametrize(
    ("at", "left"), [(-1, 0), (0, -1), (-DAY, 0), (-DAY - 1, 1), (-15 * DAY, 14), (DAY, -2)]
)
def test_days_left_are_those_after_today(at: int, left: int) -> None:
    assert waiver().days_left(Instant(MIDNIGHT + at)) == left


@pytest.mark.parametrize("until", ["2028-02-29", "9999-12-31", "0001-01-01", "1970-01-01"])
def test_any_date_of_the_calendar_has_an_end(until: str) -> None:
    assert [*waiver(until=until).problems({})] == []
    assert (waiver(until=until).ends_at > MIDNIGHT) is (until > "2027-04")


@pytest.mark.parametrize(
    "until",
    [
        *("", "tomorrow", "2027-3-31", "2027-02-29", "31.03.2027", "20270331", "2027-W13-3"),
        *("2027-03-31T00:00:00Z", "2027-03-31\n", "٢٠٢٧-03-31"),
    ],
)
def test_a_last_day_that_is_no_date_is_refused(until: str) -> None:
    (problem,) = waiver(until=until).problems({})
    assert problem == "until is the last day, as in 2027-03-31"


@pytest.mark.parametrize(("days", "is_good"), [(0, True), (LONGEST_DAYS, True), (367, False)])
def test_it_lasts_a_year_at_most(days: int, is_good: bool) -> None:
    """2027-03-31 is so many days ahead; one that has ended may be declared."""
    today = Instant(MIDNIGHT - DAY - days * DAY)
    problems = [*waiver().problems_of_time(today)]
    assert problems == (
        [] if is_good else ["until is more than 366 days ahead; 2027-03-30 is the latest day now"]
    )
    assert [*waiver(until="2020-01-01").problems_of_time(today)] == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"owner": " "}, "owner is empty"),
        ({"reason": ""}, "reason is empty"),
        ({"relaxes": "nonce"}, "relaxes is one of pkce"),
        ({"client": "nobody"}, "client names `nobody`, which is not declared"),
        ({"until": "soon"}, "until is the last day"),
    ],
)
def test_what_is_missing_is_named(changes: dict[str, str], problem: str) -> None:
    with pytest.raises(Misconfigured, match=r"waivers/w0: .*" + problem):
        configuration({**BODY, **changes})


@pytest.mark.parametrize("missing", sorted(BODY))
def test_nothing_of_it_can_be_left_out(missing: str) -> None:
    body = {name: value for name, value in BODY.items() if name != missing}
    with pytest.raises(Misconfigured, match=f"waivers/w0: .*required field `{missing}`"):
        configuration(body)


@pytest.mark.parametrize(
    ("client", "problem"),
    [
        ({"authentication": "none"}, "public client"),
        ({"grants": ["client_credentials"]}, "has no grant authorization_code"),
        ({"scopes": ["orders:read"]}, "has no scope `openid`"),
    ],
)
def test_a_client_that_nonce_does_not_protect_gets_none(
    client: dict[str, Any], problem: str
) -> None:
    with pytest.raises(Misconfigured, match=f"waivers/w0: .*{problem}"):
        configuration(BODY, **client)


@pytest.mark.parametrize("profile", ["fapi2_sp", "fapi2_ms"])
def test_a_client_above_the_lowest_profile_gets_none(profile: str) -> None:
    """Whether it chose the profile itself, or its tenant did, or the server does."""
    told = f"waivers/w0: `wiki` has the profile `{profile}`, which takes no waiver"
    with pytest.raises(Misconfigured, match=told):
        configuration(BODY, profile=profile)
    with pytest.raises(Misconfigured, match=told):
        configuration(BODY, tenant={"profile": profile})
    assert [*waiver().problems_of_profile(Profile(profile))] == [told.removeprefix("waivers/w0: ")]


def test_of_two_for_the_same_the_second_is_refused() -> None:
    with pytest.raises(Misconfigured, match="waivers/w1: waivers/w0 relaxes the same for `wiki`"):
        configuration(BODY, {**BODY, "until": "2027-01-01"})


def test_a_profile_of_its_own_needs_keys_and_encrypted_redirects() -> None:
    """What the demands that are built need of a declaration is told beside what is not built."""
    with pytest.raises(Misconfigured) as refused:
        configuration(profile="fapi2_sp", redirect_uris=["http://127.0.0.1/back"])
    problem = refused.value.problem
    assert "clients/wiki: the profile `fapi2_sp` demands what this version does not have" in problem
    assert "demands authentication: private_key_jwt" in problem
    assert "demands redirect URIs without http: `http://127.0.0.1/back`" in problem
    client = Client(tenant="acme", authentication="private_key_jwt")
    assert [*client.problems_under(Profile.FAPI2_SP)] == []


@pytest.mark.parametrize(
    ("before", "after", "at", "lines"),
    [
        (
            None,
            BODY,
            -1,
            [
                (
                    "relaxes pkce for clients/wiki until the end of 2027-03-31 (UTC), by web team",
                    True,
                )
            ],
        ),
        (None, BODY, 0, [("ended on 2027-03-31: it has no effect", False)]),
        (BODY, {**BODY, "until": "2027-05-01"}, 0, [("until the end of 2027-05-01", True)]),
        (BODY, {**BODY, "until": "2027-03-30"}, -2 * DAY, [("2027-03-30", False)]),
        (BODY, {**BODY, "owner": "ops"}, -1, [("by ops", False)]),
    ],
)
def test_a_plan_shows_a_relaxation_as_one(
    before: dict[str, Any] | None,
    after: dict[str, Any],
    at: int,
    lines: list[tuple[str, bool]],
) -> None:
    former = configuration(*([before] if before else []))
    sides = Sides(former, configuration(after), Instant(MIDNIGHT + at))
    found = details(DeclarationKind.WAIVER, "w0", before, after, sides)
    for detail, (text, widens) in zip(found, lines, strict=False):
        assert text in detail.text
        assert detail.widens is widens
    assert [detail.widens for detail in found[1:]] == [False] * (len(found) - 1)


def test_a_lower_profile_may_allow_more() -> None:
    """Raising one never does."""
    same = Sides(configuration(), configuration(), MIDNIGHT)
    for kind in (DeclarationKind.TENANT, DeclarationKind.CLIENT):
        for before, after, widens in (
            ({"profile": "fapi2_sp"}, {}, True),
            ({"profile": "fapi2_ms"}, {"profile": "fapi2_sp"}, True),
            ({"profile": "fapi2_sp"}, {"profile": "fapi2_ms"}, False),
            ({}, {"profile": "fapi2_sp"}, False),
        ):
            (found,) = details(kind, "x", before, after, same)
            assert found.widens is widens, (kind, before, after)


@pytest.mark.parametrize(
    ("days", "state"),
    [
        (-16, WaiverState.IN_FORCE),
        (-15, WaiverState.ENDS_SOON),
        (-1, WaiverState.ENDS_SOON),
        (0, WaiverState.ENDED),
        (400, WaiverState.ENDED),
    ],
)
def test_its_end_is_announced_from_fourteen_days_before(days: int, state: WaiverState) -> None:
    (found,) = waiver_statuses(configuration(BODY), Profile.OAUTH21, Instant(MIDNIGHT + days * DAY))
    assert (found.name, found.client, found.state) == ("w0", "wiki", state)


def test_a_server_that_was_raised_shows_that_it_does_not_count() -> None:
    (found,) = waiver_statuses(configuration(BODY), Profile.FAPI2_SP, Instant(MIDNIGHT - 90 * DAY))
    assert found.state is WaiverState.NOT_ALLOWED
