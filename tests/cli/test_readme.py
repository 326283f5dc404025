"""What the README shows is what the product takes, and what the demo shows."""

import re
import subprocess
import sys
from pathlib import Path

from durward.core.estate.estate import read_estate
from durward.faces.declarations import read_declarations
from durward.faces.demo.place import Place
from durward.faces.demo.words import own_api

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
    estate = read_estate(read_declarations(tmp_path))
    assert estate.apis["my-api"].operations[0].action == "my-api:GetThings"
    assert estate.clients["job"].roles == ("reader",)
    command = [sys.executable, "-m", "durward", "policy", "lint", str(tmp_path)]
    linted = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_the_demo_shows_the_same_file() -> None:
    assert own_api(Place(Path(), 8470)) == shown()
