"""An operator manages people by the command line; what that takes away is refused at the edge."""

import json
import time

import httpx2
import pytest
from tests.demo import Demo

from durward.core.errors import Misconfigured
from durward.entrypoints.cli.app import run
from durward.entrypoints.cli.exit_code import DONE, FAILED
from durward.entrypoints.client.flows import server_of
from durward.entrypoints.client.native import sign_in

ORDER = "/v1/acme/orders/1001"


def token_of(demo: Demo, account: str, name: str) -> str:
    """A new token; of a later second than what was revoked before."""
    time.sleep(1)
    with httpx2.Client(trust_env=False) as http:
        server = server_of(http, demo.resource_metadata, demo.issuer)
        found = sign_in(http, server, "durward-cli", account, demo.password(name))
        return str(found["access_token"])


def done(demo: Demo, words: str) -> None:
    assert run([*words.split(), "--dir", str(demo.folder)]) == DONE, words


@pytest.mark.requirement("AS-104", "ZT-10")
def test_what_an_operator_takes_from_somebody_is_refused_when_the_command_ends(
    kept_demo: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    demo = kept_demo

    def status(token: str) -> int:
        return demo.get(ORDER, token).status_code

    kept = demo.folder / "credentials"
    done(demo, f"people add cleo --tenant acme --role clerk --credentials {kept}")
    assert "cleo is added, with the id p_" in capsys.readouterr().out
    token = token_of(demo, "CLEO", "cleo")
    done(demo, "people change cleo --name Cleo")
    assert status(token) == 200, "a name says nothing of what somebody may"
    done(demo, "people change cleo --remove-role clerk")
    assert status(token) == 401
    token = token_of(demo, "cleo", "cleo")
    assert status(token) == 403
    done(demo, "groups add night")
    done(demo, "groups join night cleo")
    assert status(token) == 401
    done(demo, "groups delete night")
    token = token_of(demo, "cleo", "cleo")
    done(demo, "people change cleo --add-email cleo@acme.example")
    capsys.readouterr()
    done(demo, "people invite cleo")
    assert capsys.readouterr().out.startswith("a link is mailed to cleo@acme.example; it works")
    done(demo, "people disable cleo")
    assert status(token) == 401
    with pytest.raises(Misconfigured):
        token_of(demo, "cleo", "cleo")
    capsys.readouterr()
    done(demo, "people show cleo --json")
    found = json.loads(capsys.readouterr().out)
    assert (found["name"], found["roles"], found["groups"]) == ("Cleo", [], [])
    done(demo, "people delete cleo")
    done(demo, f"people delete {found['id']}")
    assert "was deleted before" in capsys.readouterr().out
    assert run(["people", "delete", "cleo", "--dir", str(demo.folder)]) == FAILED
    gone = capsys.readouterr().err
    assert gone.startswith("error: people/cleo: there is no such person\nhint: ")


@pytest.mark.requirement("AS-104", "ZT-10")
def test_where_files_change_people_alone_apply_ends_when_their_tokens_are_refused(
    kept_demo: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    demo, file = kept_demo, kept_demo.folder / "people.durward.yaml"
    body = "users: {{ dora: {{ tenant: acme, roles: [clerk]{} }} }}"
    file.write_text(body.format(""))
    done(demo, f"apply {file} --credentials {demo.folder / 'credentials'}")
    done(demo, f"people password dora --credentials {demo.folder / 'credentials'}")
    token = token_of(demo, "dora", "dora")
    assert demo.get(ORDER, token).status_code == 200
    file.write_text(body.format(", disabled: true"))
    done(demo, f"apply {file} --credentials {demo.folder / 'credentials'}")
    assert demo.get(ORDER, token).status_code == 401
    refused = ["people", "change", "dora", "--add-role", "reporter", "--dir", str(demo.folder)]
    assert run(refused) == FAILED
    told = capsys.readouterr().err
    assert "people/dora: is declared in files: change it there\nhint: " in told
    done(demo, "people enable dora")
    assert "`disabled: true` there disables them again" in capsys.readouterr().err
    done(demo, "people disable dora")  # others find the demo as it was
