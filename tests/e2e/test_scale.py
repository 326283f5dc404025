"""The sizes that are promised (ADR 31), in a whole demo: `./check scale`."""

import json
import time
from pathlib import Path

import pytest
from bench.in_force import OPERATIONS_OF_AN_API, write_apis
from tests.demo import Demo

APIS, POLICIES = 990, 9_900
READY_WITHIN_SECONDS = 30
SUMMARY = "/v1/acme/reports/summary"
DENY = {
    "policies": {
        "no-summaries": {
            "Version": "2012-10-17",
            "Statement": {"Effect": "Deny", "Action": "orders:*", "Resource": "*"},
        }
    },
    "roles": {"reporter": {"name": "Reporter", "policies": ["reports", "no-summaries"]}},
}


def write(folder: Path, name: str, content: object) -> str:
    file = folder / f"{name}.durward.yaml"
    file.write_text(json.dumps(content))
    return str(file)


def many(folder: Path, apis: str) -> str:
    """APIs of twenty operations each, and policies of one line in roles that nobody has."""
    write_apis(folder, APIS, apis)
    policies = {
        f"p{number}": {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Action": f"a{number % APIS}:GetThing{number % OPERATIONS_OF_AN_API}",
                "Resource": "*",
            },
        }
        for number in range(POLICIES)
    }
    roles = {f"r{number}": {"policies": [f"p{number}"]} for number in range(POLICIES)}
    write(folder, "policies", {"policies": policies, "roles": roles})
    return str(folder)


def applied(demo: Demo, file: str) -> float:
    began = time.monotonic()
    done = demo.run("apply", file, "--wait", "120", within=300)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    return time.monotonic() - began


def one_api(apis: str) -> object:
    api = {"openapi": "a0.json", "audience": f"{apis}/a0", "upstream": "127.0.0.1:10"}
    return {"apis": {"a0": api}}


@pytest.mark.timeout(900)
def test_what_is_promised_is_in_force_and_starts_again(own_demo: Demo, tmp_path: Path) -> None:
    token = own_demo.token().json()["access_token"]
    last = f"/a{APIS - 1}/things{OPERATIONS_OF_AN_API - 1}/7"

    def answers() -> list[int]:
        paths = (SUMMARY, last, "/a0/none")
        return [own_demo.get(path, token).status_code for path in paths]

    took = {"all": applied(own_demo, many(tmp_path, own_demo.apis))}
    assert answers() == [200, 401, 404]  # the token is for another audience
    took["an API"] = applied(own_demo, write(tmp_path, "one", one_api(own_demo.apis)))
    took["a policy"] = applied(own_demo, write(tmp_path, "deny", DENY))
    assert answers() == [403, 401, 404]
    assert own_demo.run("demo", "stop").returncode == 0
    began = time.monotonic()
    started = own_demo.run("demo", "--base-port", str(own_demo.port), "--detach", within=120)
    took["a start"] = time.monotonic() - began
    assert started.returncode == 0, started.stdout + started.stderr
    assert answers() == [403, 401, 404]
    print(", ".join(f"{what} {seconds:.1f} s" for what, seconds in took.items()))  # noqa: T201 - its figures
    assert took["a start"] < READY_WITHIN_SECONDS
