"""What is larger than what is served is refused before anything is written."""

from collections.abc import Callable

import pytest
from tests.services.replica import Replica

from durward.core import sizes
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.errors import Misconfigured
from durward.core.wire import Json
from durward.store.snapshots import newest_version

pytestmark = pytest.mark.anyio
DENY: dict[str, Json] = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"},
}


def an_api(name: str, operations: int = 1, **more: Json) -> Declaration:
    paths: dict[str, Json] = {
        f"/{name}/{number}": {"get": {"operationId": f"Get{number}"}}
        for number in range(operations)
    }
    body: dict[str, Json] = {
        "audience": f"https://{name}.example",
        "upstream": "127.0.0.1:1",
        "openapi": {"openapi": "3.1.0", "paths": paths, **more},
    }
    return Declaration(DeclarationKind.API, name, body)


def too_many_apis() -> list[Declaration]:
    return [an_api(f"a{number}") for number in range(sizes.APIS)]


def too_many_operations() -> list[Declaration]:
    return [an_api("a", sizes.OPERATIONS // 2), an_api("b", sizes.OPERATIONS // 2)]


def too_many_policies() -> list[Declaration]:
    return [
        Declaration(DeclarationKind.POLICY, f"p{number}", DENY) for number in range(sizes.POLICIES)
    ]


def too_many_patterns() -> list[Declaration]:
    long = "".join(f"/{{a{number}}}" for number in range(150))
    paths: dict[str, Json] = {f"/{number}{long}": {"get": {}} for number in range(2_000)}
    document: dict[str, Json] = {"openapi": "3.1.0", "paths": paths}
    return [Declaration(DeclarationKind.API, "long", {**an_api("long").body, "openapi": document})]


def too_many_hosts() -> list[Declaration]:
    """An API at twenty hosts, each of which serves something else beside it."""
    hosts: list[Json] = [f"h{number}.example" for number in range(20)]
    small = [an_api(f"a{number}") for number in range(20)]
    named = [
        Declaration(one.kind, one.name, {**one.body, "hosts": [host]})
        for one, host in zip(small, hosts, strict=True)
    ]
    large = an_api("large", 1_200)
    return [Declaration(large.kind, large.name, {**large.body, "hosts": hosts}), *named]


def too_large() -> list[Declaration]:
    return [an_api("large", info={"description": "x" * sizes.DECLARATION_BYTES})]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (too_many_apis, "1001 APIs, and 1000 are served"),
        (too_many_operations, r"200\d\d operations, and 20000 are served"),
        (too_many_policies, r"100\d\d policies, and 10000 are served"),
        (too_many_patterns, r"8\d{6} bytes of patterns for paths .*, and 8000000 are served"),
        (too_many_hosts, r"240\d\d operations, each as often as sets of hosts .*, and 20000 are"),
        (too_large, r"apis/large: 33\d{6} bytes, and a declaration has 33554432 at most"),
    ],
    ids=lambda found: getattr(found, "__name__", ""),
)
async def test_what_is_too_much_beside_what_is_there_is_refused(
    replica: Replica, wanted: Callable[[], list[Declaration]], told: str
) -> None:
    before = await replica.read(newest_version)
    with pytest.raises(Misconfigured, match=told):
        await replica.plane.administration.apply(wanted(), prune=False)
    assert await replica.read(newest_version) == before


async def test_a_plan_refuses_what_apply_would(replica: Replica) -> None:
    with pytest.raises(Misconfigured, match="1001 APIs"):
        await replica.plane.administration.plan(too_many_apis(), prune=False)
