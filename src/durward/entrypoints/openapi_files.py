"""OpenAPI documents as files: references to other files are resolved, overlays are applied.

Faults are reported here, with line and column: later, a document has no file any more.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from durward.core.errors import Misconfigured
from durward.core.openapi.faults import DocumentRefused
from durward.core.openapi.operations import read_inventory
from durward.core.openapi.references import bundled
from durward.core.sizes import DOCUMENT_BYTES
from durward.core.wire import Json
from durward.entrypoints.document_faults import Place, with_places
from durward.entrypoints.files import check_regular, read_foreign

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
        content = read_foreign(file, self.bytes_left)
        self.bytes_left -= size
        return content


@dataclass(frozen=True)
class DocumentSource:
    """Where the document of an API is, and the overlays over it."""

    api: str
    file: Path
    root: Path
    """The folder of the declaration: a document in there may refer to all files in there."""
    overlays: Sequence[Path] = ()
    within: str = ""
    """Where the document begins, if the file is the declaration itself."""
    base_path: str | None = None
    """The base path that the API declares."""

    @property
    def folder(self) -> tuple[Path, str]:
        """The folder that the document may refer to, and the document's path from there."""
        if self.within:
            return self.root, ""
        try:
            name = self.file.resolve().relative_to(self.root.resolve())
        except ValueError:
            return self.file.parent, self.file.name
        return self.root, name.as_posix()


def document_of(source: DocumentSource) -> Json:
    """The OpenAPI document of an API, from a file of its own. Raises Misconfigured."""
    check_regular(source.file)
    return checked(read_foreign(source.file), source)


def checked(document: Json, source: DocumentSource) -> Json:
    """The document with all that belongs to it, if it can be read. Raises Misconfigured."""

    def in_document(pointer: str) -> Place:
        return source.file, source.within + pointer

    folder, name = source.folder
    place: Callable[[str], Place] = in_document
    try:
        written = bundled(document, name, Folder(folder).load)
    except DocumentRefused as error:
        raise with_places("OpenAPI document", source.api, error.faults, in_document) from error
    if source.overlays:
        # It takes a tenth of a second to import, and few documents have overlays.
        from durward.entrypoints.overlay_files import with_overlays  # noqa: PLC0415

        written, place = with_overlays(written, source.api, source.overlays, source.file, place)
    try:
        read_inventory(written, source.api, source.base_path)
    except DocumentRefused as error:
        raise with_places("OpenAPI document", source.api, error.faults, place) from error
    return written
