"""Addresses of a node, and the snapshot on the wire."""

import pytest

from durward.core.address import Address
from durward.core.api import Api
from durward.core.edge.node import read_listener, read_name_servers, read_proxies
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import Misconfigured
from durward.core.openapi.operations import Operation
from durward.core.upstream import Upstream
from durward.core.values import ApiId

NAME_OF_253 = ".".join(["a" * 63] * 3 + ["b" * 61])


@pytest.mark.parametrize(
    "text",
    [
        "unix:/run/x.sock",
        "127.0.0.1:8480",
        "localhost:1",
        "orders.internal:65535",
        "db-1:5432",
        "3com.example:80",
        "xn--bcher-kva.example:80",
        f"{NAME_OF_253}:80",
        "[::1]:8080",
        "[2001:db8::1]:8443",
        "[::]:8443",
    ],
)
def test_an_address_is_written_as_it_was_read(text: str) -> None:
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Orders.Example:80", "orders.example:80"),
        ("[0:0:0:0:0:0:0:1]:80", "[::1]:80"),
        ("[2001:DB8::A]:80", "[2001:db8::a]:80"),
    ],
)
def test_one_address_has_one_spelling(text: str, written: str) -> None:
    assert str(Address.parse(text)) == written


@pytest.mark.parametrize(
    ("text", "is_name"),
    [
        ("localhost:80", True),
        ("a.example:80", True),
        ("127.0.0.1:80", False),
        ("[::1]:80", False),
        ("unix:/a", False),
    ],
)
def test_what_has_to_be_looked_up_is_known(text: str, is_name: bool) -> None:
    assert Address.parse(text).is_name is is_name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        ":1",
        "x:",
        "x:0",
        "x:080",
        "x:65536",
        "x:-1",
        "x:+1",
        "x:1_0",
        "x: 1",
        "x:1\n",
        "x:\uff11",
        "x:" + "1" * 5_000,
        "unix:",
        "unix:x",
        "unix:@abstract",
        "unix:/a\x00b",
        "unix:/\ud800",
        "unix:/" + "a" * 107,
        "::1:8080",
        "[::1]",
        "[::1]8080",
        "[::1:8080",
        "::1]:8080",
        "[[::1]]:80",
        "[]:80",
        "[127.0.0.1]:80",
        "[localhost]:80",
        "[fe80::1%eth0]:80",
        "[::ffff:127.0.0.1]:80",
        # What resolvers take for an address, each in its own way.
        "127.1:80",
        "2130706433:80",
        "0x7f000001:80",
        "0x7f.1:80",
        "127.0.0.01:80",
        "256.1.1.1:80",
        "a.1:80",
        # RFC 1123 §2.1
        "*:80",
        "*.example:80",
        "a_b:80",
        "-a.example:80",
        "a-.example:80",
        ".example:80",
        "a..example:80",
        "example.:80",
        "a b:80",
        "a/b:80",
        "a@b:80",
        "b\u00fccher.example:80",
        "\u212aelvin:80",
        "a" * 64 + ":80",
        f"{NAME_OF_253}c:80",
    ],
)
def test_what_is_no_address_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        Address.parse(text)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["[::1]:8443", "[::]:8443", "0.0.0.0:80", "unix:/a"])
def test_a_node_listens_at_an_address(text: str) -> None:
    assert str(read_listener("edge.apis", text)) == text


@pytest.mark.parametrize("text", ["localhost:8480", "8480", "*:8480", "edge.example:443"])
def test_a_node_does_not_listen_at_a_name(text: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read_listener("edge.apis", text)
    assert caught.value.path == "edge.apis"
    assert "[::1]:8480" in caught.value.hint


def test_name_servers_are_asked_at_addresses() -> None:
    assert list(map(str, read_name_servers(["10.0.0.2:53", "[::1]:53"]))) == [
        "10.0.0.2:53",
        "[::1]:53",
    ]
    for wrong in ("10.0.0.2", "dns.example:53", "unix:/run/dns.sock"):
        with pytest.raises(Misconfigured):
            read_name_servers([wrong])


def test_a_snapshot_round_trips() -> None:
    operation = Operation("Get", "GET", "/a", "o:Get", scopes=(frozenset({"a"}),))
    api = Api(
        ApiId("o"), "http://api", "s", Upstream((Address("/x.sock"),)), (operation,), {"a": "A"}
    )
    snapshot = Snapshot(3, "http://issuer", ({"kty": "EC"},), (api,))
    assert Snapshot.from_wire(snapshot.to_wire()) == snapshot


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"version":"1"}', b"\xff"])
def test_what_is_no_snapshot_is_refused(data: bytes) -> None:
    with pytest.raises(Misconfigured):
        Snapshot.from_wire(data)


@pytest.mark.requirement("ZT-11")
def test_trusted_proxies_are_addresses_and_ranges() -> None:
    found = read_proxies(["10.0.0.7", "10.1.0.0/16", "2001:db8::/32"])
    assert list(map(str, found)) == ["10.0.0.7/32", "10.1.0.0/16", "2001:db8::/32"]
    assert read_proxies([]) == ()


@pytest.mark.requirement("ZT-11")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lb.internal", "lb.internal"),
        ("10.0.0.7/8", "has host bits set"),
        ("", "''"),
        ("0.0.0.0/0", "covers every address"),
        ("::/0", "covers every address"),
    ],
)
def test_a_proxy_that_is_a_name_or_everybody_is_refused(text: str, told: str) -> None:
    with pytest.raises(Misconfigured, match=told) as caught:
        read_proxies(["10.0.0.7", text])
    assert caught.value.hint
