"""Pages of other origins, as they are declared: each origin in the spelling of browsers."""

import re
from typing import Any

import msgspec
import pytest

from durward.core.configuration.cors import DeclaredCors, read_cors
from durward.core.configuration.summary import wide_origins
from durward.core.cors import Cors
from durward.core.edge.envoy.cors import origin_matcher
from durward.core.errors import Misconfigured

APP = "https://app.example.com"


def read(**declared: Any) -> Cors:
    return read_cors(msgspec.convert(declared, DeclaredCors))


def test_every_member_is_read() -> None:
    found = read(
        origins=["https://b.example:8443", APP, APP],
        headers=["If-Match", "x-a"],
        expose=["X-Total", "etag"],
        credentials=True,
        max_age="1h",
    )
    assert found == Cors(
        (APP, "https://b.example:8443"), ("if-match", "x-a"), ("etag", "x-total"), True, 3_600
    )
    assert read(origins=[APP]) == Cors((APP,))


@pytest.mark.parametrize(
    "origin",
    [
        *("https://a", "https://[::1]:8443", "http://localhost:3000", "http://127.0.0.1:3000"),
        *("https://*.example.com", "https://*.example.co.uk:8443", "https://xn--bcher-kva.example"),
    ],
)
def test_an_origin_is_taken_as_a_browser_sends_it(origin: str) -> None:
    assert read(origins=[origin]).origins == (origin,)


@pytest.mark.requirement("API8-1")
@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({"origins": []}, "is empty; write `origins: ["),
        ({"origins": ["null"]}, "sandboxed page, and of files; write"),
        ({"origins": ["*", APP]}, "`*` and others; write"),
        ({"origins": ["*"], "credentials": True}, "origin `*`: every page could act"),
        ({"origins": [f"https://{number}.example" for number in range(101)]}, "more than 100"),
        ({"origins": ["https://App.Example.com"]}, "; write `https://app.example.com`"),
        ({"origins": ["https://app.example.com:443"]}, "; write `https://app.example.com`"),
        ({"origins": ["https://app.example.com/"]}, "; write `https://app.example.com`"),
        ({"origins": ["https://app.example.com/a"]}, "; write `https://app.example.com`"),
        ({"origins": ["http://app.example.com"]}, "`http` is accepted for loopback only"),
        ({"origins": ["app.example.com"]}, "; write `https://"),
        ({"origins": [f"{APP}, https://b.example"]}, "cors/origins"),
        ({"origins": [f"{APP} https://b.example"]}, "cors/origins"),
        ({"origins": ["https://bücher.example"]}, "cors/origins"),
        ({"origins": ["https://*"]}, "must not have a wildcard"),
        ({"origins": ["https://*.com"]}, "two labels at least"),
        ({"origins": ["https://*.com:8443"]}, "two labels at least"),
        ({"origins": ["https://*.0.1"]}, "two labels at least"),
        ({"origins": ["https://*.*.example.com"]}, "must not have a wildcard"),
        ({"origins": ["https://a.*.example.com"]}, "must not have a wildcard"),
        ({"origins": ["https://*example.com"]}, "must not have a wildcard"),
        ({"origins": ["http://*.localhost.localdomain"]}, "must not have a wildcard"),
        ({"origins": ["*.example.com"]}, "cors/origins"),
        ({"origins": [APP], "headers": ["*"]}, "cors/headers: `*` is not the name"),
        ({"origins": [APP], "headers": ["a b"]}, "is not the name of a header"),
        ({"origins": [APP], "headers": ["a\r\nb"]}, "is not the name of a header"),
        ({"origins": [APP], "headers": ["x_a"]}, "is not the name of a header"),
        ({"origins": [APP], "expose": ["*"]}, "cors/expose: `*` is not the name"),
        ({"origins": [APP], "max_age": "25h"}, "cors/max_age: `25h`: too short or too long"),
    ],
)
def test_what_browsers_do_not_send_is_refused_with_what_to_write(
    declared: dict[str, Any], told: str
) -> None:
    with pytest.raises(Misconfigured) as caught:
        read(**declared)
    assert told in f"{caught.value}; {caught.value.hint}"


@pytest.mark.requirement("API8-1")
def test_a_pattern_stands_for_one_label_of_lower_case() -> None:
    pattern = origin_matcher("https://*.example.com:8443")["safe_regex"]["regex"]  # type: ignore[index,call-overload]
    for label in ("a", "a-b", "0", "a" * 63):
        assert re.fullmatch(str(pattern), f"https://{label}.example.com:8443")
    for origin in (
        *("https://.example.com:8443", "https://a.b.example.com:8443", "https://a.example.com"),
        *("https://A.example.com:8443", "https://-.example.com:8443", "https://aexample.com:8443"),
        *("https://a.example.com:84430", "http://a.example.com:8443", "https://a.exampleXcom:8443"),
        *("https://a/.example.com:8443", "https://a@.example.com:8443", "*", "null"),
    ):
        assert not re.fullmatch(str(pattern), origin)


def test_what_is_open_to_pages_that_nobody_names_is_noted() -> None:
    assert list(wide_origins(None)) == []
    assert list(wide_origins(Cors((APP,)))) == []
    (every,) = wide_origins(Cors(("*",)))
    assert "every page may call it" in every
    (below,) = wide_origins(Cors((APP, "https://*.example.com")))
    assert "whoever gets a name of `https://*.example.com`" in below
