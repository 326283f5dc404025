"""Documents that are short and would take long: what is referred to is read once, or refused."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice, product
from string import ascii_lowercase
from typing import Any

import pytest

from durward.core.openapi.faults import MAX_FAULTS, MAX_NAMES, DocumentRefused
from durward.core.openapi.members import METHODS
from durward.core.openapi.operations import Inventory, read_inventory
from durward.core.openapi.servers import MAX_URLS
from durward.core.sizes import OPERATIONS
from durward.core.wire import Json

GENEROUS_SECONDS = 5.0
TOKEN: Json = {"o": {"type": "oauth2", "flows": {}}}


@contextmanager
def soon() -> Iterator[None]:
    """Each of these took ten times as long before it was bounded."""
    begun = time.process_time()
    yield
    assert time.process_time() - begun < GENEROUS_SECONDS


def read(paths: Json, components: Mapping[str, Json] | None = None, **more: Json) -> Inventory:
    held: Json = {"securitySchemes": TOKEN, **(components or {})}
    return read_inventory({"openapi": "3.1.0", "components": held, "paths": paths, **more}, "api")


def refusal(paths: Json, components: Mapping[str, Json] | None = None, **more: Json) -> str:
    with soon(), pytest.raises(DocumentRefused) as caught:
        read(paths, components, **more)
    assert len(caught.value.faults) <= MAX_FAULTS
    return caught.value.problem


def everywhere(item: Json, number: int) -> tuple[Json, dict[str, Json]]:
    """Many paths that refer to one path item, and that item."""
    paths: Json = {f"/p{each}": {"$ref": "#/components/pathItems/A"} for each in range(number)}
    return paths, {"pathItems": {"A": item}}


def test_parameters_that_many_paths_share_are_read_once() -> None:
    listed: list[Json] = [{"name": f"q{number}", "in": "query"} for number in range(200)]
    with soon():
        found = read(*everywhere({"parameters": listed, "get": {"parameters": listed}}, 5_000))
    assert found.unread["parameters"] == 400
    assert "more than 200 parameters" in refusal({"/a": {"parameters": [*listed, {}]}})


def test_what_is_shared_is_held_against_each_path() -> None:
    item: Json = {"parameters": [{"name": "id", "in": "path", "required": True}], "get": {}}
    reference: Json = {"$ref": "#/components/pathItems/A"}
    paths: Json = {"/a/{id}": reference, "/b/{ID}": reference}
    (told,) = read(paths, {"pathItems": {"A": item}}).notes
    assert "/paths/~1b~1{ID}/parameters/0/name: the path has no `{id}`" in told


def test_a_path_item_is_no_operation_because_it_was_read_as_what_it_is() -> None:
    told = refusal({"/a": {"get": {"$ref": "#/paths/~1b"}}, "/b": {"get": {}}})
    told += refusal({"/b": {"get": {"$ref": "#/paths/~1b"}}})
    assert told.count("/get/get: operations have no such member") == 2


def test_scopes_that_many_operations_share_are_bounded() -> None:
    security: Json = [{"o": [f"s{one}-{each}" for each in range(100)]} for one in range(100)]
    with soon():
        found = read(*everywhere({"get": {"security": security}}, 100))
    assert len({id(each.scopes) for each in found.operations}) == 1
    told = refusal(*everywhere({"get": {"security": security}}, 1_000))
    assert "ask for more than 8388608 characters of scopes" in told


@pytest.mark.parametrize(
    ("alternative", "told"),
    [
        ({"o": [f"s{number}" for number in range(101)]}, "more than 100 scopes"),
        ({"o": ["s" * 257]}, "longer than 256 characters"),
        ({f"o{number}": [] for number in range(21)}, "more than 20 schemes"),
    ],
)
def test_an_alternative_is_bounded(alternative: Json, told: str) -> None:
    assert told in refusal({"/a": {"get": {"security": [alternative]}}})


def variable(*others: str) -> Json:
    return {"default": "", "enum": list(others)}


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ({"url": "https://h" + "x" * 1_000}, "longer than 1000 characters"),
        ({"url": "{v}" * 21, "variables": {"v": variable()}}, "more than 20 variables"),
        ({"url": "{v}", "variables": {"v": variable(*map(str, range(100)))}}, "more than 100 val"),
        ({"url": "{v}", "variables": {"v": variable("x" * 1_001)}}, "value is longer than 1000"),
    ],
)
def test_the_url_of_a_server_is_bounded(server: Json, told: str) -> None:
    assert told in refusal({"/a": {"get": {}}}, servers=[server])


def test_the_urls_of_a_document_are_bounded() -> None:
    server: Json = {"url": "http://h{v}", "variables": {"v": variable(*map(str, range(99)))}}
    told = refusal({"/a": {"get": {"servers": [server] * 30}}}, servers=[server] * 30)
    assert f"more than {MAX_URLS} URLs" in told


def test_operations_are_counted_while_they_are_read() -> None:
    item: Json = {method: {} for method in METHODS}
    paths, components = everywhere(item, OPERATIONS // len(METHODS) + 1)
    assert f"more than {OPERATIONS} operations" in refusal(paths, components)


def test_members_that_are_not_read_are_bounded() -> None:
    names = islice(map("".join, product(ascii_lowercase, repeat=8)), MAX_NAMES + 1)
    more: dict[str, Any] = dict.fromkeys(names, 1)
    told = refusal({"/a": {"get": {}}}, **more)
    assert f"more than {MAX_NAMES} different members" in told


def test_a_document_of_faults_is_not_read_to_its_end() -> None:
    told = refusal({f"/{number}": 1 for number in range(50_000)})
    assert told.endswith("and at least 980 more")
    assert len(refusal({"/a": {"get": {"security": [{"x" * 1_000_000: []}]}}})) < 2_000


def test_an_id_that_is_shared_is_not_copied() -> None:
    paths, components = everywhere({"get": {"operationId": "x" * 1_000_000}}, 5_000)
    (note,) = read(paths, components).notes
    assert "at most 256 characters" in note
    assert len(note) < 2_000
