"""What `plan` and `apply` tell of a change, over a real store."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from tests.issuer import Issuer, sample
from tests.issuer import issuer as fresh_issuer

from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.configuration.summary import ApiSummary
from durward.core.difference import Detail
from durward.core.wire import Json
from durward.services import candidate

pytestmark = pytest.mark.anyio


@pytest.fixture
async def issuer(url: str) -> AsyncIterator[Issuer]:
    async with fresh_issuer(url) as running:
        yield running


def changed(kind: DeclarationKind, name: str, **members: Any) -> Declaration:
    (found,) = (one for one in sample() if (one.kind, one.name) == (kind, name))
    return replace(found, body={**found.body, **members})


def orders_without_scopes() -> Declaration:
    (found,) = (one for one in sample() if one.kind is DeclarationKind.API)
    document: Any = found.body["openapi"]
    status, listed = document["paths"]["/v1/status"], document["paths"]["/v1/{tenant}/orders"]
    paths = {
        **document["paths"],
        "/v1/{tenant}/orders": {**listed, "get": {**listed["get"], "security": [{"durward": []}]}},
        "/v1/purge": {"post": {"operationId": "Purge"}},
        "/v1/status": status,
    }
    return replace(found, body={**found.body, "openapi": {**document, "paths": paths}})


async def test_plan_and_apply_tell_the_same_and_then_nothing(issuer: Issuer) -> None:
    wanted = [
        changed(DeclarationKind.CLIENT, "reporting", scopes=["reports:read", "orders:read"]),
        orders_without_scopes(),
        Declaration(DeclarationKind.TENANT, "new", {}),
    ]
    planned = await issuer.plane.administration.plan(wanted, prune=False)
    (orders,) = planned.report.apis
    assert (orders.name, orders.public, orders.not_allowed_first) == ("orders", 1, ("Purge",))
    assert [(one.kind, one.name, one.lines, one.left_out) for one in planned.report.details] == [
        (
            DeclarationKind.API,
            "orders",
            (
                Detail(
                    "~",
                    "GET /v1/{tenant}/orders (ListOrders)",
                    "asks for no scope any more (was orders:read)",
                    widens=True,
                ),
                Detail("+", "POST /v1/purge (Purge)"),
            ),
            0,
        ),
        (
            DeclarationKind.CLIENT,
            "reporting",
            (Detail("~", "/scopes", "+ orders:read", widens=True),),
            0,
        ),
    ]
    applied = await issuer.plane.administration.apply(wanted, prune=False)
    assert applied.report == planned.report
    again = await issuer.plane.administration.plan(wanted, prune=False)
    assert (again.changes, again.report.apis, again.report.details) == ((), (), ())


async def test_what_is_removed_tells_its_denies_and_no_api(issuer: Issuer) -> None:
    deny: dict[str, Json] = {"Sid": "Freeze", "Effect": "Deny", "Action": "*", "Resource": "*"}
    freeze = Declaration(
        DeclarationKind.POLICY, "freeze", {"Version": "2012-10-17", "Statement": [deny]}
    )
    await issuer.apply(freeze)
    planned = await issuer.plane.administration.plan(sample(), prune=True)
    assert not planned.report.apis
    (found,) = planned.report.details
    assert found.lines == (Detail("-", "Deny Freeze", widens=True),)


def test_an_answer_is_bounded_and_tells_first_what_may_allow_more() -> None:
    plain, wide = Detail("+", "/name", "x"), Detail("~", "/policies", "+ x", widens=True)
    found = [
        ((DeclarationKind.ROLE, "a"), [plain] * (candidate.MAX_LINES + 1)),
        ((DeclarationKind.ROLE, "b"), []),
        ((DeclarationKind.ROLE, "c"), [wide, plain]),
    ]
    told = {one.name: (len(one.lines), one.left_out) for one in candidate._bounded(found)}
    assert told == {"a": (candidate.MAX_LINES - 1, 2), "c": (1, 1)}


async def test_an_api_that_is_added_is_told_in_numbers_alone(issuer: Issuer) -> None:
    body: Any = {
        "audience": "https://other.example",
        "upstream": "127.0.0.1:1",
        "openapi": {"openapi": "3.1.0", "paths": {"/other": {"get": {"security": []}}}},
    }
    planned = await issuer.plane.administration.plan(
        [Declaration(DeclarationKind.API, "other", body)], prune=False
    )
    assert planned.report.apis == (ApiSummary("other", 1, 1, 1, ("GetOther",), {}, ()),)
    assert not planned.report.details
