"""What `apply` and `keys rotate` say is done is true at the edge when they return, or they say not.

At a size at which nothing came into force once: 600 operations and 700 policies.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from tests.demo import Demo
from tests.depth import takes_long
from tests.live import wait_for

ORDER = "/v1/acme/orders/1001"
SUMMARY = "/v1/acme/reports/summary"
OPERATIONS, POLICIES = 600, 700
DENY = """
policies:
  no-summaries:
    Version: "2012-10-17"
    Statement: { Effect: %s, Action: "orders:*", Resource: "*" }
roles:
  reporter: { name: Reporter, policies: [reports, no-summaries] }
"""


def large() -> str:
    paths = {
        f"/things/n{number}/{{id}}": {"get": {"operationId": f"GetThing{number}"}}
        for number in range(OPERATIONS)
    }
    document = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths}
    statement = {"Effect": "Allow", "Action": "things:Get*", "Resource": "*"}
    policies = {
        f"p{number}": {"Version": "2012-10-17", "Statement": statement}
        for number in range(POLICIES)
    }
    return json.dumps({"paths": document, "policies": policies})


def token_of(demo: Demo) -> str:
    return str(demo.token().json()["access_token"])


@contextmanager
def still(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@takes_long
def test_what_is_large_is_in_force_when_apply_returns_and_so_is_a_deny_after_it(
    demo: Demo,
) -> None:
    made = json.loads(large())
    (demo.folder / "things.json").write_text(json.dumps(made["paths"]))
    api = {
        "openapi": "things.json",
        "audience": f"{demo.apis}/things",
        "upstream": "127.0.0.1:9",
    }
    declared = {"apis": {"things": api}, "policies": made["policies"]}
    done = demo.apply(json.dumps(declared))
    assert (done.returncode, "is in force on edge-1" in done.stdout) == (0, True), done
    reached = demo.get("/things/n599/1", "x.y." + "A" * 86)
    assert reached.status_code == 401, "the last operation is declared at the edge"
    bearer = token_of(demo)
    assert demo.get(SUMMARY, bearer).status_code == 200
    for effect, status in (("Deny", 403), ("Allow", 200), ("Deny", 403), ("Allow", 200)):
        done = demo.apply(DENY % effect)
        assert done.returncode == 0, done
        # The role changed too, and with it everybody who has it.
        assert demo.get(SUMMARY, token_of(demo)).status_code == status, effect
    told = json.loads(demo.run("status", "--json").stdout)
    (node,) = told["nodes"]
    assert (node["id"], node["standing"], node["version"]) == (
        "edge-1",
        "in force",
        told["version"],
    )
    assert demo.run("status").returncode == 0


def test_keys_that_are_rotated_at_once_refuse_the_former_when_it_returns(demo: Demo) -> None:
    before = token_of(demo)
    assert demo.get(SUMMARY, before).status_code == 200
    done = demo.run("keys", "rotate", "--unsafe-now")
    assert (done.returncode, "is in force on edge-1" in done.stdout) == (0, True), done
    assert demo.get(SUMMARY, before).status_code == 401
    assert demo.get(SUMMARY, token_of(demo)).status_code == 200


def test_where_a_node_does_not_follow_it_is_said_by_name(demo: Demo) -> None:
    with still(demo.process("edge")):
        began = time.monotonic()
        done = demo.apply("tenants: { later: {} }", "--wait", "1")
        assert (done.returncode, time.monotonic() - began < 15) == (1, True), done
        assert "is applied, but not in force on every node" in done.stdout
        assert "edge-1: behind" in done.stdout
    wait_for(lambda: demo.run("status").returncode == 0)
    with still(demo.process("edge")):  # twice: who stands still for too long is replaced
        interrupted = start_apply(demo, "tenants: { never: {} }")
        assert interrupted.stderr is not None
        assert interrupted.stderr.readline() == "waiting for edge-1\n"
        interrupted.send_signal(signal.SIGINT)
        told, _ = interrupted.communicate(timeout=20)
        assert (interrupted.returncode, "is applied; `" in told) == (130, True), told
    assert demo.apply("tenants: { soon: {} }", "--no-wait").returncode == 0
    wait_for(lambda: demo.run("status").returncode == 0)
    done = demo.apply("tenants: { later: {} }")  # nothing to change, and that is in force
    assert (done.returncode, "in force" in done.stdout) == (0, True), done


def asked(runtime: Path, path: str) -> httpx2.Response:
    """What the agent of an edge answers."""
    transport = httpx2.HTTPTransport(uds=str(runtime / "edge.sock"))
    with httpx2.Client(transport=transport, timeout=10) as client:
        return client.get(f"http://edge{path}")


def is_ready(runtime: Path) -> bool:
    return (runtime / "edge.sock").exists() and asked(runtime, "/readyz").status_code == 200


def start_apply(demo: Demo, content: str) -> "subprocess.Popen[str]":
    file = demo.folder / "more.durward.yaml"
    file.write_text(content)
    command = [sys.executable, "-m", "durward", "apply", str(file), "--dir", str(demo.folder)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@contextmanager
def edge_with(config: Path) -> Iterator["subprocess.Popen[str]"]:
    """An edge beside the demo's; ended at the end."""
    command = [sys.executable, "-m", "durward", "edge", "--config", str(config)]
    with subprocess.Popen(command, text=True, stderr=subprocess.PIPE) as edge:
        try:
            yield edge
        finally:
            edge.terminate()
            edge.wait(20)


def test_a_second_process_with_the_id_of_a_node_is_closed_until_that_one_is_silent(
    demo: Demo,
) -> None:
    """A folder that is copied to another place is another node: it has to join.

    One that moved is not: what ended in order is taken at its new place at once.
    """
    told = tomllib.loads((demo.folder / "durward.toml").read_text())["edge"]
    state = Path(told["state"])
    copy = demo.folder / "copy"
    copy.mkdir()
    for kept in ("node.json", "parts.json"):
        shutil.copy(state / kept, copy / kept)
    del told["issuer"]
    told |= {"state": str(copy), "runtime": str(copy), "apis": f"127.0.0.1:{demo.port + 15}"}
    lines = [f"{name} = {json.dumps(value)}" for name, value in told.items()]
    (copy / "durward.toml").write_text("\n".join(["[edge]", *lines]))
    config = copy / "durward.toml"
    command = [sys.executable, "-m", "durward", "edge", "join", "--config", str(config), "--anew"]
    with edge_with(config) as second:
        assert second.stderr is not None
        line = second.stderr.readline()
        assert "another process uses the node id `edge-1`" in line
        assert "edge join --anew" in line
        assert line.endswith("closed until this is over\n")
        closed = asked(copy, "/readyz")
        assert (closed.status_code, closed.text[:23]) == (503, "closed: another process")
        beside = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        assert (beside.returncode, "is in use by `edge`" in beside.stderr) == (2, True), beside
        assert second.poll() is None, "it tries again until the other is silent"
    joined = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert joined.stdout == "this node is edge-2\n", joined
    assert "edge-2  behind, version 0" in demo.run("status").stdout
    with edge_with(config):
        wait_for(lambda: "edge-2  in force" in demo.run("status").stdout)
    moved = copy.with_name("moved")
    copy.rename(moved)
    (moved / "edge.sock").unlink()
    config = moved / "durward.toml"
    config.write_text(config.read_text().replace(f'"{copy}"', f'"{moved}"'))
    with edge_with(config):
        wait_for(lambda: is_ready(moved), within=15)
    assert "node left" in demo.run("logs", "--last", "1000").stdout
    assert demo.run("edge", "forget", "edge-2").returncode == 0
    assert demo.run("edge", "forget", "edge-2").returncode == 2
    assert "edge-2" not in demo.run("status").stdout


@takes_long
@pytest.mark.timeout(300)
def test_a_database_that_is_put_back_is_noticed_and_what_is_applied_then_is_in_force(
    own_demo: Demo, tmp_path: Path
) -> None:
    """Back to an older state, and then forward to one that the older never was."""
    demo, folder = own_demo, tmp_path

    def stopped_with(use: str, name: str) -> None:
        demo.run("demo", "stop")
        (database,) = demo.folder.rglob("durward.db")
        if use == "save":
            shutil.copy(database, folder / name)
        else:
            for old in database.parent.glob("durward.db*"):
                old.unlink()
            shutil.copy(folder / name, database)
        started = demo.run("demo", "--base-port", str(demo.port), "--detach")
        assert started.returncode == 0, started

    def version() -> int:
        (node,) = json.loads(demo.run("status", "--json").stdout)["nodes"]
        assert node["standing"] == "in force"
        return int(node["version"])

    stopped_with("save", "older")
    for number in range(3):
        assert demo.apply(f"tenants: {{ t{number}: {{}} }}").returncode == 0
    stopped_with("save", "newer")
    newest = version()
    checkpoint = folder / "checkpoint"
    checkpoint.write_text(demo.run("audit", "checkpoint").stdout)
    stopped_with("put back", "older")
    wait_for(lambda: demo.run("status").returncode == 0)
    assert version() > newest
    assert "database put back" in demo.run("logs", "--last", "1000").stdout
    key = str(next(demo.folder.rglob("audit.pub")))
    verified = demo.run("audit", "verify", "--key", key, "--since", str(checkpoint))
    assert (verified.returncode, "restored`" in verified.stdout) == (1, True), verified
    done = demo.apply(DENY % "Deny")
    assert (done.returncode, demo.get(SUMMARY, token_of(demo)).status_code) == (0, 403), done
    newest = version()
    stopped_with("put back", "newer")
    wait_for(lambda: version() > newest)
    assert json.loads(demo.run("status", "--json").stdout)["epoch"] == 3
    assert demo.get(SUMMARY, token_of(demo)).status_code == 200, "as it was declared there"
    done = demo.apply(DENY % "Deny")
    assert (done.returncode, demo.get(SUMMARY, token_of(demo)).status_code) == (0, 403), done
