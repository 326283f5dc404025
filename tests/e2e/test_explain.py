"""`durward explain` finds every refusal at once, whoever refused."""

import contextlib
import json
import sqlite3
import subprocess
import sys

import httpx2
import pytest
from tests.demo import Demo, live_demo
from tests.live import LiveEdge, kill, wait_for

ORDER = "/v1/acme/orders/1001"
FOREIGN = "/v1/globex/orders/2001"


def explain(edge: LiveEdge, decision: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "durward", "explain", decision, "--dir", str(edge.folder)]
    return subprocess.run(
        [*command, *options], check=False, capture_output=True, text=True, timeout=30
    )


def explained(edge: LiveEdge, decision: str) -> dict[str, object]:
    done = explain(edge, decision, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.requirement("ZT-5")
def test_a_denied_request_is_explained_with_all_that_was_known(edge: LiveEdge) -> None:
    reply = edge.get(FOREIGN, authorization=f"Bearer {edge.token()}")
    assert reply.status_code == 403
    found = explained(edge, reply.headers["durward-decision"])
    assert found["stage"] == "policy"
    assert found["subject"] == "ann"
    assert found["client"] == "cli"
    assert found["tenant"] == "acme"
    assert found["action"] == "orders:GetOrder"
    assert found["resource"] == "arn:durward:orders:test:globex:order/2001"
    assert found["snapshot"] == 1


@pytest.mark.parametrize(
    ("path", "authorization", "stage", "words"),
    [
        ("/elsewhere", None, "route", "no such operation"),
        (ORDER, None, "token", "no access token was sent"),
        (ORDER, "Bearer x", "token", "not one token"),
        (ORDER, "Basic eDp5", "token", "not of the scheme `Bearer`"),
    ],
)
def test_what_envoy_refused_by_itself_is_explained_too(
    edge: LiveEdge, path: str, authorization: str | None, stage: str, words: str
) -> None:
    reply = edge.get(path, **({"authorization": authorization} if authorization else {}))
    found = explained(edge, reply.headers["durward-decision"])
    assert found["stage"] == stage
    assert words in str(found["reason"])


def test_the_node_that_refused_tells_the_path_as_it_was(edge: LiveEdge) -> None:
    decision = edge.get(f"{ORDER}?secret=1").headers["durward-decision"]
    assert explained(edge, decision)["path"] == ORDER


def test_a_path_that_is_too_long_has_a_decision(edge: LiveEdge) -> None:
    reply = edge.get(f"/v1/acme/orders/{'1' * 9000}", authorization=f"Bearer {edge.token()}")
    assert reply.status_code == 414
    assert explained(edge, reply.headers["durward-decision"])["stage"] == "limit"


def test_an_explanation_for_people_names_principal_and_action(edge: LiveEdge) -> None:
    reply = edge.get(FOREIGN, authorization=f"Bearer {edge.token()}")
    told = explain(edge, reply.headers["durward-decision"]).stdout
    assert "deny (403)" in told
    assert "ann of acme, by client cli" in told
    assert "nearest: Allow in `own-orders/OwnTenant` (identity policy)" in told
    assert (
        "(where durward:TenantId `acme`), was `arn:durward:orders:test:globex:order/2001`" in told
    )


def test_an_unknown_or_impossible_id_is_an_error_with_a_hint(edge: LiveEdge) -> None:
    unknown = explain(edge, "d_00000000-0000-4000-8000-000000000000")
    assert unknown.returncode == 2
    assert "hint:" in unknown.stderr
    assert explain(edge, "x").returncode == 2


@pytest.mark.requirement("ZT-5")
def test_what_envoy_refuses_after_an_allow_is_told_with_the_allow(own_edge: LiveEdge) -> None:
    own_edge.api.kill()
    own_edge.api.wait()
    reply = own_edge.get(ORDER, authorization=f"Bearer {own_edge.token()}")
    assert reply.status_code == 503
    decision = reply.headers["durward-decision"]
    found = explained(own_edge, decision)
    assert (found["allowed"], found["status"], found["stage"]) == (False, 503, "service")
    assert (found["after"], found["reason"]) == (decision, "the service cannot be reached")
    earlier = found["earlier"]
    assert isinstance(earlier, dict)
    assert (earlier["id"], earlier["allowed"], earlier["stage"]) == (decision, True, "policy")
    told = explain(own_edge, decision).stdout
    assert f"{decision}-end  deny (503)" in told.splitlines()[0]
    assert f"\n\n{decision}  allow (200)\n" in told
    assert explain(own_edge, f"{decision}-end").stdout == told


@pytest.mark.requirement("ZT-5")
def test_the_allow_and_the_refusal_after_it_are_both_in_the_audit_log(demo: Demo) -> None:
    demo.run("call", "--as", "ann", "GET", ORDER)
    token = json.loads((demo.folder / "tokens.json").read_text())["ann"]["access_token"]
    reply = httpx2.post(
        f"{demo.apis}/v1/acme/orders",
        content=(b"x" * 65_536 for _ in range(20)),  # chunked: the length is known at the end
        headers={"authorization": f"Bearer {token}"},
        trust_env=False,
    )
    assert reply.status_code == 413
    decision = reply.headers["durward-decision"]
    told: dict[str, int] = {}

    def both_are_shipped() -> bool:
        events = map(json.loads, demo.run("logs", "--json").stdout.splitlines())
        told.update({e["id"]: e["facts"].get("status") for e in events})
        return {decision, f"{decision}-end"} <= told.keys()

    wait_for(both_are_shipped, within=10)
    assert (told[decision], told[f"{decision}-end"]) == (200, 413)
    (demo.folder / "edge" / "refusals.jsonl").write_text("")
    for spool in (demo.folder / "edge" / "spool").iterdir():
        spool.write_text("")
    elsewhere = demo.run("explain", decision).stdout
    assert f"{decision}-end  deny (413)" in elsewhere
    assert f"{decision}  allow (200)" in elsewhere


@pytest.mark.requirement("ZT-5")
def test_nothing_that_is_applied_later_changes_an_explanation(demo: Demo) -> None:
    """Not while the node has its records, nor from the log, nor where the node alone has them."""
    demo.run("call", "--as", "ann", "GET", ORDER)
    token = json.loads((demo.folder / "tokens.json").read_text())["ann"]["access_token"]
    decision = demo.get(FOREIGN, token).headers["durward-decision"]
    first = json.loads(demo.run("explain", decision, "--json").stdout)
    (near,) = first["explanation"]["candidates"]
    assert (near["statement"], near["failures"][0]["element"]) == (
        "own-orders/OwnTenant",
        "Resource",
    )
    database = demo.folder / "serve" / "durward.db"
    digest = first["inputs"]["policies"]

    def is_kept() -> bool:
        with contextlib.closing(sqlite3.connect(database)) as store:
            query = "SELECT told_at FROM snapshot_parts WHERE digest = ?"
            row = store.execute(query, (digest,)).fetchone()
        return row is not None and row[0] is not None

    wait_for(is_kept, within=10)
    with contextlib.closing(sqlite3.connect(database)) as store:  # as one that was put back
        store.execute("DELETE FROM snapshot_parts WHERE digest = ?", (digest,))
        store.commit()
    demo.get(FOREIGN, token)
    wait_for(is_kept, within=10)  # the node gave it

    done = demo.apply(
        "policies: { own-orders: { Version: '2012-10-17', Statement: [] } }\n", "--no-wait"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(demo.run("explain", decision, "--json").stdout) == first
    for folder in ("policies", "spool"):
        for file in (demo.folder / "edge" / folder).iterdir():
            file.write_text("")
    assert json.loads(demo.run("explain", decision, "--json").stdout) == first
    back = demo.run("apply", "--version", str(first["snapshot"]))
    assert back.returncode == 0, back.stderr


@pytest.mark.requirement("ZT-5")
def test_a_control_plane_that_is_away_is_told_as_that() -> None:
    with live_demo() as demo:
        kill(demo.process("serve"))
        reply = httpx2.get(f"{demo.issuer}/.well-known/openid-configuration", trust_env=False)
        assert reply.status_code == 503
        told = demo.run("explain", reply.headers["durward-decision"]).stdout
        assert "decided by  service" in told
        assert "because     the control plane cannot be reached" in told
