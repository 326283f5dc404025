"""How much of the core its own unit tests run; less than it was is a failure.

What runs a module from elsewhere, in a demo say, tells that something is wrong with it, and not
what. So only `tests/unit` counts here. The figures are in `pyproject.toml`: that of all is
`tool.coverage.report.fail_under`, that of each module `tool.durward.coverage.module`. They go up.
"""

import json
import sys
import tomllib
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).resolve().parent.parent
TOLD = 10
"""So many modules are named where all of them together fell."""


class Summary(TypedDict):
    """Of one module, or of all."""

    percent_covered: float
    missing_lines: int
    missing_branches: int


class Module(TypedDict):
    """What `coverage json` says of a file."""

    summary: Summary
    missing_lines: list[int]


class Report(TypedDict):
    """What `coverage json` writes."""

    totals: Summary
    files: dict[str, Module]


def judged(report: Report, least_of_all: float, least: float) -> list[str]:
    """What is wrong with the figures, a line each."""
    files = report["files"]
    wrong = [
        f"{name}: {percent(module['summary'])}, and {least:g} % is the least of a module; "
        f"not run: {spans(module['missing_lines'])}"
        for name, module in sorted(files.items())
        if module["summary"]["percent_covered"] < least
    ]
    if report["totals"]["percent_covered"] < least_of_all:
        wrong += [
            f"all of the core: {percent(report['totals'])}, and {least_of_all:g} % is the least",
            "most is not run of:",
        ]
        most = sorted(files, key=lambda name: missing(files[name]["summary"]), reverse=True)
        wrong += [f"  {name}: {percent(files[name]['summary'])}" for name in most[:TOLD]]
    return wrong


def percent(summary: Summary) -> str:
    """A figure as it is compared: never rounded up to what it is not."""
    return f"{int(summary['percent_covered'] * 100) / 100:.2f} %"


def missing(summary: Summary) -> int:
    """Lines and branches that nothing ran."""
    return summary["missing_lines"] + summary["missing_branches"]


def spans(lines: list[int]) -> str:
    """Lines as a reader looks them up: `3-5, 9`."""
    found: list[list[int]] = []
    for line in lines:
        if found and found[-1][1] == line - 1:
            found[-1][1] = line
        else:
            found.append([line, line])
    return ", ".join(f"{a}-{b}" if a < b else f"{a}" for a, b in found) or "some branches"


def main(path: str) -> int:
    """Read a report of `coverage json`; say what fell, and where it rose."""
    report: Report = json.loads(Path(path).read_text())
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    least_of_all = float(tool["coverage"]["report"]["fail_under"])
    wrong = judged(report, least_of_all, float(tool["durward"]["coverage"]["module"]))
    for line in wrong:
        print(line)
    if wrong:
        return 1
    print(
        f"unit tests run {percent(report['totals'])} of the core; {least_of_all:g} % is the least"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
