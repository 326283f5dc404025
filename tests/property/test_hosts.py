"""Declared hosts: whatever is written, it is refused in words or has one form."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from durward.core.host import AUTHORITY, asked_host, declared_host

LABELS = st.text(st.sampled_from("aB1-_é.ßΣ☃:[]*/\u3002\uff0e\u200d "), max_size=12)


@given(st.one_of(st.text(max_size=40), LABELS))
@example("a" * 64)
@example("a." * 127 + "a")
@example("é" * 60)
@example("xn--a")
@example("[::FFFF:1.2.3.4]")
@example("a\u3002b")
def test_a_host_is_refused_or_has_one_form(written: str) -> None:
    try:
        host = declared_host(written)
    except ValueError:
        return
    assert declared_host(host) == host
    assert asked_host(host) == asked_host(f"{host.upper()}:8443") == host
    assert re.fullmatch(AUTHORITY, host), "the edge lets it through"
