"""A search among people finds whom an evaluation of everybody finds, whatever policies read."""

from collections.abc import Iterator
from random import Random  # noqa: TID251 - the same worlds each time
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, delete, insert
from tests.depth import depth
from tests.worlds import a_policy

from durward.core.authzen import page as pages
from durward.core.authzen.page import PersonPlace, page_of_people
from durward.core.authzen.requests import Page
from durward.core.people.person import Entitlements
from durward.core.policy.engine.bundle import Bundle, compile_bundle
from durward.core.policy.engine.evaluate import PolicySet
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.principals import principal_of_entitlements
from durward.core.values import Instant, UserId
from durward.services.subject_search import PeopleSearch
from durward.store.people import _use_classes
from durward.store.schema import metadata, people

IDS = (
    *("ann", "bob", "7", "staff", "acme", "globex", "gate", "a", "an", "p_1", "p_0", "p_ann"),
    *("Ann", "x", "user", "order", "desk", "ann.b", "b-7"),
)
CLASSES = [
    Entitlements.of(tenant, roles, groups, policies, boundary)
    for tenant in ("acme", "globex")
    for roles, groups, policies, boundary in (
        (["clerk"], ["staff"], [], []),
        (["clerk"], [], [], ["little"]),
        (["boss"], [], ["own"], []),
        ([], ["staff", "ann"], [], []),
    )
]
ID_CONDITIONS: list[dict[str, Any]] = [
    {"StringEquals": {"durward:Subject": ["ann", "7"]}},
    {"StringNotEquals": {"durward:Subject": ["bob", "p_1"]}},
    {"StringEqualsIgnoreCase": {"durward:Subject": "ANN"}},
    {"StringLike": {"durward:Subject": "a*"}},
    {"StringLike": {"durward:Subject": "*"}},
    {"StringEquals": {"durward:ResourceOwner": "${durward:Subject}"}},
    {"StringEqualsIgnoreCase": {"durward:ResourceOwner": "${durward:Subject}"}},
    {"StringLike": {"durward:ResourceOwner": "*${durward:Subject}"}},
    {"StringLike": {"durward:ResourceOwner": "${durward:Subject}?*"}},
    {"StringNotLike": {"durward:RiskScore": "x${durward:Subject}*"}},
    {"StringEqualsIfExists": {"durward:RiskScore": "${durward:PrincipalArn}"}},
    {"StringLike": {"durward:RiskScore": "*${durward:PrincipalArn}*"}},
    {"ArnLike": {"durward:PrincipalArn": "arn:durward:iam::*:user/ann"}},
    {"ArnEquals": {"durward:PrincipalArn": "arn:durward:iam::acme:user/*"}},
    {"ArnNotLike": {"durward:PrincipalArn": "arn:durward:iam::*:user/a*"}},
    {"StringLike": {"durward:PrincipalArn": "*/bob"}},
    {"StringLike": {"durward:PrincipalArn": "*user/${durward:ResourceOwner}"}},
    {"ForAnyValue:StringEquals": {"durward:Groups": "${durward:Subject}"}},
    {"ForAllValues:StringEquals": {"durward:ResourceMembers": "${durward:Subject}"}},
    {"ForAnyValue:StringLike": {"durward:ResourceMembers": "?${durward:Subject}*"}},
    {"ArnLike": {"durward:RiskScore": "arn:durward:iam::*:user/${durward:Subject}"}},
    {"Null": {"durward:Subject": "false"}},
]
ID_RESOURCES = (
    *(
        "arn:durward:orders:*:*:order/${durward:Subject}",
        "arn:durward:orders:*:*:*${durward:Subject}*",
    ),
    *(
        "arn:durward:orders:*:${durward:Subject}:*",
        "arn:durward:orders:*:*:order/x${durward:Subject}/*",
    ),
    *("arn:durward:orders:*:*:order/${durward:Subject}${durward:Subject}",),
    *("arn:durward:orders:*:*:order/${durward:ResourceOwner}/${durward:Subject}*",),
)
NAMED = (
    *("arn:durward:iam::acme:user/ann", "arn:durward:iam::globex:user/bob"),
    *("arn:durward:iam::acme:user/7", "arn:durward:iam::acme:role/clerk"),
    *("arn:durward:iam::globex:group/staff",),
)
LASTS = ("order/ann", "order/7", "order/xann/b-7", "order/annann", "order/ann/p_1x", "note/ann.b")
RISKS = (
    *(
        None,
        "ann",
        "xann",
        "xbobby",
        "arn:durward:iam::acme:user/ann",
        "7arn:durward:iam::globex:user/7",
    ),
    *(["ann"], {"un": "readable"}),
)


def a_policy_about_ids(random: Random, *, of_api: bool = False) -> dict[str, Any]:
    """A policy whose statements read ids more often than not."""
    if random.random() < 0.2:
        return a_policy(random, of_api=of_api)
    listed = []
    for _ in range(random.choice([1, 1, 2])):
        condition = random.choice(ID_CONDITIONS) if random.random() < 0.6 else {}
        statement = {
            "Effect": random.choice(["Allow", "Allow", "Allow", "Deny"]),
            "Action": "*",
            random.choice(["Resource"] * 5 + ["NotResource"]): (
                random.choice(ID_RESOURCES) if random.random() < 0.4 else "*"
            ),
            **({"Condition": condition} if condition else {}),
        }
        if statement.get("NotResource") == "*":
            statement["Resource"] = statement.pop("NotResource")
        if of_api:
            statement[random.choice(["Principal", "Principal", "NotPrincipal"])] = {
                "Durward": random.sample(NAMED, 2)
            }
        listed.append(statement)
    return {"Version": "2012-10-17", "Statement": listed}


def a_policy_set(random: Random) -> PolicySet:
    """Policies of a world, and some attached to people by name, as before ADR 24."""
    documents = {
        name: a_policy_about_ids(random, of_api=name == "shared")
        for name in ("clerk", "boss", "staff", "own", "shared", "anns")
    }
    documents["little"] = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            *documents["clerk"]["Statement"][:1],
        ],
    }
    bundle = Bundle(
        documents=documents,
        identity={
            "role/clerk": ("clerk",),
            "role/boss": ("boss",),
            "group/staff": ("staff",),
            **({"user/ann": ("anns",)} if random.random() < 0.3 else {}),
        },
        boundaries={"user/7": ("little",)} if random.random() < 0.3 else {},
        resources={"orders": ("shared",)} if random.random() < 0.6 else {},
    )
    return compile_bundle(bundle, {})


def filled(connection: Connection, random: Random) -> dict[str, Entitlements]:
    """People of some classes, a few of whom are disabled; those who are not."""
    able: dict[str, Entitlements] = {}
    rows = []
    for id in IDS:
        one, disabled = random.choice(CLASSES), random.random() < 0.1
        row = {
            "id": id,
            "class": one.key,
            "disabled": disabled,
            "revision": 1,
            **dict.fromkeys(("name", "folded_name", "locale", "made_by"), ""),
            **dict.fromkeys(("made_at", "changed_at"), 0),
        }
        rows.append(row)
        if not disabled:
            able[id] = one
    connection.execute(delete(people))
    connection.execute(insert(people), rows)
    return able


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    with create_engine("sqlite://").connect() as connection:
        metadata.create_all(connection)
        _use_classes(connection, set(CLASSES), Instant(0))
        yield connection


@pytest.mark.parametrize("part", range(4))
def test_pages_have_whom_an_evaluation_of_everybody_allows_each_once(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    for seed in range(part, depth(240, long=8_000), 4):
        random = Random(seed)  # noqa: S311 - the same worlds each time
        monkeypatch.setattr(pages, "MAX_LOOKED_AT", random.choice([2, 7, 2_000]))
        found, expected = found_and_expected(connection, random, limit=random.randint(1, 4))
        assert sorted(found) == sorted(expected), seed


def found_and_expected(
    connection: Connection, random: Random, limit: int
) -> tuple[list[str], list[str]]:
    """What all pages of a search have, and whom an evaluation of everybody allows."""
    policies = a_policy_set(random)
    tenant = random.choice(["acme", "globex", ""])
    resource = f"arn:durward:orders:s:{tenant}:{random.choice(LASTS)}"
    context = {
        "durward:ResourceOwner": random.choice([None, "ann", "7", "xann", "an", "ANN", "bobx"]),
        "durward:ResourceMembers": random.choice([None, [], ["ann", "bob"], ["xann", "7p_1"]]),
        "durward:ResourceTenant": tenant or None,
        "durward:RiskScore": random.choice(RISKS),
    }
    action = random.choice(["orders:GetOrder", "orders:GetNote", "orders:DropOrder"])

    def question(principal: Principal) -> AccessRequest:
        return AccessRequest(principal, action, resource, context)

    able = filled(connection, random)
    search = PeopleSearch(connection, policies, lambda person: person, question)
    found: list[str] = []
    token, page = "", 0
    while (token or not page) and page < 200:
        some, token = page_of_people(search.steps(PersonPlace.of(token)), Page(limit, token))
        assert len(some) <= limit
        found, page = [*found, *some], page + 1
    assert token == "", "the pages come to an end"
    expected = [
        id
        for id, one in able.items()
        if policies.evaluate(question(principal_of_entitlements(one, UserId(id)))).allowed
    ]
    return found, expected
