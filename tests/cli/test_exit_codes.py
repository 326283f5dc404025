"""Exit codes: what was found is told apart from that there is no answer."""

import re
from pathlib import Path

import pytest

from durward.entrypoints.cli.app import run
from durward.entrypoints.cli.exit_code import DONE, FAILED, FOUND, IN_SHORT, INTERRUPTED

ROOT = Path(__file__).parents[2]
EXAMPLE = str(ROOT / "examples" / "orders")
NEVER = """
Version: "2012-10-17"
Statement: { Effect: Allow, Action: "orders:Cancel*", Resource: "*" }
"""
EMPTY = """
Version: "2012-10-17"
Statement: { Effect: Deny, Action: "orders:Cancel*", Resource: "*" }
"""
TWICE = """
Version: "2012-10-17"
Statement:
  - { Effect: Allow, Action: "*", Resource: "*" }
  - { Effect: Allow, Action: "*", Resource: "*" }
"""
FAILS = """
tests:
  - name: x
    expect: allow
    when: { action: "orders:GetOrder", resource: "arn:durward:orders:demo:acme:order/1" }
"""
ASKED = ["--action", "orders:GetOrder", "--resource", "arn:durward:orders:demo:globex:order/1"]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Policies, tests, and what cannot be read."""
    written = {"forbidden": NEVER, "empty": EMPTY, "twice": TWICE, "fails": FAILS, "broken": "{"}
    for name, content in written.items():
        (tmp_path / f"{name}.yaml").write_text(content)
    return {
        "example": EXAMPLE,
        "missing": str(tmp_path / "missing.yaml"),
        **{name: str(tmp_path / f"{name}.yaml") for name in written},
    }


GATES = [
    ("policy lint twice", FOUND),
    ("policy lint example", DONE),
    ("policy lint missing", FAILED),
    ("policy check broken", FOUND),
    ("policy lint example --ignore nonsense", FAILED),
    ("policy test example", DONE),
    ("policy test example fails", FOUND),
    ("policy test example missing", FAILED),
    ("policy explain example --as ann", FOUND),
    ("policy explain example --as eve", FAILED),
    ("policy explain missing --as ann", FAILED),
    ("policy diff empty twice", FOUND),
    ("policy diff empty twice --fail-on never", DONE),
    ("policy diff empty missing", FAILED),
    ("policy diff broken twice", FAILED),
    ("policy equivalent empty twice", FOUND),
    ("policy equivalent twice twice", DONE),
    ("policy equivalent missing twice", FAILED),
    ("policy public example", FOUND),
    ("policy public missing", FAILED),
    ("policy prove example --never forbidden", FOUND),
    ("policy prove example --never missing", FAILED),
    ("policy prove example", FAILED),
    ("policy redundant twice", FOUND),
    ("policy redundant example", DONE),
    ("policy redundant broken", FAILED),
    ("policy who-can nonsense example", FAILED),
    ("policy nonsense", FAILED),
    ("plan missing", FAILED),
    ("demo status --dir missing", FOUND),
]


@pytest.mark.parametrize(("call", "code"), GATES)
def test_a_gate_tells_what_it_found_from_what_it_could_not_look_at(
    files: dict[str, str], capsys: pytest.CaptureFixture[str], call: str, code: int
) -> None:
    words = [files.get(word, word) for word in call.split()]
    if call.startswith("policy explain"):
        words += ASKED
    assert run(words) == code
    told = capsys.readouterr()
    assert (told.err.startswith("error: ")) is (code == FAILED), told
    assert "Traceback" not in told.err


def test_a_fault_of_durward_itself_is_no_finding(capsys: pytest.CaptureFixture[str]) -> None:
    """No file system takes this name, and nobody thought of it."""
    assert run(["policy", "lint", "\0"]) == FAILED
    assert "ValueError" in capsys.readouterr().err


def test_the_codes_are_in_the_help_and_in_the_docs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == DONE
    assert IN_SHORT in capsys.readouterr().out
    assert run(["policy", "--help"]) == DONE
    assert "Exit code 2 means no answer" in " ".join(capsys.readouterr().out.split())
    page = (ROOT / "docs" / "policy-checks.md").read_text().partition("## Exit codes")[2]
    codes = [int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)]
    assert codes == [DONE, FOUND, FAILED, INTERRUPTED]
