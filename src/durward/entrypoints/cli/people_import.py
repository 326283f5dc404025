"""`durward people import`: check the whole file, then import it in batches."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from durward.core.errors import Conflict, Misconfigured, Unavailable
from durward.core.people.import_line import ImportedPerson, ImportLine, imported_person
from durward.entrypoints.cli.exit_code import DONE, FAILED
from durward.entrypoints.command import DEMO_DIR
from durward.entrypoints.control import Control, control_of
from durward.entrypoints.outcome import Done, Interrupted, Unsettled
from durward.entrypoints.people_file import FileLine, PeopleFile
from durward.entrypoints.terminal import progress, say, say_json, warn

BATCH_LINES: Final = 500
BATCH_BYTES: Final = 1 << 20
SHOWN: Final = 20
"""Problems that are shown."""
PAUSES: Final = (0.5, 1.0, 2.0, 4.0)
"""Before a batch without a response is repeated, which is safe."""
QUIET_SECONDS: Final = 1.0
BETWEEN_LINES_SECONDS: Final = 10.0
"""Between two lines of progress without a terminal."""
AGAIN: Final = "repeat the import: it resumes"


def import_people(
    file: Path,
    *,
    format: Literal["csv", "jsonl"] | None = None,  # noqa: A002 - the option is called --format
    tenant: str = "",
    dry_run: bool = False,
    dir: Path = DEMO_DIR,  # noqa: A002 - the option is called --dir
    json: bool = False,
) -> int:
    """Import people from CSV or JSON lines, with the hashes of their passwords.

    The whole file is checked first; if a line is invalid, nothing is imported. Repeat an
    interrupted import: it resumes.

    Args:
        file: CSV with a header, or JSON lines (docs/people-import.md).
        format: The format, if the suffix of the file does not say it.
        tenant: The tenant of lines without one.
        dry_run: Only check the file.
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print the result as one JSON object.
    """
    began = time.monotonic()
    run = Import(control_of(dir), PeopleFile(file, format), tenant)
    run.check()
    done = 0 if dry_run or run.problems else run.add()
    seconds = time.monotonic() - began
    if json:
        say_json(
            {
                "lines": run.total,
                "existing": run.existing,
                "to_add": run.total - run.existing if not run.problems else 0,
                "added": done,
                "problems": run.problems,
                "problem_count": run.problem_count,
                "seconds": round(seconds, 3),
            }
        )
    if run.problems:
        return run.refuse(file)
    if not json:
        what = (
            f"{run.total - run.existing:,} people would be" if dry_run else f"{done:,} people are"
        )
        say(f"{what} imported, {run.existing:,} exist already ({seconds:.1f} s)")
    return DONE


@dataclass
class Import:
    """One import of a file."""

    control: Control
    file: PeopleFile
    tenant: str
    total: int = 0
    existing: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)
    """The first problems."""
    problem_count: int = 0
    _todo: list[bool] = field(default_factory=list)
    """For each batch, whether it adds anybody."""
    _names: dict[int, int] = field(default_factory=dict)
    """The line of each id, login name and verified address, by its hash."""

    def check(self) -> None:
        """Check each line, and compare it with the existing people. Raises Misconfigured."""
        told = Progress("checked")
        for batch in batches(self._checked()):
            report = self._send(batch, dry_run=True)
            self.existing += report["existing"]
            self._todo.append(bool(report["added"]))
            for one in report["problems"]:
                self._add_problem(batch[one["place"]][0], one["problem"])
            told.show(self.total)
        self.problems.sort(key=lambda one: int(one["line"]))
        told.end()

    def add(self) -> int:
        """Add the missing people, and return their number. Errors report the progress."""
        done, missing = 0, self.total - self.existing
        told = Progress("imported", missing)
        lines = ((one.number, one.line) for one in self.file.lines() if one.line)
        todo = iter(self._todo)
        with self._how_far(lambda: done, missing):
            for batch in batches(lines):
                if next(todo, True):
                    done += self._send(batch, dry_run=False)["added"]
                    told.show(done)
        told.end()
        return done

    def refuse(self, file: Path) -> int:
        """Print the problems of the file."""
        for one in self.problems:
            warn(f"{file}:{one['line']}: {one['problem']}")
        more = self.problem_count - len(self.problems)
        warn(*([f"and {more:,} more"] if more else []))
        wrong = f"{self.problem_count:,} of {self.total:,} lines are invalid"
        warn(f"error: {wrong}, nothing is imported")
        return FAILED

    def _checked(self) -> Iterator[tuple[int, ImportLine]]:
        for one in self.file.lines():
            self.total += 1
            problem = one.problem or self._problem(one)
            if problem:
                self._add_problem(one.number, problem)
            elif one.line:
                yield one.number, one.line

    def _problem(self, one: FileLine) -> str:
        if one.line is None:
            return one.problem
        try:
            found = imported_person(one.line, self.tenant)
        except ValueError as error:
            return str(error)
        return next(self._twice(found, one.number), "")

    def _twice(self, found: ImportedPerson, number: int) -> Iterator[str]:
        names = {form: f"`{form}`" for form in found.forms}
        if found.is_named:
            names[f"id {found.person.id}"] = f"the id `{found.person.id}`"
        for name, told in names.items():
            first = self._names.setdefault(hash(name), number)
            if first != number:
                yield f"{told} is also in line {first}"

    def _add_problem(self, number: int, problem: str) -> None:
        self.problem_count += 1
        if len(self.problems) < SHOWN:
            self.problems.append({"line": number, "problem": problem})

    def _send(self, batch: list[tuple[int, ImportLine]], *, dry_run: bool) -> Any:
        body = {
            "people": msgspec.to_builtins([line for _, line in batch]),
            "tenant": self.tenant,
            "dry_run": dry_run,
        }
        for pause in PAUSES:
            with contextlib.suppress(Unavailable):
                return self._ask(body)
            time.sleep(pause)
        return self._ask(body)

    def _ask(self, body: object) -> Any:
        # Batches are idempotent: a lost response needs no operator.
        return self.control.ask("/admin/v1/people/import", body)

    @contextlib.contextmanager
    def _how_far(self, done: Callable[[], int], missing: int) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            raise Interrupted(f"{done():,} of {missing:,} people are imported", AGAIN) from None
        except Unavailable as error:
            told = f"{error}; {done():,} of {missing:,} people are imported"
            raise Unsettled(told, AGAIN) from error
        except (Misconfigured, Conflict) as error:
            if not done():
                raise
            raise Done(
                f"{done():,} of {missing:,} people are imported", str(error), AGAIN
            ) from error


class Progress:
    """Progress after the first second: one line that is replaced, or periodic lines."""

    def __init__(self, what: str, total: int | None = None) -> None:
        self._what = what
        self._of = "" if total is None else f" of {total:,}"
        self._began = self._shown = time.monotonic()

    def show(self, done: int) -> None:
        """Report the number of people done."""
        now = time.monotonic()
        if now - self._began < QUIET_SECONDS:
            return
        text = f"{self._what} {done:,}{self._of} people, {done / (now - self._began):,.0f} a second"
        if sys.stderr.isatty():
            progress(f"{text}   ")
        elif now - self._shown >= BETWEEN_LINES_SECONDS:
            self._shown = now
            warn(text)

    def end(self) -> None:
        """End the line of progress."""
        if time.monotonic() - self._began >= QUIET_SECONDS:
            progress("\n")


def batches(lines: Iterator[tuple[int, ImportLine]]) -> Iterator[list[tuple[int, ImportLine]]]:
    """Group numbered lines into the batches of requests."""
    found: list[tuple[int, ImportLine]] = []
    size = 0
    for number, line in lines:
        length = len(msgspec.json.encode(line))
        if found and (len(found) == BATCH_LINES or size + length > BATCH_BYTES):
            yield found
            found, size = [], 0
        found.append((number, line))
        size += length
    if found:
        yield found
