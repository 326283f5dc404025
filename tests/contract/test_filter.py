"""Lists filtered in the database: for every row what the evaluator says, on both databases."""

import asyncio
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import create_async_engine

from durward.core.errors import Misconfigured
from durward.core.policy.engine.evaluate import Policies, PolicySet
from durward.core.policy.engine.request import MAX_LISTED, Principal
from durward.core.policy.language.document import PolicyKind, read_document
from durward.core.policy.language.source import PolicyError
from durward.sdk.sqlalchemy import Rows, Several, Untranslatable, where

Run = Callable[[Any], list[Any]]
"""Runs a statement and gives the first column of what it finds."""

METADATA = sa.MetaData()
ORDERS = sa.Table(
    "orders",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("id", sa.String),
    sa.Column("tenant", sa.String),
    sa.Column("owner", sa.Text().with_variant(sa.Text(collation="NOCASE"), "sqlite")),
    sa.Column("status", sa.Text().with_variant(postgresql.CITEXT(), "postgresql")),
    sa.Column("amount", sa.BigInteger),
    sa.Column("paid", sa.Boolean),
    sa.Column("customer", sa.Uuid),
)
MEMBERS = sa.Table(
    "members",
    METADATA,
    sa.Column("order_number", sa.Integer),
    sa.Column("person", sa.String),
)
ONE = uuid.UUID("0b0c4b1e-6a53-4c39-9d5c-0d6a2d8a1f01")
OTHER = uuid.UUID("7d1b6f9c-33aa-4f0e-8f0d-5d6f6f1c2b02")
ROWS: list[dict[str, Any]] = [
    {"id": id, "tenant": tenant, "owner": owner, "status": status, "amount": amount, "paid": paid}
    for id, tenant, owner, status, amount, paid in [
        ("1", "acme", "ann", "open", 5, True),
        ("2", "acme", "Ann", "Open", -7, False),
        ("3", "acme", None, None, None, None),
        ("1", "globex", "bob", "open", 10, True),
        ("a*b", "acme", "*", "a?n", 10, None),
        ("axb", "acme", "a%n", "a_n", 2**62, True),
        ("%", "acme", "axn", "[a]", 0, False),
        ("1/line/2", "acme", "ann", "ÄÖ", 9, True),
        ("", "acme", "", "", 1, True),
        (None, "acme", "ann", "open", 1, True),
        ("5", None, "ann", "open", 1, True),
        ("6", "", "ann", "open", 1, True),
        ("7", "ac:me", "ann", "open", 1, True),
        ("ß", "Acme", "äöü", "straße", 11, False),
        ("x:y", "acme", "acme", "ann", 12, False),
        ("a!b", "acme", "!", "\\", 13, False),
    ]
]
for _number, _row in enumerate(ROWS, 1):
    _row |= {"number": _number, "customer": (None, ONE, OTHER)[_number % 3]}
TEAMS: dict[int, list[str | None]] = {1: ["ann", "bob"], 2: ["Ann"], 3: [None], 4: ["ann", "a*b"]}
LISTED = Rows(
    "orders",
    "order/{id}",
    tenant=ORDERS.c.tenant,
    columns={"id": ORDERS.c.id},
    keys={
        "durward:ResourceOwner": ORDERS.c.owner,
        "durward:ResourceAttr/Status": ORDERS.c.status,
        "durward:ResourceAttr/Amount": ORDERS.c.amount,
        "durward:ResourceAttr/Paid": ORDERS.c.paid,
        "durward:ResourceAttr/Customer": ORDERS.c.customer,
        "durward:ResourceMembers": Several(
            MEMBERS.c.person, MEMBERS.c.order_number == ORDERS.c.number
        ),
    },
)
BY_NUMBER = Rows(
    "orders",
    "order/{tenant}/item/{number}",
    tenant="acme",
    columns={"number": ORDERS.c.number, "tenant": ORDERS.c.id},
)
BY_CUSTOMER = Rows(
    "orders", "order/{id}", tenant=ORDERS.c.tenant, columns={"id": ORDERS.c.customer}
)
ANN = Principal("ann", "user", "acme", ("clerk",), scopes=None)
ACTION = "orders:GetOrder"


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Runs statements on a database that holds the rows."""
    members = [
        {"order_number": number, "person": person}
        for number, people in TEAMS.items()
        for person in people
    ]

    def fill(connection: sa.Connection) -> None:
        METADATA.create_all(connection)
        connection.execute(sa.insert(ORDERS), ROWS)
        connection.execute(sa.insert(MEMBERS), members)

    if request.param == "sqlite":
        engine = sa.create_engine("sqlite://")
        with engine.connect() as connection:
            fill(connection)
            yield lambda statement: list(connection.execute(statement).scalars())
        engine.dispose()
        return
    address = request.getfixturevalue("postgres").replace("postgresql:", "postgresql+asyncpg:")
    with asyncio.Runner() as runner:
        asynchronous = create_async_engine(address)
        opened = runner.run(asynchronous.connect().start())
        runner.run(opened.execute(sa.text("CREATE EXTENSION IF NOT EXISTS citext")))
        runner.run(opened.run_sync(fill))
        yield lambda s: list(runner.run(opened.execute(s)).scalars())
        runner.run(opened.rollback())
        runner.run(opened.close())
        runner.run(asynchronous.dispose())


def policies(*statements: dict[str, Any], **layers: list[dict[str, Any]]) -> PolicySet:
    """Statements of a role; `resource`, `boundary` and `guardrail` are statements of these."""

    def document(
        name: str, listed: list[dict[str, Any]], kind: PolicyKind = PolicyKind.IDENTITY
    ) -> Any:
        body: Any = {"Version": "2012-10-17", "Statement": listed}
        return read_document(body, name, kind)

    bounds, guard = layers.get("boundary", []), layers.get("guardrail", [])
    resource = layers.get("resource", [])
    return PolicySet(
        Policies(
            identity={"role/clerk": [document("clerk", list(statements))]},
            resources={"orders": [document("api", resource, PolicyKind.RESOURCE)]}
            if resource
            else {},
            boundaries={"role/clerk": [document("cap", bounds)]} if bounds else {},
            guardrails=[[document("guard", guard)]] if guard else [],
        )
    )


def allow(resource: Any = "*", **condition: Any) -> dict[str, Any]:
    return statement("Allow", resource, condition)


def deny(resource: Any = "*", **condition: Any) -> dict[str, Any]:
    return statement("Deny", resource, condition)


def statement(effect: str, resource: Any, condition: dict[str, Any]) -> dict[str, Any]:
    found = {"Effect": effect, "Action": "orders:*", "Resource": resource}
    return found | ({"Condition": condition} if condition else {})


def allowed(
    held: PolicySet, rows: Rows = LISTED, principal: Principal | None = ANN, **context: Any
) -> list[int]:
    """The rows that the evaluator allows, one by one."""
    facts = {f"durward:{name}": value for name, value in context.items()}
    return [
        row["number"]
        for row in ROWS
        if held.evaluate(
            rows.request(
                principal,
                ACTION,
                row,
                facts,
                {"durward:ResourceMembers": TEAMS.get(row["number"], ())},
            )
        ).allowed
    ]


def listed(
    run: Run,
    held: PolicySet,
    rows: Rows = LISTED,
    principal: Principal | None = ANN,
    **context: Any,
) -> list[int]:
    """The rows that the database finds."""
    facts = {f"durward:{name}": value for name, value in context.items()}
    condition = where(held, rows, principal, ACTION, facts)
    return run(sa.select(ORDERS.c.number).where(condition).order_by(ORDERS.c.number))


OWN = "arn:durward:orders:default:${durward:TenantId}:order/*"
OWNER = {"durward:ResourceOwner": "${durward:Subject}"}


@pytest.mark.parametrize(
    ("statements", "numbers"),
    [
        ([], []),
        ([allow(OWN)], [1, 2, 3, 5, 6, 7, 8, 9, 15, 16]),
        ([allow(OWN, StringEquals=OWNER)], [1, 8]),
        ([allow(OWN, StringNotEquals=OWNER)], [2, 3, 5, 6, 7, 9, 15, 16]),
        ([allow(OWN), deny(StringEquals=OWNER)], [2, 3, 5, 6, 7, 9, 15, 16]),
        ([allow(OWN, StringEquals={"durward:ResourceAttr/status": "open"})], [1]),
        ([allow(OWN, StringLike={"durward:ResourceOwner": "a?n"})], [1, 6, 7, 8]),
        ([allow(OWN, StringLike={"durward:ResourceAttr/status": "${durward:Subject}*"})], [15]),
        ([allow(OWN, NumericLessThan={"durward:ResourceAttr/amount": "5.5"})], [1, 2, 7, 9]),
        ([allow(OWN, Bool={"durward:ResourceAttr/paid": "true"})], [1, 6, 8, 9]),
        ([allow(OWN, Null={"durward:ResourceOwner": "true"})], [3]),
        (
            [allow(OWN, **{"ForAnyValue:StringEquals": {"durward:ResourceMembers": "ann"}})],
            [1],
        ),
        (
            [allow(OWN, **{"ForAllValues:StringLike": {"durward:ResourceMembers": "?nn"}})],
            [2, 3, 5, 6, 7, 8, 9, 15, 16],
        ),
        ([allow("arn:durward:orders:default:acme:order/1/*")], [8]),
        ([allow("arn:durward:orders:default:acme:order/a${*}b")], [5]),
        ([allow(OWN, StringEquals={"durward:ResourceAttr/customer": str(ONE)})], [1, 7, 16]),
    ],
)
def test_the_rows_are_those_that_the_evaluator_allows(
    run: Run, statements: list[dict[str, Any]], numbers: list[int]
) -> None:
    held = policies(*statements)
    assert allowed(held) == numbers
    assert listed(run, held) == numbers


def test_another_tenants_rows_need_both_policies(run: Run) -> None:
    everywhere = allow("arn:durward:orders:*:*:order/*")
    shared = {"Effect": "Allow", "Principal": "*", "Action": "orders:*", "Resource": "*"}
    assert listed(run, policies(everywhere)) == [1, 2, 3, 5, 6, 7, 8, 9, 15, 16]
    both = policies(everywhere, resource=[shared])
    assert listed(run, both) == allowed(both) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 15, 16]
    assert listed(run, both, principal=None) == allowed(both, principal=None)
    assert listed(run, policies(allow(OWN), resource=[shared])) == [1, 2, 3, *range(5, 10), 15, 16]


def test_ceilings_and_scopes_cap_a_list(run: Run) -> None:
    capped = policies(
        allow(OWN),
        boundary=[allow(StringEquals=OWNER)],
        guardrail=[allow(OWN), deny(OWN[:-1] + "1")],
    )
    assert listed(run, capped) == allowed(capped) == [8]
    narrow = Principal("ann", "user", "acme", ("clerk",), scopes=frozenset({"reports:read"}))
    assert listed(run, policies(allow(OWN)), principal=narrow) == []


@pytest.mark.parametrize("rows", [BY_NUMBER, BY_CUSTOMER])
@pytest.mark.parametrize(
    "last",
    [
        "order/*",
        f"order/{ONE}",
        "order/1/item/*",
        "order/*/item/1",
        "order/*/item/1?",
        "order/zz*",
        "ord*",
        "*",
    ],
)
def test_ids_are_also_numbers_and_several_columns(run: Run, rows: Rows, last: str) -> None:
    held = policies(allow(f"arn:durward:orders:default:acme:{last}"))
    assert listed(run, held, rows) == allowed(held, rows)


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ({"NumericLessThan": {"durward:ResourceOwner": "5"}}, "`NumericLessThan`"),
        ({"StringEqualsIgnoreCase": {"durward:ResourceOwner": "ann"}}, "IgnoreCase"),
        ({"IpAddress": {"durward:ResourceAttr/Status": "10.0.0.0/8"}}, "`IpAddress`"),
        ({"StringEquals": {"durward:ResourceAttr/Secret": "x"}}, "has no column"),
        ({"StringLike": {"durward:Subject": "${durward:ResourceOwner}*"}}, "beside a column"),
        ({"StringEquals": {"durward:Subject": "${durward:ResourceAttr/Paid}x"}}, "boolean"),
        ({"StringEquals": {"durward:ResourceOwner": "${app:Odd}"}}, "cannot be read"),
    ],
)
def test_what_sql_cannot_say_exactly_is_refused(condition: dict[str, Any], told: str) -> None:
    held = policies(allow(OWN), {**deny(**condition), "Sid": "Odd"})
    with pytest.raises(Untranslatable, match=told) as caught:
        where(held, LISTED, ANN, ACTION, {"app:Odd": {"not": "text"}})
    assert "`clerk/Odd`" in str(caught.value)


def test_a_row_at_which_glob_would_stop_to_read_is_not_listed() -> None:
    """GLOB of SQLite takes U+0000 for the end: what stands behind it could be anything."""
    held = policies(allow("arn:durward:orders:default:acme:order/a*"))
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        METADATA.create_all(connection)
        ids = ["a", "ab", "a\0b"]
        rows = [{"number": number, "id": id, "tenant": "acme"} for number, id in enumerate(ids)]
        connection.execute(sa.insert(ORDERS), rows)
        found = connection.execute(sa.select(ORDERS.c.id).where(where(held, LISTED, ANN, ACTION)))
        assert list(found.scalars()) == ["a", "ab"]
    engine.dispose()


@pytest.mark.parametrize("count", [MAX_LISTED, MAX_LISTED + 1])
@pytest.mark.parametrize(
    "statements",
    [
        [allow(OWN, **{"ForAnyValue:StringEquals": {"durward:ResourceMembers": "ann"}})],
        [allow(OWN, **{"ForAllValues:StringLike": {"durward:ResourceMembers": "*n*"}})],
        [allow(OWN), deny(**{"ForAnyValue:StringEquals": {"durward:ResourceMembers": "eve"}})],
        [allow(OWN), deny(StringEquals={"durward:ResourceMembers": "eve"})],
        [allow(OWN, Null={"durward:ResourceMembers": "false"})],
    ],
)
def test_more_values_than_a_request_may_have_are_not_read(
    run: Run, statements: list[dict[str, Any]], count: int
) -> None:
    """An Allow does not apply then, and a Deny does."""
    held, people = policies(*statements), [f"ann{number or ''}" for number in range(count)]
    row = {**ROWS[0], "number": 100 + count}
    values = [{"order_number": row["number"], "person": person} for person in people]
    run(sa.insert(ORDERS).values([row]).returning(ORDERS.c.number))
    run(sa.insert(MEMBERS).values(values).returning(MEMBERS.c.person))
    try:
        request = LISTED.request(ANN, ACTION, row, several={"durward:ResourceMembers": people})
        assert (row["number"] in listed(run, held)) is held.evaluate(request).allowed
    finally:
        for table, number in ((MEMBERS, MEMBERS.c.order_number), (ORDERS, ORDERS.c.number)):
            run(sa.delete(table).where(number == row["number"]).returning(number))


TEXTS = ["ann", "Ann", "acme", "open", "a*b", "a?n", "*", "a%n", "%", "", "10", "true", "ß"]
VARIABLES = [
    *("${durward:Subject}", "${durward:TenantId}", "${durward:ResourceOwner}", "${app:Missing}"),
    *("${durward:ResourceAttr/Status, 'open'}", "${durward:ResourceMembers}", "${*}"),
]
WILD = ["*", "a*", "?nn", "*n", "a*n", "*${durward:Subject}*", "[a]"]
NUMBERS = ["10", "-7", "9.5", "0", "1e30", "-1e30", "4611686018427387904"]
SIGNS = ["Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"]
STRINGS = ["StringEquals", "StringNotEquals", "StringLike", "StringNotLike"]
KEYS = {
    "durward:ResourceOwner": (STRINGS, [*TEXTS, *VARIABLES, *WILD]),
    "durward:ResourceAttr/Status": (STRINGS, [*TEXTS, *VARIABLES, *WILD]),
    "durward:ResourceAttr/Amount": ([f"Numeric{sign}" for sign in SIGNS], NUMBERS),
    "durward:resourceattr/amount": ([*(f"Date{s}" for s in SIGNS), *STRINGS], ["10", "-7"]),
    "durward:ResourceAttr/Paid": (["Bool", *STRINGS], ["true", "false", "*", "t*"]),
    "durward:ResourceAttr/Customer": (STRINGS[:2], [str(ONE), str(OTHER), "x"]),
    "durward:ResourceTenant": (STRINGS, [*TEXTS, *VARIABLES, *WILD]),
    "durward:Subject": (STRINGS[:2], [*TEXTS, *VARIABLES]),
    "durward:Roles": (STRINGS[:2], ["clerk", "${durward:ResourceOwner}"]),
    "durward:ResourceMembers": (STRINGS, [*TEXTS, *VARIABLES, *WILD]),
}
SEVERAL = {"durward:Roles", "durward:ResourceMembers"}
TENANTS = ["acme", "*", "${durward:TenantId}", "a*e", "globex", "${durward:ResourceOwner}"]
LASTS = [
    "order/*",
    "*",
    "order/1",
    "order/a*b",
    "order/a${*}b",
    "order/${durward:Subject}",
    "o*/?",
    "order/${durward:ResourceOwner}",
    "order/?",
    "report/*",
    "order",
    "*/line/*",
]


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(draw(st.integers(0, 2))):
        key = draw(st.sampled_from(sorted(KEYS)))
        operators, texts = KEYS[key]
        name = draw(st.sampled_from([*operators, "Null"]))
        values: Any = draw(st.lists(st.sampled_from(texts), min_size=1, max_size=3))
        if name == "Null":
            values = draw(st.sampled_from(["true", "false"]))
        else:
            name += draw(st.sampled_from(["", "", "IfExists"]))
            some = ["ForAnyValue:", "ForAllValues:", ""]
            name = draw(st.sampled_from(some if key in SEVERAL else ["", "", *some])) + name
        found.setdefault(name, {})[key] = values
    return found


ARNS = st.builds(
    "arn:durward:{}:{}:{}:{}".format,
    st.sampled_from(["orders", "*"]),
    st.sampled_from(["default", "d*", "other"]),
    st.sampled_from(TENANTS),
    st.sampled_from(LASTS),
)


@st.composite
def statements(draw: st.DrawFn, *, principal: bool = False) -> dict[str, Any]:
    effect = draw(st.sampled_from(["Allow", "Allow", "Allow", "Deny"]))
    name = draw(st.sampled_from(["Resource", "Resource", "Resource", "NotResource"]))
    resources = draw(st.one_of(st.just("*"), st.lists(ARNS, min_size=1, max_size=2)))
    found: dict[str, Any] = {"Effect": effect, "Action": "orders:*", name: resources}
    found["Condition"] = draw(conditions())
    return found | ({"Principal": "*"} if principal else {})


SETS = st.builds(
    lambda own, **layers: (own, {name: held for name, held in layers.items() if held}),
    st.lists(statements(), min_size=1, max_size=3),
    resource=st.lists(statements(principal=True), max_size=2),
    boundary=st.one_of(st.just([]), st.lists(statements(), max_size=2)),
    guardrail=st.one_of(st.just([]), st.lists(statements(), max_size=2)),
)
EVERYBODY = [ANN, None, Principal("acme", "user", "globex", ("clerk",)), Principal("x", "user", "")]


def test_any_policy_lists_what_it_allows(run: Run) -> None:
    seen = Counter[str]()

    @settings(
        max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
    )
    @given(SETS, st.sampled_from(EVERYBODY), st.sampled_from([LISTED, BY_NUMBER, BY_CUSTOMER]))
    def is_equal(found: tuple[Any, Any], principal: Principal | None, rows: Rows) -> None:
        try:
            held = policies(*found[0], **found[1])
        except PolicyError:
            return
        try:
            numbers = listed(run, held, rows, principal)
        except Untranslatable:
            seen["untranslatable"] += 1
            return
        seen["some" if 0 < len(numbers) < len(ROWS) else "all or none"] += 1
        assert numbers == allowed(held, rows, principal)

    is_equal()
    assert seen["some"] > 50, seen
    assert seen["untranslatable"] < seen["some"] + seen["all or none"], seen


SQLITE: Any = sqlite.dialect  # SQLAlchemy leaves these two untyped
POSTGRESQL: Any = postgresql.dialect
EXACT = (
    "(orders.owner IN ('ann') AND CAST(orders.owner AS TEXT) COLLATE \"C\" IN "
    "(CAST('ann' AS TEXT) COLLATE \"C\"))"
)


@pytest.mark.parametrize(
    ("dialect", "owner"),
    [
        (SQLITE, "(orders.owner COLLATE BINARY IN ('ann'))"),
        (POSTGRESQL, EXACT),
    ],
)
def test_it_is_printed_plainly(dialect: Callable[[], sa.Dialect], owner: str) -> None:
    """What is known leaves no trace, and an index can answer the comparison."""
    printed = where(policies(allow(OWN, StringEquals=OWNER)), LISTED, ANN, ACTION)
    text = str(printed.compile(dialect=dialect(), compile_kwargs={"literal_binds": True}))
    text = text.replace(owner.replace("owner", "tenant").replace("ann", "acme"), "TENANT")
    assert text.replace(owner, "OWNER") == (
        "TENANT AND orders.owner IS NOT NULL AND OWNER"
        " AND orders.tenant IS NOT NULL AND orders.id IS NOT NULL"
    )
    assert where(policies(), LISTED, ANN, ACTION) is sa.false()


def test_mapped_classes_are_columns_too(run: Run) -> None:
    """Also where the list joins the table of the members: the key is about all of them."""

    class Base(orm.DeclarativeBase):
        metadata = METADATA

    class Mapped(Base):
        __table__ = ORDERS

    class Member(Base):
        __table__ = MEMBERS
        __mapper_args__ = {  # noqa: RUF012 - as SQLAlchemy declares it
            "primary_key": [MEMBERS.c.order_number, MEMBERS.c.person]
        }

    order: Any = Mapped
    member: Any = Member
    rows = Rows(
        "orders",
        "order/{id}",
        tenant=order.tenant,
        columns={"id": order.id},
        keys={
            "durward:ResourceMembers": Several(member.person, member.order_number == order.number)
        },
    )
    of_team = {"ForAnyValue:StringEquals": {"durward:ResourceMembers": "${durward:Subject}"}}
    held = policies(allow(OWN, **of_team))
    joined = sa.select(order.number).join(member, member.order_number == order.number)
    assert run(joined.where(where(held, rows, ANN, ACTION))) == [1, 1]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"columns": {}}, "`columns` fills"),
        ({"tenant": sa.column("t", sa.CHAR(5))}, "cannot stand in a filter"),
        ({"tenant": sa.column("t", sa.Enum("a", "b"))}, "cannot stand in a filter"),
        ({"tenant": sa.column("t", sa.Boolean())}, "a boolean names nothing"),
        ({"keys": {"durward:ResourceAttr/x": sa.column("x", sa.DateTime())}}, "cannot stand"),
        ({"keys": {"durward:ResourceAttr/x": 5}}, "cannot stand"),
    ],
)
def test_rows_that_cannot_be_asked_exactly_are_refused(change: dict[str, Any], told: str) -> None:
    given: dict[str, Any] = {"tenant": ORDERS.c.tenant, "columns": {"id": ORDERS.c.id}}
    with pytest.raises(Misconfigured, match=told):
        Rows("orders", "order/{id}", **given | change)


def test_the_page_shows_what_is_printed() -> None:
    page = (Path(__file__).parents[2] / "docs" / "filter.md").read_text()
    code, printed = re.findall(r"```(?:python|sql)\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own page
    told = names["statement"].compile(dialect=SQLITE(), compile_kwargs={"literal_binds": True})

    def bare(text: str) -> str:
        return re.sub(r"\s", "", text)

    assert bare(str(told)) == bare(printed)
