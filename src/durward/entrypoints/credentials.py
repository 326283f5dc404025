"""The file of credentials of a demo, or of an operator without a terminal: mode 0600."""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from durward.core.errors import Misconfigured

ROOM_BYTES = 65_536
"""The room that is tried: secrets of several hundred clients fit."""
BARE = re.compile(r"[A-Za-z0-9_-]+")


def check_credentials(path: Path) -> None:
    """Check that secrets can be written to a file, before one is made: it would be lost.

    A missing folder is made; an existing file keeps its content. Raises Misconfigured.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            raise Misconfigured(str(path), "is not a file")
        kept = path.read_bytes() if path.exists() else None
        if (left := temporary_path(path)).exists() and left.stat().st_size:
            hint = f"it may have secrets that exist nowhere else: move it to {path}, or remove it"
            raise Misconfigured(str(left), "is left from an interrupted command", hint=hint)
        if kept is not None:
            read_credentials(path)
        trial = path.with_name(f".{path.name}.trial")
        write_new(trial, kept or b"", ROOM_BYTES)
        if kept is None:
            trial.rename(left)
            left.unlink()
        else:
            trial.rename(path)
    except OSError as error:
        problem = f"cannot be written: {error.strerror}"
        hint = "nothing was changed; name another file: --credentials FILE"
        raise Misconfigured(str(path), problem, hint=hint) from error


def add_credentials(path: Path, fresh: Mapping[str, str], part: str) -> None:
    """Add secrets by name under `[part]`, or replace those of the same names.

    Raises Misconfigured; the file is unchanged then.
    """
    if not fresh:
        return
    known = read_credentials(path) if path.exists() else {}
    known[part] = {**known.get(part, {}), **fresh}
    lines = []
    for title, values in known.items():
        entries = (f"{toml_string(name)} = {toml_string(value)}" for name, value in values.items())
        lines += [f"[{title if BARE.fullmatch(title) else toml_string(title)}]", *entries, ""]
    fresh_file = temporary_path(path)
    try:
        write_new(fresh_file, "\n".join(lines).encode())
        fresh_file.rename(path)
    except OSError as error:
        hint = f"{', '.join(fresh)} may be in {fresh_file}: keep them, they are shown nowhere else"
        raise Misconfigured(str(path), f"cannot be written: {error.strerror}", hint=hint) from error


def read_credentials(path: Path) -> dict[str, dict[str, str]]:
    """The secrets by part and name. Raises Misconfigured."""
    try:
        found = tomllib.loads(path.read_text())
        return msgspec.convert(found, dict[str, dict[str, str]])
    except OSError as error:
        hint = "`durward demo` writes it; elsewhere: `durward apply --credentials FILE`"
        raise Misconfigured(str(path), error.strerror or "cannot be read", hint=hint) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        hint = "it is TOML: sections [clients] and [users], with a secret for each name"
        problem = f"is not a file of credentials: {error}"
        raise Misconfigured(str(path), problem, hint=hint) from error


def temporary_path(path: Path) -> Path:
    """The path at which a file is written before it replaces the former one."""
    return path.with_name(f".{path.name}.new")


def write_new(path: Path, content: bytes, room: int = 0) -> None:
    """Write a file that only its owner can read, in place of a leftover. Raises OSError.

    `room` bytes more are written and released again: that proves that the disk has them.
    """
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content + bytes(room))
        file.flush()
        os.fsync(file.fileno())
        if room:
            file.truncate(len(content))
            os.fsync(file.fileno())


def toml_string(text: str) -> str:
    """A TOML string: as in JSON, with one more character escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
