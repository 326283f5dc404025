"""Policies and questions speak of what there is: a name that is misspelled says nothing."""

from typing import Any

import pytest
from tests.unit.test_configuration import GOOD

from durward.core.configuration.configuration import Configuration, read_configuration
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.errors import Misconfigured
from durward.core.names import (
    MAX_TOLD,
    check_action,
    check_asked_resource,
    check_context,
    check_declared,
    check_names,
    check_never,
    check_pattern,
    check_scopes,
    names_of_configuration,
)

KEYS: dict[str, Any] = {"durward:ResourceAttr/state": {}}


def configuration(statement: dict[str, Any], **api: Any) -> Configuration:
    body = {"Effect": "Allow", "Action": "orders:Get", "Resource": "*", **statement}
    declared: dict[str, dict[str, Any]] = {
        **GOOD,
        "policies": {**GOOD["policies"], "all": {"Version": "2012-10-17", "Statement": body}},
        "apis": {"orders": {**GOOD["apis"]["orders"], **api}},
    }
    return read_configuration(
        Declaration(DeclarationKind(kind), name, body)
        for kind, bodies in declared.items()
        for name, body in bodies.items()
    )


def test_names_that_there_are_are_taken() -> None:
    check_names(configuration({}))
    state = {"StringEquals": {"durward:ResourceAttr/state": "open"}}
    check_names(configuration({"Condition": state}, keys=KEYS))


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ({"Effect": "Deny", "Action": "orders:Gte"}, "all/Statement/Action: "),
        ({"Action": "bills:Get"}, "`bills:Get`"),
        ({"Resource": "arn:durward:orders:*:*:ordr/*"}, "/Statement/Resource"),
        ({"Condition": {"StringEquals": {"durward:Subjekt": "ann"}}}, "did you mean"),
        ({"Condition": {"NumericEquals": {"durward:Subject": "1"}}}, "durward:Subject"),
    ],
)
def test_a_name_that_there_is_not_is_refused(statement: dict[str, Any], told: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        check_names(configuration(statement))
    assert told in caught.value.problem
    assert "durward policy check" in caught.value.hint


def test_of_many_names_that_there_are_not_the_first_are_told_and_how_many_more() -> None:
    actions = [f"orders:No{number}" for number in range(MAX_TOLD + 3)]
    with pytest.raises(Misconfigured) as caught:
        check_names(configuration({"Action": actions}))
    assert caught.value.problem.count("all/Statement") == MAX_TOLD
    assert "and 3 more" in caught.value.problem


def test_an_invariant_that_is_misspelled_is_refused_as_it_would_be_proven_in_vain() -> None:
    here = configuration({})
    check_never(here, [{"Effect": "Allow", "Action": "orders:Get", "Resource": "*"}], "never")
    with pytest.raises(Misconfigured, match="orders:Gte") as caught:
        check_never(here, [{"Effect": "Allow", "Action": "orders:Gte", "Resource": "*"}], "never")
    assert caught.value.hint == "nothing that is misspelled is ever allowed"


def test_a_question_is_about_an_operation_that_there_is() -> None:
    here = configuration({})
    check_action(here, "orders:Get", "--action", one=True)
    check_action(here, "ORDERS:get", "--action", one=True)
    check_action(here, "orders:*", "--action")
    with pytest.raises(Misconfigured, match="did you mean `orders:Get`"):
        check_action(here, "orders:Gte", "--action")
    with pytest.raises(Misconfigured, match="a request has one action"):
        check_action(here, "orders:*", "--action", one=True)


@pytest.mark.parametrize("resource", ["order/1", "arn:durward:orders", "arn:aws:orders:p:acme:x"])
def test_a_request_is_for_a_resource_by_its_whole_name(resource: str) -> None:
    with pytest.raises(Misconfigured, match="is not a resource") as caught:
        check_asked_resource(configuration({}), resource, "--resource")
    assert caught.value.hint.startswith("arn:durward:")


def test_a_request_is_for_a_resource_of_an_api_that_there_is() -> None:
    check_asked_resource(configuration({}), "arn:durward:orders:prod:acme:order/1", "--resource")
    with pytest.raises(Misconfigured, match=r"unknown API `order`.*orders"):
        check_asked_resource(configuration({}), "arn:durward:order:prod:acme:order/1", "--resource")


def test_a_name_that_nobody_declared_is_told_with_the_one_that_is_close() -> None:
    check_declared(["clerk"], ["clerk", "boss"], "--role")
    with pytest.raises(Misconfigured, match=r"`clerc` is not declared.*clerk"):
        check_declared(["clerk", "clerc"], ["clerk", "boss"], "--role")


def test_a_scope_is_one_that_an_api_has() -> None:
    here = configuration({})
    check_scopes(here, ["", "anything"], "--scope")
    secured = {
        "get": {"operationId": "Get", "security": [{"token": ["orders:read"]}]},
    }
    scheme = {
        "type": "oauth2",
        "flows": {
            "clientCredentials": {
                "tokenUrl": "https://id.example/token",
                "scopes": {"orders:read": "read orders"},
            }
        },
    }
    openapi = {
        "openapi": "3.1.0",
        "paths": {"/a": secured},
        "components": {"securitySchemes": {"token": scheme}},
    }
    with_scopes = configuration({}, openapi=openapi)
    check_scopes(with_scopes, ["orders:read", ""], "--scope")
    with pytest.raises(Misconfigured, match=r"no API has the scope `orders:raed`.*orders:read"):
        check_scopes(with_scopes, ["orders:raed"], "--scope")


def test_a_question_about_resources_names_an_api_and_a_form_that_there_are() -> None:
    here = configuration({})
    check_pattern(here, "*", "--resource")
    for wrong in ("arn:durward:oders:*:*:*", "order/1", "arn:durward:orders:*:*:ordr/*"):
        with pytest.raises(Misconfigured):
            check_pattern(here, wrong, "--resource")


@pytest.mark.parametrize(
    ("context", "told"),
    [
        ({"durward:Subjekt": "ann"}, "unknown key.*durward:Subject"),
        ({"durward:Subject": "ann"}, "comes from the token only"),
        ({"durward:resourcemembers": "ann"}, "takes several values"),
    ],
)
def test_a_context_that_no_request_has_is_refused(context: dict[str, Any], told: str) -> None:
    with pytest.raises(Misconfigured, match=told):
        check_context(names_of_configuration(configuration({})), context, "--context")


def test_a_context_of_keys_that_requests_have_is_taken_in_any_spelling() -> None:
    catalogue = names_of_configuration(configuration({}, keys=KEYS))
    told = {"durward:acr": "2", "DURWARD:RESOURCEATTR/STATE": None}
    check_context(catalogue, told, "--context")
