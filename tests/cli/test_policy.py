"""`durward policy`, as an author of policies uses it."""

import json
from pathlib import Path

import pytest

from durward.faces.cli.app import run

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


def test_findings_are_told_to_machines_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(POLICY)
    assert run(["policy", "lint", str(file), "--json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)
    assert (finding["check"], finding["line"]) == ("for-all-values-unguarded", 7)
    assert run(["policy", "lint", str(file), "--ignore", "for-all-values-unguarded"]) == 0
    assert run(["policy", "lint", str(file), "--ignore", "nonsense"]) == 1


def test_every_problem_of_an_unreadable_policy_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(POLICY.replace("Allow", "allow").replace("Roles", "Ro les"))
    assert run(["policy", "check", str(file)]) == 1
    out = capsys.readouterr().out
    assert f"{file}:3:13: error: `Effect` is `Allow` or `Deny` [not-a-policy]" in out
    assert f"{file}:7:" in out
