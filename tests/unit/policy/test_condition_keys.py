"""Which keys a condition can ask for: the catalogue says it, and requests have them."""

from typing import Any

import pytest
from tests.people import people_of
from tests.records import configuration

from durward.core.address import Address
from durward.core.api import Api
from durward.core.authzen.question import CIRCUMSTANCES, Directory
from durward.core.authzen.question import FAMILIES as TOLD_FAMILIES
from durward.core.authzen.requests import Evaluation, shaped
from durward.core.edge.facts import CheckRequest, context_of, principal_of
from durward.core.openapi.operations import Operation
from durward.core.policy.analysis.lint import unknown_names
from durward.core.policy.engine.predicate import ACTION, PRINCIPAL, RESOURCE
from durward.core.policy.engine.request import AccessRequest
from durward.core.policy.language.catalogue import (
    FAMILIES,
    KEYS,
    Key,
    Presence,
    Type,
    catalogue_of,
    did_you_mean,
    family_of,
)
from durward.core.policy.language.document import read_document
from durward.core.policy.language.operators import OPERATORS
from durward.core.upstream import Upstream
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
    api = Api(ApiId("o"), "https://o", "prod", Upstream((Address("/s"),)), (operation,), {})
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
def test_a_request_at_the_edge_has_the_keys_that_the_catalogue_says(
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


def test_a_key_that_the_catalogue_calls_optional_is_missing_in_some_request() -> None:
    given = [facts(*request) for request in REQUESTS]
    for key in KEYS:
        if key.presence is Presence.SOMETIMES and not key.name.endswith("/"):
            have = [key.name.lower() in each for each in given]
            assert any(have), key.name
            assert not all(have), key.name


def test_the_presence_of_a_key_follows_from_the_operations_of_a_statement() -> None:
    assert CATALOGUE.is_present("durward:ResourceOwner", [FULL]) is True
    assert CATALOGUE.is_present("durward:ResourceOwner", [FULL, BARE]) is False
    assert CATALOGUE.is_present("durward:ResourceOwner", [BARE]) is None
    assert CATALOGUE.is_present("durward:PathParam/ID", [FULL]) is True
    assert CATALOGUE.is_present("durward:Subject", [FULL]) is True
    assert CATALOGUE.is_present("durward:Subject", [PUBLIC]) is False


RECORDS = configuration()
ASKED: dict[str, Any] = {
    "subject": {"type": "user", "id": "alice"},
    "action": {"name": "read"},
    "resource": {"type": "record", "id": "9", "properties": {"tenant": "acme"}},
}
FULLY_ASKED: dict[str, Any] = {
    "subject": {"type": "user", "id": "alice", "properties": {"team": "a"}},
    "action": {"name": "read", "properties": {"reason": "b"}},
    "resource": {
        "type": "record",
        "id": "9",
        "properties": {"tenant": "acme", "owner": "bob", "members": ["cy"], "state": "open"},
    },
    "context": {
        **{f"durward:{key.name[8:]}": "1" for key in KEYS if not key.name.endswith("/")},
        **{f"{key.name}x": "1" for key in KEYS if key.name.endswith("/")},
        "durward:ClientId": "gateway",
    },
}


def asked_facts(question: dict[str, Any]) -> dict[str, object]:
    """What a policy reads of a question of somebody else's enforcement point."""
    found = Directory(RECORDS, ("records",), Instant(9), people_of(RECORDS)).request(
        shaped(question, Evaluation)
    )
    assert isinstance(found, AccessRequest), found
    own = {ACTION, RESOURCE, PRINCIPAL}
    return {n: v for n, v in found.facts.items() if ":" in n and n not in own and v}


def test_a_request_from_another_enforcement_point_has_the_keys_that_the_catalogue_says() -> None:
    (operation,) = [o for o in RECORDS.apis["records"].operations if o.action == "records:read"]
    least, most = asked_facts(ASKED), asked_facts(FULLY_ASKED)
    catalogue = catalogue_of({"records": [operation]}, evaluated=RECORDS.evaluated)
    for name in most:
        key = catalogue.key(name)
        assert key is not None, name
        assert key.elsewhere is not Presence.NEVER, name
    for key in KEYS:
        name = key.name.lower()
        told = [each for each in most if f"{each.partition('/')[0]}/" == name or each == name]
        if key.elsewhere is Presence.NEVER:
            assert not told, name
        elif key.elsewhere is Presence.SOMETIMES:
            assert name not in least or name in OF_ALICE, name
            assert told or name in OF_NOBODY, name
        else:
            assert name in least, name
    assert {key for key in CIRCUMSTANCES if catalogue.key(key) is None} == set()
    assert {key for key in TOLD_FAMILIES if catalogue.key(f"{key}x") is None} == set()


OF_ALICE = {"durward:tenantid", "durward:roles"}
"""What she has, and others may lack."""
OF_NOBODY = {"durward:groups"}
"""What others may have, and she lacks."""


def test_with_other_enforcement_points_a_key_is_present_only_if_all_provide_it() -> None:
    apis = {"o": [FULL, BARE], "p": [Operation("Get", "GET", "/p", "p:Get")]}
    catalogue = catalogue_of(apis, evaluated=["o"])
    others = list(apis["p"])
    for name in ("RiskScore", "Header/X-Team", "PrincipalTag/team", "RequestTag/a", "DeviceTrust"):
        assert catalogue.is_present(f"durward:{name}", [FULL]) is False, name
        assert catalogue.is_present(f"durward:{name}", [FULL, *others]) is False, name
        assert catalogue.is_present(f"durward:{name}", others) is None, name
        assert CATALOGUE.is_present(f"durward:{name}", [FULL]) is None, name
    for name in ("SourceIp", "SecureTransport", "OperationId", "Issuer"):
        assert catalogue.is_present(f"durward:{name}", [FULL]) is False, name
        assert catalogue.is_present(f"durward:{name}", others) is True, name
    for name in ("CurrentTime", "Stage", "Subject", "PrincipalArn", "ResourceTenant"):
        assert catalogue.is_present(f"durward:{name}", [FULL]) is True, name
    assert catalogue.is_present("durward:ResourceTenant", [BARE]) is False
    assert catalogue.is_present("durward:Actor", [FULL]) is None


def test_an_api_may_declare_keys_of_its_own() -> None:
    tag = Key("durward:ResourceTag/", Type.STRING, Presence.ALWAYS)
    catalogue = catalogue_of({}, [tag])
    assert catalogue.is_present("durward:ResourceTag/Colour", []) is True
    assert CATALOGUE.is_present("durward:ResourceTag/Colour", [FULL]) is None


def test_every_operator_fits_some_type_of_key() -> None:
    assert {family_of(name) for name in OPERATORS} - {"Binary"} == frozenset().union(
        *FAMILIES.values()
    )


def test_the_closest_name_is_suggested_for_a_misspelled_one() -> None:
    assert did_you_mean("getordr", ["GetOrder", "ListOrders"]) == "; did you mean `GetOrder`?"
    assert did_you_mean("zzz", ["GetOrder"]) == ""


def test_check_reports_an_action_that_no_api_has_and_nothing_else() -> None:
    statement: Any = {"Effect": "Allow", "Action": ["o:Got", "*"], "Resource": "*"}
    document = read_document({"Version": "2012-10-17", "Statement": statement}, "p")
    (problem,) = unknown_names(document, CATALOGUE)
    assert str(problem) == (
        "/Statement/Action/0: `o:Got` is not an action of `o`; did you mean `o:Get`?"
    )
