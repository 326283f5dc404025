"""What the README shows is what the product takes, and what the demo shows."""

import re
import subprocess
import sys
from pathlib import Path

from durward.core.configuration.configuration import read_configuration
from durward.entrypoints.declarations import read_declarations
from durward.entrypoints.demo.instance import DemoInstance
from durward.entrypoints.demo.words import own_api

README = Path(__file__).parents[2] / "README.md"


def shown() -> str:
    blocks: list[str] = re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    (only,) = blocks
    return only


def test_the_file_that_protects_ones_own_api_is_accepted_and_has_no_findings(
    tmp_path: Path,
) -> None:
    openapi = re.findall(r"^#   (.*\n)", shown(), re.MULTILINE)
    (tmp_path / "openapi.yaml").write_text("".join(openapi))
    (tmp_path / "my.durward.yaml").write_text(shown())
    configuration = read_configuration(read_declarations(tmp_path))
    assert configuration.apis["my-api"].operations[0].action == "my-api:GetThings"
    assert configuration.clients["job"].roles == ("reader",)
    command = [sys.executable, "-m", "durward", "policy", "lint", str(tmp_path)]
    linted = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_the_demo_shows_the_same_file() -> None:
    assert own_api(DemoInstance(Path(), 8470)) == shown()
