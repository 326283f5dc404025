"""OpenAPI documents as files: references to other files of their folder are resolved.

Faults are reported here, with line and column: later, a document has no file any more.
"""

from dataclasses import dataclass
from pathlib import Path

from durward.core.difference import printable
from durward.core.errors import Misconfigured
from durward.core.openapi.faults import MAX_TOLD, DocumentRefused, first_lines
from durward.core.openapi.operations import read_inventory
from durward.core.openapi.references import bundled
from durward.core.policy.language.source import place_finder
from durward.core.sizes import DOCUMENT_BYTES, DOCUMENT_DEPTH
from durward.core.wire import Json
from durward.entrypoints.files import check_regular, read, text_of

MAX_FILES = 1_000


@dataclass
class Folder:
    """The folder of a document; files outside of it are not read, and reading is bounded."""

    path: Path
    files: int = 0
    bytes_left: int = DOCUMENT_BYTES

    def load(self, name: str) -> Json:
        """The content of a file, by its path from here. Raises Misconfigured."""
        try:
            file = (self.path / name).resolve(strict=True)
        except (OSError, RuntimeError) as error:  # RuntimeError: links that go in a circle
            raise Misconfigured(name, "the file does not exist") from error
        if not file.is_relative_to(self.path.resolve()):
            raise Misconfigured(name, "the file is outside of the folder; put a copy into it")
        if not file.is_file():
            raise Misconfigured(name, "not a file")
        self.files += 1
        size = file.stat().st_size
        if self.files > MAX_FILES or size > self.bytes_left:
            limit = f"{MAX_FILES} files and {DOCUMENT_BYTES} bytes"
            raise Misconfigured(name, f"a document refers to {limit} at most")
        content = read(file, self.bytes_left, DOCUMENT_DEPTH)
        self.bytes_left -= size
        return content


def document_in(file: Path, api: str, base_path: str | None = None) -> Json:
    """The OpenAPI document of an API, from its file; `base_path` is the declared one.

    Raises Misconfigured.
    """
    check_regular(file)
    document = read(file, DOCUMENT_BYTES, DOCUMENT_DEPTH)
    return checked(document, file, api, within="", base_path=base_path)


def checked(
    document: Json, file: Path, api: str, *, within: str, base_path: str | None = None
) -> Json:
    """The document in a file, below the pointer `within`, resolved. Raises Misconfigured."""
    try:
        written = bundled(document, "" if within else file.name, Folder(file.parent).load)
        read_inventory(written, api, base_path)
    except DocumentRefused as error:
        text = text_of(file, DOCUMENT_BYTES)
        first, rest = error.faults[:MAX_TOLD], error.faults[MAX_TOLD:]
        place = place_finder(text, [within + fault.pointer for fault in first])
        lines = []
        for fault in first:
            line, column = place(within + fault.pointer)
            where = f"{printable(str(file))}:{line}:{column}" if line else printable(str(file))
            lines.append(f"{where}: {fault}")
        problem = "\n  ".join(
            ["the OpenAPI document is refused:", *first_lines([*lines, *map(str, rest)])]
        )
        raise Misconfigured(f"apis/{api}", problem) from error
    return written
