"""What a node listens on: plain HTTP for this machine only, TLS by settings that fit each other."""

from typing import Any

import msgspec
import pytest

from durward.core.errors import Misconfigured
from durward.settings import EdgeSettings

PAIR = {"certificate": "tls.crt", "key": "tls.key"}


def settings(**members: Any) -> EdgeSettings:
    usual = {"apis": "127.0.0.1:8480", "runtime": "/run/durward", "state": "/var/durward"}
    return msgspec.convert({**usual, **members}, EdgeSettings)


@pytest.mark.requirement("ZT-2")
@pytest.mark.parametrize(
    "place", ["0.0.0.0:8480", "[::]:8480", "10.0.0.7:8480", "[2001:db8::7]:8480"]
)
def test_plain_http_is_for_this_machine(place: str) -> None:
    """Load balancers in front change nothing: the way from them is open too."""
    followed = {"control_plane": "/run/serve", "snapshot_key": "key.jwk"}
    for members in (
        {"apis": place},
        {"issuer": place, **followed},
        {"apis": place, "trusted_proxies": ["10.0.0.8"]},
    ):
        with pytest.raises(Misconfigured, match="would serve plain HTTP") as told:
            settings(**members).node()
        assert "[edge.tls]" in told.value.hint
        assert settings(**members, tls=PAIR).node().tls
        assert settings(**members, unsafe_plaintext=True).node().tls is None


@pytest.mark.parametrize("place", ["127.0.0.1:8480", "[::1]:8480", "127.8.8.8:1", "unix:/run/a"])
def test_this_machine_needs_no_tls(place: str) -> None:
    assert settings(apis=place).node().own is None


def test_the_issuer_shares_an_address_by_tls_alone() -> None:
    shared = {"apis": "127.0.0.1:443", "issuer": "127.0.0.1:443", "control_plane": "/run/serve"}
    with pytest.raises(Misconfigured, match=r"needs `\[edge\.tls\]`"):
        settings(**shared).node()
    assert settings(**shared, tls=PAIR).node().is_shared


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"issuer_key": "a"}, "need each other"),
        ({"issuer_certificate": "a"}, "need each other"),
        ({"clients": "require"}, "`client_ca` is needed"),
        ({"client_ca": "a"}, "`client_ca` is needed"),
        ({"minimum": "1.1"}, "Invalid enum value"),
        ({"verify": False}, "unknown field"),
    ],
)
def test_settings_of_tls_fit_each_other(members: dict[str, object], problem: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=problem):
        settings(tls={**PAIR, **members})
