"""`durward policy test` on the demo's own policies."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "orders"


def run_tests(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "durward", "policy", "test", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "orders"
    shutil.copytree(EXAMPLE, folder)
    return folder


def test_the_examples_tests_pass_and_notice_every_fault() -> None:
    done = run_tests(EXAMPLE, "--mutate")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "14 of 14 passed, 0 faults unnoticed\n"


def test_a_policy_that_breaks_its_promise_fails(copy: Path) -> None:
    file = copy / "durward.yaml"
    file.write_text(file.read_text().replace("${durward:TenantId}:order*", "acme:order*"))
    done = run_tests(copy)
    assert done.returncode == 1
    assert "failed: orders: a clerk cancels an order: expected allow" in done.stdout


def test_a_test_cannot_speak_to_a_terminal(copy: Path) -> None:
    asked = "{action: 'orders:CancelOrder', resource: 'arn:durward:orders:demo:globex:order/1'}"
    (copy / "x.test.yaml").write_text(
        "given: { principal: ann }\n"
        f'tests: [{{name: "\\e[2Kx\\nforged", expect: allow, when: {asked}}}]'
    )
    out = run_tests(copy).stdout
    assert "\\u001b[2Kx" in out
    assert "\x1b" not in out
    assert "\nforged" not in out


def test_what_must_never_be_is_shown_by_a_request(copy: Path) -> None:
    file = copy / "orders.test.yaml"
    file.write_text(
        "never: [{Sid: Cancel, Effect: Allow, Action: 'orders:Cancel*', Resource: '*'}]"
    )
    done = run_tests(copy, "--json")
    assert done.returncode == 1
    failed = json.loads(done.stdout)["failed"]
    assert [found["test"] for found in failed] == ["orders: never `Cancel`"] * 2
    assert failed[0]["how"].startswith("user/ann may orders:CancelOrder")
    assert run_tests(copy).stdout.endswith("\n0 of 1 passed\n")


def test_faults_that_no_test_notices_are_told(copy: Path) -> None:
    file = copy / "orders.test.yaml"
    file.write_text(file.read_text().partition("  - name: the nightly report reads no")[0])
    done = run_tests(copy, "--mutate")
    assert done.returncode == 1
    assert "no test notices: anybody-may-see-the-status" in done.stdout


SCOPES = """
given: { principal: ann, scopes: [ordrs:read] }
tests: [{name: x, expect: deny, when: {action: 'orders:GetOrder', resource: '*'}}]
"""


ORDER = "arn:durward:orders:demo:acme:order/1"
ASKED = """
given: { principal: %s }
tests: [{name: x, expect: deny, when: {action: 'orders:%sOrder', resource: '%s'}}]
"""
TOLD = """
given: { principal: ann, context: { %s } }
tests: [{name: x, expect: allow, when: {action: 'orders:GetOrder', resource: '*'}}]
"""


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("never: [{Effect: Allow, Action: 'ordrs:*', Resource: '*'}]", "`ordrs:*`"),
        (
            "tests: [{name: x, expect: deny, when: {action: 'orders:CancelOrdr', resource: '*'}}]",
            "did you mean `orders:CancelOrder`?",
        ),
        (
            SCOPES,
            "did you mean `orders:read`?",
        ),
        (TOLD % "durward:SourceIpp: 10.0.0.1", "did you mean `durward:SourceIp`?"),
        (TOLD % "durward:Roles: [clerk]", "`durward:Roles` comes from the token only"),
        (TOLD % "durward:Amr: pwd", "`durward:Amr` takes several values"),
        (ASKED % ("{subject: x, tenant: acme, roles: [clrk]}", "Get", ORDER), "`clerk`"),
        (ASKED % ("{subject: x, tenant: acmee}", "Get", ORDER), "did you mean `acme`?"),
        (ASKED % ("ann", "Get", "order/1"), "`order/1` is not a resource"),
        (ASKED % ("ann", "Get", ORDER.replace("orders", "ordres")), "unknown API `ordres`"),
        (ASKED % ("ann", "*", ORDER), "a request has one action"),
    ],
)
def test_a_test_of_what_there_is_not_says_nothing_and_is_refused(
    copy: Path, content: str, told: str
) -> None:
    (copy / "orders.test.yaml").write_text(content)
    done = run_tests(copy)
    assert done.returncode == 2
    assert told in done.stderr
    assert "passed" not in done.stdout


def test_without_tests_it_says_where_to_write_them(copy: Path) -> None:
    (copy / "orders.test.yaml").write_text("tests: []")
    assert run_tests(copy).returncode == 2
    (copy / "orders.test.yaml").unlink()
    done = run_tests(copy)
    assert done.returncode == 2
    assert "name.test.yaml" in done.stderr
    told = run_tests(copy, "--json")
    assert json.loads(told.stdout)["error"].endswith("has no tests of policies")


def test_a_test_that_cannot_be_read_is_told_with_its_place(copy: Path) -> None:
    (copy / "orders.test.yaml").write_text("tests: [{name: x}]")
    done = run_tests(copy)
    assert done.returncode == 2
    assert "tests/orders" in done.stderr
    assert "/tests/0/when" in done.stderr
