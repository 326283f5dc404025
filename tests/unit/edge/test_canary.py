"""Where a node proves that it refuses what is revoked: where a token could pass."""

from dataclasses import replace

import pytest

from durward.core.address import Address
from durward.core.api import Api
from durward.core.edge.snapshot import Snapshot
from durward.core.openapi.operations import Operation
from durward.core.upstream import Upstream
from durward.core.values import ApiId
from durward.entrypoints.edge.canary import Door, door_of

KEY = {"kty": "EC", "kid": "k1"}


def api(name: str, *operations: Operation) -> Api:
    upstream = Upstream((Address("127.0.0.1", 9),))
    return Api(ApiId(name), f"https://{name}.example", "test", upstream, operations, {})


def operation(method: str, path: str, *, public: bool = False) -> Operation:
    return Operation("Op", method, path, "x:Op", public=public)


PUBLIC = api("a", operation("GET", "/a", public=True))
HEAD = api("b", operation("HEAD", "/b"))
MEANT_ELSEWHERE = api("c", operation("GET", "/{thing}"))
TAKES_IT = api("c2", operation("GET", "/canary"))
GUARDED = api("d", operation("GET", "/d/{id}"))
AT_ITS_HOST = Door("https://d.example", "GET", "/d/canary", "d.example")


@pytest.mark.parametrize(
    ("apis", "door"),
    [
        ((), None),
        ((PUBLIC, HEAD), None),
        ((PUBLIC, HEAD, GUARDED), Door("https://d.example", "GET", "/d/canary", "canary-0")),
        ((MEANT_ELSEWHERE, TAKES_IT), Door("https://c2.example", "GET", "/canary", "canary-0")),
        ((replace(GUARDED, hosts=("d.example",)),), AT_ITS_HOST),
        # The host by which canaries ask is one that no API names.
        (
            (replace(PUBLIC, hosts=("canary-0",)), GUARDED),
            Door("https://d.example", "GET", "/d/canary", "canary-1"),
        ),
    ],
)
def test_the_first_api_with_an_operation_that_guards(
    apis: tuple[Api, ...], door: Door | None
) -> None:
    snapshot = replace(Snapshot.nothing(), version=1, issuer="i", keys=(KEY,), apis=apis)
    assert door_of(snapshot) == door
    assert door_of(replace(snapshot, keys=())) is None, "no token could pass"
