"""Which members of a document are read, counted, or refused."""

import pytest

from durward.core.openapi.faults import DocumentRefused
from durward.core.openapi.operations import read_inventory
from durward.core.wire import Json

GET: dict[str, Json] = {"responses": {}}


def document(path_item: Json, **more: Json) -> dict[str, Json]:
    return {"openapi": "3.1.0", "paths": {"/a": path_item}, **more}


def faults(wanted: Json) -> list[tuple[str, str]]:
    with pytest.raises(DocumentRefused) as caught:
        read_inventory(wanted, "api")
    return [(fault.pointer, fault.message) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Get", "lower case: `get`"),
        ("POST", "lower case: `post`"),
        ("query", "neither a method"),
        ("additionalOperations", "neither a method"),
        ("connect", "neither a method"),
        ("gte", "neither a method"),
        ("security", "not into a path item"),
        ("Security", "neither a method"),
        ("x-durward", "belongs into operations only"),
        ("x-Durward", "belongs into operations only"),
        ("x-durward-resource", "belongs into operations only"),
        ("x_durward", "neither a method"),
        ("$Ref", "neither a method"),
    ],
)
def test_a_path_item_has_no_unknown_members(name: str, told: str) -> None:
    """An operation that is misspelled is one that its author believes to be declared."""
    ((pointer, message),) = faults(document({"get": GET, name: {}}))
    assert pointer == f"/paths/~1a/{name}"
    assert told in message


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Security", "called `security`"),
        ("securtiy", "called `security`"),
        ("securities", "called `security`"),
        ("secured", "called `security`"),
        ("securitySchemes", "called `security`"),
        ("server", "called `servers`"),
        ("operationID", "called `operationId`"),
        ("operation_id", "called `operationId`"),
        ("operation-id", "called `operationId`"),
        ("Parameters", "called `parameters`"),
        ("x-Durward", "called `x-durward`"),
        ("X-Durward", "called `x-durward`"),
        ("x_durward", "called `x-durward`"),
        ("x-durward-resource", "called `x-durward`"),
        ("x-duward", "called `x-durward`"),
        ("durward", "called `x-durward`"),
        ("$Ref", "`$ref` belongs into"),
        ("$id", "`$ref` belongs into"),
        ("ref", "`$ref` belongs into"),
        ("get", "no such member"),
        ("GetPet", "no such member"),
    ],
)
def test_an_operation_has_no_misspelled_members(name: str, told: str) -> None:
    ((pointer, message),) = faults(document({"get": {**GET, name: {}}}))
    assert pointer == f"/paths/~1a/get/{name}"
    assert told in message


@pytest.mark.parametrize(
    "name",
    [
        *("x-durward", "x-Durward", "x-durward-all", "securityDefinitions", "Security", "server"),
        *(
            "s\u0435curity",
            "\u0455\u0435\u0441ur\u0456t\u0443",
            "\u0455\u0435\u0441\u03c5\u0433\u0456\u0442\u0443",
        ),
        *("\u0445-durward", "x-\u0501\u03c5\u0433w\u0430\u0433\u0501", "\uff53ecurity"),
    ],
)
def test_a_document_has_no_misspelled_members(name: str) -> None:
    ((pointer, _),) = faults(document({"get": GET}, **{name: {}}))
    assert pointer == f"/{name}"


def test_all_paths_by_one_reference_are_refused() -> None:
    ((pointer, message),) = faults({"openapi": "3.1.0", "paths": {"$ref": "paths.yaml"}})
    assert pointer == "/paths/$ref"
    assert "refer to each path item" in message


def test_the_extension_stands_in_operations_alone() -> None:
    parameter: Json = {"name": "q", "in": "query", "x-durward": {}}
    wanted = document({"get": {"parameters": [parameter]}}, components={"x-durward": {}})
    wanted["servers"] = [{"url": "/", "x-durward": {}}]
    assert isinstance(wanted["paths"], dict)
    wanted["paths"]["x-durward"] = {}
    assert [pointer for pointer, _ in faults(wanted)] == [
        "/paths/x-durward",
        "/components/x-durward",
        "/servers/0/x-durward",
        "/paths/~1a/get/parameters/0/x-durward",
    ]


def test_what_cannot_restrict_is_left_unread_and_counted() -> None:
    operation: dict[str, Json] = {
        "requestBody": {"$ref": "nowhere"},
        "responses": None,
        "callbacks": 1,
        "x-security-note": {},
        "consumes": [],
        "tags": ["a"],
    }
    wanted = document(
        {"get": operation, "put": {"callbacks": {}}, "x-a": 1, "summary": "s"},
        info={},
        webhooks={"a": 1},
        components={"schemas": {"A": {"discriminator": {}}, "B": {}}, "responses": {"C": {}}},
    )
    assert isinstance(wanted["paths"], dict)
    wanted["paths"]["x-more"] = 1
    found = read_inventory(wanted, "api")
    assert [one.id for one in found.operations] == ["GetA", "PutA"]
    assert found.unread == {
        "requestBody": 1,
        "responses": 2,
        "callbacks": 2,
        "x-security-note": 1,
        "consumes": 1,
        "tags": 1,
        "x-a": 1,
        "summary": 1,
        "info": 1,
        "webhooks": 1,
        "schemas": 2,
    }


def test_trace_is_not_served_and_told() -> None:
    found = read_inventory(document({"get": GET, "trace": {"security": 1}}), "api")
    assert [one.method for one in found.operations] == ["GET"]
    assert found.notes == ("/paths/~1a/trace: TRACE is not served (RFC 9110 §9.3.8)",)


@pytest.mark.parametrize(
    "version", ["3.0", "3.0.0", "3.0.4", "3.1", "3.1.0", "3.1.1", "3.1.0-rc1", 3.0, 3.1]
)
def test_two_versions_are_read(version: Json) -> None:
    assert read_inventory({**document({"get": GET}), "openapi": version}, "api").operations


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("3.2.0", "3.0 and 3.1 are read, not `3.2.0`"),
        ("3.10.0", "3.0 and 3.1 are read"),
        ("3.1.x", "3.0 and 3.1 are read"),
        ("4.0.0", "not an OpenAPI 3 document"),
        ("2.0", "not an OpenAPI 3 document"),
        (3, "not an OpenAPI 3 document"),
        (3.2, "3.0 and 3.1 are read, not `3.2`"),
        (True, "not an OpenAPI 3 document"),
        (None, "not an OpenAPI 3 document"),
        ([], "not an OpenAPI 3 document"),
    ],
)
def test_other_versions_are_not_read(version: Json, told: str) -> None:
    ((pointer, message),) = faults({**document({"get": GET}), "openapi": version})
    assert pointer == "/openapi"
    assert told in message


def test_who_has_swagger_is_told_what_to_do() -> None:
    ((pointer, message),) = faults({"swagger": "2.0", "paths": {"/a": {"get": GET}}})
    assert pointer == "/swagger"
    assert "convert it to OpenAPI 3" in message


def test_a_document_cannot_speak_to_a_terminal() -> None:
    name = "k\x1b[31m\nerror: forged\u202e"
    schemes: Json = {name: {"type": "apiKey", "name": "k", "in": "header"}}
    document: dict[str, Json] = {
        "openapi": "3.1.0",
        "security": [{name: []}],
        f"x-{name}": 1,
        "components": {"securitySchemes": schemes},
        "paths": {"/a": {"get": GET}},
    }
    found = read_inventory(document, "api")
    assert len(found.notes) == 1
    assert all(each.isprintable() for each in (*found.notes, *found.unread))
    with pytest.raises(DocumentRefused) as caught:
        read_inventory({**document, "paths": {f"/{name}": {}, "/a": {name: 1}}}, "api")
    lines = caught.value.problem.split("\n")
    assert len(lines) == 3
    assert all(each.isprintable() for each in lines)


def test_at_most_twenty_faults_are_told_each_in_a_line() -> None:
    paths: Json = {f"/{n}": {"get": {"security": None}} for n in range(25)}
    with pytest.raises(DocumentRefused) as caught:
        read_inventory({"openapi": "3.1.0", "paths": paths}, "api")
    lines = caught.value.problem.splitlines()
    assert len(lines) == 22
    assert lines[1].startswith("  /paths/~10/get/security: ")
    assert lines[-1] == "  and 5 more"
    assert len(caught.value.faults) == 25
