"""By which name a source is counted."""

import pytest

from durward.core.authn.network_prefix import counted_source


@pytest.mark.requirement("AS-96")
@pytest.mark.parametrize(
    ("source", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.2", "192.0.2.2"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:DB8:0:0:ffff:ffff:ffff:ffff", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("fe80::2%eth1", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:c000:201", "192.0.2.1"),
    ],
)
def test_a_host_counts_once_however_its_address_is_written(source: str, counted: str) -> None:
    assert counted_source(source) == counted


@pytest.mark.parametrize("source", ["", "unix:/socket", "192.0.2.1:80", "192.0.2", "٣.0.2.1"])
def test_what_is_no_address_counts_as_itself(source: str) -> None:
    assert counted_source(source) == source


def test_what_is_no_address_is_cut() -> None:
    assert counted_source("x" * 65) == "x" * 64
