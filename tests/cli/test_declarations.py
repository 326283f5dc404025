"""Files of declarations, read as a user writes them."""

import json
from pathlib import Path

import pytest

from durward.core.configuration.declaration import DeclarationKind
from durward.core.errors import Misconfigured
from durward.entrypoints.cli.app import run
from durward.entrypoints.declarations import read_declarations

API = "apis:\n  o: {audience: http://o, upstream: '127.0.0.1:1', openapi: o.json}\n"


def test_an_api_names_its_openapi_file_beside_it(tmp_path: Path) -> None:
    document = {"openapi": "3.1.0", "paths": {"/a": {"get": {}}}}
    (tmp_path / "o.json").write_text(json.dumps(document))
    (tmp_path / "one.durward.yaml").write_text(API)
    (found,) = read_declarations(tmp_path)
    assert found.kind is DeclarationKind.API
    assert found.body["openapi"] == document
    assert read_declarations(tmp_path / "one.durward.yaml") == [found]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[]", "has no kinds"),
        ("user: {}", "unknown kind"),
        ("users: []", "not an object of names"),
        ("users: {ann: 1}", "not an object"),
        ("users: {ann: {}, ann: {}}", "occurs twice"),
        (API, "No such file"),
    ],
)
def test_what_is_no_declaration_is_told_with_its_file(
    tmp_path: Path, content: str, told: str
) -> None:
    file = tmp_path / "x.durward.yaml"
    file.write_text(content)
    with pytest.raises(Misconfigured) as caught:
        read_declarations(file)
    assert told in f"{caught.value.problem} {caught.value.path}"


def test_nothing_is_declared_twice(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.durward.yaml").write_text("tenants: {acme: {}}")
    with pytest.raises(Misconfigured, match=r"a\.durward\.yaml too"):
        read_declarations(tmp_path)


def test_every_command_reads_the_files_that_apply_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a gate finds nothing in must be what is applied."""
    wrong = "policies: {%s: {Version: '2012-10-17', Statement: {Effect: Alow, Action: '*'}}}"
    names = ("durward.yaml", "team.durward.yaml", "extra-durward.yaml")
    for number, name in enumerate(names):
        (tmp_path / name).write_text(wrong % f"p{number}")
    (tmp_path / "other.yaml").write_text(wrong % "other")
    assert {found.name for found in read_declarations(tmp_path)} == {"p0", "p1", "p2"}
    for command in (["check"], ["lint"]):
        assert run(["policy", *command, str(tmp_path)]) == 1
        told = capsys.readouterr().out
        assert [name for name in names if f"/{name}:" in told] == list(names)
        assert "other.yaml" not in told


def test_a_folder_without_declarations_is_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        read_declarations(tmp_path)
    assert caught.value.hint
