"""Keys are shown as people write them."""

import json

import pytest

from durward.core.policy.analysis.explain import explain
from durward.core.policy.analysis.find import find
from durward.core.policy.analysis.policy_stack import PolicyStack
from durward.core.policy.analysis.spelling import display_key, display_variable
from durward.core.policy.engine.decision import Result
from durward.core.policy.engine.evaluate import Policies, PolicySet
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.language.document import read_document
from durward.core.wire import Json

ORDER = "arn:durward:orders:prod:acme:order/Ann"


@pytest.mark.parametrize(
    ("key", "written", "shown"),
    [
        ("durward:tenantid", "durward:tenantID", "durward:TenantId"),
        ("durward:multifactorauthpresent", "", "durward:MultiFactorAuthPresent"),
        ("durward:sourceip", "aws:SourceIp", "durward:SourceIp"),
        ("durward:pathparam/order_id", "Durward:pathparam/Order_Id", "durward:PathParam/Order_Id"),
        ("durward:principaltag/team", "aws:PrincipalTag/Team", "durward:PrincipalTag/Team"),
        ("durward:resourceattr/state", "", "durward:ResourceAttr/state"),
        ("app:site", "App:Site", "App:Site"),
        ("app:site", "", "app:site"),
    ],
)
def test_a_key_is_shown_as_the_catalogue_or_its_author_spells_it(
    key: str, written: str, shown: str
) -> None:
    assert display_key(key, written) == shown


def test_a_key_that_only_a_variable_names_is_shown_as_it_spells_it() -> None:
    text = "app:site ${ App:Site , 'x'} ${durward:tenantID}"
    assert display_variable(text, "app:site") == "App:Site"
    assert display_variable(text, "durward:tenantid") == "durward:TenantId"
    assert display_variable(text, "app:other") == "app:other"


def policy(**conditions: Json) -> Json:
    statement: Json = {
        "Effect": "Allow",
        "Action": "orders:GetOrder",
        "Resource": "arn:durward:orders:*:*:order/${App:Owner}",
        "Condition": conditions,
    }
    return {"Version": "2012-10-17", "Statement": statement}


ASKED: Json = {"App:Site": "${App:Place}", "durward:pathparam/Id": "7"}


def test_an_explanation_and_its_nearest_miss_spell_keys_as_the_author_did() -> None:
    document = read_document(policy(StringEquals=ASKED), "p")
    engine = PolicySet(Policies(identity={"role/clerk": [document]}))
    context = {"app:OWNER": "Ann", "app:PLACE": "hq"}
    asked = AccessRequest(
        Principal("ann", "user", "acme", ("clerk",)), "orders:GetOrder", ORDER, context
    )
    told = explain(engine, asked)
    assert told.result is Result.IMPLICIT_DENY
    lines = list(told.lines())
    wanted = "App:Site wants `${App:Place}` (where App:Place `hq`)"
    assert f"  StringEquals {wanted}, was absent" in lines
    assert "  StringEquals durward:PathParam/Id wants `7`, was absent" in lines
    assert [each.key for each in told.misses] == ["App:Site", "durward:PathParam/Id"]
    assert '"element": "StringEquals App:Site"' in json.dumps(told.to_wire())


def test_an_example_request_spells_keys_as_the_authors_did() -> None:
    mfa: Json = {"durward:multifactorauthpresent": True}
    side = PolicyStack([read_document(policy(StringEquals=ASKED, Bool=mfa), "p")])
    found = find(side)
    assert found
    keys = {"App:Owner", "App:Site", "App:Place", "durward:PathParam/Id"}
    assert found.to_wire()["context"].keys() == {*keys, "durward:MultiFactorAuthPresent"}  # type: ignore[union-attr]
    told = "\n".join(found.lines())
    assert "context   durward:MultiFactorAuthPresent = true" in told


def test_an_example_request_spells_roles_and_groups_so_too() -> None:
    roles: Json = {"durward:roles": "clerk"}
    found = find(PolicyStack([read_document(policy(**{"ForAnyValue:StringEquals": roles}), "p")]))
    assert found
    assert "          durward:Roles = clerk" in list(found.lines())
