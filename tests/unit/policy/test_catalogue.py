"""The catalogue, and whether it is true to what the edge provides."""

from typing import Any

import pytest

from durward.core.edge.facts import CheckRequest, context_of, principal_of
from durward.core.edge.node import Address
from durward.core.edge.snapshot import Api
from durward.core.openapi.operations import Operation
from durward.core.policy.catalogue import (
    FAMILIES,
    KEYS,
    Key,
    Presence,
    Type,
    catalogue_of,
    did_you_mean,
    family_of,
)
from durward.core.policy.lint import check
from durward.core.policy.operators import OPERATORS
from durward.core.policy.predicate import ACTION, PRINCIPAL, RESOURCE
from durward.core.policy.request import AccessRequest
from durward.core.policy.written import read_written
from durward.core.values import ApiId, DecisionId, Instant

FULL = Operation("Get", "GET", "/{t}/{id}", "o:Get", resource="x/{id}", tenant="{t}", owner="{id}")
BARE = Operation("List", "GET", "/", "o:List")
PUBLIC = Operation("Status", "GET", "/status", "o:Status", public=True)
CATALOGUE = catalogue_of({"o": [FULL, BARE, PUBLIC]})
LEAST = {"iss": "https://i", "aud": "https://o", "sub": "ann"}
"""What the edge refuses a token without."""
MOST = {
    **LEAST,
    "client_id": "c",
    "tenant": "acme",
    "roles": ["r"],
    "groups": ["g"],
    "scope": "s",
    "sid": "s",
    "acr": "1",
    "amr": ["pwd"],
    "iat": 5,
    "auth_time": 5,
}
VALUES = {"t": "acme", "id": "7"}


def facts(operation: Operation, claims: dict[str, Any] | None, tls: str = "") -> dict[str, object]:
    """What a policy reads of a request at the edge, without the keys that have no value."""
    request = CheckRequest(
        DecisionId("d"), Instant(9), "GET", "/a/b", "o", operation.id, claims, {}, "::1", tls, tls
    )
    api = Api(ApiId("o"), "https://o", "prod", Address("/s"), (operation,), {})
    values = VALUES if operation is FULL else {}
    context = context_of(request, api, operation, values)
    found = AccessRequest(principal_of(request), operation.action, "arn:x", context).facts
    own = {ACTION, RESOURCE, PRINCIPAL}
    return {n: v for n, v in found.items() if ":" in n and n not in own and v not in (None, ())}


REQUESTS: list[tuple[Operation, dict[str, Any] | None, str]] = [
    (FULL, LEAST, ""),
    (FULL, MOST, "TLSv1.3"),
    (BARE, LEAST, ""),
    (BARE, MOST, "TLSv1.3"),
    (PUBLIC, None, ""),
    (PUBLIC, LEAST, ""),
]


@pytest.mark.parametrize(("operation", "claims", "tls"), REQUESTS)
def test_the_edge_provides_what_the_catalogue_says(
    operation: Operation, claims: dict[str, Any] | None, tls: str
) -> None:
    given = facts(operation, claims, tls)
    for name, value in given.items():
        key = CATALOGUE.key(name)
        assert key is not None, name
        assert key.many is isinstance(value, tuple), name
        assert CATALOGUE.is_present(name, [operation]) is not None, name
    for key in KEYS:
        if CATALOGUE.is_present(key.name, [operation]) is True:
            assert key.name.lower() in given, key.name


def test_every_key_that_is_only_sometimes_there_is_missing_somewhere() -> None:
    given = [facts(*request) for request in REQUESTS]
    for key in KEYS:
        if key.presence is Presence.SOMETIMES and not key.name.endswith("/"):
            have = [key.name.lower() in each for each in given]
            assert any(have), key.name
            assert not all(have), key.name


def test_presence_is_told_for_the_operations_in_question() -> None:
    assert CATALOGUE.is_present("durward:ResourceOwner", [FULL]) is True
    assert CATALOGUE.is_present("durward:ResourceOwner", [FULL, BARE]) is False
    assert CATALOGUE.is_present("durward:ResourceOwner", [BARE]) is None
    assert CATALOGUE.is_present("durward:PathParam/ID", [FULL]) is True
    assert CATALOGUE.is_present("durward:Subject", [FULL]) is True
    assert CATALOGUE.is_present("durward:Subject", [PUBLIC]) is False


def test_keys_can_come_from_elsewhere() -> None:
    tag = Key("durward:ResourceTag/", Type.TEXT, Presence.ALWAYS)
    catalogue = catalogue_of({}, [tag])
    assert catalogue.is_present("durward:ResourceTag/Colour", []) is True
    assert CATALOGUE.is_present("durward:ResourceTag/Colour", [FULL]) is None


def test_every_operator_has_a_family() -> None:
    assert {family_of(name) for name in OPERATORS} - {"Binary"} == frozenset().union(
        *FAMILIES.values()
    )


def test_a_close_name_is_offered() -> None:
    assert did_you_mean("getordr", ["GetOrder", "ListOrders"]) == "; did you mean `GetOrder`?"
    assert did_you_mean("zzz", ["GetOrder"]) == ""


def test_check_tells_only_what_does_not_fit_the_catalogue() -> None:
    statement: Any = {"Effect": "Allow", "Action": ["o:Got", "*"], "Resource": "*"}
    written = read_written({"Version": "2012-10-17", "Statement": statement}, "p")
    (problem,) = check(written, CATALOGUE)
    assert str(problem) == (
        "/Statement/Action/0: `o:Got` is not an action of `o`; did you mean `o:Get`?"
    )
