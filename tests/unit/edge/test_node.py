"""Addresses of a node, and the snapshot on the wire."""

import pytest

from durward.core.address import Address
from durward.core.api import Api
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import Misconfigured
from durward.core.openapi.operations import Operation
from durward.core.values import ApiId


@pytest.mark.parametrize("text", ["unix:/run/x.sock", "127.0.0.1:8480", "localhost:1"])
def test_an_address_is_written_as_it_was_read(text: str) -> None:
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        ":1",
        "x:",
        "x:0",
        "x:65536",
        "x:-1",
        "x:\uff11",
        "unix:",
        "unix:x",
        "unix:/" + "a" * 107,
    ],
)
def test_what_is_no_address_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        Address.parse(text)
    assert caught.value.hint


def test_a_snapshot_round_trips() -> None:
    operation = Operation("Get", "GET", "/a", "o:Get", scopes=(frozenset({"a"}),))
    api = Api(ApiId("o"), "http://api", "s", Address("/x.sock"), (operation,), {"a": "A"})
    snapshot = Snapshot(3, "http://issuer", ({"kty": "EC"},), (api,))
    assert Snapshot.from_wire(snapshot.to_wire()) == snapshot


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"version":"1"}', b"\xff"])
def test_what_is_no_snapshot_is_refused(data: bytes) -> None:
    with pytest.raises(Misconfigured):
        Snapshot.from_wire(data)
