"""`servers` (OpenAPI 3.1.1 §4.8.5): a base path is refused, as paths are served as written.

Which host serves an API is said by its `upstream` and by the edge; hosts here are not read.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from durward.core.difference import excerpt
from durward.core.openapi.faults import Findings, pointed
from durward.core.openapi.members import check_no_extension
from durward.core.openapi.template import path_problem
from durward.core.wire import Json

MAX_URL_CHARACTERS: Final = 1_000
MAX_VARIABLES: Final = 20
MAX_VALUES: Final = 100
"""Of the variables of one URL together."""
MAX_URLS: Final = 5_000
"""Of a document, with each value of a variable."""
ROOT: Final = {"", "/"}

_VARIABLE = re.compile(r"\{([^{}]*)\}")


def read_servers(value: Json, place: str, path: str, found: Findings) -> int:
    """Refuse base paths; `path` is one of the document's, for the example of what to write.

    How many URLs that are comes back.
    """
    if not isinstance(value, list):
        found.refuse(place, "not a list of servers")
        return 0
    urls = 0
    for number, server in enumerate(value):
        where = f"{place}/{number}"
        if not isinstance(server, dict) or not isinstance(server.get("url"), str):
            found.refuse(where, "an object with `url`, which is text")
            continue
        check_no_extension(server, where, found)
        url = str(server["url"])
        if len(url) > MAX_URL_CHARACTERS:
            found.refuse(f"{where}/url", f"longer than {MAX_URL_CHARACTERS} characters")
            continue
        variables = _variables(server.get("variables", {}), url, where, found)
        if variables is not None:
            urls += 1 + sum(len(values) - 1 for values in variables.values())
            if urls > MAX_URLS:
                break
            for base in dict.fromkeys(map(_base_path, _urls(url, variables))):
                _check(base, url, f"{where}/url", path, found)
    return urls


def _check(base: str | None, url: str, place: str, path: str, found: Findings) -> None:
    if base is None:
        found.refuse(place, f"`{url}` is not a URL; write `https://host`, or leave it out")
    elif base not in ROOT:
        parts = [part for part in base.split("/") if part not in {"", "."}]
        written = "".join(f"/{part}" for part in parts) + path
        hint = f"write the path as `{written}`, and the url without it"
        if not parts:
            hint = "write the url without it"
        elif path_problem(written):
            hint = "write the url without it, and each path as clients ask for it"
        problem = f"has the base path `{excerpt(base)}`, under which nothing is served"
        found.refuse(place, f"{problem}; {hint}")


def _base_path(url: str) -> str | None:
    """The path of a server's URL; None where it is none, or has more than a path."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return None if parts.query or parts.fragment or "{" in url else parts.path


def _variables(
    value: Json, url: str, place: str, found: Findings
) -> Mapping[str, tuple[str, ...]] | None:
    """The values that each variable may have, its default first; None where one is refused."""
    before = len(found.faults)
    variables: dict[str, tuple[str, ...]] = {}
    names = _VARIABLE.findall(url)
    if len(names) > MAX_VARIABLES:
        found.refuse(f"{place}/url", f"has more than {MAX_VARIABLES} variables")
        return None
    values = 0
    for name in dict.fromkeys(names):
        where = pointed(place, "variables", name)
        variable = value.get(name) if isinstance(value, dict) else None
        default = variable.get("default") if isinstance(variable, dict) else None
        others = variable.get("enum", []) if isinstance(variable, dict) else []
        if not isinstance(default, str):
            found.refuse(where, "a variable of the url has a `default`, as text")
        elif not isinstance(others, list) or not all(isinstance(one, str) for one in others):
            found.refuse(f"{where}/enum", "a list of texts")
        elif (values := values + 1 + len(others)) > MAX_VALUES:
            found.refuse(f"{where}/enum", f"more than {MAX_VALUES} values for one url")
        elif any(len(str(one)) > MAX_URL_CHARACTERS for one in (default, *others)):
            found.refuse(where, f"a value is longer than {MAX_URL_CHARACTERS} characters")
        else:
            variables[name] = (default, *map(str, others))
    return variables if len(found.faults) == before else None


def _urls(url: str, variables: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """The URL with every default, and with each other value of one variable."""
    defaults = {name: values[0] for name, values in variables.items()}
    yield _filled(url, defaults)
    for name, values in variables.items():
        for other in values[1:]:
            yield _filled(url, {**defaults, name: other})


def _filled(url: str, values: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda variable: values[variable[1]], url)
