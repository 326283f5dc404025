"""What a node has in force it refuses, keeps and has proven, and says what it has not."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.demo import Demo
from tests.live import wait_for

SUMMARY = "/v1/acme/reports/summary"
REPORTING = "tenant: acme, grants: [client_credentials], apis: [orders], scopes: [reports:read]"
DENY = """
policies:
  no-summaries:
    Version: "2012-10-17"
    Statement: { Effect: %s, Action: "orders:*", Resource: "*" }
roles:
  reporter: { name: Reporter, policies: [reports, no-summaries] }
"""


def roles(listed: str) -> str:
    return f"clients:\n  reporting: {{ {REPORTING}, roles: [{listed}] }}\n"


def token_that_passes(demo: Demo) -> str:
    """One that was issued in a later second than what was revoked."""
    time.sleep(1)
    token = str(demo.token().json()["access_token"])
    assert demo.get(SUMMARY, token).status_code == 200
    return token


def node(demo: Demo) -> dict[str, Any]:
    (found,) = json.loads(demo.run("status", "--json").stdout)["nodes"]
    return dict(found)


def api(demo: Demo, name: str, **operation: object) -> str:
    paths = {f"/{name}": {"get": {"operationId": "GetIt", **operation}}}
    document = {"openapi": "3.1.0", "info": {"title": name, "version": "1"}, "paths": paths}
    (demo.folder / f"{name}.json").write_text(json.dumps(document))
    body = {
        "openapi": f"{name}.json",
        "audience": f"{demo.apis}/{name}",
        "upstream": "127.0.0.1:9",
    }
    return json.dumps({"apis": {name: body}})


@contextmanager
def unwritable(path: Path) -> Iterator[None]:
    """Nothing can be renamed over it: what is written aside cannot be."""
    aside = path.with_suffix(".new")
    aside.mkdir()
    try:
        yield
    finally:
        aside.rmdir()


@pytest.mark.requirement("ZT-10")
def test_whichever_apis_there_are_a_role_that_was_taken_away_is_refused_when_apply_returns(
    demo: Demo,
) -> None:
    """An API that sorts first but was declared last, and one before it that proves nothing."""
    for declared in ("", api(demo, "aa"), api(demo, "a", security=[])):
        if declared:
            assert demo.apply(declared).returncode == 0
        token = token_that_passes(demo)
        done = demo.apply(roles(""))
        assert demo.get(SUMMARY, token).status_code == 401
        assert (done.returncode, "is in force on edge-1" in done.stdout) == (0, True), done
        assert demo.apply(roles("reporter")).returncode == 0
    assert node(demo)["troubles"] == []


@pytest.mark.requirement("ZT-10")
def test_what_is_revoked_and_cannot_be_kept_is_refused_and_not_told_as_done(demo: Demo) -> None:
    """Else a node that starts without the control plane would let it in again."""
    token = token_that_passes(demo)
    with unwritable(demo.folder / "edge" / "revocations.json"):
        done = demo.apply(roles(""), "--wait", "1")
        assert demo.get(SUMMARY, token).status_code == 401
        assert (done.returncode, "edge-1: behind" in done.stdout) == (1, True), done
        assert "lacks: revocations to" in done.stdout
        assert "now: revocations: " in done.stdout
        assert "cannot be written" in done.stdout
        assert node(demo)["standing"] == "behind"
        kept = str(demo.folder / "credentials")
        done = demo.run("clients", "secret", "reporting", "--credentials", kept)
        assert (
            done.returncode,
            "are revoked, but not refused on every node yet" in done.stdout,
        ) == (1, True), done
    wait_for(lambda: node(demo)["standing"] == "in force")
    assert node(demo)["troubles"] == []
    assert demo.apply(roles("reporter")).returncode == 0
    token = token_that_passes(demo)
    assert demo.run("clients", "secret", "reporting", "--credentials", kept).returncode == 0
    assert demo.get(SUMMARY, token).status_code == 401


def test_what_is_applied_and_cannot_be_kept_is_not_told_as_done(demo: Demo) -> None:
    with unwritable(demo.folder / "edge" / "parts.json"):
        done = demo.apply(DENY % "Deny", "--wait", "1")
        assert (done.returncode, "edge-1: behind" in done.stdout) == (1, True), done
        assert "is in force, and not on its disk" in done.stdout
        assert "now: what is in force is not kept" in done.stdout
        done = demo.apply("tenants: { more: {} }", "--wait", "1")
        assert done.returncode == 1, done
    wait_for(lambda: node(demo)["standing"] == "in force")
    done = demo.apply("tenants: { more: {} }")
    version = node(demo)["version"]
    assert (done.returncode, f"version {version} is in force" in done.stdout) == (0, True), done
    assert demo.apply(DENY % "Allow").returncode == 0
