"""Forged identity: what a client says about itself never decides, and never arrives (ZT-11)."""

import pytest
from tests.live import LiveEdge

FORGED = {
    "durward-claims": '{"sub":"mallory"}',
    "durward-token-header": '{"typ":"at+jwt"}',
    "durward-subject": "mallory",
    "durward-operation": "GetStatus",
    "durward-api": "orders",
    "durward-source": "10.6.6.6",
    "x-forwarded-for": "10.6.6.6",
    "x-request-id": "mallory",
    "x-envoy-original-path": "/v1/status",
    "forwarded": "for=10.6.6.6",
}


@pytest.mark.requirement("ZT-11")
def test_a_forged_identity_replaces_no_token(edge: LiveEdge) -> None:
    assert edge.get("/v1/acme/orders/1001", **FORGED).status_code == 401


@pytest.mark.requirement("ZT-11")
@pytest.mark.parametrize("upper", [False, True])
def test_the_decision_point_never_sees_what_a_client_forged(edge: LiveEdge, *, upper: bool) -> None:
    headers = {name.upper() if upper else name: value for name, value in FORGED.items()}
    token = edge.token()
    reply = edge.get("/v1/acme/reports/summary", authorization=f"Bearer {token}", **headers)
    assert reply.status_code == 403
    decision = reply.headers["durward-decision"]
    (event,) = [line for line in edge.events().splitlines() if decision in line]
    assert "mallory" not in event
    assert "10.6.6.6" not in event
    assert '"source":"127.0.0.1"' in event


@pytest.mark.requirement("ZT-11")
def test_the_client_does_not_choose_the_decision_id(edge: LiveEdge) -> None:
    reply = edge.get("/elsewhere", **{"x-request-id": "mine"})
    assert "mine" not in reply.headers["durward-decision"]
