"""What services import to decide for themselves, as its page shows it."""

import re
from pathlib import Path
from typing import Any

from durward.core.values import Instant
from durward.sdk import policy

PAGE = Path(__file__).parents[3] / "docs" / "service-decisions.md"


def test_the_page_shows_what_happens() -> None:
    code, told = re.findall(r"```(?:python|text)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own page
    assert names["allowed"]
    assert names["actions"] == {"orders:GetOrder", "orders:CancelOrder"}
    assert names["kept_until"] == Instant(names["now"] + 200_000_000)
    assert "\n".join(names["why"]) == told.strip("\n")


def test_the_page_names_every_function_that_services_call() -> None:
    page = PAGE.read_text()
    public = {name for name in dir(policy.PolicySet) if not name.startswith("_")}
    for name in public & {"evaluate", "recall", "evaluate_many", "what_can", "keys_read"}:
        assert f"`{name}(" in page
    for name in ("explain", "valid_until"):
        assert f"`{name}(" in page
        assert name in policy.__all__
