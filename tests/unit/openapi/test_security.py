"""Who may ask, as `security` says it."""

import pytest

from durward.core.openapi.faults import DocumentRefused
from durward.core.openapi.operations import Inventory, read_inventory
from durward.core.wire import Json

SCHEMES: dict[str, Json] = {
    "oauth": {"type": "oauth2", "flows": {"clientCredentials": {"scopes": {"read": "r"}}}},
    "oidc": {"type": "openIdConnect", "openIdConnectUrl": "https://x"},
    "bearer": {"type": "http", "scheme": "Bearer"},
    "basic": {"type": "http", "scheme": "basic"},
    "key": {"type": "apiKey", "name": "k", "in": "header"},
    "mtls": {"type": "mutualTLS"},
    "linked": {"$ref": "#/components/securitySchemes/oauth"},
}
UNSET = "unset"


def document(security: Json, default: Json = UNSET, **schemes: Json) -> dict[str, Json]:
    operation: dict[str, Json] = {} if security == UNSET else {"security": security}
    found: dict[str, Json] = {} if default == UNSET else {"security": default}
    components: Json = {"securitySchemes": {**SCHEMES, **schemes}}
    return {
        "openapi": "3.1.0",
        "paths": {"/a": {"get": operation}},
        "components": components,
        **found,
    }


def read(security: Json, default: Json = UNSET, **schemes: Json) -> Inventory:
    return read_inventory(document(security, default, **schemes), "api")


def sets(*scopes: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(each.split()) for each in scopes)


@pytest.mark.parametrize(
    ("security", "scopes"),
    [
        ([{"oauth": ["a", "b"]}], sets("a b")),
        ([{"oidc": ["a"]}], sets("a")),
        ([{"bearer": ["a"]}], sets("a")),
        ([{"linked": ["a"]}], sets("a")),
        ([{"oauth": ["a"], "bearer": ["b"]}], sets("a b")),
        ([{"oauth": ["a"]}, {"oidc": ["b"]}], sets("a", "b")),
        ([{"oauth": ["a"]}, {"oauth": ["a", "b"]}], sets("a")),
        ([{"oauth": ["a"]}, {"oauth": ["a"]}], sets("a")),
        ([{"oauth": []}], ()),
        ([{"oauth": ["a"]}, {"bearer": []}], ()),
        ([{"oauth": ["a"]}, {"key": []}], sets("a")),
        ([{"basic": []}, {"oauth": ["a"]}, {"key": [], "basic": []}], sets("a")),
        ([{"oauth": ["a"], "key": []}], sets("a")),
        ([{"key": []}], ()),
        ([{"key": []}, {"basic": []}], ()),
        (UNSET, ()),
    ],
)
def test_an_alternative_about_tokens_demands_its_scopes(
    security: Json, scopes: tuple[frozenset[str], ...]
) -> None:
    """OpenAPI 3.1.1 §4.8.30; what the edge cannot check never makes a demand smaller."""
    (found,) = read(security).operations
    assert found.scopes == scopes
    assert not found.public


@pytest.mark.parametrize("security", [[], [{}], [{}, {"oauth": ["a"]}], [{"oauth": ["a"]}, {}]])
def test_an_empty_list_and_an_empty_alternative_are_public(security: Json) -> None:
    (found,) = read(security, default=[{"oauth": ["admin"]}]).operations
    assert found.public
    assert found.scopes == ()


def test_an_operation_without_a_demand_has_that_of_the_document() -> None:
    (found,) = read(UNSET, default=[{"oauth": ["a"]}]).operations
    assert found.scopes == sets("a")
    assert read(UNSET, default=[]).operations[0].public


WRONG: list[tuple[Json, str]] = [
    ({"oauth": ["a"]}, ""),
    ("a", ""),
    (None, ""),
    (1, ""),
    (True, ""),
    (["a"], "/0"),
    ([None], "/0"),
    ([[]], "/0"),
    ([{"oauth": "a"}], "/0/oauth"),
    ([{"oauth": None}], "/0/oauth"),
    ([{"oauth": {}}], "/0/oauth"),
    ([{"oauth": {"a": True}}], "/0/oauth"),
    ([{"oauth": ["a", 7]}], "/0/oauth/1"),
    ([{"oauth": [None]}], "/0/oauth/0"),
    ([{"oauth": [["a"]]}], "/0/oauth/0"),
    ([{"oauth": [""]}], "/0/oauth/0"),
    ([{"oauth": ["a b"]}], "/0/oauth/0"),
    ([{"oauth": ["a\n"]}], "/0/oauth/0"),
    ([{"nosuch": []}], "/0/nosuch"),
    ([{"nosuch": ["a"]}], "/0/nosuch"),
    ([{}, {"nosuch": []}], "/1/nosuch"),
    ([{"oauth": []}, {"nosuch": []}], "/1/nosuch"),
    ([{"OAuth": ["a"]}], "/0/OAuth"),
    ([{"$ref": "#/security"}], "/0/$ref"),
    ([{"key": ["admin"]}], "/0/key"),
    ([{"basic": ["admin"]}], "/0/basic"),
    ([{"oauth": ["a"]}, {"key": ["admin"]}], "/1/key"),
    ([{"mtls": []}], "/0/mtls"),
    ([{"oauth": ["a"], "mtls": []}], "/0/mtls"),
    ([{"oauth": ["a"]}] * 101, ""),
]


@pytest.mark.parametrize(("security", "below"), WRONG)
def test_security_that_is_not_as_specified_is_refused_with_its_place(
    security: Json, below: str
) -> None:
    for found, place in (
        (document(security), f"/paths/~1a/get/security{below}"),
        (document(UNSET, default=security), f"/security{below}"),
    ):
        with pytest.raises(DocumentRefused) as caught:
            read_inventory(found, "api")
        assert [fault.pointer for fault in caught.value.faults] == [place]


@pytest.mark.parametrize(
    ("scheme", "below"),
    [
        (1, ""),
        (None, ""),
        ([], ""),
        ({}, "/type"),
        ({"type": "OAuth2"}, "/type"),
        ({"type": ["oauth2"]}, "/type"),
        ({"type": "http"}, "/scheme"),
        ({"type": "http", "scheme": 1}, "/scheme"),
        ({"type": "apiKey", "in": "query"}, "/name"),
        ({"type": "openIdConnect"}, "/openIdConnectUrl"),
        ({"type": "oauth2"}, "/flows"),
        ({"type": "oauth2", "flows": {"code": {}}}, "/flows/code"),
        ({"type": "oauth2", "flows": {"implicit": []}}, "/flows/implicit"),
        ({"type": "oauth2", "flows": {"implicit": {"scopes": ["a"]}}}, "/flows/implicit"),
        (
            {"type": "oauth2", "flows": {"implicit": {"scopes": {"a b": ""}}}},
            "/flows/implicit/scopes/a b",
        ),
        (
            {"type": "oauth2", "flows": {"implicit": {"scopes": {"a": {}}}}},
            "/flows/implicit/scopes/a",
        ),
        ({"$ref": "#/components/securitySchemes/nosuch"}, "/$ref"),
        ({"$ref": "#/components/securitySchemes/x"}, "/$ref"),
    ],
)
def test_a_scheme_that_is_not_as_specified_is_refused(scheme: Json, below: str) -> None:
    with pytest.raises(DocumentRefused) as caught:
        read([{"oauth": []}], x=scheme)
    (fault,) = caught.value.faults
    assert fault.pointer == f"/components/securitySchemes/x{below}"


@pytest.mark.parametrize("value", [1, [], "", {"securitySchemes": []}, {"securitySchemes": 0}])
def test_components_are_objects(value: Json) -> None:
    with pytest.raises(DocumentRefused, match="/components"):
        read_inventory({**document(UNSET), "components": value}, "api")


@pytest.mark.parametrize("value", [None, {}, {"securitySchemes": None}])
def test_components_without_a_value_are_none(value: Json) -> None:
    """As YAML reads `components:` whose content was removed."""
    assert read_inventory({**document(UNSET), "components": value}, "api").operations


@pytest.mark.parametrize(
    ("security", "note"),
    [
        ([{"key": []}], "`key` (apiKey) cannot be checked by the edge, and is replaced by a token"),
        (
            [{"key": []}, {"oauth": ["a"]}],
            "`key` (apiKey) cannot be checked by the edge, and is no",
        ),
        ([{"key": [], "oauth": ["a"]}], "`key` (apiKey) beside a token is left to the service"),
        ([{}, {"oauth": ["a"]}], "everybody may ask"),
        ([{"bearer": []}, {"oauth": ["a"]}], "any token will do"),
    ],
)
def test_what_is_demanded_instead_is_told(security: Json, note: str) -> None:
    (told,) = read(security).notes
    assert note in told
    assert told.startswith("/paths/~1a/get/security")


def test_notes_that_something_is_open_come_first() -> None:
    keys: Json = {f"k{number}": {"type": "apiKey", "name": "k", "in": "header"} for number in "ab"}
    paths: Json = {
        "/a": {"get": {"security": [{"ka": []}]}},
        "/b": {"get": {"security": [{"ka": []}, {}]}},
    }
    held: Json = {"securitySchemes": keys}
    found = read_inventory({"openapi": "3.1.0", "components": held, "paths": paths}, "api")
    assert found.opening == 1
    assert found.notes[0].startswith("/paths/~1b/get/security: `{}` is an alternative")
    assert len(found.notes) == 2


def test_a_note_that_holds_at_many_places_is_told_once() -> None:
    paths: Json = {f"/{n}": {"get": {"security": [{"key": []}]}} for n in range(5)}
    (told,) = read_inventory({**document([]), "paths": paths}, "api").notes
    assert told.endswith("(and 4 more)")
