"""Parameters in the path, and servers: what would let a service read something else."""

import pytest

from durward.core.openapi.faults import DocumentRefused
from durward.core.openapi.operations import read_inventory
from durward.core.wire import Json

UNSET = "unset"
ID: dict[str, Json] = {"name": "id", "in": "path", "required": True}


def document(parameters: Json = UNSET, servers: Json = UNSET) -> dict[str, Json]:
    operation = {} if parameters == UNSET else {"parameters": parameters}
    found: dict[str, Json] = {"openapi": "3.1.0", "paths": {"/a/{id}": {"get": operation}}}
    return found if servers == UNSET else {**found, "servers": servers}


def faults(wanted: Json) -> list[tuple[str, str]]:
    with pytest.raises(DocumentRefused) as caught:
        read_inventory(wanted, "api")
    return [(fault.pointer, fault.message) for fault in caught.value.faults]


@pytest.mark.parametrize(
    "parameters",
    [
        [],
        [ID],
        [{**ID, "style": "simple", "explode": True, "schema": {"type": "integer"}}],
        [{"name": "id", "in": "query", "content": {}}, {"name": "X-Id", "in": "header"}],
        [{"name": "id", "in": "cookie", "style": "form"}, ID],
        [{"name": "other", "in": "query", "required": 1}],
    ],
)
def test_parameters_as_specified_are_taken(parameters: Json) -> None:
    """A variable that no parameter tells of is one segment, as any other."""
    wanted = document(parameters)
    assert read_inventory(wanted, "api").operations
    wanted["paths"] = {"/a/{id}": {"get": {}, "parameters": parameters}}
    assert isinstance(parameters, list)
    others = [one for one in parameters if isinstance(one, dict) and one["in"] != "path"]
    assert read_inventory(wanted, "api").unread.get("parameters", 0) == len(others)


@pytest.mark.parametrize(
    ("parameters", "below"),
    [
        (None, [""]),
        ({}, [""]),
        ("id", [""]),
        ([None], ["/0"]),
        (["id"], ["/0"]),
        ([{}], ["/0/name"]),
        ([{"name": "", "in": "query"}], ["/0/name"]),
        ([{"name": 1, "in": "query"}], ["/0/name"]),
        ([{"name": "id"}], ["/0/in"]),
        ([{"name": "id", "in": "Path"}], ["/0/in"]),
        ([{"name": "id", "in": "body"}], ["/0/in"]),
        ([{"name": "id", "in": "querystring"}], ["/0/in"]),
        ([{"name": "id", "in": ["path"]}], ["/0/in"]),
        ([ID, ID], ["/1"]),
        ([{"name": "id", "in": "path"}], ["/0/required"]),
        ([{**ID, "required": False}], ["/0/required"]),
        ([{**ID, "required": "true"}], ["/0/required"]),
        ([{**ID, "required": 1}], ["/0/required"]),
        ([{**ID, "name": "Id"}], ["/0/name"]),
        ([{**ID, "name": "other"}], ["/0/name"]),
        ([{**ID, "style": "matrix"}], ["/0/style"]),
        ([{**ID, "style": "label"}], ["/0/style"]),
        ([{**ID, "style": None}], ["/0/style"]),
        ([{**ID, "content": {}}], ["/0/content"]),
        ([{"name": "x", "in": "path", "content": {}}], ["/0/required", "/0/content", "/0/name"]),
        ([{"$ref": "#/nowhere"}], ["/0/$ref"]),
    ],
)
def test_parameters_that_are_not_as_specified_are_refused(
    parameters: Json, below: list[str]
) -> None:
    """OpenAPI 3.1.1 §4.8.12."""
    wanted = document(parameters)
    places = [f"/paths/~1a~1{{id}}/get/parameters{each}" for each in below]
    assert [pointer for pointer, _ in faults(wanted)] == places
    wanted["paths"] = {"/a/{id}": {"get": {}, "parameters": parameters}}
    places = [f"/paths/~1a~1{{id}}/parameters{each}" for each in below]
    assert [pointer for pointer, _ in faults(wanted)] == places


@pytest.mark.parametrize(
    "servers",
    [
        [],
        [{"url": "/"}],
        [{"url": ""}],
        [{"url": "https://api.example"}],
        [{"url": "https://api.example:8443/", "description": "words"}, {"url": "http://[::1]:80"}],
        [{"url": "https://{host}.example", "variables": {"host": {"default": "a", "enum": ["a"]}}}],
        [{"url": "https://x/{base}", "variables": {"base": {"default": ""}}}],
    ],
)
def test_servers_without_a_base_path_are_taken(servers: Json) -> None:
    assert read_inventory(document(servers=servers), "api").operations


@pytest.mark.parametrize(
    ("server", "below", "told"),
    [
        ({"url": "https://x.example/api/v3"}, "/url", "write the path as `/api/v3/a/{id}`"),
        ({"url": "https://x.example/api/"}, "/url", "write the path as `/api/a/{id}`"),
        ({"url": "/v1"}, "/url", "write the path as `/v1/a/{id}`"),
        ({"url": "v1"}, "/url", "write the path as `/v1/a/{id}`"),
        ({"url": "https://x//"}, "/url", "has the base path `//`"),
        (
            {"url": "."},
            "/url",
            "has the base path `.`, under which nothing is served; write the url",
        ),
        ({"url": "./v1//x/"}, "/url", "write the path as `/v1/x/a/{id}`"),
        ({"url": "../v1"}, "/url", "without it, and each path as clients ask for it"),
        ({"url": "https://x/a b"}, "/url", "without it, and each path as clients ask for it"),
        (
            {"url": "https://x/{v}", "variables": {"v": {"default": "v2"}}},
            "/url",
            "write the path as `/v2/a/{id}`",
        ),
        (
            {"url": "https://x{v}", "variables": {"v": {"default": "", "enum": ["", "/v2"]}}},
            "/url",
            "has the base path `/v2`",
        ),
        ({"url": "https://{v}/"}, "/variables/v", "`default`"),
        ({"url": "https://{v}/", "variables": []}, "/variables/v", "`default`"),
        ({"url": "https://{v}/", "variables": {"v": {"default": 1}}}, "/variables/v", "`default`"),
        (
            {"url": "https://{v}/", "variables": {"v": {"default": "", "enum": [1]}}},
            "/variables/v/enum",
            "a list of texts",
        ),
        ({"url": "https://x?y"}, "/url", "is not a URL"),
        ({"url": "https://x/#y"}, "/url", "is not a URL"),
        ({"url": "https://[x/"}, "/url", "is not a URL"),
        ({"url": "https://x/{"}, "/url", "is not a URL"),
        ({"url": None}, "", "an object with `url`"),
        ({}, "", "an object with `url`"),
        ("https://x", "", "an object with `url`"),
    ],
)
def test_a_base_path_is_refused_with_what_to_write(server: Json, below: str, told: str) -> None:
    """OpenAPI 3.1.1 §4.8.5; wherever servers stand."""
    ((pointer, message),) = faults(document(servers=[server]))
    assert pointer == f"/servers/0{below}"
    assert told in message
    items: list[Json] = [{"get": {}, "servers": [server]}, {"get": {"servers": [server]}}]
    for item in items:
        wanted = document()
        wanted["paths"] = {"/a/{id}": item}
        ((pointer, message),) = faults(wanted)
        assert pointer.endswith(f"/servers/0{below}")
        assert told in message


@pytest.mark.parametrize("servers", [None, {}, "https://x", {"url": "/v1"}])
def test_servers_are_a_list(servers: Json) -> None:
    assert [pointer for pointer, _ in faults(document(servers=servers))] == ["/servers"]
