"""An operator looks at what was published, and goes back to it."""

import json
from typing import Any

from tests.demo import Demo


def versions(demo: Demo) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(demo.run("history", "--json").stdout)["versions"]
    return found


def test_a_change_is_seen_and_taken_back(demo: Demo) -> None:
    before, then = demo.run("export").stdout, versions(demo)[-1]["version"]
    assert demo.apply("tenants: { elsewhere: {} }").returncode == 0
    told = demo.run("history").stdout.splitlines()
    assert told[-1].split()[0] == str(then + 1)
    assert told[-1].endswith("operator  apply: + tenants/elsewhere")
    planned = demo.run("plan", "--version", str(then))
    assert (planned.returncode, planned.stdout) == (1, "- tenants/elsewhere\n")
    back = demo.run("apply", "--version", str(then))
    assert (back.returncode, back.stdout.startswith(f"{planned.stdout}✓ ")) == (0, True), back
    assert demo.run("export").stdout == before
    newest = versions(demo)[-1]
    assert (newest["version"], newest["cause"]) == (then + 2, f"apply of version {then}")


def test_a_version_that_is_not_there_or_named_beside_files_is_no_answer(demo: Demo) -> None:
    missing = demo.run("apply", "--version", "9999")
    assert missing.returncode == 2
    assert "9999 is not kept" in missing.stderr
    assert "durward history` shows those that there are: 1 to" in missing.stderr
    file = demo.folder / "more.durward.yaml"
    file.write_text("tenants: { elsewhere: {} }")
    both = demo.run("apply", str(file), "--version", "1")
    assert both.returncode == 2
    assert "files are given too" in both.stderr
    assert "elsewhere" not in demo.run("export").stdout
