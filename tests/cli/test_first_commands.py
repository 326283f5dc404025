"""The commands that need nothing running."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from durward import __version__
from durward.entrypoints.cli.app import run
from durward.entrypoints.cli.exit_code import DONE
from durward.entrypoints.command import with_script_name

CHECKOUT = Path(__file__).parents[2]


def durward(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "durward", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def test_version_tells_what_runs() -> None:
    done = durward("version", "--json")
    assert json.loads(done.stdout)["durward"] == __version__
    assert durward("--version").stdout.strip() == __version__


def test_doctor_finds_a_working_envoy() -> None:
    findings = [json.loads(line) for line in durward("doctor", "--json").stdout.splitlines()]
    (envoy,) = [finding for finding in findings if finding["what"] == "envoy"]
    assert envoy["ok"] is True
    assert "RELEASE" in envoy["detail"]


@pytest.mark.parametrize("arguments", [["vresion"], ["version", "--jsn"]])
def test_a_wrong_call_is_explained_on_standard_error_with_exit_code_2(arguments: list[str]) -> None:
    done = durward(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "hint: " in done.stderr


def test_the_hint_names_the_command_that_was_called_wrongly() -> None:
    done = durward("policy", "who-can", "a:B", "here", "there")
    assert done.returncode == 2
    assert done.stderr == (
        "error: unexpected arguments: `there`\nhint: ./durward policy who-can --help\n"
    )


@pytest.mark.parametrize("inside", [True, False])
def test_hints_name_commands_as_they_can_be_typed(tmp_path: Path, *, inside: bool) -> None:
    command = [sys.executable, "-m", "durward", "policy", "lint"]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=None if inside else tmp_path
    )
    script = "./durward" if inside else shlex.quote(str(CHECKOUT / "durward"))
    assert done.stderr.endswith(f"hint: {script} policy lint orders.durward.yaml\n")


def test_commands_in_backquotes_are_hinted_as_they_can_be_typed() -> None:
    assert with_script_name("`durward policy test` runs") == "`./durward policy test` runs"
    assert with_script_name("durward export") == "./durward export"
    assert with_script_name("a durward demo, durward-cli, `durward`") == (
        "a durward demo, durward-cli, `durward`"
    )


def test_help_of_a_command_says_what_its_exit_code_means() -> None:
    assert "Exit code 1 when there is a change." in durward("plan", "--help").stdout
    assert (
        "Exit code 1 when the status of the response is 400 or more."
        in durward("call", "--help").stdout
    )


@pytest.mark.parametrize("command", [["people", "add"], ["protect"], ["restored"]])
def test_the_help_shows_only_defaults_that_say_something(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run([*command, "--help"]) == DONE
    text = capsys.readouterr().out
    assert set(re.findall(r"\[default: (.*?)\]", text)) <= {".durward/demo", "."}
    assert "[default: .durward/demo]" in text


def test_a_switch_has_one_name() -> None:
    text = durward("apply", "--help").stdout
    assert "--no-wait " in text
    assert "--no-no-wait" not in text
    assert "--no-prune" not in text


def test_explain_says_where_ids_of_decisions_are_found(tmp_path: Path) -> None:
    settings = f'[edge]\napis = "127.0.0.1:1"\nruntime = "{tmp_path}"\nstate = "{tmp_path}"\n'
    (tmp_path / "durward.toml").write_text(settings)
    done = durward("explain", "nonsense", "--dir", str(tmp_path))
    assert done.stderr.startswith("error: nonsense: not a decision id\nhint: `./durward logs` ")


def test_help_names_every_command() -> None:
    done = durward("--help")
    assert done.returncode == 0
    for command in ("version", "doctor"):
        assert f" {command} " in done.stdout
