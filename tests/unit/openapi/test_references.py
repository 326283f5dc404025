"""References to other places of a document and to files of its folder."""

import copy
import json

import pytest

from durward.core.errors import Misconfigured
from durward.core.openapi.faults import DocumentRefused
from durward.core.openapi.operations import read_inventory
from durward.core.openapi.references import bundled
from durward.core.sizes import DECLARATION_BYTES
from durward.core.wire import Json

SCHEMES: Json = {"o": {"type": "oauth2", "flows": {}}}
OPERATION: dict[str, Json] = {
    "operationId": "GetIt",
    "security": [{"o": ["admin"]}],
    "x-durward": {"resource": "secret/one"},
}


def document(paths: Json, **more: Json) -> dict[str, Json]:
    return {"openapi": "3.1.0", "paths": paths, "components": {"securitySchemes": SCHEMES}, **more}


def bundle(wanted: Json, **files: Json) -> Json:
    """With files by their names, in which `_` stands for `/` and the ending is missing."""
    held = {f"{name.replace('_', '/')}.yaml": content for name, content in files.items()}

    def load(name: str) -> Json:
        if name not in held:
            raise Misconfigured(name, "the file does not exist")
        return held[name]

    return bundled(wanted, "openapi.yaml", load)


def refusal(wanted: Json, **files: Json) -> tuple[str, str]:
    with pytest.raises(DocumentRefused) as caught:
        read_inventory(bundle(wanted, **files), "api")
    (fault,) = caught.value.faults
    return fault.pointer, fault.message


@pytest.mark.parametrize(
    "reference",
    [
        "#/x-a",
        "#/x-of~1it/some~0thing",
        "#/x-of~1it/a%20b",
        "#/x-of%7E1it/a%20b",
        "#/x-list/0",
        "#/x-chain",
        "ops.yaml",
        "./ops.yaml",
        "ops.yaml#",
        "all.yaml#/of~1it/0",
        "sub/ops.yaml#/get",
        "sub/../ops.yaml",
        "sub/back.yaml",
        "sub/local.yaml",
        "o%70s.yaml",
    ],
)
def test_an_operation_by_reference_is_read_as_if_it_stood_there(reference: str) -> None:
    more: dict[str, Json] = {
        "x-a": OPERATION,
        "x-of/it": {"some~thing": OPERATION, "a b": OPERATION},
        "x-list": [OPERATION],
        "x-chain": {"$ref": "#/x-a", "summary": "words", "x-note": 1},
    }
    wanted = document({"/a": {"get": {"$ref": reference}}}, **more)
    before = copy.deepcopy(wanted)
    files: dict[str, Json] = {
        "ops": OPERATION,
        "all": {"of/it": [OPERATION]},
        "sub_ops": {"get": OPERATION},
        "sub_back": {"$ref": "../openapi.yaml#/x-a"},
        "sub_local": {"$ref": "ops.yaml#/get"},
    }
    (found,) = read_inventory(bundle(wanted, **files), "api").operations
    assert (found.id, found.scopes, found.resource) == (
        "GetIt",
        (frozenset({"admin"}),),
        "secret/one",
    )
    assert wanted == before


def test_everything_that_is_read_may_be_referred_to() -> None:
    wanted = document(
        {"/a/{id}": {"$ref": "paths/a.yaml"}, "/b": {"get": {"x-durward": {"$ref": "x.yaml#/b"}}}}
    )
    wanted["components"] = {"securitySchemes": {"o": {"$ref": "x.yaml#/o"}}}
    files: dict[str, Json] = {
        "paths_a": {
            "parameters": [{"$ref": "../x.yaml#/id"}],
            "put": {"x-durward": {"$ref": "../x.yaml#/a"}},
        },
        "x": {
            "o": {"type": "openIdConnect", "openIdConnectUrl": "https://x"},
            "id": {"$ref": "#/ids/0"},
            "ids": [{"name": "id", "in": "path", "required": True}],
            "a": {"resource": "thing/{id}"},
            "b": {"fresh": True},
        },
    }
    written = bundle(wanted, **files)
    assert "$ref" not in json.dumps(written)
    found = {one.id: one for one in read_inventory(written, "api").operations}
    assert found["PutAId"].resource == "thing/{id}"
    assert found["GetB"].fresh


def test_what_holds_no_file_stays_as_it_is() -> None:
    """A reference inside the document is not written out: used often, it would grow by it."""
    wanted = document({f"/{n}": {"get": {"$ref": "#/x-a"}} for n in range(3)}, **{"x-a": {}})
    assert bundle(wanted) == wanted
    assert len(read_inventory(wanted, "api").operations) == 3


def test_a_file_used_often_is_read_and_written_once() -> None:
    read: list[str] = []

    def load(name: str) -> Json:
        read.append(name)
        return {"security": [{"o": ["admin"]}]}

    paths: Json = {f"/{n}": {"get": {"$ref": "ops.yaml"}} for n in range(2_000)}
    written = bundled(document(paths), "openapi.yaml", load)
    assert read == ["ops.yaml"]
    found = read_inventory(written, "api").operations
    assert len(found) == 2_000
    assert {one.scopes for one in found} == {(frozenset({"admin"}),)}


def test_a_document_does_not_explode() -> None:
    paths: Json = {f"/{n}": {"$ref": "large.yaml"} for n in range(1_000)}
    large: Json = {
        "get": {},
        "parameters": [{"$ref": "#/x/y"}],
        "description": "x" * (DECLARATION_BYTES // 500),
        "x": {"y": {"name": "q", "in": "query"}},
    }
    pointer, message = refusal(document(paths), large=large)
    assert pointer.startswith("/paths/")
    assert f"more than {DECLARATION_BYTES} bytes" in message


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        (None, "not a reference"),
        (1, "not a reference"),
        ("", "not a reference"),
        ([], "not a reference"),
        ("x" * 2_001, "not a reference"),
        ("https://example.com/ops.yaml", "names a URL"),
        ("HTTPS://example.com/ops.yaml#/a", "names a URL"),
        ("file:///etc/passwd", "names a URL"),
        ("file:ops.yaml", "names a URL"),
        ("urn:x:y", "names a URL"),
        ("c:/ops.yaml", "names a URL"),
        ("//host/ops.yaml", "names a URL"),
        ("/ops.yaml", "not a file"),
        ("%2fops.yaml", "not a file"),
        ("ops.yaml?x", "not a file"),
        ("sub\\ops.yaml", "not a file"),
        ("ops%5c.yaml", "not a file"),
        ("ops.yaml%00.yaml", "not a file"),
        ("ops", "not a file"),
        (".env", "not a file"),
        ("..", "not a file"),
        ("../ops.yaml", "leaves the folder"),
        ("%2e%2e/ops.yaml", "leaves the folder"),
        ("sub/../../ops.yaml", "leaves the folder"),
        ("missing.yaml", "does not exist"),
        ("ops.yaml#/nosuch", "leads nowhere"),
        ("ops.yaml#get", "not a JSON pointer"),
        ("#anchor", "not a JSON pointer"),
        ("#/nosuch", "leads nowhere"),
        ("#/openapi/0", "leads nowhere"),
        ("#/x-list/1", "leads nowhere"),
        ("#/x-list/00", "leads nowhere"),
        ("#/x-list/-", "leads nowhere"),
        ("#/x~2", "`~` is written `~0`"),
        ("#/%ff", "not UTF-8"),
        ("%ff.yaml", "not UTF-8"),
        ("#/paths/~1a/get", "goes in a circle"),
        ("#/x-round", "goes in a circle"),
        ("circle.yaml", "goes in a circle"),
        ("#/x-list", "not an object"),
        ("#/x-item", "no such member"),
        ("item.yaml", "no such member"),
        ("#/x-deep/0", "more than 16 references"),
    ],
)
def test_a_reference_that_is_not_followed_is_refused(reference: Json, told: str) -> None:
    more: dict[str, Json] = {
        "x-list": [{}],
        "x-item": {"get": OPERATION},
        "x-round": {"$ref": "#/x-back"},
        "x-back": {"$ref": "#/x-round"},
        "x-deep": [{"$ref": f"#/x-deep/{n + 1}"} for n in range(20)],
    }
    wanted = document({"/a": {"get": {"$ref": reference}}}, **more)
    pointer, message = refusal(
        wanted, ops={}, circle={"$ref": "circle.yaml"}, item={"get": OPERATION}
    )
    assert pointer in {"/paths/~1a/get", "/paths/~1a/get/$ref", "/paths/~1a/get/get"}
    assert told in message


@pytest.mark.parametrize(
    "beside", ["security", "x-durward", "x-Durward", "operationId", "parameters", "servers", "get"]
)
@pytest.mark.parametrize("reference", ["#/x-a", "ops.yaml"])
def test_nothing_that_could_restrict_stands_beside_a_reference(beside: str, reference: str) -> None:
    wanted = document({"/a": {"get": {"$ref": reference, beside: []}}}, **{"x-a": {}})
    pointer, message = refusal(wanted, ops={})
    assert pointer == "/paths/~1a/get/$ref"
    assert f"`{beside}` stands beside the reference" in message


@pytest.mark.parametrize("beside", ["summary", "type", "required", "schema", "x-a", "example"])
def test_what_restricts_nothing_may_stand_beside_a_reference(beside: str) -> None:
    """It is ignored (OpenAPI 3.1.1 §4.8.23)."""
    wanted = document({"/a": {"get": {"$ref": "#/x-a", beside: True}}}, **{"x-a": {}})
    assert read_inventory(wanted, "api").operations


def test_references_that_are_not_read_are_left_alone() -> None:
    schema: Json = {"$ref": "https://example.com/schema.json", "security": 1}
    responses: Json = {"200": {"content": {"application/json": {"schema": schema}}}}
    wanted = document({"/a": {"get": {"responses": responses}}})
    wanted["components"] = {"schemas": {"S": schema}, "securitySchemes": SCHEMES}
    assert bundle(wanted) == wanted
    assert read_inventory(wanted, "api").operations


def test_files_are_read_only_where_the_document_is_a_file() -> None:
    with pytest.raises(DocumentRefused, match="only where the document itself is a file"):
        read_inventory(document({"/a": {"$ref": "a.yaml"}}), "api")


@pytest.mark.parametrize("value", [None, 1, [], "text"])
def test_what_is_no_document_is_left_to_the_reader(value: Json) -> None:
    assert bundle(value) == value
    assert bundle({"paths": value, "components": value}) == {"paths": value, "components": value}
    odd = document({"/a": {"parameters": value, "get": value}, "/b": value})
    assert bundle(odd) == odd
