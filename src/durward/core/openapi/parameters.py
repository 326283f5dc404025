"""`parameters` (OpenAPI 3.1.1 §4.8.12): those in the path, compared with its variables.

The edge takes the text in place of a variable as its value. If a parameter had another format, the
service would read another value than the one that the decision was about.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from durward.core.difference import excerpt
from durward.core.openapi.faults import Findings
from durward.core.openapi.members import check_no_extension
from durward.core.openapi.references import References
from durward.core.wire import Json

MAX_PARAMETERS: Final = 200
PLACES: Final = ("path", "query", "header", "cookie")
STYLES: Final = ("simple", "label")


@dataclass(frozen=True, slots=True)
class PathParameter:
    """A parameter in the path, by its number in its list; `label` writes a dot before its value."""

    number: int
    name: str
    label: bool


OF_SWAGGER: Final = ("body", "formData")
"""Places of Swagger 2.0, which converted documents still have: they are no parameters any more."""


def read_parameters(
    value: Json, place: str, references: References, found: Findings
) -> tuple[PathParameter, ...]:
    """Check the parameters of a path item or an operation, and return those in the path.

    These are for `check_variables`: a shared list may be under many paths, and is read once.
    """
    if value is None:  # as YAML reads a list whose entries were all removed
        return ()
    if not isinstance(value, list):
        found.refuse(place, "not a list of parameters")
        return ()
    if len(value) > MAX_PARAMETERS:
        found.refuse(place, f"more than {MAX_PARAMETERS} parameters")
        return ()
    in_path: list[PathParameter] = []
    seen: set[tuple[str, str]] = set()
    for number, one in enumerate(value):
        where = f"{place}/{number}"
        before = len(found.faults)
        parameter = references.read(one, where, found)
        if len(found.faults) > before:
            continue
        key = _key(parameter, where, found)
        if key in seen:
            twice = f"`{excerpt(key[0])}` in {key[1]} occurs twice"
            if key[1] == "path":  # in two styles, perhaps
                found.refuse(where, twice)
            else:
                found.note(where, twice)
        elif key and isinstance(parameter, dict):
            seen.add(key)
            if _is_in_path(parameter, where, found):
                in_path.append(PathParameter(number, key[0], parameter.get("style") == "label"))
    return tuple(in_path)


def _key(parameter: Json, place: str, found: Findings) -> tuple[str, str] | None:
    """The key of a parameter, its name and place; None if that is refused."""
    if not isinstance(parameter, dict):
        found.refuse(place, "not an object with `name` and `in`")
        return None
    name, within = parameter.get("name"), parameter.get("in")
    if not isinstance(name, str) or not name:
        found.refuse(f"{place}/name", "text that is not empty")
    elif not isinstance(within, str) or within not in {*PLACES, *OF_SWAGGER}:
        found.refuse(f"{place}/in", f"one of {', '.join(PLACES)}")
    else:
        return name, within
    return None


def _is_in_path(parameter: dict[str, Json], place: str, found: Findings) -> bool:
    """Whether a parameter is in the path; others are counted as unread."""
    check_no_extension(parameter, place, found)
    if parameter["in"] != "path":
        found.leave("parameters")
        return False
    _in_path(parameter, place, found)
    return True


def check_variables(
    in_path: Iterable[PathParameter], place: str, variables: Collection[str], found: Findings
) -> None:
    """Note parameters that are no variables of the path; they are ignored."""
    for one in in_path:
        if one.name not in variables:
            found.note(f"{place}/{one.number}/name", f"the path has no `{{{excerpt(one.name)}}}`")


def with_labels(path: str, in_path: Iterable[PathParameter]) -> str:
    """The path of requests: with a dot before the values of the style `label`.

    Of two parameters of one name the last counts: that of the operation.
    """
    labels = {one.name: one.label for one in in_path}
    for name, label in labels.items():
        path = path.replace(f"{{{name}}}", f".{{{name}}}") if label else path
    return path


def _in_path(parameter: dict[str, Json], place: str, found: Findings) -> None:
    if parameter.get("style", "simple") not in STYLES:
        found.refuse(f"{place}/style", "write `simple` or `label`: a `;` is refused at the edge")
    if "content" in parameter:
        found.refuse(f"{place}/content", "write `schema`: a variable is text, never a document")
