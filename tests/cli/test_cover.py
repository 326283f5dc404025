"""What the unit tests run of the core is a gate: it names what fell, and does not round up."""

from typing import Any

from tools.cover import Report, judged, spans


def report(total: float, **modules: tuple[float, list[int]]) -> Report:
    def summary(percent: float, missing: int) -> Any:
        return {"percent_covered": percent, "missing_lines": missing, "missing_branches": 0}

    return {
        "totals": summary(total, 0),
        "files": {
            name: {"summary": summary(percent, len(lines)), "missing_lines": lines}
            for name, (percent, lines) in modules.items()
        },
    }


def test_figures_at_their_bounds_are_right() -> None:
    assert judged(report(96, a=(85.0, [3])), 96, 85) == []


def test_a_module_that_fell_is_named_with_the_lines_that_nothing_runs() -> None:
    found = judged(report(99, a=(84.999, [3, 4, 5, 9]), b=(90, [1])), 96, 85)
    assert found == ["a: 84.99 %, and 85 % is the least of a module; not run: 3-5, 9"]


def test_where_all_fell_the_modules_are_named_of_which_most_is_not_run() -> None:
    found = judged(report(95.999, a=(90, [1]), b=(90, [1, 2])), 96, 85)
    assert found[0] == "all of the core: 95.99 %, and 96 % is the least"
    assert [line.strip() for line in found[2:]] == ["b: 90.00 %", "a: 90.00 %"]


def test_a_module_whose_lines_all_run_may_lack_branches() -> None:
    assert spans([]) == "some branches"
