"""`durward policy test`: run the tests that stand beside policies, and look what they miss."""

import json as jsonlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from durward.core.access import Access, changes
from durward.core.edge.decide import scopes_of
from durward.core.errors import Misconfigured
from durward.core.estate import Estate, read_estate
from durward.core.policy.bundle import Bundle, compile_bundle
from durward.core.policy.mutants import Mutant, mutants
from durward.core.policy.predicate import Some, compile_statement
from durward.core.policy.request import Principal
from durward.core.policy.solver.undecided import Undecided
from durward.core.policy.source import PolicyError
from durward.core.policy.suite import Suite, read_suite, run
from durward.faces.declarations import read, read_declarations

FINDINGS = 1
TELL_AFTER_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Report:
    """What a run found."""

    tests: int
    failed: tuple[str, ...]


def run_tests(path: Path, *tests: Path, mutate: bool = False, json: bool = False) -> int:
    """Run the tests of policies; exit code 1 when one fails, or a fault goes unnoticed.

    Args:
        path: Declarations: a file or a folder.
        tests: Files of tests; by default every `*.test.yaml` beside the declarations.
        mutate: Also put one small fault after the other into the policies, and tell which of them
            no test notices.
        json: Print one JSON object.
    """
    estate = read_estate(read_declarations(path))
    suites = read_suites(path, tests, Access(estate))
    report = ran(estate, suites)
    unnoticed = (
        [str(found) for found in missed(estate, suites)] if mutate and not report.failed else []
    )
    if json:
        wire = {"tests": report.tests, "failed": report.failed, "unnoticed": unnoticed}
        print(jsonlib.dumps(wire))
    else:
        tell(report, unnoticed, mutate=mutate)
    return FINDINGS if report.failed or unnoticed else 0


def tell(report: Report, unnoticed: Sequence[str], *, mutate: bool) -> None:
    """The report for people."""
    for line in report.failed:
        print(f"failed: {line}")
    for line in unnoticed:
        print(f"no test notices: {line}")
    passed = report.tests - len(report.failed)
    print(
        f"{passed} of {report.tests} passed"
        + (f", {len(unnoticed)} faults unnoticed" if mutate else "")
    )


def read_suites(path: Path, tests: Sequence[Path], access: Access) -> list[Suite]:
    """The files of tests. Raises Misconfigured."""
    folder = path if path.is_dir() else path.parent
    files = list(tests) or sorted(folder.glob("*.test.yaml"))
    if not files:
        hint = "write `name.test.yaml` beside the declarations"
        raise Misconfigured(str(folder), "has no tests of policies", hint=hint)
    principals = {name: found for found in access.principals for name in names_of(found)}
    suites = []
    for file in files:
        try:
            suites.append(read_suite(read(file), file.name, principals))
        except PolicyError as error:
            raise Misconfigured(str(file), str(error)) from error
    return suites


def names_of(principal: Principal) -> tuple[str, str]:
    """How tests name somebody: `ann`, or `user/ann`."""
    return principal.subject, principal.attachments[0]


def ran(estate: Estate, suites: Sequence[Suite]) -> Report:
    """Run all tests, and look for what must never be allowed."""
    failed = [str(found) for found in failures(estate, suites)]
    tests = sum(len(suite.cases) + len(suite.never.statements) for suite in suites)
    return Report(tests, tuple(failed))


def failures(estate: Estate, suites: Sequence[Suite]) -> Iterator[str]:
    """Each test that fails."""
    policies = compile_bundle(estate.bundle, scopes_of(estate.apis.values()))
    access = Access(estate)
    for suite in suites:
        yield from (f"{suite.name}: {found}" for found in run(suite, policies.evaluate))
        for statement in suite.never.statements:
            for known in access.breaches(Some((compile_statement(statement),))):
                request = known.witness.request
                who = known.principal.attachments[0]
                yield (
                    f"{suite.name}: never `{statement.name}`: {who} may {request.action} "
                    f"on {request.resource}"
                )


def missed(estate: Estate, suites: Sequence[Suite]) -> Iterator[Mutant]:
    """The faults that make a difference to somebody, and fail no test."""
    tell_progress = progress()
    for mutant in mutants(estate.bundle.documents):
        tell_progress()
        faulty = replace(estate, bundle=with_document(estate.bundle, mutant))
        try:
            noticed = next(failures(faulty, suites), None)
            if noticed is None and next(changes(Access(estate), Access(faulty)), None):
                yield mutant
        except PolicyError:  # it would be refused at load
            continue
        except Undecided:
            yield mutant


def with_document(bundle: Bundle, mutant: Mutant) -> Bundle:
    """The bundle with one document replaced."""
    return replace(bundle, documents={**bundle.documents, mutant.document: mutant.body})


def progress() -> Callable[[], None]:
    """Tells on standard error how many faults were tried, once it takes longer than a second."""
    started, count = time.monotonic(), 0

    def tell_progress() -> None:
        nonlocal count
        count += 1
        if time.monotonic() - started > TELL_AFTER_SECONDS and sys.stderr.isatty():
            print(f"\\r{count} faults tried", end="", file=sys.stderr, flush=True)

    return tell_progress
