r"""The output of commands: the only way to standard output and standard error.

Much of it quotes others: names, paths, reasons, responses. A line stays one line, and cannot move
the cursor, change colours or hide other text: unprintable characters, line ends included, are
escaped as in JSON (`\u001b`). Commands print by no other way: `./check lint` refuses `print`.
"""

import json
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from durward.core.difference import printable

MAX_FIELD = 200


def say(*lines: str) -> None:
    """Print lines on standard output; a line end within a line is escaped."""
    _write(sys.stdout, map(printable, lines))


def warn(*lines: str) -> None:
    """Print lines on standard error."""
    _write(sys.stderr, map(printable, lines))


def say_text(text: str) -> None:
    """Print a text of several lines, with tabs: our own document, or the body of a response."""
    lines = text.removesuffix("\n").replace("\r\n", "\n").split("\n")
    _write(sys.stdout, ("\t".join(map(printable, line.split("\t"))) for line in lines))


def say_json(value: Any, *, indent: int | None = None) -> None:
    """Print a JSON value; escaping lines does not change the value."""
    say_text(json.dumps(value, indent=indent))


def progress(text: str) -> None:
    """Print a line that the next one replaces, on a terminal only."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{printable(text)}")
        sys.stderr.flush()


def field(text: object, limit: int = MAX_FIELD) -> str:
    """A foreign name within a line: cut, and quoted if it could be taken for several."""
    known = str(text)
    known = known if len(known) <= limit else f"{known[: limit - 1]}…"
    is_plain = known.isprintable() and not {" ", '"', "\\"} & {*known} and known
    return known if is_plain else json.dumps(known, ensure_ascii=False)


def _write(stream: TextIO, lines: Iterable[str]) -> None:
    stream.write("".join(f"{line}\n" for line in lines))
    stream.flush()
