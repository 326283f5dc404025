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
from durward.core.values import ApiId, DecisionId, Instant
from durward.core.wire import Json

OPERATION = Operation("Get", "GET", "/{t}/o/{id}", "o:Get", resource="o/{id}", tenant="{t}")
PUBLIC = Operation("Status", "GET", "/status", "o:Status", public=True)
API = Api(ApiId("o"), "http://api", "s", Address("/x.sock"), (OPERATION, PUBLIC), {})
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
