"""The file of credentials that a demo, or an operator without a terminal, keeps: mode 0600."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from durward.core.errors import Misconfigured


def add_credentials(path: Path, fresh: Mapping[str, str], part: str) -> None:
    """Add secrets by name under `[part]`; what stands there already stays, but for those names.

    Raises Misconfigured; the former file is still there then.
    """
    if not fresh:
        return
    known = read_credentials(path) if path.exists() else {}
    known[part] = {**known.get(part, {}), **fresh}
    lines = []
    for title, values in known.items():
        lines += [f"[{title}]", *(f'"{name}" = "{value}"' for name, value in values.items()), ""]
    aside = path.with_name(f".{path.name}.new")
    try:
        aside.unlink(missing_ok=True)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write("\n".join(lines))
            file.flush()
            os.fsync(file.fileno())
        aside.rename(path)
    except OSError as error:
        hint = f"{', '.join(fresh)} may be in {aside}: keep them, they are shown nowhere else"
        raise Misconfigured(str(path), f"cannot be written: {error.strerror}", hint=hint) from error


def read_credentials(path: Path) -> dict[str, dict[str, str]]:
    """The secrets by part and name. Raises Misconfigured."""
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        hint = "`durward demo` writes it; elsewhere: `durward apply --credentials FILE`"
        raise Misconfigured(str(path), error.strerror or "cannot be read", hint=hint) from error
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(str(path), str(error)) from error
