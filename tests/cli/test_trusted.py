"""A command on the machine of an edge sends its tokens to that edge, and to nobody in its place."""

from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from tests.certificates import Authority, Issued
from tests.echo import echo_over_tls

from durward.core.edge.node import Tls
from durward.core.errors import Misconfigured
from durward.entrypoints.client.own_edge import OwnEdge

CA = Authority("tests")


def settings(folder: Path, issued: Issued) -> Tls:
    (folder / "tls.crt").write_text(issued.certificate + CA.pem)
    (folder / "tls.key").write_text(issued.key)
    return Tls(certificate=str(folder / "tls.crt"), key=str(folder / "tls.key"))


def asked(address: str, tls: Tls, url: str) -> int:
    edge = OwnEdge(address, lambda: frozenset({"api.example"}), tls)
    with httpx2.Client(transport=edge, timeout=5) as http:
        return http.get(url).status_code


def test_an_edge_is_known_by_its_certificate_whatever_it_is_called(tmp_path: Path) -> None:
    issued = CA.issue("api.example")
    with echo_over_tls(issued) as port:
        tls = settings(tmp_path, issued)
        for url in ("https://api.example/x", f"https://127.0.0.1:{port}/x"):
            assert asked(f"127.0.0.1:{port}", tls, url) == 200


def test_another_certificate_of_the_same_ca_is_not_the_edge(tmp_path: Path) -> None:
    with echo_over_tls(CA.issue("api.example")) as port:
        tls = settings(tmp_path, CA.issue("api.example"))
        with pytest.raises(httpx2.ConnectError, match="verify failed"):
            asked(f"127.0.0.1:{port}", tls, "https://api.example/x")


def test_others_are_verified_by_name(tmp_path: Path) -> None:
    """The certificate of the own issuer is good for its names alone."""
    issued = CA.issue("login.example")
    with echo_over_tls(issued) as port:
        tls = settings(tmp_path, issued)
        with pytest.raises(httpx2.ConnectError, match="verify failed"):
            asked("127.0.0.1:1", tls, f"https://localhost:{port}/token")
    issued = CA.issue("localhost")
    with echo_over_tls(issued) as port:
        tls = settings(tmp_path, issued)
        assert asked("127.0.0.1:1", tls, f"https://localhost:{port}/token") == 200


def test_a_certificate_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    tls = Tls(certificate=str(tmp_path / "none.crt"), key=str(tmp_path / "none.key"))
    with pytest.raises(Misconfigured, match="cannot be read"):
        asked("127.0.0.1:1", tls, "https://api.example/x")


def test_a_certificate_needs_no_line_after_it(tmp_path: Path) -> None:
    issued = CA.issue("api.example")
    tls = settings(tmp_path, replace(issued, certificate=issued.certificate.rstrip()))
    with echo_over_tls(issued) as port:
        assert asked(f"127.0.0.1:{port}", tls, "https://api.example/x") == 200
