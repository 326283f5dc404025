"""Read JSON and YAML files of users."""

from pathlib import Path

from durward.core.difference import printable
from durward.core.errors import Misconfigured
from durward.core.policy.language.source import PolicyError, parse_text
from durward.core.sizes import DOCUMENT_BYTES, DOCUMENT_DEPTH
from durward.core.wire import MAX_DEPTH, Json

MAX_FILE_BYTES = 4_194_304


def read_file(file: Path, limit_bytes: int = MAX_FILE_BYTES, limit_depth: int = MAX_DEPTH) -> Json:
    """The content of a JSON or YAML file. Raises Misconfigured."""
    return _read(file, limit_bytes, limit_depth)


def read_foreign(file: Path, limit_bytes: int = DOCUMENT_BYTES) -> Json:
    """The content of a document of strangers: larger, deeper, YAML with aliases.

    Raises Misconfigured.
    """
    return _read(file, limit_bytes, DOCUMENT_DEPTH, aliases=True)


def _read(file: Path, limit_bytes: int, limit_depth: int, *, aliases: bool = False) -> Json:
    try:
        return parse_file(file, limit_bytes, limit_depth, aliases=aliases)
    except PolicyError as error:
        problem = error.problems[0]
        place = f":{problem.line}:{problem.column}" if problem.line else ""
        raise Misconfigured(f"{file}{place}", printable(problem.message)) from error


def parse_file(
    file: Path,
    limit_bytes: int = MAX_FILE_BYTES,
    limit_depth: int = MAX_DEPTH,
    *,
    aliases: bool = False,
) -> Json:
    """The same. Raises PolicyError if it is neither JSON nor YAML, else Misconfigured."""
    text = read_bytes(file, limit_bytes)
    return parse_text(
        text, str(file), limit_bytes=limit_bytes, limit_depth=limit_depth, aliases=aliases
    )


def check_regular(file: Path) -> None:
    """Refuse a path that is not a regular file, such as a pipe. Raises Misconfigured.

    This is for paths from documents and patterns; a pipe on a command line is intended.
    """
    if file.exists() and not file.is_file():
        raise Misconfigured(str(file), "not a file")


def read_bytes(file: Path, limit_bytes: int = MAX_FILE_BYTES) -> bytes:
    """The bytes of a file. Raises Misconfigured."""
    try:
        with file.open("rb") as opened:
            text = opened.read(limit_bytes + 1)  # a device has no size, and no end
    except OSError as error:
        raise Misconfigured(str(file), error.strerror or "cannot be read") from error
    if len(text) > limit_bytes:
        raise Misconfigured(str(file), f"larger than {limit_bytes} bytes")
    return text
