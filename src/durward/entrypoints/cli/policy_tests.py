"""`durward policy test`: run the tests that stand beside policies, and look what they miss."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from durward.core.access import Access, access_changes
from durward.core.configuration.configuration import Configuration, read_configuration
from durward.core.errors import Misconfigured
from durward.core.invariants import Violation, suite_of, violations
from durward.core.policy.analysis.mutants import Mutant, mutants
from durward.core.policy.analysis.suite import Suite
from durward.core.policy.engine.bundle import Bundle
from durward.core.policy.language.source import PolicyError
from durward.core.policy.symbolic.unknown import Unknown
from durward.entrypoints.cli.exit_code import DONE, FOUND
from durward.entrypoints.declarations import TESTS, read_declarations, tests_in
from durward.entrypoints.terminal import progress as show_progress
from durward.entrypoints.terminal import say, say_json

TELL_AFTER_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class SuiteReport:
    """What a run found."""

    tests: int
    failed: tuple[Violation, ...]

    @property
    def passed(self) -> int:
        """How many tests passed; one may fail in several ways."""
        return self.tests - sum(not found.again for found in self.failed)


def run_tests(path: Path, *tests: Path, mutate: bool = False, json: bool = False) -> int:
    """Run the tests of policies. Exit code 1 when a test fails, or a fault goes unnoticed.

    Args:
        path: Declarations: a file or a folder.
        tests: Test files; by default every `*.test.yaml` beside the declarations.
        mutate: Also change the policies by one small fault at a time, and list the faults that no
            test notices.
        json: Print one JSON object.
    """
    configuration = read_configuration(read_declarations(path))
    suites = read_suites(path, tests, configuration)
    report = ran(configuration, suites)
    unnoticed = (
        [str(found) for found in missed(configuration, suites)]
        if mutate and not report.failed
        else []
    )
    if json:
        failed = [{"test": found.test, "how": found.how} for found in report.failed]
        wire = {"tests": report.tests, "passed": report.passed, "failed": failed}
        say_json({**wire, "unnoticed": unnoticed})
    else:
        print_report(report, unnoticed, mutate=mutate)
    return FOUND if report.failed or unnoticed else DONE


def print_report(report: SuiteReport, unnoticed: Sequence[str], *, mutate: bool) -> None:
    """The report for people."""
    for broken in report.failed:
        say(f"failed: {broken}")
    for line in unnoticed:
        say(f"no test notices: {line}")
    noticed = f", {len(unnoticed)} faults unnoticed"
    if report.failed:
        noticed = "; no fault was tried, since tests fail already"
    say(f"{report.passed} of {report.tests} passed{noticed if mutate else ''}")


def read_suites(path: Path, tests: Sequence[Path], configuration: Configuration) -> list[Suite]:
    """The declared suites, or those of the files. Raises Misconfigured."""
    beside = sorted(path.parent.glob(f"*{TESTS}")) if path.is_file() else []
    files = [tests_in(file) for file in tests or beside]
    access = Access(configuration)
    suites = [suite_of(access, file.name, dict(file.body)) for file in files]
    suites = suites or [suite_of(access, name) for name in configuration.tests]
    if not any(suite.cases or suite.never.statements for suite in suites):
        hint = "write `name.test.yaml` beside the declarations"
        raise Misconfigured(str(path), "has no tests of policies", hint=hint)
    return suites


def ran(configuration: Configuration, suites: Sequence[Suite]) -> SuiteReport:
    """Run all tests, and search for requests that must never be allowed."""
    tests = sum(len(suite.cases) + len(suite.never.statements) for suite in suites)
    return SuiteReport(tests, tuple(violations(Access(configuration), suites)))


def missed(configuration: Configuration, suites: Sequence[Suite]) -> Iterator[Mutant]:
    """The faults that change a decision of some principal, and fail no test."""
    tell_progress = fault_counter()
    for mutant in mutants(configuration.bundle.documents):
        tell_progress()
        faulty = replace(configuration, bundle=with_replaced_document(configuration.bundle, mutant))
        try:
            noticed = next(violations(Access(faulty), suites), None)
            if noticed is None and next(
                access_changes(Access(configuration), Access(faulty)), None
            ):
                yield mutant
        except PolicyError:  # it would be refused at load
            continue
        except Unknown:
            yield mutant


def with_replaced_document(bundle: Bundle, mutant: Mutant) -> Bundle:
    """The bundle with one document replaced."""
    return replace(bundle, documents={**bundle.documents, mutant.document: mutant.body})


def fault_counter() -> Callable[[], None]:
    """A function that shows how many faults were tried, once it takes longer than a second."""
    started, count = time.monotonic(), 0

    def tell_progress() -> None:
        nonlocal count
        count += 1
        if time.monotonic() - started > TELL_AFTER_SECONDS:
            show_progress(f"{count} faults tried")

    return tell_progress
