"""Requirements and their tests: every id known, every MUST called met has a test.

`docs/requirements/*.toml` holds one table per id: text, source, status, controls. Tests carry
`@pytest.mark.requirement("AS-4")`.
"""

import ast
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATUSES = ("met", "divergent", "open", "not applicable")


def main() -> int:
    """Check the matrix; `--print` shows it."""
    requirements = dict(load())
    tests: dict[str, list[str]] = defaultdict(list)
    for requirement, test in marks():
        tests[requirement].append(test)
    problems = [*check(requirements, tests)]
    for line in problems:
        print(line)
    if "--print" in sys.argv:
        for key, entry in requirements.items():
            print(f"{key:8} {entry['status']:15} {len(tests[key]):3} tests  {entry['text']}")
    by_status = {s: sum(e.get("status") == s for e in requirements.values()) for s in STATUSES}
    print(", ".join(f"{count} {status}" for status, count in by_status.items() if count))
    return 1 if problems else 0


def load() -> Iterator[tuple[str, dict[str, object]]]:
    """The requirements in the order of their files."""
    for path in sorted((ROOT / "docs" / "requirements").glob("*.toml")):
        yield from tomllib.loads(path.read_text()).items()


def marks() -> Iterator[tuple[str, str]]:
    """(requirement, test) for every mark, read from the syntax tree: nothing is imported."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr == "requirement":
                for argument in node.args:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        yield argument.value, f"{path.relative_to(ROOT)}:{node.lineno}"


def check(requirements: dict[str, dict[str, object]], tests: dict[str, list[str]]) -> Iterator[str]:
    """What is wrong, a line each."""
    for requirement, places in tests.items():
        if requirement not in requirements:
            yield f"{places[0]}: unknown requirement `{requirement}`"
    for key, entry in requirements.items():
        if not {"text", "source", "status"} <= entry.keys():
            yield f"{key}: needs text, source and status"
        elif entry["status"] not in STATUSES:
            yield f"{key}: status is one of {', '.join(STATUSES)}"
        elif entry["status"] == "met" and not tests.get(key):
            yield f"{key}: called met, and no test carries it"
        elif entry["status"] in {"divergent", "not applicable"} and "why" not in entry:
            yield f"{key}: {entry['status']}: say `why`"


if __name__ == "__main__":
    sys.exit(main())
