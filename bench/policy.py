"""Decisions of the policy engine by the number of statements, beside cedarpy and casbin.

Method: one process. The set has three Deny statements for everything (TLS, network, risk) and N
Allow statements, each for one tenant's orders with two conditions; one role carries all. A decision
is `PolicySet.evaluate` on a built request (what a decision point does for each check), over 64
requests of different tenants, addresses and objects in turn; the median of seven rounds counts.
`memo_us` is `PolicySet.recall` on the same requests, after each was asked for once. There the
hashes of their texts are known, as they are for `decision_us`; `memo_anew_us` and
`decision_anew_us` are of equal requests built anew, each asked for once, with the hashes. What it
costs to build such a request and its principal is `build_us`.
Peers get the same rules in their own language, parsed beforehand, and one request whose statement
stands in the middle. Their time grows with N, ours does not: ours looks statements up in an index,
they go through all. At N = 10 most of cedarpy's time is the conversion of the request.
Compilation is from parsed documents, without Python's cycle collector, as the decision point
compiles; its figure with the collector stands beside it.
`what_can_ms_per_operation` is the time of `policy what-can` for each of so many operations, of
which each has one statement that allows it.
"""

import contextlib
import gc
import io
import json
import logging
import os
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import casbin
import cedarpy
import sqlalchemy as sa

from durward.core.access import Access
from durward.core.configuration.configuration import read_configuration
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.policy.analysis.find import access_differences, find
from durward.core.policy.analysis.policy_stack import PolicyStack
from durward.core.policy.engine.evaluate import Policies, PolicySet
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.language.dialect import Dialect, imported
from durward.core.policy.language.document import Document, PolicyKind, read_document
from durward.core.wire import Json
from durward.sdk.sqlalchemy import Rows, Several, where

SIZES = (10, 1_000, 10_000, 100_000)
PEER_SIZES = (10, 1_000, 10_000)
OPERATIONS = (10, 100, 1_000)
ROUNDS = 7
REQUESTS = 64
ROUND_SECONDS = 0.1
VERSION = "2012-10-17"
READ = ["orders:GetOrder", "orders:ListOrders"]
DENIES: list[dict[str, Any]] = [
    {"Bool": {"durward:SecureTransport": "false"}},
    {"NotIpAddress": {"durward:SourceIp": ["10.0.0.0/8", "192.168.0.0/16"]}},
    {"NumericGreaterThan": {"durward:RiskScore": "70"}},
]


def allow(resource: str, **rest: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": READ, "Resource": resource, **rest}


def tenant_statements(size: int) -> list[dict[str, Any]]:
    denies = [
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}
        for condition in DENIES
    ]
    return denies + [
        allow(
            f"arn:durward:orders:prod:t{place}:order/*",
            Condition={
                "StringEquals": {"durward:TenantId": f"t{place}"},
                "Bool": {"durward:MultiFactorAuthPresent": "true"},
            },
        )
        for place in range(size)
    ]


def documents(statements: Sequence[dict[str, Any]]) -> list[Document]:
    return [
        read_document({"Version": VERSION, "Statement": list(statements[at : at + 1000])}, f"d{at}")
        for at in range(0, len(statements), 1000)
    ]


def compiled(statements: Sequence[dict[str, Any]]) -> PolicySet:
    return PolicySet(Policies(identity={"role/r": documents(statements)}))


def request_of(tenant: str, last: str, address: int = 1) -> AccessRequest:
    context = {
        "durward:SecureTransport": "true",
        "durward:SourceIp": f"10.1.2.{address}",
        "durward:RiskScore": str(address % 50),
        "durward:MultiFactorAuthPresent": "true",
        "durward:Subject": "ann",
    }
    person = Principal("ann", "user", tenant, ("r",))
    return AccessRequest(
        person, "orders:GetOrder", f"arn:durward:orders:prod:{tenant}:{last}", context
    )


def microseconds(decide: Callable[[AccessRequest], object], asked: list[AccessRequest]) -> float:
    """The median time of a decision."""
    for each in asked:
        decide(each)
    times = []
    for _ in range(ROUNDS):
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < ROUND_SECONDS:
            for each in asked:
                decide(each)
            count += len(asked)
        times.append((time.perf_counter() - start) / count * 1e6)
    return statistics.median(times)


def anew_microseconds(
    decide: Callable[[AccessRequest], object], build: Callable[[], list[AccessRequest]]
) -> tuple[float, float]:
    """The median time of a decision about a request that was just built, and of building one."""
    building, deciding = [], []
    for _ in range(200):
        start = time.perf_counter()
        asked = build()
        built = time.perf_counter()
        for each in asked:
            decide(each)
        deciding.append((time.perf_counter() - built) / len(asked) * 1e6)
        building.append((built - start) / len(asked) * 1e6)
    return statistics.median(deciding), statistics.median(building)


@contextlib.contextmanager
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def milliseconds(work: Callable[[], object], rounds: int = 3) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def by_size() -> dict[str, Any]:
    found: dict[str, Any] = {"decision_us": {}, "denied_us": {}}
    for size in SIZES:
        policies = compiled(tenant_statements(size))
        gc.freeze()
        tenants = [f"t{size * place // REQUESTS}" for place in range(REQUESTS)]

        def build(named: Sequence[str] = tenants) -> list[AccessRequest]:
            return [request_of(name, f"order/{at}", at) for at, name in enumerate(named)]

        asked = build()
        assert all(policies.evaluate(each).allowed for each in asked)
        found["decision_us"][str(size)] = microseconds(policies.evaluate, asked)
        refused = [request_of(name, f"report/{at}", at) for at, name in enumerate(tenants)]
        assert not any(policies.evaluate(each).allowed for each in refused)
        found["denied_us"][str(size)] = microseconds(policies.evaluate, refused)
        if size == SIZES[1]:
            found["memo_us"] = microseconds(policies.recall, asked)
            found["memo_anew_us"], found["build_us"] = anew_microseconds(policies.recall, build)
            found["decision_anew_us"], _ = anew_microseconds(policies.evaluate, build)
        gc.unfreeze()
    return found


def own_tenant() -> float:
    """The statement that most policies begin with: one for every tenant, by a variable."""
    own = allow("arn:durward:orders:prod:${durward:TenantId}:order/*")
    policies = compiled([*tenant_statements(0), own])
    asked = [request_of(f"t{place}", f"order/{place}", place) for place in range(REQUESTS)]
    assert all(policies.evaluate(each).allowed for each in asked)
    return microseconds(policies.evaluate, asked)


def adversarial(size: int) -> dict[str, float]:
    tenant = "arn:durward:orders:prod:t0:"
    own = f"t{size // 2}"
    sets: dict[str, tuple[list[dict[str, Any]], AccessRequest]] = {
        "leading star": (
            [allow(f"{tenant}*/item-{place}") for place in range(size)],
            request_of("t0", f"order/item-{size // 2}"),
        ),
        "variable first": (
            [allow(f"{tenant}${{durward:Subject}}/doc-{place}") for place in range(size)],
            request_of("t0", f"ann/doc-{size // 2}"),
        ),
        "NotResource per tenant": (
            [
                {
                    "Effect": "Deny",
                    "Action": "*",
                    "NotResource": f"arn:durward:orders:prod:t{place}:*",
                    "Condition": {"StringEquals": {"durward:TenantId": f"t{place}"}},
                }
                for place in range(size)
            ]
            + [allow("*")],
            request_of(own, "order/1"),
        ),
        "many stars": (
            [allow(f"{tenant}*o*/*{place}-*a*b*c*") for place in range(size)],
            request_of("t0", f"order/x{size // 2}-aabbcc"),
        ),
    }
    found = {}
    for name, (statements, asked) in sets.items():
        policies = compiled(statements)
        assert policies.evaluate(asked).allowed, name
        found[name] = microseconds(policies.evaluate, [asked])
    return found


def compiling() -> dict[str, float]:
    read = documents(tenant_statements(10_000))
    policies = Policies(identity={"role/r": read})
    found = {"compile_10000_collected_ms": milliseconds(lambda: PolicySet(policies))}
    with no_collector():
        found["compile_10000_ms"] = milliseconds(lambda: PolicySet(policies))
    tracemalloc.start()
    kept = PolicySet(policies)
    found["compiled_bytes_per_statement"] = tracemalloc.get_traced_memory()[0] / 10_000
    tracemalloc.stop()
    del kept
    operations = [
        {
            "Effect": "Allow",
            "Action": f"orders:Op{place}",
            "Resource": f"arn:durward:orders:prod:*:o{n}/*",
        }
        for place in range(1_000)
        for n in range(10)
    ] + tenant_statements(0)
    wide = Policies(identity={"role/r": documents(operations)})
    with no_collector():
        found["plans_of_1000_operations_ms"] = milliseconds(lambda: PolicySet(wide))
    return found


def comparing() -> dict[str, float | None]:
    """Two sets of 10 000 that differ in one statement; then the published pairs, if there are."""
    statements = tenant_statements(10_000)
    wider = [*statements]
    wider[5_000] = {**wider[5_000], "Resource": str(wider[5_000]["Resource"]).replace("order/", "")}
    one, other = documents(statements), documents(wider)

    def differ() -> None:
        gained, lost = access_differences(PolicyStack(one), PolicyStack(other))
        assert gained is not None
        assert lost is None

    found: dict[str, float | None] = {"diff_10000_ms": milliseconds(differ, 5)}
    folder = os.environ.get("DURWARD_VECTORS")  # noqa: TID251 - where the vectors of others lie
    path = Path(folder or ".") / "policy" / "compare_quacky.json"
    if not path.exists():
        return {**found, "compare_median_ms": None}
    lenient = imported()
    times = []
    for case in json.loads(path.read_text()):
        sides = [
            PolicyStack([foreign(case[name], lenient)], cross_tenant=True)
            for name in ("policy1", "policy2")
        ]
        for first, second in (sides, sides[::-1]):
            times.append(milliseconds(lambda a=first, b=second: find(a, b), 1))  # type: ignore[misc]
    times.sort()
    found |= {"compare_median_ms": statistics.median(times), "compare_max_ms": times[-1]}
    return found | {"compare_p95_ms": times[int(len(times) * 0.95)]}


def asking() -> dict[str, float]:
    """For each operation, what it takes to find a request that shows that somebody can do it."""
    found = {}
    for size in OPERATIONS:
        access = Access(read_configuration(declared(size)))
        count = len(list(access.what_can("ann")))
        assert count == size
        found[str(size)] = milliseconds(lambda a=access: list(a.what_can("ann"))) / size  # type: ignore[misc]
    return found


def declared(operations: int) -> Iterator[Declaration]:
    """One API, and one person who can do each of its operations by a statement of its own."""
    about: Json = {"resource": "order/{id}", "tenant": "{tenant}"}
    paths: Json = {
        f"/{n}/{{tenant}}/{{id}}": {"get": {"operationId": f"Get{n}", "x-durward": about}}
        for n in range(operations)
    }
    document: Json = {
        "openapi": "3.1.0",
        "security": [{"token": []}],
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "paths": paths,
    }
    own = "arn:durward:orders:*:${durward:TenantId}:order/*"
    statements: Json = [
        {"Effect": "Allow", "Action": f"orders:Get{n}", "Resource": own} for n in range(operations)
    ]
    api: Json = {"audience": "https://o.example", "upstream": "unix:/x", "openapi": document}
    yield Declaration(DeclarationKind.TENANT, "acme", {})
    yield Declaration(DeclarationKind.API, "orders", api)
    yield Declaration(DeclarationKind.POLICY, "own", {"Version": VERSION, "Statement": statements})
    yield Declaration(DeclarationKind.USER, "ann", {"tenant": "acme", "policies": ["own"]})


def foreign(policy: dict[str, Any], dialect: Dialect) -> Document:
    statements = policy["Statement"]
    listed = statements if isinstance(statements, list) else [statements]
    named = any("rincipal" in element for statement in listed for element in statement)
    kind = PolicyKind.RESOURCE if named else PolicyKind.IDENTITY
    return read_document({"Statement": statements}, "p", kind, dialect)


ORDERS = sa.table(
    "orders", *(sa.column(name, sa.String()) for name in ("id", "tenant", "owner", "state"))
)
MEMBERS = sa.table("members", sa.column("order", sa.String()), sa.column("person", sa.String()))
OF_OWNER = {"StringEquals": {"durward:ResourceOwner": "${durward:Subject}"}}
OF_MEMBERS = {"ForAnyValue:StringEquals": {"durward:ResourceMembers": "${durward:Subject}"}}
NOT_LOCKED = {"StringEquals": {"durward:ResourceAttr/State": ["locked", "archived"]}}


def filtering() -> dict[str, dict[str, float]]:
    """The condition of a list: of the tenant's own statement, an owner's, a member's and a Deny."""
    rows = Rows(
        "orders",
        "order/{id}",
        stage="prod",
        tenant=ORDERS.c.tenant,
        columns={"id": ORDERS.c.id},
        keys={
            "durward:ResourceOwner": ORDERS.c.owner,
            "durward:ResourceAttr/State": ORDERS.c.state,
            "durward:ResourceMembers": Several(MEMBERS.c.person, MEMBERS.c.order == ORDERS.c.id),
        },
    )
    own = "arn:durward:orders:prod:${durward:TenantId}:order/*"
    found = {}
    for size in SIZES[:-1]:
        policies = compiled(
            [
                *tenant_statements(size),
                allow(own, Condition=OF_OWNER),
                allow(own, Condition=OF_MEMBERS),
                {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": NOT_LOCKED},
            ]
        )
        asked = request_of(f"t{size // 2}", "order/1")

        def build(held: PolicySet = policies, by: AccessRequest = asked) -> None:
            where(held, rows, by.principal, by.action, by.context)

        build()
        found[str(size)] = milliseconds(build, 500)
    return {"filter_by_size_ms": found}


def cedar_us(size: int) -> float:
    rules = [
        "forbid(principal, action, resource) when { !context.tls };",
        'forbid(principal, action, resource) unless { context.ip.isInRange(ip("10.0.0.0/8")) };',
        "forbid(principal, action, resource) when { context.risk > 70 };",
        *(
            f'permit(principal, action in [Action::"GetOrder", Action::"ListOrders"], resource in '
            f'Tenant::"t{place}") when {{ principal.tenant == "t{place}" && context.mfa }};'
            for place in range(size)
        ),
    ]
    tenant = f"t{size // 2}"
    order = {"type": "Order", "id": "17"}
    entities = [
        {"uid": {"type": "User", "id": "ann"}, "attrs": {"tenant": tenant}, "parents": []},
        {"uid": order, "attrs": {}, "parents": [{"type": "Tenant", "id": tenant}]},
    ]
    policies = cedarpy.PolicySet.from_str("\n".join(rules))
    known = cedarpy.Entities.from_json_str(json.dumps(entities))
    request = {
        "principal": {"type": "User", "id": "ann"},
        "action": {"type": "Action", "id": "GetOrder"},
        "resource": order,
        "context": {
            "tls": True,
            "ip": {"__extn": {"fn": "ip", "arg": "10.1.2.3"}},
            "risk": 5,
            "mfa": True,
        },
    }
    assert cedarpy.is_authorized(request, policies, known).allowed
    return peer(lambda: cedarpy.is_authorized(request, policies, known))


MODEL = """
[request_definition]
r = tenant, path, act, mfa
[policy_definition]
p = tenant, path, act
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.tenant == p.tenant && keyMatch(r.path, p.path) && r.act == p.act && r.mfa
"""


def casbin_us(size: int) -> float:
    logging.disable(logging.CRITICAL)
    model = casbin.Model()
    model.load_model_from_text(MODEL)
    with contextlib.redirect_stdout(io.StringIO()):
        enforcer = casbin.Enforcer(model)
        enforcer.add_policies([[f"t{at}", f"/t{at}/order/*", "GetOrder"] for at in range(size)])
    tenant = f"t{size // 2}"
    asked = (tenant, f"/{tenant}/order/17", "GetOrder", True)
    assert enforcer.enforce(*asked)
    return peer(lambda: enforcer.enforce(*asked))


def peer(decide: Callable[[], object]) -> float:
    times = []
    for _ in range(5):
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < ROUND_SECONDS:
            decide()
            count += 1
        times.append((time.perf_counter() - start) / count * 1e6)
    return statistics.median(times)


def main() -> int:
    found = by_size()
    found["own_tenant_us"] = own_tenant()
    found["adversarial_us"] = adversarial(1_000)
    found["adversarial_10000_us"] = adversarial(10_000)
    found |= compiling()
    found |= comparing()
    found["what_can_ms_per_operation"] = asking()
    found |= filtering()
    found["filter_ms"] = max(found["filter_by_size_ms"].values())
    found["cedarpy_us"] = {str(size): cedar_us(size) for size in PEER_SIZES}
    found["casbin_us"] = {str(size): casbin_us(size) for size in PEER_SIZES}
    if "--json" in sys.argv:
        print(json.dumps(found))
        return 0
    for name, value in found.items():
        rows = value.items() if isinstance(value, dict) else [("", value)]
        for key, figure in rows:
            shown = "not measured" if figure is None else f"{figure:.2f}"
            print(f"{name:32} {key:24} {shown:>12}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
