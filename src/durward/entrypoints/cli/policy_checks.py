"""`durward policy check|lint`: errors and probable mistakes in policies."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from durward.core.errors import Misconfigured
from durward.core.policy.analysis.finding import Check, Finding, Severity
from durward.core.policy.analysis.lint import CHECKS, VOCABULARY
from durward.core.policy.analysis.lint import lint as findings_of
from durward.core.policy.language.source import PolicyError, Problem, place_finder
from durward.entrypoints.cli.exit_code import DONE, FOUND
from durward.entrypoints.policies import PolicyFile, Project, read_project
from durward.entrypoints.terminal import say, say_json

UNREADABLE = Check(
    "not-a-policy",
    Severity.ERROR,
    "a policy that cannot be read is refused",
    "see docs/policy-language.md",
)
NAMES = {each.id for each, _ in VOCABULARY}


@dataclass(frozen=True, slots=True)
class LocatedFinding:
    """A finding with its file, line and column."""

    source: PolicyFile
    finding: Finding
    line: int | None
    column: int | None

    def __str__(self) -> str:
        place = f":{self.line}:{self.column}" if self.line else ""
        check = self.finding.check
        first = f"{self.source.file}{place}: {check.severity}: {self.finding.message} [{check.id}]"
        return f"{first}\n  hint: {self.finding.fix}" if check is not UNREADABLE else first

    def to_wire(self) -> dict[str, str | int | None]:
        """The finding for machines."""
        check = self.finding.check
        return {
            "file": str(self.source.file),
            "line": self.line,
            "column": self.column,
            "policy": self.source.name,
            "pointer": self.source.pointer + self.finding.pointer,
            "check": check.id,
            "severity": check.severity.value,
            "message": self.finding.message,
            "reason": check.reason,
            "fix": self.finding.fix,
        }


def check(*files: Path, json: bool = False) -> int:
    """Check that policies are valid and that the names in them exist. Exit code 1 on a finding.

    Args:
        files: Declaration files, folders of them, or files of one policy each.
        json: Print one JSON list.
    """
    return _report(files, lambda found: found.check.id in NAMES, json=json)


def lint(
    *files: Path,
    ignore: list[str] | None = None,
    json: bool = False,
) -> int:
    """Check policies, and report what is valid but probably a mistake. Exit code 1 on a finding.

    Args:
        files: Declaration files, folders of them, or files of one policy each.
        ignore: The id of a check to skip; can be given several times.
        json: Print one JSON list.
    """
    ignored = set(ignore or ())
    if unknown := ignored - {each.id for each, _ in CHECKS}:
        hint = f"checks are {', '.join(each.id for each, _ in CHECKS)}"
        raise Misconfigured("--ignore", f"unknown check `{min(unknown)}`", hint=hint)
    return _report(files, lambda found: found.check.id not in ignored, json=json)


def _report(files: Iterable[Path], wanted: Callable[[Finding], bool], *, json: bool) -> int:
    listed = tuple(files)
    if not listed:
        hint = "durward policy lint orders.durward.yaml"
        raise Misconfigured("files", "none is given", hint=hint)
    project = read_project(listed)
    found = [
        LocatedFinding(
            source, Finding(UNREADABLE, problem.pointer, problem.message), *line_and_column(problem)
        )
        for source, error in project.unread
        for problem in error.problems
    ]
    for source in project.policies:
        try:
            told = findings_of(
                source.read(), project.catalogue, grants=source.grants, names=project.names
            )
        except PolicyError as error:
            told = [Finding(UNREADABLE, p.pointer, p.message) for p in error.problems]
        # A file that cannot be read may declare the names that seem to be unknown.
        kept = [
            each
            for each in told
            if each.check is UNREADABLE or (wanted(each) and not project.unread)
        ]
        found += _located(source, kept)
    if json:
        say_json([each.to_wire() for each in found], indent=2)
    else:
        say(*map(str, found), _summary(len(found), project))
    return FOUND if found else DONE


def _located(source: PolicyFile, findings: list[Finding]) -> Iterator[LocatedFinding]:
    if findings:
        place = place_finder(source.file.read_bytes())
        for found in findings:
            yield LocatedFinding(source, found, *place(source.pointer + found.pointer))


def line_and_column(problem: Problem) -> tuple[int | None, int | None]:
    """The line and column of a problem."""
    return problem.line, problem.column


def _summary(findings: int, project: Project) -> str:
    policies = len(project.policies) + len(project.unread)
    what = f"{policies} {'policy' if policies == 1 else 'policies'}"
    told = f"{what}: {findings or 'no'} finding{'' if findings == 1 else 's'}"
    if project.catalogue.apis or project.unread:
        return told
    return f"{told}; no API is declared in these files, so actions and resources were not checked"
