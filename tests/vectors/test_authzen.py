"""The certification scenario of AuthZEN, replayed on an authorization server with a real store."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from tests.issuer import ISSUER, Issuer
from tests.issuer import issuer as fresh_issuer
from tests.records import declarations
from tests.vectors.policies import parameters

from durward.core.edge.envoy.client_headers import REQUEST_ID_OF_CLIENT

Ask = Callable[[dict[str, Any]], httpx2.Response]


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """Asks as an enforcement point that may ask about the records."""
    with asyncio.Runner() as runner:
        opened = fresh_issuer()
        issuer: Issuer = runner.run(opened.__aenter__())
        runner.run(issuer.apply(*declarations()))
        token = runner.run(issuer.own_token("gate", f"{ISSUER}/access/v1"))

        async def sent(case: dict[str, Any]) -> httpx2.Response:
            headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
            headers |= case.get("headers", {})
            if "X-Request-ID" in headers:  # as the edge passes it on
                headers[REQUEST_ID_OF_CLIENT] = headers.pop("X-Request-ID")
            if "content_type" in case:
                headers["content-type"] = case["content_type"]
            body = case.get("raw_body", json.dumps(case.get("request")))
            async with issuer.http() as http:
                return await http.request(
                    case["method"], case["path"], headers=headers, content=body
                )

        yield lambda case: runner.run(sent(case))
        runner.run(opened.__aexit__(None, None, None))


@pytest.mark.parametrize("case", parameters("authzen_http"))
def test_it_answers_as_the_certification_wants(ask: Ask, case: dict[str, Any]) -> None:
    expect = case["expect"]
    reply = ask(case)
    assert reply.status_code == expect["status"], reply.text
    for name, value in expect.get("headers", {}).items():
        assert reply.headers[name] == value
    if "content_type" in expect:
        assert reply.headers["content-type"].startswith(expect["content_type"])
    told = reply.json() if expect["status"] == 200 else {}
    assert set(expect.get("has", ())) <= told.keys()
    if "body_shape" in expect:
        shape = [{"decision"} <= found.keys() for found in told["evaluations"]]
        assert shape == [True, True]
    elif "body" in expect:
        assert _part(told, expect["body"]) == expect["body"]
    for wanted in expect.get("results_include", ()):
        assert wanted in told["results"]


def _part(told: Any, expected: Any) -> Any:
    """What was told, without what is not expected."""
    if isinstance(expected, dict) and isinstance(told, dict):
        return {name: _part(told.get(name), value) for name, value in expected.items()}
    if isinstance(expected, list) and isinstance(told, list) and len(told) == len(expected):
        return [_part(*pair) for pair in zip(told, expected, strict=True)]
    return told
