"""Path templates (OpenAPI 3.1.1 §4.8.8.2): each segment is literal text or one variable.

A path that ends in `/` is another one than that without it.
"""

import re
from collections.abc import Mapping
from typing import Final

MAX_PATH_CHARACTERS: Final = 1_000

_NAME = r"[A-Za-z_][A-Za-z0-9_.-]*"
_VARIABLE = re.compile(r"\{(" + _NAME + r")\}")
_SEGMENT = r"(?:[A-Za-z0-9._~!$&'()+,=:@-]+|\{" + _NAME + r"\})"
_TEMPLATE = re.compile(r"(?:/" + _SEGMENT + r")+/?\Z|/\Z")


def variables_of(text: str) -> list[str]:
    """The names of the variables of a path, or of another text, in their order."""
    return _VARIABLE.findall(text)


def shape_of(path: str) -> str:
    """A path whatever its variables are called."""
    return _VARIABLE.sub("{}", path)


def filled(text: str | None, values: Mapping[str, str]) -> str | None:
    """A text with the values of its variables; None where one is missing."""
    try:
        return text and _VARIABLE.sub(lambda found: values[found[1]], text)
    except KeyError:
        return None


def path_problem(path: str) -> str | None:
    """What keeps a path from being served, if anything does."""
    if len(path) > MAX_PATH_CHARACTERS:
        return f"longer than {MAX_PATH_CHARACTERS} characters"
    if not path.startswith("/"):
        return f"a path begins with `/`: write `/{path}`"
    if not _TEMPLATE.match(path):
        characters = "letters, digits, and `._~!$&'()+,=:@-`"
        return f"a segment is literal text ({characters}) or one `{{variable}}`, and never empty"
    if {".", ".."} & set(path.split("/")):
        return "has a dot segment; write the path without it"
    names = variables_of(path)
    if len(names) != len(set(names)):
        return "names a variable twice; give each a name of its own"
    if len(names) != len({name.lower() for name in names}):
        return "two variables differ by case alone, which policies do not tell apart; rename one"
    return None
