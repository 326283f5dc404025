"""Path templates (OpenAPI 3.1.1 §4.8.8.2): each segment is literal text, variables, or both.

A path with a trailing `/` differs from the path without it.
"""

import re
from collections.abc import Mapping
from typing import Final

from durward.core.openapi.segment import segment_of

MAX_PATH_CHARACTERS: Final = 1_000

_NAME = r"[A-Za-z_][A-Za-z0-9_.-]*"
_VARIABLE = re.compile(r"\{(" + _NAME + r")\}")
_SEGMENT = r"(?:[A-Za-z0-9._~!$&'()+,=:@-]|\{" + _NAME + r"\})+"
_TEMPLATE = re.compile(r"(?:/" + _SEGMENT + r")+/?\Z|/\Z")
_ANATOMY: Final = (
    "a segment is literal text (letters, digits, and `._~!$&'()+,=:@-`), a `{variable}`, or"
    " variables with text between them, and never empty"
)
_PLACE = re.compile(r"(?:/[A-Za-z0-9._~!$&'()+,=:@-]+)*\Z")


def variables_of(text: str) -> list[str]:
    """The names of the variables of a path, or of another text, in their order."""
    return _VARIABLE.findall(text)


def shape_of(path: str) -> str:
    """A path without the names of its variables."""
    return _VARIABLE.sub("{}", path)


def without_variables(text: str) -> str:
    """A text without its variables."""
    return _VARIABLE.sub("", text)


def filled_with(text: str, value: str) -> str:
    """A text with the same value for each of its variables."""
    return _VARIABLE.sub(lambda _: value, text)


def filled(text: str | None, values: Mapping[str, str]) -> str | None:
    """A text with the values of its variables; None if one is missing."""
    try:
        return text and _VARIABLE.sub(lambda found: values[found[1]], text)
    except KeyError:
        return None


def path_problem(path: str) -> str | None:
    """Why a path cannot be served; None if it can."""
    if len(path) > MAX_PATH_CHARACTERS:
        return f"longer than {MAX_PATH_CHARACTERS} characters"
    if not path.startswith("/"):
        return f"a path begins with `/`: write `/{path}`"
    if not _TEMPLATE.match(path):
        return _ANATOMY
    segments = path.split("/")[1:]
    if problem := next(filter(None, map(_segment_problem, segments)), None):
        return problem
    names = variables_of(path)
    if len(names) != len(set(names)):
        return "has a variable twice; rename one"
    if len(names) != len({name.lower() for name in names}):
        return "two variables differ by case alone, which policies ignore; rename one"
    return None


def place_problem(text: str) -> str | None:
    """Why a text cannot be a prefix or base path; None if it can.

    It is empty, or whole segments of literal text without a `/` at the end.
    """
    if not _PLACE.match(text):
        return "write whole segments of literal text, such as `/shop/v1`, or nothing"
    return path_problem(f"{text}/")


def _segment_problem(segment: str) -> str:
    """The problem of one segment, and the correction."""
    names = variables_of(segment)
    if segment in {".", ".."}:
        return "has a dot segment; write the path without it"
    if segment.startswith(":") and not names:
        name = segment[1:] or "name"
        return f"`{segment}` would be literal text; a variable is written `{{{name}}}`"
    between = segment_of(shape_of(segment)).texts[1:-1]
    if "" in between:
        hint = f"write `{{{names[0]}}}` alone, whose value is all of it"
        return f"`{segment}` can be read in several ways: no text is between two variables; {hint}"
    if any(text.isalnum() for text in between):
        hint = f"only a sign such as `-` or `,` separates; write `{{{names[0]}}}` alone"
        return f"`{segment}` can be read in several ways: letters are between variables; {hint}"
    return ""
