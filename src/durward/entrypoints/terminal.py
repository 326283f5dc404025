r"""What a command says: the one way to its standard output and standard error.

Much of it is of others: names, paths, reasons, answers. A line of it stays one line, and nothing in
it moves the cursor, changes colours or hides what stands beside: what cannot be printed, ends of
lines too, is written as JSON writes it (`\u001b`). Nothing else of a command may print: `print` is
refused by `./check lint`.
"""

import json
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from durward.core.difference import printable

MAX_FIELD = 200


def say(*lines: str) -> None:
    """Lines for standard output; what is an end of a line within one is shown, and ends none."""
    _write(sys.stdout, map(printable, lines))


def warn(*lines: str) -> None:
    """The same for standard error."""
    _write(sys.stderr, map(printable, lines))


def say_text(text: str) -> None:
    """A text that has lines of its own, and tabs: a document of ours, or the body of an answer."""
    lines = text.removesuffix("\n").replace("\r\n", "\n").split("\n")
    _write(sys.stdout, ("\t".join(map(printable, line.split("\t"))) for line in lines))


def say_json(value: Any, *, indent: int | None = None) -> None:
    """A JSON value; escaped as lines are, it is the same value."""
    say_text(json.dumps(value, indent=indent))


def progress(text: str) -> None:
    """A line that the next one replaces, where somebody watches."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{printable(text)}")
        sys.stderr.flush()


def field(text: object, limit: int = MAX_FIELD) -> str:
    """A name of others within a line: cut, and in quotes where it could be taken for several."""
    known = str(text)
    known = known if len(known) <= limit else f"{known[: limit - 1]}…"
    is_plain = known.isprintable() and not {" ", '"', "\\"} & {*known} and known
    return known if is_plain else json.dumps(known, ensure_ascii=False)


def _write(stream: TextIO, lines: Iterable[str]) -> None:
    stream.write("".join(f"{line}\n" for line in lines))
    stream.flush()
