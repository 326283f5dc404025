"""Operations that no Allow means: never said of one that somebody may do."""

from typing import Any

import pytest

from durward.core.configuration.configuration import read_configuration
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.configuration.summary import MAX_NAMED, ApiSummary, summaries

PATHS = {
    "/{tenant}/orders/{id}": {
        "get": {
            "operationId": "GetOrder",
            "x-durward": {"resource": "order/{id}", "tenant": "{tenant}"},
        },
        "delete": {
            "operationId": "DeleteOrder",
            "x-durward": {"resource": "order/{id}", "tenant": "{tenant}"},
        },
    },
    "/status": {"get": {"operationId": "GetStatus", "security": []}},
}
ALL = ("GetOrder", "DeleteOrder", "GetStatus")
ORDERS = "arn:durward:orders:*:${durward:TenantId}:order/*"


def policy(effect: str = "Allow", **members: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": effect, **members}]}


def summary(
    given: dict[str, Any], *, place: str = "role", authzen_apis: bool = False
) -> ApiSummary:
    api: dict[str, Any] = {
        "audience": "https://orders.example",
        "upstream": "127.0.0.1:1",
        "stage": "prod",
        "openapi": {"openapi": "3.1.0", "paths": PATHS},
    }
    gateway: dict[str, Any] = {"tenant": "acme", "grants": ["client_credentials"]}
    declared: dict[tuple[DeclarationKind, str], dict[str, Any]] = {
        (DeclarationKind.TENANT, "acme"): {},
        (DeclarationKind.POLICY, "given"): given,
        (DeclarationKind.API, "orders"): api,
        (DeclarationKind.CLIENT, "gateway"): gateway,
    }
    match place:
        case "role":
            declared[DeclarationKind.ROLE, "clerk"] = {"policies": ["given"]}
        case "boundary":
            declared[DeclarationKind.ROLE, "clerk"] = {"boundary": ["given"]}
        case "user":
            declared[DeclarationKind.USER, "ann"] = {"tenant": "acme", "policies": ["given"]}
        case "client":
            gateway["policies"] = ["given"]
        case "api":
            api["policies"] = ["given"]
        case _:
            pass
    if authzen_apis:
        gateway["authzen_apis"] = ["orders"]
    configuration = read_configuration(Declaration(*key, body) for key, body in declared.items())
    (found,) = summaries(configuration, ["orders"])
    return found


@pytest.mark.parametrize(
    ("given", "shut"),
    [
        (policy(Action="orders:GetOrder", Resource=ORDERS), ["DeleteOrder", "GetStatus"]),
        (policy(Action="orders:getorder", Resource=ORDERS), ["DeleteOrder", "GetStatus"]),
        (policy(Action="orders:Get*", Resource="*"), ["DeleteOrder"]),
        (policy(Action="orders:*Order", Resource="*"), ["GetStatus"]),
        (policy(Action="*", Resource="*"), []),
        (policy(Action="*", Resource=ORDERS), ["GetStatus"]),
        (policy(Action="orders:*", Resource="arn:durward:orders:*:*:*"), []),
        (policy(Action="orders:*", Resource="arn:durward:orders:*:*:invoice/*"), [*ALL]),
        (policy(Action="orders:*", Resource="arn:durward:orders:*:*:ord*"), ["GetStatus"]),
        (policy(Action="orders:*", Resource="arn:durward:orders:*:*:order/7"), ["GetStatus"]),
        (policy(Action="orders:*", Resource="arn:durward:orders:demo:*:order/*"), [*ALL]),
        (policy(Action="orders:*", Resource="arn:durward:orders:pr*:*:order/*"), ["GetStatus"]),
        (policy(Action="orders:*", NotResource=ORDERS), []),
        (policy(NotAction="orders:GetOrder", Resource="*"), ["GetOrder"]),
        (policy("Deny", Action="*", Resource="*"), [*ALL]),
        (
            policy(
                Action="orders:GetOrder",
                Resource=ORDERS,
                Condition={"StringEquals": {"durward:ClientId": "nobody"}},
            ),
            ["DeleteOrder", "GetStatus"],
        ),
        (
            policy(
                Action="orders:*",
                Resource=[f"arn:durward:orders:*:*:kind{n}/*" for n in range(20)] + [ORDERS],
            ),
            ["GetStatus"],
        ),
    ],
)
def test_an_operation_that_no_allow_matches_is_counted(
    given: dict[str, Any], shut: list[str]
) -> None:
    assert summary(given) == ApiSummary("orders", 3, 1, len(shut), tuple(shut), {}, ())


@pytest.mark.parametrize(
    ("place", "shut"),
    [("role", 0), ("user", 0), ("client", 0), ("boundary", 3), ("nowhere", 3)],
)
def test_only_an_attached_policy_allows_and_a_boundary_does_not(place: str, shut: int) -> None:
    assert summary(policy(Action="*", Resource="*"), place=place).not_allowed == shut


def test_the_policy_of_an_api_allows() -> None:
    given = policy(Principal="*", Action="orders:GetStatus")
    assert summary(given, place="api").not_allowed_first == ("GetOrder", "DeleteOrder")


def test_where_other_enforcement_points_ask_an_allow_may_match_any_resource() -> None:
    given = policy(Action="orders:*", Resource="arn:durward:orders:*:*:invoice/*")
    assert summary(given, authzen_apis=True).not_allowed == 0


def test_of_many_such_operations_the_first_are_named() -> None:
    paths = {f"/p{number}": {"get": {"operationId": f"P{number}"}} for number in range(50)}
    api: dict[str, Any] = {
        "audience": "https://orders.example",
        "upstream": "127.0.0.1:1",
        "openapi": {"openapi": "3.1.0", "paths": paths},
    }
    (found,) = summaries(
        read_configuration([Declaration(DeclarationKind.API, "orders", api)]), ["orders"]
    )
    assert found.not_allowed == 50
    assert len(found.not_allowed_first) == MAX_NAMED
