"""`servers` (OpenAPI 3.1.1 §4.8.5): the base path below which the service serves the paths.

If the URLs have several base paths, the declaration chooses by `base_path`. The hosts of an API are
declared by `hosts` and `upstream`; hosts here are not read.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from durward.core.difference import excerpt
from durward.core.openapi.faults import Findings, pointed
from durward.core.openapi.members import check_no_extension
from durward.core.openapi.template import place_problem
from durward.core.wire import Json

MAX_URL_CHARACTERS: Final = 1_000
MAX_VARIABLES: Final = 20
MAX_VALUES: Final = 100
"""The number of values of all variables of one URL."""
MAX_URLS: Final = 5_000
"""The number of URLs of a document, with each value of a variable."""

_VARIABLE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class ServerUrl:
    """One URL of a server, with one choice of values for its variables."""

    pointer: str
    url: str
    path: str
    """The URL as written."""

    @property
    def base_path(self) -> str:
        """The base path: empty at the root, else without a `/` at its end."""
        return self.path.removesuffix("/")


def read_servers(value: Json, place: str, found: Findings) -> list[ServerUrl]:
    """Every URL of the servers; an invalid one becomes a fault."""
    if not isinstance(value, list):
        found.refuse(place, "not a list of servers")
        return []
    servers: list[ServerUrl] = []
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
        for each in dict.fromkeys(_urls(url, variables)) if variables is not None else ():
            path = _path(each)
            if path is None:
                problem = f"`{url}` is not a URL; write `https://host`, or leave it out"
                found.refuse(f"{where}/url", problem)
                break
            servers.append(ServerUrl(f"{where}/url", url, path))
        if len(servers) > MAX_URLS:
            break
    return servers


def base_path_of(servers: Sequence[ServerUrl], found: Findings) -> str:
    """The one base path of a document's servers; anything else becomes a fault."""
    for one in servers:
        if problem := _base_path_problem(one):
            found.refuse(one.pointer, problem)
            return ""
        first = servers[0]
        if one.base_path != first.base_path:
            where = "another value of a variable" if one.pointer == first.pointer else first.pointer
            problem = (
                f"has the base path {_quoted(one)}, and {where} has {_quoted(first)}; write"
                f" `base_path: {first.base_path or '/'}` in the declaration of the API, or the"
                " other: where the service behind it serves the paths"
            )
            found.refuse(one.pointer, problem)
            return ""
    return servers[0].base_path if servers else ""


def check_inner(servers: Sequence[ServerUrl], base_paths: Collection[str], found: Findings) -> None:
    """Refuse servers of a path or operation with another base path than the document's."""
    for one in servers:
        if one.base_path not in base_paths:
            problem = (
                f"has the base path {_quoted(one)}, and the document"
                f" `{excerpt(min(base_paths, default='') or '/')}`; an API has one base path: put"
                " what has another into a document and an API of its own"
            )
            found.refuse(one.pointer, problem)
            return


def _base_path_problem(server: ServerUrl) -> str:
    hint = "write `base_path` in the declaration of the API: where the service serves the paths"
    if server.path and not server.path.startswith("/"):
        return f"`{excerpt(server.url)}` is relative to where the document was; {hint}"
    if place_problem(server.base_path):
        return f"has the base path {_quoted(server)}, which cannot be served; {hint}"
    return ""


def _quoted(server: ServerUrl) -> str:
    return f"`{excerpt(server.path or '/')}`"


def _path(url: str) -> str | None:
    """The path of a server's URL; None if it has none, or more than a path."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return None if parts.query or parts.fragment or "{" in url else parts.path


def _variables(
    value: Json, url: str, place: str, found: Findings
) -> Mapping[str, tuple[str, ...]] | None:
    """The values of each variable, its default first; None if one is refused."""
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
    """The URL with all defaults, and with each other value of one variable."""
    defaults = {name: values[0] for name, values in variables.items()}
    yield _filled(url, defaults)
    for name, values in variables.items():
        for other in values[1:]:
            yield _filled(url, {**defaults, name: other})


def _filled(url: str, values: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda variable: values[variable[1]], url)
