"""`parameters` (OpenAPI 3.1.1 §4.8.12): those in the path, against the path's variables.

The edge takes what stands in place of a variable as its value. A parameter that says otherwise
would be read by the service as another value than the one that was decided about.
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


def read_parameters(
    value: Json, place: str, references: References, found: Findings
) -> tuple[PathParameter, ...]:
    """Check the parameters of a path item or an operation; those not in the path are unread.

    Those in the path come back for `check_variables`: a list that is referred to stands under many
    paths, and is read once.
    """
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
        if not isinstance(parameter, dict):
            found.refuse(where, "not an object with `name` and `in`")
            continue
        name, within = parameter.get("name"), parameter.get("in")
        if not isinstance(name, str) or not name:
            found.refuse(f"{where}/name", "text that is not empty")
        elif not isinstance(within, str) or within not in PLACES:
            found.refuse(f"{where}/in", f"one of {', '.join(PLACES)}")
        elif (name, within) in seen:
            found.refuse(where, f"`{name}` in {within} stands here twice")
        else:
            seen.add((name, within))
            check_no_extension(parameter, where, found)
            if within == "path":
                _in_path(parameter, where, found)
                in_path.append(PathParameter(number, name, parameter.get("style") == "label"))
            else:
                found.leave("parameters")
    return tuple(in_path)


def check_variables(
    in_path: Iterable[PathParameter], place: str, variables: Collection[str], found: Findings
) -> None:
    """Refuse parameters in the path that are no variables of it."""
    for one in in_path:
        if one.name not in variables:
            problem = f"the path has no `{{{excerpt(one.name)}}}`; names differ by case too"
            found.refuse(f"{place}/{one.number}/name", problem)


def with_labels(path: str, in_path: Iterable[PathParameter]) -> str:
    """The path as clients ask for it: with a dot before the values of the style `label`.

    Of two of one name the later counts: that of the operation, instead of its path item's.
    """
    labels = {one.name: one.label for one in in_path}
    for name, label in labels.items():
        path = path.replace(f"{{{name}}}", f".{{{name}}}") if label else path
    return path


def _in_path(parameter: dict[str, Json], place: str, found: Findings) -> None:
    if parameter.get("required") is not True:
        found.refuse(f"{place}/required", "write `true`: what is in the path is always there")
    if parameter.get("style", "simple") not in STYLES:
        found.refuse(f"{place}/style", "write `simple` or `label`: a `;` is refused at the edge")
    if "content" in parameter:
        found.refuse(f"{place}/content", "write `schema`: a variable is text, never a document")
