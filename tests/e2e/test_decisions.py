"""An enforcement point of somebody else asks for decisions, through the real edge."""

import json
from typing import Any

import httpx2
import pytest
from tests.demo import Demo
from tests.live import wait_for

QUESTION = {
    "subject": {"type": "user", "id": "ann"},
    "action": {"name": "orders:GetOrder"},
    "resource": {"type": "order", "id": "1001", "properties": {"tenant": "acme"}},
}
BOB = {**QUESTION, "subject": {"type": "user", "id": "bob"}}


def ask(kept_demo: Demo, question: object, path: str = "evaluation") -> dict[str, object]:
    done = kept_demo.run(
        *("call", "--as", "gateway", "POST", f"/access/v1/{path}", "--data", json.dumps(question))
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, object] = json.loads(done.stdout.partition("\n\n")[2])
    return found


@pytest.mark.requirement("ZT-5")
def test_a_gateway_asks_and_the_denial_is_explained_at_once(kept_demo: Demo) -> None:
    assert ask(kept_demo, QUESTION)["decision"] is True
    denied = ask(kept_demo, BOB)
    assert denied["decision"] is False
    context = denied["context"]
    assert isinstance(context, dict)
    told = kept_demo.run("explain", str(context["id"])).stdout
    assert "principal   bob of globex\n" in told
    assert "asked by    gateway\n" in told
    assert "own-orders/OwnTenant" in told


def test_what_the_edge_decides_and_what_is_asked_agree(kept_demo: Demo) -> None:
    for name, allowed in (("ann", True), ("bob", False)):
        called = kept_demo.run("call", "--as", name, "GET", "/v1/acme/orders/1001")
        assert (called.returncode == 0) is allowed
        asked = {**QUESTION, "subject": {"type": "user", "id": name}}
        assert ask(kept_demo, asked)["decision"] is allowed


def test_a_gateway_searches(kept_demo: Demo) -> None:
    assert ask(kept_demo, QUESTION, "search/subject")["results"] == [{"type": "user", "id": "ann"}]
    assert {"name": "GetOrder"} in list(ask(kept_demo, QUESTION, "search/action")["results"])  # type: ignore[call-overload]


def test_what_is_said_of_the_decision_point_is_public_and_the_request_has_its_id(
    kept_demo: Demo,
) -> None:
    found = httpx2.get(
        f"{kept_demo.issuer}/.well-known/authzen-configuration", trust_env=False
    ).json()
    assert found["policy_decision_point"] == kept_demo.issuer
    endpoint = found["access_evaluation_endpoint"]
    headers = {"x-request-id": "mine-1", "request-id-of-client": "forged"}
    reply = httpx2.post(endpoint, json=QUESTION, headers=headers, trust_env=False)
    assert reply.status_code == 401
    assert reply.headers["x-request-id"] == "mine-1"
    reply = httpx2.post(
        endpoint, json=QUESTION, headers={"request-id-of-client": "forged"}, trust_env=False
    )
    assert reply.headers.get("x-request-id") != "forged"


def test_the_published_document_is_an_inventory_of_our_own_kind(kept_demo: Demo) -> None:
    document = httpx2.get(f"{kept_demo.issuer}/access/v1/openapi.json", trust_env=False).json()
    file = kept_demo.folder / "decisions.json"
    file.write_text(json.dumps(document))
    named = set(document["components"]["schemas"])
    wanted = set(json.dumps(document).split('"#/components/schemas/')[1:])
    assert {one.partition('"')[0] for one in wanted} <= named
    assert len(document["paths"]) == 5


def test_the_canaries_of_a_node_do_not_fill_the_log(kept_demo: Demo) -> None:
    """They prove each change; the log has what somebody asked."""

    def decisions() -> list[dict[str, Any]]:
        done = kept_demo.run("logs", "--json", "--last", "1000")
        events = [json.loads(line) for line in done.stdout.splitlines()]
        return [event["facts"] for event in events if event["kind"] == "decision"]

    kept_demo.run("call", "GET", "/nothing/is/here")
    wait_for(lambda: any(one["path"] == "/nothing/is/here" for one in decisions()))
    refusals = (kept_demo.folder / "edge" / "refusals.jsonl").read_text()
    assert "/.durward/canary" in refusals
    assert "durward:" in refusals
    for one in decisions():
        assert "/.durward" not in one["path"]
        assert not one.get("subject", "").startswith("durward:")
