"""What the README shows is what the product takes."""

import re
from pathlib import Path

from durward.core.estate import read_estate
from durward.faces.declarations import read_declarations

README = Path(__file__).parents[2] / "README.md"
OPENAPI = "openapi: 3.1.0\npaths: {/things: {get: {operationId: GetThings}}}\n"


def test_the_file_that_protects_ones_own_api_is_accepted(tmp_path: Path) -> None:
    blocks: list[str] = re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    (shown,) = blocks
    (tmp_path / "openapi.yaml").write_text(OPENAPI)
    (tmp_path / "my.durward.yaml").write_text(shown)
    estate = read_estate(read_declarations(tmp_path))
    assert estate.apis["my-api"].operations[0].action == "my-api:GetThings"
    assert estate.clients["job"].roles == ("reader",)
