"""Parameters in the path, and servers: what would let a service read something else."""

import pytest

from durward.core.openapi.faults import DocumentRefused
from durward.core.openapi.operations import read_inventory
from durward.core.wire import Json

UNSET = "unset"
QUERY: dict[str, Json] = {"name": "q", "in": "query"}
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
        None,
        [{"name": "id", "in": "path"}],
        [{**ID, "required": False}],
        [{**ID, "required": "true"}],
        [{"name": "id", "in": "body"}, {"name": "id", "in": "formData"}],
    ],
)
def test_parameters_that_restrict_nothing_are_taken(parameters: Json) -> None:
    """A variable that no parameter tells of is one segment, as any other."""
    wanted = document(parameters)
    assert read_inventory(wanted, "api").operations
    wanted["paths"] = {"/a/{id}": {"get": {}, "parameters": parameters}}
    parameters = parameters if isinstance(parameters, list) else []
    others = [one for one in parameters if isinstance(one, dict) and one["in"] != "path"]
    assert read_inventory(wanted, "api").unread.get("parameters", 0) == len(others)


@pytest.mark.parametrize(
    ("parameters", "below"),
    [
        ({}, [""]),
        ("id", [""]),
        ([None], ["/0"]),
        (["id"], ["/0"]),
        ([{}], ["/0/name"]),
        ([{"name": "", "in": "query"}], ["/0/name"]),
        ([{"name": 1, "in": "query"}], ["/0/name"]),
        ([{"name": "id"}], ["/0/in"]),
        ([{"name": "id", "in": "Path"}], ["/0/in"]),
        ([{"name": "id", "in": "querystring"}], ["/0/in"]),
        ([{"name": "id", "in": ["path"]}], ["/0/in"]),
        ([ID, {**ID, "style": "label"}], ["/1"]),
        ([{**ID, "style": "matrix"}], ["/0/style"]),
        ([{**ID, "style": "Label"}], ["/0/style"]),
        ([{**ID, "style": None}], ["/0/style"]),
        ([{**ID, "content": {}}], ["/0/content"]),
        ([{"name": "x", "in": "path", "content": {}}], ["/0/content"]),
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
    ("parameters", "told"),
    [
        ([QUERY, QUERY], "/1: `q` in query occurs twice"),
        ([{**ID, "name": "Id"}], "/0/name: the path has no `{Id}`"),
        ([{**ID, "name": "other"}], "/0/name: the path has no `{other}`"),
    ],
)
def test_what_no_request_can_have_is_noted(parameters: Json, told: str) -> None:
    (note,) = read_inventory(document(parameters), "api").notes
    assert note.endswith(f"/parameters{told}")


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
    ("server", "base"),
    [
        ({"url": "https://x.example/api/v3"}, "/api/v3"),
        ({"url": "https://x.example/api/"}, "/api"),
        ({"url": "/v1"}, "/v1"),
        ({"url": "https://x/{v}", "variables": {"v": {"default": "v2", "enum": ["v2"]}}}, "/v2"),
    ],
)
def test_the_base_path_of_servers_is_where_the_service_serves_the_paths(
    server: Json, base: str
) -> None:
    """OpenAPI 3.1.1 §4.8.5; the paths of the document stay as they are."""
    found = read_inventory(document(servers=[server, {"url": f"https://other{base}/"}]), "api")
    assert found.base_path == base
    assert [one.path for one in found.operations] == ["/a/{id}"]
    assert read_inventory(document(servers=[server]), "api", "/own").base_path == "/own"
    assert read_inventory(document(servers=[server]), "api", "").base_path == ""


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ({"url": "v1"}, "`v1` is relative to where the document was; write `base_path`"),
        ({"url": "."}, "is relative"),
        ({"url": "../v1"}, "is relative"),
        ({"url": "https://x//"}, "has the base path `//`, which cannot be served"),
        ({"url": "https://x/a//b"}, "cannot be served"),
        ({"url": "https://x/a/../b"}, "cannot be served"),
        ({"url": "https://x/a b"}, "cannot be served"),
        ({"url": "https://x/a%20b"}, "cannot be served"),
        (
            {"url": "https://x{v}", "variables": {"v": {"default": "", "enum": ["", "/v2"]}}},
            "has the base path `/v2`, and another value of a variable has `/`; write `base_path:",
        ),
    ],
)
def test_base_paths_that_are_not_one_are_declared(server: Json, told: str) -> None:
    ((pointer, message),) = faults(document(servers=[server]))
    assert pointer == "/servers/0/url"
    assert told in message
    assert read_inventory(document(servers=[server]), "api", "/v2").base_path == "/v2"


def test_servers_with_several_base_paths_need_a_declared_one() -> None:
    servers: Json = [{"url": "https://x/v1"}, {"url": "https://y/v2"}]
    ((pointer, message),) = faults(document(servers=servers))
    assert pointer == "/servers/1/url"
    assert (
        "has the base path `/v2`, and /servers/0/url has `/v1`; write `base_path: /v1`" in message
    )
    assert read_inventory(document(servers=servers), "api", "/v1").base_path == "/v1"


@pytest.mark.parametrize("place", ["path", "operation"])
def test_servers_of_a_path_or_an_operation_have_the_base_path_of_the_document(place: str) -> None:
    def wanted(url: str) -> Json:
        listed: Json = [{"url": url}]
        item: Json = {"get": {"servers": listed}}
        if place == "path":
            item = {"get": {}, "servers": listed}
        return {**document(servers=[{"url": "https://x/v1"}]), "paths": {"/a/{id}": item}}

    assert read_inventory(wanted("https://other/v1/"), "api").base_path == "/v1"
    ((pointer, message),) = faults(wanted("https://other/files"))
    assert pointer.endswith("/servers/0/url")
    assert "has the base path `/files`, and the document `/v1`; an API has one base path" in message
    assert read_inventory(wanted("https://other/files"), "api", "/files").operations


@pytest.mark.parametrize(
    ("server", "below", "told"),
    [
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
def test_what_is_no_server_is_refused_with_what_to_write(
    server: Json, below: str, told: str
) -> None:
    """Wherever servers stand, and whatever base path is declared."""
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


def test_the_style_label_is_a_dot_before_the_value() -> None:
    """RFC 6570 §3.2.5; a parameter of the operation counts instead of that of its path item."""
    label: Json = {**ID, "style": "label"}
    wanted = document([label])
    assert [one.path for one in read_inventory(wanted, "api").operations] == ["/a/.{id}"]
    wanted["paths"] = {"/a/{id}": {"parameters": [label], "get": {}, "put": {"parameters": [ID]}}}
    found = read_inventory(wanted, "api").operations
    assert {one.method: one.path for one in found} == {"GET": "/a/.{id}", "PUT": "/a/{id}"}


@pytest.mark.parametrize("servers", [None, {}, "https://x", {"url": "/v1"}])
def test_servers_are_a_list(servers: Json) -> None:
    assert [pointer for pointer, _ in faults(document(servers=servers))] == ["/servers"]
