"""An OpenID client that knows no PKCE signs people in by a waiver, until its last day."""

from collections.abc import Iterator
from datetime import date, timedelta
from urllib.parse import urlencode

import httpx2
import pytest
import yaml
from tests.demo import Demo

from durward.clock import now
from durward.core.configuration.waiver import day_of
from durward.entrypoints.cli.app import run
from durward.entrypoints.cli.doctor import waivers
from durward.entrypoints.cli.exit_code import DONE
from durward.entrypoints.client.native import Loopback, Visitor
from durward.entrypoints.credentials import read_credentials

NONCE = "n-0S6_WzA2Mj"


@pytest.fixture
def demo(kept_demo: Demo, capsys: pytest.CaptureFixture[str]) -> Iterator[Demo]:
    """The demo of other files too, which is as it was in the end."""
    here = ["--dir", str(kept_demo.folder)]
    run(["export", *here])
    before = kept_demo.folder / "before.durward.yaml"
    before.write_text(capsys.readouterr().out)
    yield kept_demo
    assert run(["apply", str(before), "--prune", *here]) == DONE
    capsys.readouterr()


def declare(demo: Demo, uris: list[str], until: date) -> None:
    """A wiki whose library has no PKCE, and its waiver."""
    waiver = {
        "client": "wiki",
        "relaxes": "pkce",
        "owner": "web team",
        "reason": "its library has no PKCE",
        "until": until.isoformat(),
    }
    wiki = {"tenant": "acme", "first_party": True, "redirect_uris": uris, "scopes": ["openid"]}
    file = demo.folder / "wiki.durward.yaml"
    file.write_text(yaml.safe_dump({"clients": {"wiki": wiki}, "waivers": {"wiki-pkce": waiver}}))
    kept = str(demo.folder / "credentials")
    assert run(["apply", str(file), "--credentials", kept, "--dir", str(demo.folder)]) == DONE


def answer(demo: Demo, loopback: Loopback) -> dict[str, str]:
    """What a browser brings back to the wiki."""
    asked = {
        "response_type": "code",
        "client_id": "wiki",
        "redirect_uri": loopback.uri,
        "scope": "openid",
        "nonce": NONCE,
    }
    with httpx2.Client(trust_env=False) as http:
        visitor = Visitor(http, demo.issuer, "ann", demo.password("ann"))
        visitor.visit(f"{demo.issuer}/authorize?{urlencode(asked)}", loopback.uri)
    return loopback.answer()


@pytest.mark.requirement("AS-4", "AS-6", "AS-109")
def test_a_client_without_pkce_signs_in_until_its_waiver_ends(
    demo: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    today = day_of(now())
    later, yesterday = today + timedelta(days=3), today - timedelta(days=1)
    here = ["--dir", str(demo.folder)]
    with Loopback() as first, Loopback() as second:
        uris = [first.uri, second.uri]
        declare(demo, uris, later)
        told = capsys.readouterr().out
        assert f"! + relaxes pkce for clients/wiki until the end of {later} (UTC)" in told
        found = answer(demo, first)
        secret = read_credentials(demo.folder / "credentials")["clients"]["wiki"]
        form = {"grant_type": "authorization_code", "redirect_uri": first.uri}
        reply = httpx2.post(
            f"{demo.issuer}/token",
            data={**form, "code": found["code"]},
            auth=("wiki", secret),
            trust_env=False,
        )
        assert reply.status_code == 200, reply.text
        assert "id_token" in reply.json()
        assert run(["status", *here]) == DONE
        assert "waiver wiki-pkce: pkce for clients/wiki ends in " in capsys.readouterr().out
        assert run(["clients", "show", "wiki", *here]) == DONE
        assert f"waiver: wiki-pkce: pkce until {later}, ends soon" in capsys.readouterr().out
        findings = [*waivers(demo.folder)]
        assert [one.ok for one in findings] == [None]
        assert "wiki-pkce: pkce for clients/wiki ends in " in findings[0].detail
        declare(demo, uris, yesterday)
        assert f"ended on {yesterday}: it has no effect" in capsys.readouterr().out
        refused = answer(demo, second)
        assert refused["error"] == "invalid_request"
        assert f"the waiver `wiki-pkce` ended on {yesterday}" in refused["error_description"]
        assert run(["status", *here]) == DONE
        assert f"ended on {yesterday} and has no effect" in capsys.readouterr().out
