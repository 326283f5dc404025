"""Envoy itself is asked what an edge could not take; nothing is let through unasked."""

from pathlib import Path

import pytest
from tests.certificates import Authority

from durward.core.api import Api
from durward.core.configuration.configuration import read_configuration
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.errors import Misconfigured, Unavailable
from durward.core.wire import Json
from durward.services.envoy_check import MAX_TOLD, EnvoyCheck, readable_complaint

ISSUER = "https://issuer.example"
ASKED = """#!/bin/sh
echo asked >> {log}
{then}
"""
REFUSED = (
    "[2026-11-30 08:26:58.967][12466][critical][main] [source/server/server.cc:76]"
    " error initializing configuration '/tmp/x/candidate.json': it is\nnot good\n"
)
CHAIN = "Proto validation failed (A.B: embedded message failed | caused by B.Address: too short)\n"


def at(path: str) -> dict[str, Json]:
    """A document of one operation."""
    return {"openapi": "3.1.0", "paths": {path: {"get": {"operationId": "Get"}}}}


def an_api(name: str, **changes: Json) -> Api:
    document = at(f"/{name}")
    body: dict[str, Json] = {
        "audience": f"https://{name}.example",
        "upstream": "127.0.0.1:1",
        "openapi": document,
        **changes,
    }
    return read_configuration([Declaration(DeclarationKind.API, name, body)]).apis[name]


def with_scopes(name: str, count: int) -> Api:
    """Scopes stand in a document that Envoy itself answers with (RFC 9728)."""
    scopes: dict[str, Json] = {f"things-of-a-kind-{number}:read": "" for number in range(count)}
    flows: Json = {"clientCredentials": {"tokenUrl": "/token", "scopes": scopes}}
    components: Json = {"securitySchemes": {"o": {"type": "oauth2", "flows": flows}}}
    return an_api(name, openapi={**at(f"/{name}"), "components": components})


def envoy(folder: Path, then: str) -> Path:
    """An Envoy of which we know what it says; each question is a line in `log`."""
    path = folder / "envoy"
    path.write_text(ASKED.format(log=folder / "log", then=then))
    path.chmod(0o700)
    return path


def times(folder: Path) -> int:
    log = folder / "log"
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_what_any_edge_takes_passes() -> None:
    variables = "/" + "/".join(f"{{v{number}}}" for number in range(100))
    paths = ("/a._~!$&'()+,=:@-/{x}", "/" + "a" * 999, variables)
    apis = [
        an_api("plain"),
        *(an_api(f"x{number}", openapi=at(path)) for number, path in enumerate(paths)),
        an_api("socket", upstream="unix:/run/service.sock"),
        an_api("six", upstream="[::1]:8080"),
        an_api("system", upstream="https://orders.example"),
        an_api(
            "whole",
            upstream={
                "addresses": [f"https://10.0.0.{number}" for number in range(100)],
                "protocol": "http2",
                "tls": {"name": "::1", "ca": Authority("a").pem + Authority("b").pem},
                "health": {"path": "/a?b=%20c"},
                "timeouts": {"connect": "100ms", "request": "1h", "idle": "1h"},
            },
            cors={"origins": ["https://*.a.example:8443"], "credentials": True, "max_age": "0s"},
        ),
        an_api("pages", cors={"origins": ["*"]}),
        with_scopes("many", 1_000),
    ]
    EnvoyCheck().check(apis, ISSUER)


def test_scopes_that_do_not_fit_into_an_answer_of_envoys_are_refused() -> None:
    with pytest.raises(Misconfigured, match="cannot take it: response body size is") as caught:
        EnvoyCheck().check([with_scopes("many", 4_000)], ISSUER)
    assert caught.value.path == "apis/many"


@pytest.mark.parametrize("upstream", ["[]:80", "unix:/run/a\0b.sock"])
def test_an_address_that_nobody_has_is_refused_by_name(upstream: str) -> None:
    with pytest.raises(Misconfigured, match="apis/lost"):
        EnvoyCheck().check([an_api("plain"), an_api("lost", upstream=upstream)], ISSUER)


def test_among_many_those_at_fault_are_named_each_with_its_reason() -> None:
    apis = [an_api(f"a{number}") for number in range(20)]
    apis[3], apis[17] = with_scopes("three", 4_000), with_scopes("seventeen", 5_000)
    with pytest.raises(Misconfigured) as caught:
        EnvoyCheck().check(apis, ISSUER)
    lines = caught.value.problem.splitlines()
    assert [line.split(": ")[0].strip() for line in lines[1:]] == ["apis/three", "apis/seventeen"]
    assert all("response body size" in line for line in lines[1:])


def test_where_all_are_at_fault_some_are_told(tmp_path: Path) -> None:
    refusing = EnvoyCheck(envoy(tmp_path, "echo no; exit 1"))
    with pytest.raises(Misconfigured) as caught:
        refusing.check([an_api(f"a{number}") for number in range(64)], ISSUER)
    assert len(caught.value.problem.splitlines()) == 1 + MAX_TOLD
    assert times(tmp_path) < 20


def test_what_only_together_is_refused_is_told_together(tmp_path: Path) -> None:
    """As Envoy takes each: the one that knows both names refuses."""
    both = EnvoyCheck(envoy(tmp_path, 'grep -q api-a "$4" && grep -q api-b "$4" && exit 1; exit 0'))
    with pytest.raises(Misconfigured, match="it does not say why") as caught:
        both.check([an_api("a"), an_api("b")], ISSUER)
    assert caught.value.path == "apis/a, apis/b"


def test_what_was_taken_is_not_asked_again_and_what_was_refused_is(tmp_path: Path) -> None:
    taking = EnvoyCheck(envoy(tmp_path, "exit 0"))
    taking.check([], ISSUER)
    assert times(tmp_path) == 0
    taking.check([an_api("a"), an_api("b")], ISSUER)
    taking.check([an_api("b"), an_api("a")], ISSUER)
    assert times(tmp_path) == 1
    taking.check([an_api("a"), an_api("b", upstream="127.0.0.1:2")], ISSUER)
    taking.check([an_api("a")], "https://other.example")
    assert times(tmp_path) == 3
    envoy(tmp_path, "echo no; exit 1")
    for asked in (4, 5):
        with pytest.raises(Misconfigured):
            taking.check([an_api("c")], ISSUER)
        assert times(tmp_path) == asked
    taking.check([an_api("a")], ISSUER)


@pytest.mark.parametrize("broken", ["nowhere", "is not executable"])
def test_without_an_envoy_nothing_passes(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "envoy"
    if broken != "nowhere":
        path.write_text("")
    with pytest.raises(Unavailable, match="Envoy does not start"):
        EnvoyCheck(path).check([an_api("a")], ISSUER)


def test_an_envoy_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("durward.services.envoy_check.WITHIN_SECONDS", 0.2)
    with pytest.raises(Unavailable, match="did not check"):
        EnvoyCheck(envoy(tmp_path, "exec sleep 20")).check([an_api("a")], ISSUER)


def test_a_complaint_is_one_line_without_time_and_place() -> None:
    assert readable_complaint(REFUSED) == "it is not good"
    assert readable_complaint(CHAIN) == "B.Address: too short"
    assert readable_complaint("") == "it does not say why"
    assert readable_complaint("x" * 9_000 + " the end").endswith("x the end")
    assert len(readable_complaint("x" * 9_000)) < 600
