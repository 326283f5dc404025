"""What others say of a question never counts for more than what is declared."""

from typing import Any

import pytest
from tests.people import people_of
from tests.records import configuration

from durward.core.authzen.question import Directory, UnknownEntity
from durward.core.authzen.requests import Evaluation, shaped
from durward.core.policy.engine.request import AccessRequest
from durward.core.values import Instant

CONFIGURATION = configuration()
DIRECTORY = Directory(
    CONFIGURATION, ("records",), Instant(1_800_000_000_000_000), people_of(CONFIGURATION)
)
ASKED: dict[str, Any] = {
    "subject": {"type": "user", "id": "alice"},
    "action": {"name": "read"},
    "resource": {"type": "record", "id": "record-1"},
}


def ask(**changes: Any) -> AccessRequest | UnknownEntity:
    return DIRECTORY.request(shaped({**ASKED, **changes}, Evaluation))


def known(**changes: Any) -> AccessRequest:
    found = ask(**changes)
    assert isinstance(found, AccessRequest), found
    return found


def test_a_subject_is_who_is_declared_and_an_object_what_is_declared() -> None:
    found = known()
    assert found.principal is not None
    assert (found.principal.tenant, found.principal.roles) == ("acme", ("author",))
    assert found.action == "records:read"
    assert found.resource == "arn:durward:records:default:acme:record/record-1"
    assert found.get("durward:resourceattr/status") == "active"
    assert found.get("durward:currenttime") == "1800000000"


def test_properties_are_tags_and_give_nobody_a_role_or_a_tenant() -> None:
    subject = {
        "type": "user",
        "id": "alice",
        "properties": {"roles": ["archivist"], "tenant": "globex", "durward:TenantId": "globex"},
    }
    found = known(subject=subject)
    assert found.principal is not None
    assert (found.principal.tenant, found.principal.roles) == ("acme", ("author",))
    assert found.get("durward:tenantid") == "acme"
    assert found.get("durward:roles") == ("author",)
    assert found.get("durward:principaltag/tenant") == "globex"


def test_properties_of_a_declared_object_add_and_never_replace() -> None:
    sent = {
        "status": "archived",
        "Status": "archived",
        "tenant": "globex",
        "owner": "alice",
        "x": 1,
    }
    found = known(resource={**ASKED["resource"], "properties": sent})
    assert found.resource.split(":")[4] == "acme"
    assert found.get("durward:resourceattr/status") == "active"
    assert found.get("durward:resourceattr/x") == "1"
    assert found.get("durward:resourceowner") is None


def test_of_an_object_that_is_not_declared_the_caller_tells() -> None:
    sent = {"tenant": "globex", "owner": "eve", "members": ["alice"]}
    found = known(resource={"type": "record", "id": "9", "properties": sent})
    assert found.resource == "arn:durward:records:default:globex:record/9"
    assert found.is_cross_tenant
    assert found.get("durward:resourceowner") == "eve"
    assert found.get("durward:resourcemembers") == ("alice",)


@pytest.mark.parametrize("properties", [{}, {"tenant": ""}, {"tenant": 7}, {"Tenant": "acme"}])
def test_an_object_that_nobody_says_whose_it_is_is_not_the_subjects(
    properties: dict[str, Any],
) -> None:
    found = ask(resource={"type": "record", "id": "9", "properties": properties})
    assert isinstance(found, UnknownEntity)
    assert "tenant" in found.reason


@pytest.mark.parametrize(
    "resource",
    [
        {"type": "record", "id": "*"},
        {"type": "record", "id": "a:b"},
        {"type": "record", "id": ".."},
        {"type": "record", "id": "a/../b"},
        {"type": "record", "id": "a//b"},
        {"type": "Record", "id": "1"},
        {"type": "re/cord", "id": "1"},
        {"type": "record", "id": "1", "properties": {"tenant": "*"}},
        {"type": "record", "id": "1", "properties": {"tenant": "a:b"}},
    ],
)
def test_what_would_name_something_else_is_not_known(resource: dict[str, Any]) -> None:
    properties = {"tenant": "acme", **resource.get("properties", {})}
    assert isinstance(ask(resource={**resource, "properties": properties}), UnknownEntity)


def test_an_object_within_an_object_is_named_by_its_path() -> None:
    found = known(resource={"type": "record", "id": "9/page/3", "properties": {"tenant": "acme"}})
    assert found.resource.endswith(":record/9/page/3")


@pytest.mark.parametrize(
    ("subject", "action"),
    [
        ({"type": "user", "id": "nobody"}, "read"),
        ({"type": "robot", "id": "alice"}, "read"),
        ({"type": "client", "id": "alice"}, "read"),
        ({"type": "user", "id": "alice"}, "orders:read"),
        ({"type": "user", "id": "alice"}, ":read"),
    ],
)
def test_who_or_what_is_not_declared_is_not_known(subject: dict[str, str], action: str) -> None:
    assert isinstance(ask(subject=subject, action={"name": action}), UnknownEntity)


def test_scopes_and_the_client_that_somebody_came_through_narrow() -> None:
    found = known(context={"durward:Scopes": ["a"], "durward:ClientId": "gate"})
    assert found.principal is not None
    assert found.principal.scopes == frozenset({"a", ""})
    assert found.principal.through == "client/gate"
    unread = known(context={"DURWARD:SCOPES": 7}).principal
    assert unread is not None
    assert unread.scopes == frozenset({""})
    assert isinstance(ask(context={"durward:ClientId": "ghost"}), UnknownEntity)
    assert isinstance(ask(context={"durward:ClientId": ["gate"]}), UnknownEntity)


def test_a_key_has_as_many_values_as_the_catalogue_says() -> None:
    """A list where there is one value cannot be read: no Deny lapses by it."""
    lists = {"durward:Amr": "pwd", "durward:SourceIp": ["10.0.0.1", "10.0.0.2"]}
    found = known(context={**lists, "durward:Acr": "1", "durward:QueryParam/q": 7})
    assert found.get("durward:amr") == ("pwd",)
    assert found.get("durward:queryparam/q") == ("7",)
    assert found.get("durward:acr") == "1"
    assert not isinstance(found.get("durward:sourceip"), str | tuple | None)
    sent = {"tenant": "acme", "owner": ["alice"], "tags": ["a"], "members": "alice"}
    told = known(resource={"type": "record", "id": "9", "properties": sent})
    assert told.get("durward:resourcemembers") == ("alice",)
    for key in ("durward:resourceowner", "durward:resourceattr/tags"):
        assert not isinstance(told.get(key), str | tuple | None), key


def test_the_context_tells_circumstances_and_not_who_somebody_is() -> None:
    found = known(
        context={
            "durward:SourceIp": "192.0.2.1",
            "durward:Header/x": "y",
            "durward:Roles": ["archivist"],
            "durward:ResourceTenant": "globex",
            "durward:CurrentTime": "0",
            "durward:PrincipalTag/x": "y",
            "time": "2025-06-27T18:03-07:00",
        }
    )
    assert found.get("durward:sourceip") == "192.0.2.1"
    assert found.get("durward:header/x") == ("y",)
    assert found.get("durward:roles") == ("author",)
    assert found.get("durward:resourcetenant") == "acme"
    assert found.get("durward:currenttime") == "1800000000"
    assert found.get("durward:principaltag/x") is None
    assert found.get("time") is None


def test_with_several_apis_an_action_names_its_own() -> None:
    both = Directory(CONFIGURATION, ("records", "gone"), Instant(0), people_of(CONFIGURATION))
    assert isinstance(both.request(shaped(ASKED, Evaluation)), AccessRequest)
    none = Directory(CONFIGURATION, (), Instant(0), people_of(CONFIGURATION))
    assert isinstance(none.request(shaped(ASKED, Evaluation)), UnknownEntity)
    assert list(DIRECTORY.actions("record")) == ["delete", "read", "write"]
    assert list(DIRECTORY.clients()) == sorted(CONFIGURATION.clients)
