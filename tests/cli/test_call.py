"""`durward call` before it asks anything, and where nobody answers."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx2
import pytest
from tests.echo import echo_at
from tests.ports import free_port

from durward.core.address import Address
from durward.core.api import Api
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import Misconfigured
from durward.core.upstream import Upstream
from durward.core.values import ApiId
from durward.entrypoints.cli.call import names_at, url_at
from durward.entrypoints.cli.printed_token import chosen
from durward.entrypoints.client.cache import cached, keep
from durward.entrypoints.client.own_edge import OwnEdge
from durward.entrypoints.control import settings_in


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The settings of an edge that does not run."""
    host = f"127.0.0.1:{free_port()}"
    settings = f'[edge]\napis = "{host}"\nruntime = "{tmp_path}"\nstate = "{tmp_path}"\n'
    (tmp_path / "durward.toml").write_text(settings)
    return tmp_path


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "durward", "call", *arguments, "--dir", str(folder)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("v1/status", "error: v1/status: not a path\nhint: a path begins with a slash: /v1/status"),
        ("http://127.0.0.1:1/v1/status", "error: http://127.0.0.1:1/v1/status: not a URL of this"),
        ("https://example.com", "error: https://example.com: not a URL of this edge\nhint: "),
        ("/v1\n", "not a URL: "),
    ],
)
def test_what_is_no_path_is_told_in_a_line(folder: Path, path: str, told: str) -> None:
    done = call(folder, "GET", path)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_url_of_the_edge_is_as_good_as_its_path(folder: Path) -> None:
    host = (folder / "durward.toml").read_text().split('"')[1]
    for asked in ("/v1/status?a=b", f"http://{host}/v1/status?a=b"):
        told = call(folder, "GET", asked).stderr
        assert told.startswith(f"error: http://{host}/v1/status?a=b does not answer")


def test_a_host_that_an_api_names_is_asked_at_the_edge(tmp_path: Path) -> None:
    """By its name, with or without the port of the edge; nothing is looked up."""
    one = Api(
        ApiId("a"),
        "https://id.example/a",
        "d",
        Upstream((Address("h", 1),)),
        (),
        {},
        hosts=("a.example",),
    )
    with echo_at("127.0.0.1") as port:
        settings = (
            f'[edge]\napis = "127.0.0.1:{port}"\nruntime = "{tmp_path}"\nstate = "{tmp_path}"\n'
        )
        (tmp_path / "durward.toml").write_text(settings)
        of_issuer = replace(one, id=ApiId("b"), audience="http://localhost:8470/b", hosts=())
        issuer = "http://localhost:8470"
        snapshot = replace(Snapshot.nothing(), version=1, apis=(one, of_issuer), issuer=issuer)
        (tmp_path / "snapshot.json").write_bytes(snapshot.to_wire())
        declared = settings_in(tmp_path).edge
        assert declared is not None
        edge = OwnEdge(f"127.0.0.1:{port}", partial(names_at, declared))
        with httpx2.Client(transport=edge) as http:
            for url in (
                "http://A.example/x?y",
                f"https://a.example:{port}/x",
                "https://id.example/m",
            ):
                seen = http.get(url_at(url, declared, edge, tmp_path)).json()
                assert seen["headers"]["host"] == httpx2.URL(url).netloc.decode()
                assert seen["path"] == httpx2.URL(url).raw_path.decode()
    assert not edge.serves(httpx2.URL("http://LocalHost:8470/token")), "secrets go there"
    with pytest.raises(Misconfigured, match="not a URL of this edge"):
        url_at("http://b.example/x", declared, edge, tmp_path)


def test_whoever_is_not_known_is_told_at_once_with_who_is(folder: Path) -> None:
    (folder / "credentials").write_text('[clients]\njob = "s"\n[users]\nann = "p"\n')
    done = call(folder, "--as", "eve", "GET", "/v1/status")
    assert done.returncode == 2
    assert done.stderr == (
        f"error: {folder}/credentials: has no user and no client `eve`\n"
        "hint: it has ann, job; --as browser signs you in with your browser\n"
    )


def test_the_api_of_a_token_is_the_only_one_or_the_one_that_is_named() -> None:
    one = Api(ApiId("a"), "https://a.example", "d", Upstream((Address("h", 1),)), (), {})
    other = replace(one, id=ApiId("b"), audience="https://b.example")
    assert chosen((one,), None) is one
    assert chosen((one, other), "b") is chosen((one, other), "https://b.example") is other
    for apis, asked, problem in (
        ((one, other), None, "there are 2 APIs"),
        ((one, other), "c", "no API is called `c`"),
        ((one,), "c", "no API is called `c`"),
        ((), None, "this edge serves no API"),
    ):
        with pytest.raises(Misconfigured, match=problem):
            chosen(apis, asked)


def test_commands_at_once_keep_the_tokens_of_all(tmp_path: Path) -> None:
    answer = {"access_token": "t", "expires_in": 60}
    names = [f"n{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: keep(tmp_path, name, "r", answer), names))
    assert all(cached(tmp_path, name) for name in names)
