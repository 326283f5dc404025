"""Documents in the shapes that generators and well-known APIs give them."""

from durward.core.openapi.operations import Inventory, read_inventory
from durward.core.wire import Json

ANSWER: Json = {"200": {"description": "done"}}


def read(**document: Json) -> Inventory:
    return read_inventory(
        {"openapi": "3.0.3", "info": {"title": "x", "version": "1"}, **document}, "api"
    )


def scopes(inventory: Inventory) -> dict[str, list[list[str]] | str]:
    return {
        each.id: "public" if each.public else [sorted(one) for one in each.scopes]
        for each in inventory.operations
    }


def test_fastapi() -> None:
    """Operations that ask for nothing have no `security`: here they ask for a token."""
    flows: Json = {"password": {"tokenUrl": "token", "scopes": {"me": "You", "items": "Things"}}}
    found = read(
        openapi="3.1.0",
        paths={
            "/token": {"post": {"operationId": "login_token_post", "responses": ANSWER}},
            "/users/me/": {
                "get": {
                    "operationId": "read_me_users_me__get",
                    "security": [{"OAuth2PasswordBearer": ["me"]}],
                }
            },
            "/items/{item_id}": {
                "get": {
                    "operationId": "read_item_items__item_id__get",
                    "security": [{"OAuth2PasswordBearer": ["me", "items"]}],
                    "parameters": [
                        {
                            "name": "item_id",
                            "in": "path",
                            "required": True,
                            "schema": {"type": "integer", "title": "Item Id"},
                        },
                        {
                            "name": "q",
                            "in": "query",
                            "required": False,
                            "schema": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                        },
                    ],
                }
            },
        },
        components={
            "schemas": {"HTTPValidationError": {"type": "object"}},
            "securitySchemes": {"OAuth2PasswordBearer": {"type": "oauth2", "flows": flows}},
        },
    )
    assert scopes(found) == {
        "login_token_post": [],
        "read_me_users_me__get": [["me"]],
        "read_item_items__item_id__get": [["items", "me"]],
    }
    assert found.scopes == {"me": "You", "items": "Things"}


def test_springdoc() -> None:
    found = read(
        openapi="3.1.0",
        servers=[{"url": "http://localhost:8080", "description": "Generated server url"}],
        security=[{"bearerAuth": []}],
        tags=[{"name": "owner-controller"}],
        paths={
            "/owners/{ownerId}": {
                "get": {
                    "tags": ["owner-controller"],
                    "operationId": "findOwner",
                    "parameters": [{"name": "ownerId", "in": "path", "required": True}],
                    "responses": ANSWER,
                },
                "delete": {"tags": ["owner-controller"], "operationId": "findOwner_1"},
            }
        },
        components={
            "securitySchemes": {
                "bearerAuth": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            }
        },
    )
    assert scopes(found) == {"findOwner": [], "findOwner_1": []}


def test_rest_framework_with_spectacular() -> None:
    """Its paths end in `/`; `{}` says that a view takes anybody."""
    found = read(
        paths={
            "/api/albums/": {
                "get": {
                    "operationId": "albums_list",
                    "security": [{"cookieAuth": []}, {"tokenAuth": []}, {}],
                },
                "post": {
                    "operationId": "albums_create",
                    "security": [{"cookieAuth": []}, {"basicAuth": []}],
                },
            },
            "/api/albums/{id}/": {
                "get": {
                    "operationId": "albums_retrieve",
                    "parameters": [
                        {
                            "in": "path",
                            "name": "id",
                            "required": True,
                            "schema": {"type": "integer"},
                        }
                    ],
                    "security": [{"jwtAuth": []}, {"cookieAuth": []}],
                }
            },
        },
        components={
            "securitySchemes": {
                "basicAuth": {"type": "http", "scheme": "basic"},
                "cookieAuth": {"type": "apiKey", "in": "cookie", "name": "sessionid"},
                "jwtAuth": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "tokenAuth": {"type": "apiKey", "in": "header", "name": "Authorization"},
            }
        },
    )
    assert scopes(found) == {"albums_list": "public", "albums_create": [], "albums_retrieve": []}
    assert len(found.notes) == 3


def test_nest() -> None:
    found = read(
        openapi="3.0.0",
        servers=[],
        tags=[],
        paths={
            "/cats/{id}": {
                "patch": {
                    "operationId": "CatsController_update",
                    "parameters": [
                        {"name": "id", "required": True, "in": "path", "schema": {"type": "string"}}
                    ],
                    "responses": {"200": {"description": ""}},
                    "security": [{"bearer": []}],
                }
            },
            "/": {"get": {"operationId": "AppController_getHello", "parameters": []}},
        },
        components={
            "securitySchemes": {
                "bearer": {"scheme": "bearer", "bearerFormat": "JWT", "type": "http"}
            }
        },
    )
    assert [each.action for each in found.operations] == [
        "api:CatsController_update",
        "api:AppController_getHello",
    ]


def test_express_with_jsdoc() -> None:
    """Comments beside routes: no ids, some tags, references to components."""
    found = read(
        paths={
            "/todos": {
                "get": {"summary": "All of them", "tags": ["Todos"], "responses": ANSWER},
                "post": {
                    "requestBody": {"$ref": "#/components/requestBodies/Todo"},
                    "security": [{"bearerAuth": []}],
                },
            },
            "/todos/{id}": {
                "parameters": [{"$ref": "#/components/parameters/id"}],
                "get": {},
                "delete": {"security": [{"bearerAuth": []}]},
            },
        },
        components={
            "parameters": {"id": {"in": "path", "name": "id", "required": True}},
            "securitySchemes": {"bearerAuth": {"type": "http", "scheme": "bearer"}},
        },
    )
    assert [each.id for each in found.operations] == [
        "GetTodos",
        "PostTodos",
        "GetTodosId",
        "DeleteTodosId",
    ]


def test_a_shop_of_pets() -> None:
    flows: Json = {
        "implicit": {
            "authorizationUrl": "https://pets.example/oauth",
            "scopes": {"write:pets": "Change", "read:pets": "Look"},
        }
    }
    found = read(
        security=[],
        paths={
            "/pet": {
                "put": {
                    "operationId": "updatePet",
                    "security": [{"shop_auth": ["write:pets", "read:pets"]}],
                    "requestBody": {"content": {"application/xml": {}}},
                }
            },
            "/pet/{petId}": {
                "get": {
                    "operationId": "getPetById",
                    "security": [{"api_key": []}, {"shop_auth": ["write:pets", "read:pets"]}],
                }
            },
            "/store/inventory": {
                "get": {"operationId": "getInventory", "security": [{"api_key": []}]}
            },
            "/user/login": {"get": {"operationId": "loginUser"}},
        },
        components={
            "securitySchemes": {
                "shop_auth": {"type": "oauth2", "flows": flows},
                "api_key": {"type": "apiKey", "name": "api_key", "in": "header"},
            }
        },
    )
    assert scopes(found) == {
        "updatePet": [["read:pets", "write:pets"]],
        "getPetById": [["read:pets", "write:pets"]],
        "getInventory": [],
        "loginUser": "public",
    }


def test_ids_with_slashes_and_shared_parameters() -> None:
    hooks: dict[str, Json] = {"x-webhooks": {"push": {"post": {"operationId": "push"}}}}
    parameters: dict[str, Json] = {
        name: {"name": name, "in": "path", "required": True} for name in ("owner", "repo")
    }
    shared: Json = [{"$ref": f"#/components/parameters/{name}"} for name in parameters]
    found = read(
        paths={
            "/repos/{owner}/{repo}": {
                "get": {"operationId": "repos/get", "parameters": shared, "x-hub": {"a": 1}},
                "patch": {"operationId": "repos/update", "parameters": shared},
            },
            "/repos/{owner}/{repo}/actions/runs": {
                "get": {"operationId": "actions/list-workflow-runs-for-repo", "parameters": shared}
            },
        },
        components={"parameters": parameters},
        **hooks,
    )
    assert [each.action for each in found.operations] == [
        "api:Repos.get",
        "api:Repos.update",
        "api:Actions.list-workflow-runs-for-repo",
    ]


def test_forms_and_two_ways_to_send_a_key() -> None:
    form: Json = {"content": {"application/x-www-form-urlencoded": {"schema": {}, "encoding": {}}}}
    found = read(
        security=[{"basicAuth": []}, {"bearerAuth": []}],
        servers=[{"url": "https://api.payments.example/"}],
        paths={
            "/v1/charges/{charge}": {
                "post": {
                    "operationId": "PostChargesCharge",
                    "requestBody": form,
                    "parameters": [
                        {"in": "path", "name": "charge", "required": True, "style": "simple"}
                    ],
                }
            }
        },
        components={
            "securitySchemes": {
                "basicAuth": {"type": "http", "scheme": "basic", "description": "key as user"},
                "bearerAuth": {"type": "http", "scheme": "bearer", "bearerFormat": "auth-scheme"},
            }
        },
    )
    assert scopes(found) == {"PostChargesCharge": []}
    (note,) = found.notes
    assert "`basicAuth` (http basic)" in note


def test_a_cluster_of_many_kinds() -> None:
    """Thousands of operations, each with parameters of its path item."""
    kinds = 800
    shared: Json = [
        {"name": "namespace", "in": "path", "required": True, "uniqueItems": True},
        {"$ref": "#/components/parameters/pretty"},
    ]
    paths: Json = {
        f"/apis/group{n}.example/v1/namespaces/{{namespace}}/kind{n}": {
            "parameters": shared,
            **{
                method: {
                    "operationId": f"{method}Kind{n}",
                    "x-kubernetes-action": method,
                    "security": [{"BearerToken": []}],
                }
                for method in ("get", "put", "post", "delete", "patch")
            },
        }
        for n in range(kinds)
    }
    found = read(
        paths=paths,
        components={
            "parameters": {"pretty": {"name": "pretty", "in": "query"}},
            "securitySchemes": {
                "BearerToken": {"type": "http", "scheme": "bearer", "description": "a token"}
            },
        },
    )
    assert len(found.operations) == kinds * 5
    assert found.unread["parameters"] == kinds
