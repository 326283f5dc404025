"""The checks of the documentation (`tools/docs.py`): each refuses what it is for."""

from pathlib import Path

import pytest
from tools.docs import leads, missing_members

PAGE = "# Where to add\n\n## A [grant](x.md), `twice`!\n"


@pytest.mark.parametrize(
    ("target", "leads_there"),
    [
        ("page.md", True),
        ("page.md#where-to-add", True),
        ("#a-grant-twice", True),
        ("page.md#where-to-go", False),
        ("other.md", False),
    ],
)
def test_a_link_leads_to_a_heading(tmp_path: Path, target: str, leads_there: bool) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert leads(page, target) is leads_there


def test_a_function_is_in_the_file_that_is_named_before_it() -> None:
    file = "src/durward/core/oauth/redirect.py"
    assert [
        *missing_members(f"`{file}` compares (`is_registered`); see `docs/` (`no_such_name`)")
    ] == [f"`{file}` has no `no_such_name`"]
    assert [*missing_members("without a path (`no_such_name`)")] == []
