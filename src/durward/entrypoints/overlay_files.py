"""Overlays as files: read, and applied to a document in their order."""

from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from durward.core.errors import Misconfigured
from durward.core.openapi.faults import Fault
from durward.core.openapi.overlay import MAX_OVERLAYS, OverlaidDocument, Overlay, OverlayRefused
from durward.core.wire import Json
from durward.entrypoints.document_faults import Place, with_places
from durward.entrypoints.files import check_regular, read_foreign
from durward.entrypoints.terminal import warn


def with_overlays(
    document: Json,
    api: str,
    files: Sequence[Path],
    target: Path,
    in_document: Callable[[str], Place],
) -> tuple[Json, Callable[[str], Place]]:
    """The document with the overlays of some files, and where a part of it was written.

    `target` is the file of the document, which an overlay may name as `extends`. Raises
    Misconfigured.
    """
    if len(files) > MAX_OVERLAYS:
        raise Misconfigured(f"apis/{api}", f"more than {MAX_OVERLAYS} overlays")
    overlaid = OverlaidDocument(document)
    for file in files:
        check_regular(file)
        try:
            overlay = overlaid.apply(read_foreign(file))
        except OverlayRefused as error:
            raise with_places("overlay", api, error.faults, _in(file)) from error
        if problem := _extends_problem(overlay, file, target):
            raise with_places("overlay", api, [Fault("/extends", problem)], _in(file))
        for note in overlaid.notes:
            warn(f"note: {file}: {note}")

    def place(pointer: str) -> Place:
        origin = overlaid.origin(pointer)
        if origin.number:
            return files[origin.number - 1], origin.pointer
        return in_document(origin.pointer)

    return overlaid.result(), place


def _in(file: Path) -> Callable[[str], Place]:
    return lambda pointer: (file, pointer)


def _extends_problem(overlay: Overlay, file: Path, target: Path) -> str:
    """Why an overlay is for another document; nothing where it may be for this one.

    It names the document by a path from itself; where it names a URL, nobody can tell.
    """
    try:
        parts = urlsplit(overlay.extends or "")
    except ValueError:
        return "not a path or a URL"
    if not parts.path or parts.netloc or parts.scheme not in {"", "file"}:
        return ""
    named = file.parent / unquote(parts.path)
    if named.resolve() == target.resolve():
        return ""
    return f"names another document than `{target.name}`; correct it, or leave it out"
