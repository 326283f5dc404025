"""A file of people, CSV with a header or JSON lines, streamed line by line."""

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from durward.core.errors import Misconfigured
from durward.core.people.import_line import (
    ImportLine,
    header_problems,
    line_of_json,
    line_of_row,
)

MAX_LINE_BYTES: Final = 64 << 10
FORMATS: Final = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
"""By the suffix of the file."""
_BOM: Final = b"\xef\xbb\xbf"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_HINT: Final = "save it as UTF-8"


@dataclass(frozen=True, slots=True)
class FileLine:
    """A line of the file, or its problem."""

    number: int
    line: ImportLine | None
    problem: str = ""


class PeopleFile:
    """A file that is read several times and must not change meanwhile."""

    def __init__(self, path: Path, form: str | None = None) -> None:
        self.path = path
        chosen = form or FORMATS.get(path.suffix.lower())
        if chosen is None:
            hint = "--format csv or --format jsonl"
            raise Misconfigured(str(path), "unknown format", hint=hint)
        self._is_csv = chosen == "csv"
        self._seen: tuple[int, int] | None = None

    def lines(self) -> Iterator[FileLine]:
        """The lines that are not blank. Raises Misconfigured if the file cannot be read further."""
        try:
            with self.path.open("rb") as file:
                self._check_unchanged(file)
                yield from self._rows(file) if self._is_csv else self._objects(file)
        except OSError as error:
            raise Misconfigured(str(self.path), error.strerror or "cannot be read") from error

    def _check_unchanged(self, file: BinaryIO) -> None:
        found = os.fstat(file.fileno())
        state = (found.st_size, found.st_mtime_ns)
        if self._seen not in {None, state}:
            raise Misconfigured(
                str(self.path), "the file changed during the import", hint="repeat the import"
            )
        self._seen = state

    def _objects(self, file: BinaryIO) -> Iterator[FileLine]:
        for number, content in self._contents(file):
            self._text(number, content)
            if not content.strip():
                continue
            if number == 1 and content.lstrip().startswith(b"["):
                raise self._at(1, "a JSON array", "write one object on each line")
            try:
                yield FileLine(number, line_of_json(content))
            except ValueError as error:
                yield FileLine(number, None, str(error))

    def _rows(self, file: BinaryIO) -> Iterator[FileLine]:
        texts = (self._text(number, content) for number, content in self._contents(file))
        reader = csv.reader(texts, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            if problems := list(header_problems(header)):
                raise self._at(1, "; ".join(problems), "docs/people-import.md")
            for row in reader:
                if any(cell.strip() for cell in row):
                    yield self._row(reader.line_num, header, row)
        except csv.Error as error:
            raise self._at(reader.line_num, str(error)) from None

    def _row(self, number: int, header: list[str], row: list[str]) -> FileLine:
        if len(row) != len(header):
            problem = f"{len(row)} columns, but the header has {len(header)}"
            return FileLine(number, None, problem)
        try:
            return FileLine(number, line_of_row(dict(zip(header, row, strict=True))))
        except ValueError as error:
            return FileLine(number, None, str(error))

    def _contents(self, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
        number = 0
        while content := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if number == 1:
                if content.startswith(_UTF16):
                    raise self._at(1, "the file is UTF-16", _HINT)
                content = content.removeprefix(_BOM)
            if len(content) > MAX_LINE_BYTES:
                raise self._at(number, f"longer than {MAX_LINE_BYTES >> 10} KiB")
            yield number, content

    def _text(self, number: int, content: bytes) -> str:
        if b"\0" in content:
            raise self._at(number, "NUL character")
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            place = error.start + 1
            raise self._at(number, f"invalid UTF-8 at byte {place} of the line", _HINT) from None

    def _at(self, number: int, problem: str, hint: str = "") -> Misconfigured:
        return Misconfigured(f"{self.path}:{number}", problem, hint=hint)
