"""Which ids a decision may tell apart from others of their class."""

from typing import Any

import pytest

from durward.core.policy.engine.bundle import Bundle, compile_bundle
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.engine.singled_out import SinglingOut

ANN = "arn:durward:iam::acme:user/ann"
ORDER = "arn:durward:orders:s:acme:order/ann/7"


def ids(
    statement: dict[str, Any], *, shared: bool = False, resource: str = ORDER, owner: str = "bob"
) -> Any:
    """What one Allow singles out of the class of clerks."""
    whole = {"Effect": "Allow", "Action": "*", "Resource": "*", **statement}
    bundle = Bundle(
        documents={"one": {"Version": "2012-10-17", "Statement": [whole]}},
        identity={} if shared else {"role/clerk": ("one",)},
        resources={"orders": ("one",)} if shared else {},
    )
    clerk = Principal("p", "user", "acme", ("clerk",), ("staff",))
    context = {"durward:ResourceOwner": owner, "app:Text": "x" * 100}
    request = AccessRequest(clerk, "orders:GetOrder", resource, context)
    return SinglingOut(compile_bundle(bundle, {})).ids(request)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({}, set()),
        ({"StringEquals": {"durward:TenantId": "acme"}}, set()),
        ({"StringEquals": {"durward:Subject": ["ann", "a b"]}}, {"ann"}),
        ({"StringNotEquals": {"durward:Subject": "${durward:ResourceOwner}"}}, {"bob"}),
        ({"StringEquals": {"durward:ResourceOwner": "${durward:Subject}"}}, {"bob"}),
        ({"StringLike": {"durward:ResourceOwner": "${durward:Subject}b"}}, {"bo"}),
        ({"ArnLike": {"durward:PrincipalArn": "arn:durward:iam::*:user/ann"}}, {"ann"}),
        ({"ArnLike": {"durward:PrincipalArn": "arn:durward:iam::acme:user/*"}}, set()),
        ({"StringLike": {"durward:PrincipalArn": f"{ANN}"}}, {"ann"}),
        ({"Null": {"durward:Subject": "true"}}, set()),
        ({"StringLike": {"durward:Subject": "a*"}}, None),
        ({"StringEqualsIgnoreCase": {"durward:Subject": "ann"}}, None),
        ({"StringEqualsIgnoreCase": {"durward:ResourceOwner": "${durward:Subject}"}}, None),
        ({"StringLike": {"app:Text": "*${durward:Subject}*"}}, None),
    ],
)
def test_a_condition_singles_out_the_ids_that_it_can_hold_for(
    condition: dict[str, Any], expected: set[str] | None
) -> None:
    assert ids({"Condition": condition} if condition else {}) == expected


def test_a_variable_with_a_default_before_the_id_is_not_the_id() -> None:
    """It has no value here; what is compared is its default."""
    text = "${durward:ResourceAttr/kind, 'draft'}/${durward:Subject}"
    condition = {"StringEquals": {"durward:ResourceOwner": text}}
    assert ids({"Condition": condition}, owner="draft/alice") == {"alice"}
    assert ids(
        {"Resource": "arn:durward:orders:*:*:order/${app:Kind, 'ann'}/${durward:Subject}"}
    ) == {"7"}


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("order/${durward:Subject}/*", {"ann"}),
        ("order/*/${durward:Subject}", {"7"}),
        ("order/ann/${durward:Subject}*", {"7"}),
        ("note/${durward:Subject}", set()),
        ("order/*", set()),
    ],
)
def test_a_resource_singles_out_the_ids_that_it_has_in_the_place_of_the_variable(
    last: str, expected: set[str]
) -> None:
    assert ids({"Resource": f"arn:durward:orders:*:*:{last}"}) == expected


def test_a_principal_who_is_named_is_singled_out_and_a_role_is_not() -> None:
    role = "arn:durward:iam::acme:role/clerk"
    assert ids({"Principal": {"Durward": [ANN, role]}}, shared=True) == {"ann"}
