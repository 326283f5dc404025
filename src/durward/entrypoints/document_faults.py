"""The faults of documents and overlays, with the places in their files."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TypeAlias

from durward.core.difference import printable
from durward.core.errors import Misconfigured
from durward.core.openapi.faults import MAX_TOLD, Fault, first_lines
from durward.core.policy.language.source import place_finder
from durward.core.sizes import DOCUMENT_BYTES
from durward.entrypoints.files import read_bytes

Place: TypeAlias = tuple[Path, str]
"""A file, and a JSON pointer in there."""


def with_places(
    what: str, api: str, faults: Sequence[Fault], place: Callable[[str], Place]
) -> Misconfigured:
    """The faults of a document, each with its file, line and column."""
    first, rest = faults[:MAX_TOLD], faults[MAX_TOLD:]
    places = [place(fault.pointer) for fault in first]
    files = dict.fromkeys(file for file, _ in places)
    find = {file: _finder(file, [one for other, one in places if other == file]) for file in files}
    lines = []
    for fault, (file, pointer) in zip(first, places, strict=True):
        line, column = find[file](pointer)
        where = f"{printable(str(file))}:{line}:{column}" if line else printable(str(file))
        lines.append(f"{where}: {fault}")
    listed = first_lines([*lines, *map(str, rest)])
    return Misconfigured(f"apis/{api}", "\n  ".join([f"the {what} is refused:", *listed]))


def _finder(
    file: Path, pointers: Collection[str]
) -> Callable[[str], tuple[int | None, int | None]]:
    return place_finder(read_bytes(file, DOCUMENT_BYTES), pointers)
