"""The decision at the edge: facts from Envoy, default deny."""

from dataclasses import replace

import pytest

from durward.core.address import Address
from durward.core.api import Api
from durward.core.edge.decide import Decider
from durward.core.edge.decision_record import Stage
from durward.core.edge.facts import CheckRequest
from durward.core.edge.snapshot import Snapshot
from durward.core.openapi.operations import Operation
from durward.core.policy.engine.bundle import Bundle
from durward.core.policy.engine.request import MAX_LISTED
from durward.core.upstream import Upstream
from durward.core.values import ApiId, DecisionId, Instant
from durward.core.wire import Json

OPERATION = Operation("Get", "GET", "/{t}/o/{id}", "o:Get", resource="o/{id}", tenant="{t}")
PUBLIC = Operation("Status", "GET", "/status", "o:Status", public=True)
API = Api(ApiId("o"), "http://api", "s", Upstream((Address("/x.sock"),)), (OPERATION, PUBLIC), {})
DECIDER = Decider(Snapshot(1, "http://issuer", (), (API,)))
TOKEN: dict[str, Json] = {"sub": "ann", "client_id": "cli", "iat": 1_799_999_990, "jti": "t-1"}
GOOD = CheckRequest(
    id=DecisionId("d_1"),
    method="GET",
    path="/acme/o/1?x=1",
    api="o",
    operation="Get",
    claims=TOKEN,
    token_header={"typ": "at+jwt"},
    source="127.0.0.1",
    at=Instant(1_800_000_000_000_000),
)


@pytest.mark.requirement("ZT-6")
def test_without_a_statement_everything_is_denied() -> None:
    outcome = DECIDER.decide(GOOD)
    assert not outcome.allowed
    assert outcome.stage is Stage.POLICY
    assert outcome.resource == "arn:durward:o:s:acme:o/1"


@pytest.mark.parametrize(
    "changed",
    [
        {"api": "other"},
        {"operation": "Status"},
        {"path": "/acme/o"},
        {"method": "PUT"},
    ],
)
def test_envoy_and_we_must_mean_the_same_operation(changed: dict[str, str]) -> None:
    outcome = DECIDER.decide(replace(GOOD, **changed))  # type: ignore[arg-type]
    assert (outcome.allowed, outcome.stage) == (False, Stage.ROUTE)


@pytest.mark.requirement("AS-40")
@pytest.mark.parametrize(
    "changed",
    [
        {"claims": None},
        {"token_header": None},
        {"token_header": {"typ": "JWT"}},
        {"token_header": {"typ": 1}},
        {"claims": {}},
        {"claims": {**TOKEN, "sub": ""}},
        {"claims": {**TOKEN, "sub": ["ann"]}},
        {"claims": {**TOKEN, "client_id": None}},
        {"claims": {**TOKEN, "iat": "now"}},
        {"claims": {**TOKEN, "iat": None}},
        {"claims": {**TOKEN, "jti": ""}},
    ],
)
def test_a_token_that_is_no_access_token_of_somebody_is_refused(
    changed: dict[str, dict[str, str] | None],
) -> None:
    outcome = DECIDER.decide(replace(GOOD, **changed))  # type: ignore[arg-type]
    assert (outcome.allowed, outcome.stage) == (False, Stage.TOKEN)


def test_a_public_operation_needs_no_token_and_is_decided_all_the_same() -> None:
    request = replace(GOOD, path="/status", operation="Status", claims=None, token_header=None)
    assert DECIDER.decide(request).stage is Stage.POLICY


def test_a_path_value_that_cannot_stand_in_a_name_is_refused() -> None:
    assert DECIDER.decide(replace(GOOD, path="/acme/o/a:b")).stage is Stage.RESOURCE


SECONDS = 1_000_000


@pytest.mark.requirement("ZT-7")
@pytest.mark.parametrize(
    ("heartbeat", "stage"),
    [
        (None, Stage.FRESHNESS),
        (GOOD.at - 31 * SECONDS, Stage.FRESHNESS),
        (GOOD.at + 31 * SECONDS, Stage.FRESHNESS),
        (GOOD.at - 29 * SECONDS, Stage.POLICY),
    ],
)
def test_what_must_be_fresh_is_closed_without_contact(heartbeat: int | None, stage: Stage) -> None:
    operation = replace(OPERATION, fresh=True)
    decider = Decider(Snapshot(1, "http://issuer", (), (replace(API, operations=(operation,)),)))
    known = None if heartbeat is None else Instant(heartbeat)
    assert decider.decide(replace(GOOD, heartbeat=known)).stage is stage
    assert DECIDER.decide(replace(GOOD, heartbeat=known)).stage is Stage.POLICY


ALLOW: dict[str, Json] = {"Effect": "Allow", "Action": "o:*", "Resource": "*"}
OTHER: dict[str, Json] = {"Effect": "Allow", "Action": "o:Other", "Resource": "*"}
BUNDLE = Bundle(
    documents={
        "all": {"Version": "2012-10-17", "Statement": {"Sid": "S", **ALLOW}},
        "other": {"Version": "2012-10-17", "Statement": {"Sid": "S", **OTHER}},
        "api": {"Version": "2012-10-17", "Statement": {**OTHER, "Principal": "*"}},
    },
    identity={"role/clerk": ("all",)},
    resources={"o": ("api",)},
)
SNAPSHOT = Snapshot(1, "http://issuer", (), (API,), BUNDLE)
CLERK: dict[str, Json] = {**TOKEN, "roles": ["clerk"], "tenant": "acme"}


@pytest.mark.parametrize(
    ("claims", "allowed"),
    [
        ({"roles": ["clerk"]}, True),
        ({}, False),
        ({"policies": ["all"]}, True),
        ({"policies": ["other"]}, False),
        ({"roles": ["clerk"], "boundary": ["all"]}, True),
        ({"roles": ["clerk"], "boundary": ["other"]}, False),
        ({"roles": ["clerk"], "boundary": ["other", "all"]}, True),
    ],
)
def test_what_restricts_a_person_is_read_from_the_token(
    claims: dict[str, Json], allowed: bool
) -> None:
    """The node knows no person: the same snapshot decides about anybody."""
    found = Decider(SNAPSHOT).decide(replace(GOOD, claims={**TOKEN, "tenant": "acme", **claims}))
    assert (found.allowed, found.stage) == (allowed, Stage.POLICY)


@pytest.mark.parametrize("name", ["ghost", "api"])
@pytest.mark.parametrize("claim", ["policies", "boundary"])
def test_a_name_that_the_node_does_not_have_denies(claim: str, name: str) -> None:
    found = Decider(SNAPSHOT).decide(replace(GOOD, claims={**CLERK, claim: ["all", name]}))
    assert (found.allowed, found.stage, found.status) == (False, Stage.POLICY, 403)
    assert found.reason == f"the token names policy `{name}`, which is not here"


STRANGE: list[Json] = [
    None,
    "all",
    1,
    True,
    {},
    {"all": 1},
    [],
    [1],
    ["all", None],
    [["all"]],
    [""],
]


@pytest.mark.parametrize("value", STRANGE, ids=repr)
@pytest.mark.parametrize("claim", ["policies", "boundary"])
def test_a_claim_that_cannot_be_read_is_never_taken_for_none(claim: str, value: Json) -> None:
    found = Decider(SNAPSHOT).decide(replace(GOOD, claims={**CLERK, claim: value}))
    assert (found.allowed, found.stage) == (False, Stage.TOKEN)
    assert found.reason == f"the claim `{claim}` of the token is not a list of names"


@pytest.mark.parametrize("claim", ["policies", "boundary"])
def test_a_client_has_nothing_of_its_own(claim: str) -> None:
    claims: dict[str, Json] = {**CLERK, "sub": "cli", claim: ["all"]}
    found = Decider(SNAPSHOT).decide(replace(GOOD, claims=claims))
    assert (found.allowed, found.stage) == (False, Stage.TOKEN)


ISSUED = 1_799_999_990


@pytest.mark.parametrize(
    ("since", "allowed"), [(0, True), (ISSUED - 1, True), (ISSUED, True), (ISSUED + 1, False)]
)
def test_a_token_of_before_tokens_named_policies_is_refused_as_an_expired_one(
    since: int, allowed: bool
) -> None:
    decider = Decider(replace(SNAPSHOT, tokens_since=since))
    found = decider.decide(replace(GOOD, claims=CLERK))
    assert found.allowed is allowed
    if not allowed:
        assert (found.stage, found.status) == (Stage.TOKEN, 401)
        assert (
            found.reason == "the token was issued before tokens named the policies of their person"
        )
        challenge = decider.challenge(found)
        assert challenge.startswith('Bearer error="invalid_token"')
        assert 'resource_metadata="http://api/' in challenge


@pytest.mark.parametrize("issued", [None, "now", [ISSUED], True])
def test_a_token_that_tells_no_time_of_issue_is_of_before(issued: Json) -> None:
    decider = Decider(replace(SNAPSHOT, tokens_since=1_000))
    for claims in ({**CLERK, "iat": issued}, {n: v for n, v in CLERK.items() if n != "iat"}):
        found = decider.decide(replace(GOOD, claims=claims))
        assert (found.allowed, found.stage) == (False, Stage.TOKEN)


def test_who_sends_no_token_meets_no_floor() -> None:
    request = replace(GOOD, path="/status", operation="Status", claims=None, token_header=None)
    assert Decider(replace(SNAPSHOT, tokens_since=ISSUED)).decide(request).stage is Stage.POLICY


def scoped(*allowed: str, strict_audit: bool = True) -> Decider:
    """An operation that asks for a scope, and a policy for everybody that allows these actions."""
    operation = replace(OPERATION, scopes=(frozenset({"o:read"}),), strict_audit=strict_audit)
    statement: Json = {"Effect": "Allow", "Action": [*allowed], "Resource": "*"}
    document: Json = {"Version": "2012-10-17", "Statement": [statement]}
    bundle = Bundle(documents={"all": document}, identity={"role/reader": ("all",)})
    api = replace(API, operations=(operation, PUBLIC), scopes={"o:read": "read"})
    return Decider(Snapshot(7, "http://issuer", (), (api,), bundle))


READER = replace(GOOD, claims={**TOKEN, "tenant": "acme", "roles": ["reader"], "scope": "o:read"})


@pytest.mark.requirement("ZT-6")
def test_what_a_statement_allows_passes_and_says_by_which_and_under_which_version() -> None:
    outcome = scoped("o:Get").decide(READER)
    assert (outcome.allowed, outcome.status, outcome.stage) == (True, 200, Stage.POLICY)
    assert outcome.because == ("all/#1",)
    assert (outcome.snapshot, outcome.subject, outcome.client) == (7, "ann", "cli")
    assert not scoped("o:Put").decide(READER).allowed


def test_a_token_without_the_scope_is_told_which_one_would_do() -> None:
    decider = scoped("o:Get")
    refused = decider.decide(replace(READER, claims={**TOKEN, "scope": "other"}))
    assert (refused.allowed, refused.status, refused.stage) == (False, 403, Stage.SCOPE)
    challenge = decider.challenge(refused)
    assert 'error="insufficient_scope", scope="o:read"' in challenge
    assert 'resource_metadata="http://api/.well-known/oauth-protected-resource"' in challenge


def test_a_refusal_that_another_token_would_not_help_asks_for_none() -> None:
    decider = scoped("o:Put")
    denied = decider.decide(READER)
    assert denied.stage is Stage.POLICY
    assert decider.challenge(denied) == ""
    assert decider.challenge(decider.decide(replace(READER, path="/nowhere"))) == ""


def test_a_refusal_is_on_the_disk_before_it_is_answered_and_what_is_allowed_as_declared() -> None:
    lax = scoped("o:Get", strict_audit=False)
    assert lax.is_strict(lax.decide(replace(READER, claims=TOKEN)))
    assert lax.is_strict(lax.decide(replace(READER, path="/nowhere")))
    assert not lax.is_strict(lax.decide(READER))
    strict = scoped("o:Get", strict_audit=True)
    assert strict.is_strict(strict.decide(READER))


def test_a_token_with_a_claim_of_too_many_values_is_refused() -> None:
    many: Json = [str(number) for number in range(MAX_LISTED + 1)]
    outcome = DECIDER.decide(replace(GOOD, claims={**TOKEN, "roles": many}))
    assert outcome.stage is Stage.TOKEN
    assert f"more than {MAX_LISTED} values" in outcome.reason


def test_a_node_that_knows_nothing_refuses_everything() -> None:
    outcome = Decider(Snapshot.nothing()).decide(GOOD)
    assert (outcome.allowed, outcome.stage) == (False, Stage.ROUTE)


def test_of_a_new_snapshot_the_apis_are_told_that_changed() -> None:
    other = replace(API, id=ApiId("p"), audience="http://other")
    former = Snapshot(1, "http://issuer", (), (API, other))
    moved = replace(other, upstream=Upstream((Address("/y.sock"),)))
    fresh = replace(former, apis=(API, moved))
    assert fresh.changed_since(former) == (moved,)
    assert fresh.only_changed(former).apis == (moved,)
    assert former.changed_since(former) == ()
    assert former.only_changed(former).apis == (API,), "one, to ask an Envoy about"
