"""The commands that need nothing running."""

import json
import subprocess
import sys

import pytest

from durward import __version__


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
        "error: `there`: more than the command takes\nhint: durward policy who-can --help\n"
    )


def test_help_names_every_command() -> None:
    done = durward("--help")
    assert done.returncode == 0
    for command in ("version", "doctor"):
        assert f" {command} " in done.stdout
