"""`durward policy`, as an author of policies uses it."""

import json
from pathlib import Path

import pytest

from durward.entrypoints.cli.app import run

ORDERS = Path(__file__).parents[2] / "examples" / "orders"
POLICY = """\
Version: 2012-10-17
Statement:
  - Effect: Allow
    Action: orders:GetOrdr
    Resource: arn:durward:orders:*:${durward:TenantId}:order/*
    Condition:
      ForAllValues:StringEquals: { durward:Roles: clerk }
"""


def test_the_example_has_no_findings(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["policy", "lint", str(ORDERS)]) == 0
    assert "3 policies: no findings" in capsys.readouterr().out


def test_a_finding_names_its_place_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(POLICY)
    assert run(["policy", "check", str(file), str(ORDERS)]) == 1
    out = capsys.readouterr().out
    assert f"{file}:4:13: error: `orders:GetOrdr` is not an action of `orders`" in out
    assert "did you mean `orders:GetOrder`?" in out
    assert "for-all-values-unguarded" not in out


def test_a_policy_cannot_speak_to_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.yaml"
    for broken in (
        POLICY.replace("orders:GetOrdr", '"o:\\e[2K\\r\\nforged"'),
        '"a\\e[2K": 1\n' * 2,
    ):
        file.write_text(broken)
        assert run(["policy", "check", str(file), str(ORDERS)]) == 1
        out = capsys.readouterr().out
        assert "\\u001b" in out
        assert all(line.isprintable() for line in out.split("\n"))
        assert "\nforged" not in out


def test_findings_are_told_to_machines_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(POLICY)
    assert run(["policy", "lint", str(file), "--json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)
    assert (finding["check"], finding["line"]) == ("for-all-values-unguarded", 7)
    assert run(["policy", "lint", str(file), "--ignore", "for-all-values-unguarded"]) == 0
    assert run(["policy", "lint", str(file), "--ignore", "nonsense"]) == 2


def test_every_problem_of_an_unreadable_policy_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(POLICY.replace("Allow", "allow").replace("Roles", "Ro les"))
    assert run(["policy", "check", str(file)]) == 1
    out = capsys.readouterr().out
    assert f"{file}:3:13: error: `Effect` is `Allow` or `Deny` [not-a-policy]" in out
    assert f"{file}:7:" in out


def test_what_is_neither_json_nor_yaml_is_a_finding_beside_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only what can be read without it: which names there are, nobody knows now."""
    twice, mine = tmp_path / "twice.yaml", tmp_path / "mine.yaml"
    twice.write_text(POLICY + "    Effect: Deny\n")
    mine.write_text(POLICY.replace("Effect: Allow", "Effect: allow"))
    files = [str(file) for file in (twice, mine, ORDERS)]
    assert run(["policy", "check", *files]) == 1
    out = capsys.readouterr().out
    assert f"{twice}:8:5: error: `Effect` occurs twice [not-a-policy]" in out
    assert f"{mine}:3:13: error: `Effect` is `Allow` or `Deny` [not-a-policy]" in out
    assert "`orders:GetOrdr`" not in out
    assert out.endswith("5 policies: 2 findings\n")
    assert run(["policy", "lint", "--json", *files]) == 1
    assert [found["line"] for found in json.loads(capsys.readouterr().out)] == [8, 3]


def test_without_an_api_it_says_what_was_not_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(POLICY)
    assert run(["policy", "check", str(file)]) == 0
    assert "no API is declared in these files" in capsys.readouterr().out


def test_a_deny_of_somebody_whom_nobody_declared_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.yaml"
    names = ["user/ann", "user/anna", "role/clerk", "role/clrk", "client/desk", "group/no"]
    named = [f"arn:durward:iam::acme:{name}" for name in names]
    statement = {"Effect": "Deny", "Principal": {"Durward": named}, "Action": "orders:GetStatus"}
    file.write_text(json.dumps({"Version": "2012-10-17", "Statement": statement}))
    assert run(["policy", "lint", str(file), str(ORDERS), "--json"]) == 1
    told = [found["message"] for found in json.loads(capsys.readouterr().out)]
    of_acme = "`arn:durward:iam::acme:"
    assert told == [
        f"nobody declared is {of_acme}group/no`",
        f"nobody declared is {of_acme}role/clrk`; did you mean {of_acme}role/clerk`?",
        f"nobody declared is {of_acme}user/anna`; did you mean {of_acme}user/ann`?",
    ]


def test_values_are_compared_with_what_the_same_files_declare(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = {
        "Roles": ["clrk", "clerk"],
        "Scopes": ["orders:raed", "orders:read", "openid", "profile"],
        "Groups": ["nobodys"],
    }
    statement = {
        "Effect": "Deny",
        "Action": "orders:GetOrder",
        "Resource": "arn:durward:orders:*:acme:order/1",
        "Condition": {
            "ForAnyValue:StringEquals": {f"durward:{key}": texts[key] for key in texts},
            "StringEquals": {"durward:ClientId": "durward-cly", "durward:Stage": "demo"},
        },
    }
    file = tmp_path / "p.json"
    file.write_text(json.dumps({"Version": "2012-10-17", "Statement": statement}))
    assert run(["policy", "lint", str(file), "--json"]) == 1
    ids = [found["check"] for found in json.loads(capsys.readouterr().out)]
    assert "impossible-value" not in ids, "nothing is declared"
    assert run(["policy", "lint", str(file), str(ORDERS), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [found["message"] for found in told if found["check"] == "impossible-value"] == [
        "there is no role `clrk`; did you mean `clerk`?",
        "there is no scope `orders:raed`; did you mean `orders:read`?",
        "there is no client `durward-cly`; did you mean `durward-cli`?",
    ]


KEYED = """\
tenants: { acme: {} }
apis:
  files:
    audience: http://127.0.0.1:1/files
    upstream: 127.0.0.1:1
    openapi:
      openapi: 3.1.0
      info: { title: Files, version: "1" }
      paths:
        "/{tenant}/{id}":
          get:
            operationId: GetFile
            x-durward: { action: "files:GetFile", resource: "file/{id}", tenant: "{tenant}" }
            responses: { "200": { description: a file } }
    keys: { durward:ResourceAttr/size: { type: number, always: true } }
policies:
  small:
    Version: "2012-10-17"
    Statement:
      Effect: Allow
      Action: files:GetFile
      Resource: arn:durward:files:*:${durward:TenantId}:file/*
      Condition: { NumericLessThan: { durward:ResourceAttr/size: 10 } }
roles: { reader: { policies: [small] } }
"""


def test_keys_that_a_service_tells_are_declared_with_its_api(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "durward.yaml"
    file.write_text(KEYED)
    assert run(["policy", "lint", str(file)]) == 0
    file.write_text(KEYED.replace("type: number", "type: string"))
    assert run(["policy", "check", str(file)]) == 1
    assert "`durward:ResourceAttr/size`" in capsys.readouterr().out
    file.write_text(KEYED.replace("type: number", "type: colour"))
    assert run(["policy", "check", str(file)]) == 2
    assert "apis/files: Invalid enum value" in capsys.readouterr().err


RISKY = (
    KEYED.replace("ResourceAttr/size: 10", "RiskScore: 10")
    + """clients:
  gateway: { tenant: acme, grants: [client_credentials], authzen_apis: [files] }
"""
)


def test_keys_that_a_gateway_tells_are_there_where_one_is_declared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "durward.yaml"
    file.write_text(RISKY)
    assert run(["policy", "lint", str(file)]) == 0, capsys.readouterr().out
    file.write_text(RISKY.replace("authzen_apis: [files]", "apis: [files]"))
    assert run(["policy", "lint", str(file)]) == 1
    assert "[key-never-present]" in capsys.readouterr().out
    file.write_text(RISKY.replace("authzen_apis: [files]", "authzen_apis: [files], disabled: true"))
    assert run(["policy", "lint", str(file)]) == 1
    assert "[key-never-present]" in capsys.readouterr().out
