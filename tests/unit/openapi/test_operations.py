"""From an OpenAPI document to its operations."""

import re

import pytest

from durward.core.errors import Misconfigured
from durward.core.openapi.operations import Operation, read_inventory, resource_arn
from durward.core.wire import Json


def document(paths: Json, **more: Json) -> Json:
    components: Json = {"securitySchemes": {"durward": {"type": "oauth2", "flows": {}}}}
    return {"openapi": "3.1.0", "components": components, "paths": paths, **more}


def only(operation: dict[str, Json], path: str = "/v1/{tenant}/orders/{id}") -> Operation:
    (found,) = read_inventory(document({path: {"get": operation}}), "orders").operations
    return found


def test_an_operation_names_its_object() -> None:
    found = only(
        {
            "operationId": "GetOrder",
            "security": [{"durward": ["orders:read"]}],
            "x-durward": {"resource": "order/{id}", "tenant": "{tenant}", "audit": "strict"},
        }
    )
    assert found.action == "orders:GetOrder"
    assert found.scopes == (frozenset({"orders:read"}),)
    assert found.strict_audit
    assert not found.public
    values = {"tenant": "acme", "id": "1"}
    assert resource_arn(found, "orders", "prod", values) == "arn:durward:orders:prod:acme:order/1"


@pytest.mark.parametrize("value", ["", "a/b", "a:b", "*", "a?", "$a", ".", "..", "a\nb", "a\\b"])
def test_a_value_with_a_separator_or_wildcard_names_nothing(value: str) -> None:
    found = only({"operationId": "Get", "x-durward": {"resource": "order/{id}"}})
    assert resource_arn(found, "orders", "prod", {"tenant": "acme", "id": value}) is None


def test_an_operation_without_an_id_is_named_after_method_and_path() -> None:
    assert only({}, "/v1/status").id == "GetV1Status"


@pytest.mark.parametrize(("method", "strict"), [("get", False), ("post", True), ("delete", True)])
def test_writes_are_audited_strictly(method: str, strict: bool) -> None:
    (found,) = read_inventory(document({"/a": {method: {}}}), "orders").operations
    assert found.strict_audit is strict


def test_only_an_empty_security_requirement_makes_an_operation_public() -> None:
    assert only({"security": []}, "/a").public
    assert not only({}, "/a").public


@pytest.mark.parametrize(
    "paths",
    [
        {},
        {"/a": 1},
        {"/a": {"get": 1}},
        {"/a": {"$ref": "#/x"}},
        {"a": 1},
        {"a": {"get": {}}},
        {"/a//b": {"get": {}}},
        {"/a/../b": {"get": {}}},
        {"/a%2f": {"get": {}}},
        {"/a/{x": {"get": {}}},
        {"/a/{x}{y}": {"get": {}}},
        {"/{x}/{x}": {"get": {}}},
        {"/" + "a" * 1001: {"get": {}}},
        {"/a": {"get": {"operationId": ""}}},
        {"/{a}": {"get": {"operationId": "x"}}, "/{b}": {"get": {"operationId": "y"}}},
        {"/a": {"get": {"x-durward": {"unknown": 1}}}},
        {"/a": {"get": {"x-durward": {"resource": "order/{id}"}}}},
        {"/a": {"get": {"x-durward": {"resource": "order"}}}},
        {"/a": {"get": {"x-durward": {"action": "other:Get"}}}},
        {"/a": {"get": {"x-durward": {"audit": "never"}}}},
        {"/a": {"get": {"x-durward": {"audit": []}}}},
        {"/a": {"get": {"x-durward": {"fresh": "yes"}}}},
        {"/a": {"get": {"x-durward": {"owner": ""}}}},
    ],
)
def test_what_is_unclear_is_refused(paths: Json) -> None:
    with pytest.raises(Misconfigured):
        read_inventory(document(paths), "orders")


@pytest.mark.parametrize("member", ["resource", "tenant", "owner"])
@pytest.mark.parametrize(
    "text",
    [
        *("{ id }", "{id ", "id}", "{{id}}", "{id!}", ":id", "${id}", "<id>", "[id]", "%id", "*"),
        *("a:b", "a b", "\n", "a\x1b", "a\u202eb", "a\\b"),
    ],
)
def test_what_is_almost_a_variable_is_not_taken_as_text(member: str, text: str) -> None:
    written = f"invoice/{text}" if member == "resource" else text
    with pytest.raises(Misconfigured, match="write text and variables of the path"):
        only({"x-durward": {member: written}})


@pytest.mark.parametrize(
    ("extension", "told"),
    [
        ({"tenant": "tenant"}, "write `{tenant}`"),
        ({"owner": "id"}, "write `{id}`"),
        ({"tenant": "a/{tenant}"}, "one segment"),
        ({"tenant": ".."}, "one segment"),
        ({"resource": "order/../{id}"}, "dot segment"),
        ({"resource": "order//{id}"}, "write `type/"),
        ({"resource": "order/" + "a" * 256}, "longer than 256"),
    ],
)
def test_a_name_of_an_object_is_well_formed(extension: Json, told: str) -> None:
    with pytest.raises(Misconfigured, match=re.escape(told)):
        only({"x-durward": extension})


@pytest.mark.parametrize(
    "extension",
    [{"resource": "id/inv-{id}/é"}, {"tenant": "org-{tenant}"}, {"owner": "a@b.c|{id}"}],
)
def test_text_and_variables_name_an_object(extension: dict[str, str]) -> None:
    found = only({"x-durward": dict(extension)})
    assert {name: getattr(found, name) for name in extension} == extension


def test_every_problem_is_told_at_once_with_its_place() -> None:
    with pytest.raises(Misconfigured) as caught:
        read_inventory(document({"/a//b": {}, "/c": {"get": {"operationId": 7}}}), "orders")
    assert "/paths/~1a~1~1b" in caught.value.problem
    assert "/paths/~1c/get/operationId" in caught.value.problem


@pytest.mark.parametrize("value", [None, 1, [], {}, {"openapi": "2.0"}, {"openapi": 3}])
def test_another_document_is_refused(value: Json) -> None:
    with pytest.raises(Misconfigured):
        read_inventory(value, "orders")


def test_scopes_come_in_words() -> None:
    schemes: Json = {
        "s": {"type": "oauth2", "flows": {"implicit": {"scopes": {"orders:read": "See orders"}}}}
    }
    inventory = read_inventory(
        document({"/a": {"get": {}}}, components={"securitySchemes": schemes}), "orders"
    )
    assert inventory.scopes == {"orders:read": "See orders"}
