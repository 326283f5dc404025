"""The edge refuses, each refusal in its own form and with a decision's id."""

import os
import re
from dataclasses import replace

import pytest
from tests.live import LiveEdge, is_alive, kill, wait_for

from durward.core.address import Address
from durward.core.upstream import Upstream

ORDER = "/v1/acme/orders/1001"
DECISION = re.compile(r"d_[0-9a-f-]{36}\Z")


@pytest.mark.requirement("ZT-1")
@pytest.mark.parametrize("path", ["/", "/elsewhere", "/v1/acme/orders/1001/lines", "/V1/status"])
def test_what_is_not_declared_does_not_exist(edge: LiveEdge, path: str) -> None:
    reply = edge.get(path, authorization=f"Bearer {edge.token()}")
    assert reply.status_code == 404
    assert "www-authenticate" not in reply.headers


@pytest.mark.requirement("ZT-1")
def test_an_undeclared_method_does_not_exist_either(edge: LiveEdge) -> None:
    assert b" 404 " in edge.raw(b"DELETE /v1/acme/orders HTTP/1.1\r\nhost: x\r\n\r\n")


def test_without_a_token_the_answer_says_where_to_get_one(edge: LiveEdge) -> None:
    reply = edge.get(ORDER)
    assert reply.status_code == 401
    metadata = f"{edge.base}/.well-known/oauth-protected-resource"
    assert reply.headers["www-authenticate"] == f'Bearer resource_metadata="{metadata}"'
    assert reply.headers["content-type"] == "application/problem+json"
    assert DECISION.match(reply.headers["durward-decision"])
    assert reply.json()["decision"] == reply.headers["durward-decision"]


@pytest.mark.requirement("AS-73")
def test_the_protected_resource_describes_itself(edge: LiveEdge) -> None:
    document = edge.get("/.well-known/oauth-protected-resource").json()
    assert document["resource"] == edge.base
    assert document["authorization_servers"] == ["http://localhost:9470"]
    assert document["scopes_supported"] == ["orders:read", "orders:write", "reports:read"]


@pytest.mark.requirement("ZT-6")
def test_without_policies_a_valid_token_allows_nothing(own_edge: LiveEdge) -> None:
    assert own_edge.publish(own_edge.snapshot(2, policies=False)).status_code == 200
    reply = own_edge.get(ORDER, authorization=f"Bearer {own_edge.token()}")
    assert reply.status_code == 403
    assert reply.headers["content-type"] == "application/problem+json"
    assert DECISION.match(reply.headers["durward-decision"])
    assert own_edge.get("/v1/status").status_code == 403


@pytest.mark.parametrize(
    ("request_line", "headers", "status"),
    [(b"GET /a%2fb HTTP/1.1", b"", b"400"), (b"GET / HTTP/1.1", b"x: " + b"a" * 20_000, b"431")],
)
def test_what_the_parser_refuses_has_a_decision_too(
    edge: LiveEdge, request_line: bytes, headers: bytes, status: bytes
) -> None:
    answer = edge.raw(request_line + b"\r\nhost: x\r\n" + headers + b"\r\n\r\n")
    assert answer[9:12] == status
    found = re.search(rb"durward-decision: d_(\d{16}-\d+)\r\n", answer)
    assert found is not None
    wait_for(lambda: found[1].decode() in edge.refusals(), within=2)


def test_what_envoy_answers_and_does_not_refuse_is_no_refusal(edge: LiveEdge) -> None:
    edge.get("/.well-known/oauth-protected-resource")
    decision = edge.get(ORDER).headers["durward-decision"]
    wait_for(lambda: decision.removeprefix("d_") in edge.refusals(), within=2)
    assert "oauth-protected-resource" not in edge.refusals()


def test_what_envoy_refuses_by_itself_is_logged_at_once(edge: LiveEdge) -> None:
    decision = edge.get(ORDER).headers["durward-decision"]
    wait_for(lambda: decision.removeprefix("d_") in edge.refusals(), within=2)


@pytest.mark.requirement("ZT-4")
@pytest.mark.requirement("ZT-7")
def test_without_a_decision_point_the_answer_is_503_until_it_is_back(own_edge: LiveEdge) -> None:
    token = own_edge.token()
    kill(own_edge.children()["pdp"])
    reply = own_edge.get(ORDER, authorization=f"Bearer {token}")
    assert reply.status_code == 503
    assert reply.headers["retry-after"] == "1"
    wait_for(lambda: own_edge.get(ORDER, authorization=f"Bearer {token}").status_code == 200)


@pytest.mark.requirement("ZT-7")
def test_what_must_be_fresh_is_closed_when_the_feed_is_silent(own_edge: LiveEdge) -> None:
    snapshot = own_edge.snapshot(2)
    (api,) = snapshot.apis
    operations = (replace(o, fresh=o.id == "GetOrder") for o in api.operations)
    fresh = replace(snapshot, apis=(replace(api, operations=tuple(operations)),))
    assert own_edge.publish(fresh).status_code == 200
    token = f"Bearer {own_edge.token()}"

    def status(path: str) -> int:
        return own_edge.get(path, authorization=token).status_code

    refused = own_edge.get(ORDER, authorization=token)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert '"stage":"freshness"' in own_edge.events()
    assert status("/v1/acme/orders") == 200
    heartbeat = own_edge.folder / "heartbeat"
    heartbeat.touch()
    wait_for(lambda: status(ORDER) == 200, within=5)
    long_ago = heartbeat.stat().st_mtime - 31
    os.utime(heartbeat, (long_ago, long_ago))
    wait_for(lambda: status(ORDER) == 503, within=5)
    assert status("/v1/acme/orders") == 200


def test_envoy_is_started_again_when_it_dies(own_edge: LiveEdge) -> None:
    envoy = own_edge.children()["envoy"]
    kill(envoy)
    wait_for(lambda: own_edge.children().get("envoy", envoy) != envoy)
    wait_for(lambda: b" 401 " in try_raw(own_edge))


def try_raw(edge: LiveEdge) -> bytes:
    try:
        return edge.raw(f"GET {ORDER} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
    except OSError:
        return b""


def test_when_the_agent_is_killed_nothing_is_left_running(own_edge: LiveEdge) -> None:
    children = own_edge.children().values()
    kill(own_edge.agent.pid)
    wait_for(lambda: not any(map(is_alive, children)), within=5)


def test_a_new_snapshot_is_in_force_when_reload_returns(own_edge: LiveEdge) -> None:
    snapshot = own_edge.snapshot(2)
    (api,) = snapshot.apis
    fewer = tuple(operation for operation in api.operations if operation.id != "GetOrder")
    reply = own_edge.publish(replace(snapshot, apis=(replace(api, operations=fewer),)))
    assert (reply.status_code, reply.text) == (200, "2")
    assert own_edge.get(ORDER).status_code == 404
    assert own_edge.get("/v1/acme/orders").status_code == 401


def test_a_long_path_is_a_path(own_edge: LiveEdge) -> None:
    snapshot = own_edge.snapshot(2)
    (api,) = snapshot.apis
    path = f"/v1/{'a-rather-long-word/' * 20}{{id}}"
    operations = (replace(api.operations[0], path=path),)
    reply = own_edge.publish(replace(snapshot, apis=(replace(api, operations=operations),)))
    assert (reply.status_code, reply.text) == (200, "2")
    reached = own_edge.get(path.replace("{id}", "x"))  # the service knows no such path
    assert (reached.status_code, "durward-decision" in reached.headers) == (404, False)
    refused = own_edge.get(path.replace("{id}", ""))
    assert (refused.status_code, "durward-decision" in refused.headers) == (404, True)


def test_a_snapshot_that_cannot_be_read_leaves_the_former_in_force(own_edge: LiveEdge) -> None:
    (own_edge.folder / "snapshot.json").write_bytes(b'{"version":')
    assert own_edge.control("POST", "/reload").status_code == 409
    assert own_edge.get(ORDER).status_code == 401


def test_a_configuration_that_answers_a_canary_otherwise_is_rolled_back(
    own_edge: LiveEdge,
) -> None:
    """Envoy normalises the path, so that its route is never reached, whatever the router says."""
    snapshot = own_edge.snapshot(2)
    (api,) = snapshot.apis
    canary = replace(api.operations[1], id="Canary", path="/v1/./admin")
    reply = own_edge.publish(replace(snapshot, apis=(replace(api, operations=(canary,)),)))
    assert reply.status_code == 409
    assert "was not refused" in reply.text
    assert own_edge.get(ORDER).status_code == 401
    assert own_edge.get("/v1/admin").status_code == 404
    assert b'"version":1' in (own_edge.folder / "snapshot.json").read_bytes()


def test_operations_that_fit_any_path_are_no_trouble_for_the_canaries(own_edge: LiveEdge) -> None:
    """What is undeclared is asked for by a longer path; a guarded one by a path that means it."""
    snapshot = own_edge.snapshot(2)
    (api,) = snapshot.apis
    guarded = api.operations[1]
    any_path = [
        replace(guarded, id=f"Any{count}", path="".join(f"/{{v{n}}}" for n in range(count)))
        for count in range(1, 6)
    ]
    public = replace(guarded, id="Public", path="/canary", public=True, scopes=())
    operations = (*any_path, public)
    reply = own_edge.publish(replace(snapshot, apis=(replace(api, operations=operations),)))
    assert (reply.status_code, reply.text) == (200, "2")
    assert own_edge.get("/.durward/canary").status_code == 401
    assert own_edge.get("/a/b/c/d/e/f").status_code == 404


def test_an_api_does_not_lead_to_a_socket_of_ours(own_edge: LiveEdge) -> None:
    """Envoy's admin interface believes whoever reaches it."""
    snapshot = own_edge.snapshot(2)
    (api,) = snapshot.apis
    for name in ("envoy.sock", "pdp-0.sock", "edge.sock"):
        there = Upstream((Address.parse(f"unix:{own_edge.folder}/{name}"),))
        reply = own_edge.publish(replace(snapshot, apis=(replace(api, upstream=there),)))
        assert (reply.status_code, "address of Durward" in reply.text) == (409, True), reply.text
    assert own_edge.get(ORDER).status_code == 401
