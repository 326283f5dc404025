"""What restricts a person is in the token: nobody gets rid of it (ADR 24)."""

import time
from collections.abc import Iterator
from dataclasses import replace

import httpx2
import pytest
from tests.live import LiveEdge

from durward.core.wire import Json

ORDER = "/v1/acme/orders/1001"


def ask(edge: LiveEdge, **claims: Json) -> httpx2.Response:
    return edge.get(ORDER, authorization=f"Bearer {edge.token(claims=claims)}")


def test_a_person_with_a_boundary_keeps_it_at_a_node_without_the_newest_policies(
    edge: LiveEdge,
) -> None:
    """The boundary was declared after the node last heard of policies: it is denied, not lost."""
    assert ask(edge, boundary=["own-orders"]).status_code == 200
    assert ask(edge, boundary=["reports"]).status_code == 403
    alone: list[Json] = ["declared-since"]
    for newest in (alone, ["own-orders", *alone]):
        assert ask(edge, boundary=newest).status_code == 403
        assert ask(edge, policies=newest).status_code == 403


def test_what_a_person_has_of_their_own_is_theirs_without_a_role(edge: LiveEdge) -> None:
    assert ask(edge, roles=[]).status_code == 403
    assert ask(edge, roles=[], policies=["own-orders"]).status_code == 200
    assert ask(edge, roles=[], policies=["anybody-may-see-the-status"]).status_code == 403


@pytest.mark.parametrize("claim", ["policies", "boundary"])
@pytest.mark.parametrize(
    "value",
    ["own-orders", "", 1, True, {}, {"own-orders": True}, [], [1], ["own-orders", {}], [""]],
    ids=repr,
)
def test_a_claim_of_any_other_shape_opens_nothing(edge: LiveEdge, claim: str, value: Json) -> None:
    assert ask(edge, **{claim: value}).status_code == 403


def test_a_client_is_nobody_with_policies_of_a_person(edge: LiveEdge) -> None:
    assert ask(edge, sub="cli").status_code == 200
    assert ask(edge, sub="cli", policies=["own-orders"]).status_code == 403


@pytest.fixture
def floor(edge: LiveEdge) -> Iterator[int]:
    """The second from which on the edge takes tokens, for one test."""
    since = int(time.time()) - 5  # noqa: TID251 - the test plays the issuer
    as_it_was = edge.snapshot(1)
    assert edge.publish(replace(as_it_was, tokens_since=since)).status_code == 200
    yield since
    assert edge.publish(as_it_was).status_code == 200


def test_a_token_of_before_tokens_named_a_boundary_is_refused_as_expired(
    edge: LiveEdge, floor: int
) -> None:
    assert ask(edge, iat=floor).status_code == 200
    refused = ask(edge, iat=floor - 1)
    assert refused.status_code == 401
    assert refused.json()["title"] == "the access token expired"
    assert refused.headers["www-authenticate"].startswith('Bearer error="invalid_token"')
    assert refused.headers["durward-decision"] == refused.json()["decision"]
    assert "before tokens named the policies of their person" in edge.events()


def test_the_same_edge_takes_that_token_where_there_is_no_floor(edge: LiveEdge) -> None:
    assert ask(edge, iat=int(time.time()) - 30).status_code == 200  # noqa: TID251
