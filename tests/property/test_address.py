"""An address is written as it is read, and whatever else there is, is refused in words."""

import re
from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st

from durward.core.address import Address
from durward.core.configuration.upstream import parse_address
from durward.core.errors import Misconfigured

MAPPED = re.compile(r"::ffff:[0-9a-f.]*:?[0-9a-f]*\Z")
LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
NAMES = st.lists(LABELS, min_size=1, max_size=3).map(".".join)
HOSTS = st.one_of(
    NAMES,
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str).filter(lambda six: not MAPPED.match(six)).map("[{}]".format),
)
PORTS = st.integers(1, 65_535)
PIECES = st.sampled_from(
    [*":[]/@.*-%#?_ \n", "::1", "127.0.0.1", "http://", "https://", "unix:/", "a", "0x", "80", "0"]
)
TEXTS = st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=8).map("".join))


@given(HOSTS, PORTS)
def test_what_is_an_address_is_written_as_it_was_read(host: str, port: int) -> None:
    text = f"{host}:{port}"
    found = Address.parse(text)
    assert str(found) == text
    assert parse_address(text) == ("", found)
    for scheme, default in (("http", 80), ("https", 443)):
        assert parse_address(f"{scheme}://{text}") == (scheme, found)
        assert str(parse_address(f"{scheme}://{host}")[1]) == f"{host}:{default}"


@given(TEXTS)
@example("\u0130:80")  # its lower case has two characters
@example("unix:/\x85")
def test_any_text_is_an_address_of_one_spelling_or_is_refused_in_words(text: str) -> None:
    for parse in (Address.parse, lambda text: parse_address(text)[1]):
        with suppress(Misconfigured):
            found = parse(text)
            assert Address.parse(str(found)) == found
            assert str(found).isprintable()
            assert found.is_socket or not set(found.host) & set("[]/@*%#?_ \n")
