"""`durward explain` finds every refusal at once, whoever refused."""

import json
import subprocess
import sys

import pytest
from tests.live import LiveEdge

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
        (ORDER, "Bearer x", "token", "Jwt is not in the form"),
    ],
)
def test_what_envoy_refused_by_itself_is_explained_too(
    edge: LiveEdge, path: str, authorization: str | None, stage: str, words: str
) -> None:
    reply = edge.get(path, **({"authorization": authorization} if authorization else {}))
    found = explained(edge, reply.headers["durward-decision"])
    assert found["stage"] == stage
    assert words in str(found["reason"])


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
        "(where durward:tenantid `acme`), was `arn:durward:orders:test:globex:order/2001`" in told
    )


def test_an_unknown_or_impossible_id_is_an_error_with_a_hint(edge: LiveEdge) -> None:
    unknown = explain(edge, "d_00000000-0000-4000-8000-000000000000")
    assert unknown.returncode == 1
    assert "hint:" in unknown.stderr
    assert explain(edge, "x").returncode == 1
