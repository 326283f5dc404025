"""Questions of `durward policy` about all requests at once, on the demo's own declarations."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "orders"


def durward(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "durward", "policy", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """The example, in which reports may be read of every tenant's."""
    folder = tmp_path / "new"
    shutil.copytree(EXAMPLE, folder)
    file = folder / "durward.yaml"
    before = "arn:durward:orders:*:${durward:TenantId}:report/*"
    assert before in file.read_text()
    widened = file.read_text().replace(before, "arn:durward:orders:*:*:*")
    file.write_text(widened.replace("Action: orders:GetSummary", "Action: orders:Get*"))
    return folder


def test_everybody_who_can_is_told_with_a_request() -> None:
    done = durward("who-can", "orders:GetOrder", EXAMPLE)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line[0] != " "] == ["user/ann", "user/bob"]
    assert "arn:durward:orders:demo:acme:order/" in done.stdout


def test_everything_that_somebody_can_is_told() -> None:
    found = json.loads(durward("what-can", "reporting", EXAMPLE, "--json").stdout)
    assert set(found) == {"orders:GetSummary", "orders:GetStatus"}


def test_who_asks_without_a_token_is_somebody_too(tmp_path: Path) -> None:
    """Also where a policy of an API allows what nobody who signed in may do."""
    assert durward("what-can", "anonymous", EXAMPLE).stdout.splitlines()[0] == "orders:GetStatus"
    folder = tmp_path / "new"
    shutil.copytree(EXAMPLE, folder)
    file = folder / "durward.yaml"
    text = file.read_text()
    condition = "Condition: { Null: { durward:Subject: 'true' } }"
    assert "Action: orders:GetStatus\n" in text
    changed = text.replace(
        "Action: orders:GetStatus\n", f"Action: orders:GetStatus\n        {condition}\n"
    )
    file.write_text(changed)
    never = tmp_path / "never.yaml"
    statement = {"Effect": "Allow", "Action": "orders:GetStatus", "Resource": "*"}
    never.write_text(json.dumps({"Version": "2012-10-17", "Statement": statement}))
    done = durward("prove", folder, "--never", never)
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "anonymous")


def test_who_is_not_declared_is_told() -> None:
    done = durward("what-can", "eve", EXAMPLE)
    assert done.returncode == 2
    assert "`eve` is not declared" in done.stderr
    assert "user/ann" in done.stderr


def test_a_change_is_told_for_whom_it_matters(changed: Path) -> None:
    done = durward("diff", EXAMPLE, changed)
    assert done.returncode == 1
    assert "client/reporting\n+ allowed anew: orders:GetOrder on arn:durward:orders:demo:acme" in (
        done.stdout
    )
    back = durward("diff", changed, EXAMPLE, "--fail-on", "widen", "--json")
    assert back.returncode == 0
    (difference,) = json.loads(back.stdout)["differences"]
    assert (difference["principal"], difference["gained"]) == ("client/reporting", None)


def test_the_same_is_no_difference() -> None:
    done = durward("diff", EXAMPLE, EXAMPLE)
    assert (done.returncode, done.stdout) == (0, "no difference: both allow the same requests\n")


def test_single_policies_are_compared(tmp_path: Path) -> None:
    for name, resource in (("old", "arn:durward:o:s:t:a/*"), ("new", "arn:durward:o:s:t:*")):
        statement = {"Effect": "Allow", "Action": "o:Get", "Resource": resource}
        policy = {"Version": "2012-10-17", "Statement": statement}
        (tmp_path / f"{name}.json").write_text(json.dumps(policy))
    done = durward("diff", tmp_path / "old.json", tmp_path / "new.json")
    assert done.returncode == 1
    assert done.stdout.startswith("+ allowed anew: o:get on arn:durward:o:s:t:")


OWN = "arn:durward:orders:demo:acme:ordr/1"
NEVER = """
Version: "2012-10-17"
Statement:
  Sid: OthersOrders
  Effect: Allow
  Action: orders:*
  NotResource: ["arn:durward:orders:*:${durward:TenantId}:*", "arn:durward:orders:*::*"]
"""


def test_an_invariant_is_proven_or_broken_by_a_request(tmp_path: Path) -> None:
    never = tmp_path / "never.yaml"
    never.write_text(NEVER)
    proven = durward("prove", EXAMPLE, "--never", never)
    assert proven.returncode == 0, proven.stdout
    assert proven.stdout.startswith("proven")
    never.write_text(
        NEVER.replace("NotResource", "Resource").replace("orders:*\n", "orders:Cancel*\n")
    )
    broken = durward("prove", EXAMPLE, "--never", never)
    assert broken.returncode == 1
    assert "user/ann" in broken.stdout
    assert "orders:CancelOrder" in broken.stdout


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[]", "never.yaml:1:1: "),
        ("Version: 1", "never.yaml:1:10: "),
        ("{", "never.yaml:1:2: expected the node content"),
        ('{"Version": "2012-10-17", "Statement": []}', "nothing to prove"),
    ],
)
def test_what_is_no_policy_is_told_with_its_file(tmp_path: Path, content: str, told: str) -> None:
    never = tmp_path / "never.yaml"
    never.write_text(content)
    done = durward("prove", EXAMPLE, "--never", never)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_misspelled_is_told_and_not_proven(tmp_path: Path) -> None:
    asked = durward("who-can", "orders:GetOrdr", EXAMPLE)
    assert asked.returncode == 2
    assert "did you mean `orders:GetOrder`?" in asked.stderr
    for resource in ("order/1", "arn:durward:ordres:*:acme:order/1", OWN.replace("/", "s/")):
        asked = durward("who-can", "orders:GetOrder", EXAMPLE, "--resource", resource)
        assert (asked.returncode, asked.stdout) == (2, ""), resource
        assert resource in asked.stderr
    never = tmp_path / "never.yaml"
    statement = {"Effect": "Allow", "Action": "orders:GetOrdr", "Resource": "*"}
    never.write_text(json.dumps({"Version": "2012-10-17", "Statement": statement}))
    proven = durward("prove", EXAMPLE, "--never", never)
    assert proven.returncode == 2
    assert "proven" not in proven.stdout
    assert "`orders:GetOrdr`" in proven.stderr


def test_a_single_policy_is_no_declaration(tmp_path: Path) -> None:
    file = tmp_path / "never.yaml"
    file.write_text(NEVER)
    for command in (("who-can", "orders:GetOrder", file), ("diff", EXAMPLE, file)):
        done = durward(*command)
        assert done.returncode == 2
        assert "is a single policy, not declarations" in done.stderr


def test_what_could_not_be_asked_is_told_to_machines_too(tmp_path: Path) -> None:
    done = durward("diff", EXAMPLE, tmp_path / "none", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"] == f"{tmp_path / 'none'}: No such file or directory"


def test_a_request_that_is_shown_can_be_asked_again(tmp_path: Path) -> None:
    """What machines are told is the whole of it: through which client, and lists as lists."""
    never = tmp_path / "never.yaml"
    never.write_text(
        'Version: "2012-10-17"\n'
        'Statement: { Effect: Allow, Action: "orders:Get*", Resource: "*", Condition: {'
        " ForAnyValue:StringEquals: { durward:Amr: otp }, ForAnyValue:StringLike: {"
        ' durward:Amr: "p?d" }, Null: { durward:ClientId: "false" } } }\n'
    )
    proven = durward("prove", EXAMPLE, "--never", never, "--json")
    shown = json.loads(proven.stdout)["user/ann"]
    assert (shown["client"], shown["roles"], shown["groups"]) == ("durward-cli", ["clerk"], [])
    assert {len(each) for each in shown["context"]["durward:Amr"]} == {len("otp")}
    options = [f"--{name}={shown[name]}" for name in ("action", "resource", "client")]
    assert durward("explain", EXAMPLE, "--as", "ann", *options).returncode == 0


def test_a_file_without_an_end_is_not_read_to_it() -> None:
    done = durward("diff", EXAMPLE, "/dev/zero")
    assert done.returncode == 2
    assert done.stderr.startswith("error: /dev/zero: larger than")


def test_what_is_public_is_found_unless_it_is_meant() -> None:
    done = durward("public", EXAMPLE)
    assert done.returncode == 1
    assert done.stdout == "orders:GetStatus\n  resource  arn:durward:orders:demo::\n"
    found = json.loads(durward("public", EXAMPLE, "--json").stdout)
    assert found["orders:GetStatus"]["principal"] is None
    meant = durward("public", EXAMPLE, "--ignore", "orders:getst*")
    assert (meant.returncode, meant.stdout) == (
        0,
        "no other operation is allowed without signing in\n",
    )
    assert durward("public", EXAMPLE, "--ignore", "orders:GetStatus", "--json").stdout == "{}\n"
    misspelled = durward("public", EXAMPLE, "--ignore", "orders:GetStats")
    assert misspelled.returncode == 2
    assert "did you mean `orders:GetStatus`?" in misspelled.stderr


def test_what_is_opened_is_public(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    shutil.copytree(EXAMPLE, folder)
    file = folder / "durward.yaml"
    file.write_text(file.read_text().replace("Action: orders:GetStatus", "Action: orders:*"))
    assert durward("public", folder, "--ignore", "orders:GetStatus").returncode == 0
    described = folder / "openapi.yaml"
    closed = "security:\n        - durward: [reports:read]\n"
    assert closed in described.read_text()
    described.write_text(described.read_text().replace(closed, "security: []\n"))
    done = durward("public", folder, "--ignore", "orders:GetStatus")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == "orders:GetSummary"


def test_two_that_allow_the_same_are_equivalent_however_they_are_written(tmp_path: Path) -> None:
    done = durward("equivalent", EXAMPLE, EXAMPLE)
    assert (done.returncode, done.stdout) == (
        0,
        "equivalent: both allow the same requests\n",
    )
    written: dict[str, list[Any]] = {
        "one": [["a:Get", "a:Put"]],
        "two": ["a:Get", "a:Put", "a:Get"],
        "three": ["a:Get"],
    }
    for name, actions in written.items():
        listed = [{"Effect": "Allow", "Action": each, "Resource": "*"} for each in actions]
        policy = {"Version": "2012-10-17", "Statement": listed}
        (tmp_path / f"{name}.json").write_text(json.dumps(policy))
    one, two, three = (tmp_path / f"{name}.json" for name in written)
    assert durward("equivalent", one, two).returncode == 0
    assert json.loads(durward("equivalent", one, two, "--json").stdout)["equivalent"] is True
    differ = durward("equivalent", one, three)
    assert differ.returncode == 1
    assert differ.stdout.startswith("not equivalent\n- only the old one allows: a:put on ")
    assert "only the new" not in differ.stdout
    assert durward("redundant", two).stdout == "`two/#3` is redundant\n"


def test_what_each_alone_allows_is_shown(changed: Path) -> None:
    file = changed / "durward.yaml"
    file.write_text(file.read_text().replace(", orders:CancelOrder]", "]"))
    done = durward("equivalent", EXAMPLE, changed)
    assert done.returncode == 1
    assert (
        "- only the old one allows: user/ann may orders:CancelOrder on arn:durward:" in done.stdout
    )
    assert "+ only the new one allows: client/reporting may orders:GetOrder on arn:" in done.stdout
    told = json.loads(durward("equivalent", EXAMPLE, changed, "--json").stdout)
    assert told["equivalent"] is False
    alone = told["allowed_by_one_alone"]
    assert alone["old"]["principal"] == "user/ann"
    assert alone["old"]["request"]["action"] == "orders:CancelOrder"
    assert alone["new"]["principal"] == "client/reporting"


SPARE = """
  orders-again:
    Version: "2012-10-17"
    Statement:
      - Sid: Again
        Effect: Allow
        Action: orders:GetOrder
        Resource: arn:durward:orders:*:${durward:TenantId}:order/*
  spare:
    Version: "2012-10-17"
    Statement: { Effect: Allow, Action: "orders:GetOrder", Resource: "*" }
roles:
"""


def test_statements_without_which_nothing_changes_are_found(tmp_path: Path) -> None:
    done = durward("redundant", EXAMPLE)
    assert (done.returncode, done.stdout) == (0, "no statement is redundant\n")
    folder = tmp_path / "new"
    shutil.copytree(EXAMPLE, folder)
    file = folder / "durward.yaml"
    text = file.read_text().replace("\nroles:\n", SPARE)
    file.write_text(text.replace("policies: [own-orders]", "policies: [own-orders, orders-again]"))
    done = durward("redundant", folder)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "`orders-again/Again` is redundant",
        "`spare` was not checked: it applies to no declared principal",
    ]
    wire = json.loads(durward("redundant", folder, "--json").stdout)
    assert wire == {"redundant": ["orders-again/Again"], "undecided": {}, "not_asked": ["spare"]}


OPEN = {"StringLike": {"app:X": "*T13:00"}, "DateEquals": {"app:X": "2024-06-01T12:00:00Z"}}


def test_what_cannot_be_settled_is_no_no(tmp_path: Path) -> None:
    """Neither a proof nor an equivalence, and what was found beside it stands."""
    sure = {"Effect": "Allow", "Action": "a:Get", "Resource": "arn:durward:a:s:t:x/*"}
    left_open = {**sure, "Action": "a:Put", "Condition": OPEN}
    listed: dict[str, list[Any]] = {"none": [], "open": [left_open], "sure": [sure]}
    for name, statements in listed.items():
        policy = {"Version": "2012-10-17", "Statement": [DENIED, *statements]}
        (tmp_path / f"{name}.json").write_text(json.dumps(policy))
    none, open_one, other = (tmp_path / f"{name}.json" for name in ("none", "open", "sure"))
    for command in (
        ("equivalent", none, open_one),
        ("diff", none, open_one),
        ("diff", none, open_one, "--json"),
        ("equivalent", open_one, none, "--json"),
    ):
        done = durward(*command)
        assert done.returncode == 2
        told = json.loads(done.stdout)["error"] if "--json" in command else done.stdout
        assert told == ("" if "--json" not in command else done.stderr[len("error: ") : -1])
        assert (
            "the question cannot be decided: conditions of several kinds on `app:x`; compare"
            in done.stderr
        )
    for question in ("equivalent", "diff"):
        done = durward(question, open_one, other)
        assert done.returncode == 1
        assert "a:get on arn:durward:a:s:t:x/" in done.stdout
        assert "there may be more; that cannot be decided" in done.stderr
    asked = durward("redundant", open_one)
    assert asked.returncode == 2
    assert "`open/#2`: cannot be decided: conditions of several kinds" in asked.stdout


DENIED = {"Effect": "Deny", "Action": "a:Never", "Resource": "*"}
