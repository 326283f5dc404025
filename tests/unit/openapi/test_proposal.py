"""What is proposed for `x-durward`, read from methods, ids and paths."""

import itertools

import pytest

from durward.core.configuration.starter import MAX_ROLES, starter, statement
from durward.core.openapi.operations import Operation, read_inventory
from durward.core.openapi.proposal import ProposedOperation, proposed
from durward.core.wire import Json

OAUTH: Json = {"securitySchemes": {"oauth": {"type": "oauth2", "flows": {}}}}


def operations(paths: Json) -> tuple[Operation, ...]:
    document: Json = {"openapi": "3.1.0", "components": OAUTH, "paths": paths}
    return read_inventory(document, "shop").operations


def propose(paths: Json) -> list[ProposedOperation]:
    return proposed("shop", "acme", operations(paths))


@pytest.mark.parametrize(
    ("path", "resource", "tenant"),
    [
        ("/orders", "orders/all", "acme"),
        ("/orders/{order_id}", "order/{order_id}", "acme"),
        ("/orders/{order_id}/cancel", "order/{order_id}", "acme"),
        ("/users/{uid}/orders/{oid}", "user/{uid}/order/{oid}", "acme"),
        ("/api/v1/categories/{id}", "category/{id}", "acme"),
        ("/v2.1/boxes/{id}", "box/{id}", "acme"),
        ("/addresses/{id}", "address/{id}", "acme"),
        ("/status/{id}", "status/{id}", "acme"),
        ("/orderItems/{id}", "order-item/{id}", "acme"),
        ("/{id}", "object/{id}", "acme"),
        ("/a/{x}/{y}", "a/{x}/object/{y}", "acme"),
        ("/", None, "acme"),
        ("/v1", None, "acme"),
        ("/tenants/{tenant_id}/orders", "orders/all", "{tenant_id}"),
        ("/{tenant}/orders/{id}", "order/{id}", "{tenant}"),
        ("/t/{tenantId}/u/{tenant_name}", "t/{tenantId}/u/{tenant_name}", "acme"),
        ("/orgs/{org}", "org/{org}", "acme"),
    ],
)
def test_an_object_is_that_of_the_variables(path: str, resource: str, tenant: str) -> None:
    (found,) = propose({path: {"get": {}}})
    assert (found.resource, found.tenant) == (resource, tenant)


@pytest.mark.parametrize(
    ("path", "identity", "action"),
    [
        ("/pets/{id}", None, "GetPetsId"),
        ("/pets", "listPets", "ListPets"),
        ("/pets", "pets/list-all", "PetsListAll"),
        ("/items/{item_id}", "read_item_items__item_id__get", "ReadItem"),
        ("/pets", "1st", "GetPets"),
        ("/", None, "Get"),
    ],
)
def test_an_action_is_the_id_without_separators(
    path: str, identity: str | None, action: str
) -> None:
    (found,) = propose({path: {"get": {"operationId": identity}}})
    assert found.action == f"shop:{action}"


def test_actions_are_told_apart_whatever_the_order_of_the_document() -> None:
    named: dict[str, Json] = {
        "/a": {"get": {"operationId": "x"}, "put": {"operationId": "x"}},
        "/b": {"get": {"operationId": "X"}},
        "/c-d": {"get": {}},
        "/c/d": {"get": {}},
        "/e": {"get": {"operationId": "y"}},
    }
    orders = [dict(order) for order in itertools.permutations(named.items())]
    made = {
        tuple(sorted((*each.operation.route, each.action) for each in propose(order)))
        for order in orders[::20]
    }
    (names,) = made
    actions = [action for *_, action in names]
    assert len({action.lower() for action in actions}) == len(actions)
    assert {"shop:GetA", "shop:PutA", "shop:GetB", "shop:Y"} <= {*actions}


def test_a_proposal_is_what_the_reader_takes() -> None:
    paths: dict[str, Json] = {
        "/{tenant_id}/Üsers/{a.b}/x".replace("Ü", "u"): {"get": {}, "post": {"operationId": "é"}},
        "/orders/{id}": {"delete": {"operationId": "a b c"}},
    }
    for each in propose(paths):
        item = paths[each.operation.path]
        assert isinstance(item, dict)
        operation = item[each.operation.method.lower()]
        assert isinstance(operation, dict)
        operation["x-durward"] = {**each.extension()}
    found = operations(paths)
    assert [each.action for each in found] == [each.action for each in propose(paths)]


def asks(*scopes: str) -> Json:
    return [{"oauth": [*scopes]}]


def test_nobody_gets_more_than_is_written_and_what_is_left_is_denied() -> None:
    found = starter(
        "shop",
        propose(
            {
                "/status": {"get": {"security": []}},
                "/auth/login": {"post": {"security": []}},
                "/webhook": {"post": {"security": []}, "delete": {"security": [{}]}},
                "/orders": {
                    "get": {"security": asks("orders:read")},
                    "post": {"security": [{"oauth": ["a"]}, {"oauth": ["b", "c"]}]},
                },
                "/notes": {"get": {}, "put": {}},
            }
        ),
    )
    assert {role.name: [each.action for each in role.operations] for role in found.roles} == {
        "shop-a": ["shop:PostOrders"],
        "shop-b-c": ["shop:PostOrders"],
        "shop-orders-read": ["shop:GetOrders"],
        "shop-notes-read": ["shop:GetNotes"],
        "shop-notes-write": ["shop:PutNotes"],
    }
    assert [each.action for each in found.public] == ["shop:GetStatus", "shop:PostAuthLogin"]
    assert [each.action for each in found.denied] == ["shop:PostWebhook", "shop:DeleteWebhook"]


def test_roles_are_bounded_and_the_rest_is_denied() -> None:
    paths: Json = {f"/n{chr(97 + n // 26)}{chr(97 + n % 26)}": {"get": {}} for n in range(250)}
    found = starter("shop", propose(paths))
    assert len(found.roles) == MAX_ROLES
    assert len(found.denied) == 50


def test_roles_that_would_be_called_the_same_are_two() -> None:
    """The API `shop` has a scope `shop:read`, and paths that begin with `/shop`."""
    paths: Json = {
        "/shop/orders": {"get": {"security": [{"oauth": ["shop:read"]}]}},
        "/shop/report": {"get": {"security": [{"oauth": []}]}},
        "/a": {"get": {"security": [{"oauth": [f"shop:{'x' * 60}a"]}]}},
        "/b": {"get": {"security": [{"oauth": [f"shop:{'x' * 60}b"]}]}},
    }
    found = starter("shop", propose(paths))
    assert not found.denied
    assert {
        role.name: [each.operation.path for each in role.operations] for role in found.roles
    } == {
        "shop-read": ["/shop/orders"],
        "shop-read-2": ["/shop/report"],
        f"shop-{'x' * 55}": ["/a"],
        f"shop-{'x' * 53}-2": ["/b"],
    }


def test_a_statement_reaches_objects_of_the_principals_own_tenant() -> None:
    assert statement("shop", propose({"/b": {"get": {}}, "/a": {"get": {}}})) == {
        "Effect": "Allow",
        "Action": ["shop:GetA", "shop:GetB"],
        "Resource": "arn:durward:shop:*:${durward:TenantId}:*",
    }
