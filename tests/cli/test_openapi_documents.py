"""OpenAPI documents in files: what is wrong is told with line and column."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from durward.core.errors import Misconfigured
from durward.core.sizes import DOCUMENT_BYTES
from durward.entrypoints import document_faults
from durward.entrypoints.declarations import read_declarations
from durward.entrypoints.files import read_bytes
from durward.entrypoints.openapi_files import MAX_FILES
from durward.entrypoints.policies import read_project

API = "apis:\n  o: {audience: http://o, upstream: '127.0.0.1:1', openapi: %s}\n"
HEAD = """\
openapi: 3.1.0
security: [{ token: [read] }]
components: { securitySchemes: { token: { type: http, scheme: bearer } } }
paths:
"""
SEVEN = """\
  /s0: { get: { security: [{ token: ["admin:all"] }] } }
  /s1: { get: { security: { token: ["admin:all"] } } }
  /s2: { get: { security: [{ token: "admin:all" }] } }
  /s3: { get: { security: null } }
  /s4: { get: { security: ["admin:all"] } }
  /s5: { get: { security: [{ nosuch: ["admin:all"] }] } }
  /s6: { get: { security: [{ token: [7] }] } }
"""


def declare(folder: Path, **files: str) -> Path:
    (folder / "durward.yaml").write_text(API % "openapi.yaml")
    for name, content in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    return folder


def refusal(folder: Path) -> list[str]:
    with pytest.raises(Misconfigured) as caught:
        read_declarations(folder)
    assert caught.value.path == "apis/o"
    head, *lines = caught.value.problem.splitlines()
    assert head == "the OpenAPI document is refused:"
    return [line.strip() for line in lines]


def test_each_fault_is_one_line_with_its_place(tmp_path: Path) -> None:
    """Seven spellings of `security`, of which one is as specified."""
    found = refusal(declare(tmp_path, openapi=HEAD + SEVEN))
    file = tmp_path / "openapi.yaml"
    assert [line.split(" ")[:2] for line in found] == [
        [f"{file}:6:27:", "/paths/~1s1/get/security:"],
        [f"{file}:7:37:", "/paths/~1s2/get/security/0/token:"],
        [f"{file}:8:27:", "/paths/~1s3/get/security:"],
        [f"{file}:9:28:", "/paths/~1s4/get/security/0:"],
        [f"{file}:10:38:", "/paths/~1s5/get/security/0/nosuch:"],
        [f"{file}:11:38:", "/paths/~1s6/get/security/0/token/0:"],
    ]


@pytest.mark.parametrize("verb", ["plan", "apply", "policy check", "policy lint"])
def test_every_command_refuses_them(tmp_path: Path, verb: str) -> None:
    declare(tmp_path, openapi=HEAD + SEVEN)
    place = []
    if "policy" not in verb:  # nobody serves there: the files are read first
        runtime, state = tmp_path / "run", tmp_path / "state"
        settings = f'issuer = "http://localhost:1"\nruntime = "{runtime}"\nstate = "{state}"\n'
        (tmp_path / "durward.toml").write_text(f"[serve]\n{settings}")
        place = ["--dir", str(tmp_path)]
    command = [sys.executable, "-m", "durward", *verb.split(), str(tmp_path), *place]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.count("/get/security") == 6
    assert done.stderr.count("apis/o") == 1


def test_at_most_twenty_are_told(tmp_path: Path) -> None:
    paths = "".join(f"  /{n}: {{ get: {{ security: null }} }}\n" for n in range(23))
    found = refusal(declare(tmp_path, openapi=HEAD + paths))
    assert len(found) == 21
    assert found[-1] == "and 3 more"


def test_an_operation_in_another_file_is_read(tmp_path: Path) -> None:
    """What is declared holds it in place: who takes it reads no files."""
    declare(
        tmp_path,
        openapi=HEAD + "  /a: { get: { $ref: ops.yaml } }\n  /b: { $ref: paths/b.yaml }\n",
        ops="{ security: [{ token: [admin] }], x-durward: { resource: secret/one } }",
        paths__b="get: { $ref: '../openapi.yaml#/paths/~1a/get' }",
    )
    (found,) = read_declarations(tmp_path)
    document = found.body["openapi"]
    assert isinstance(document, dict)
    assert "$ref" not in json.dumps(document)
    paths = document["paths"]
    assert isinstance(paths, dict)
    assert paths["/a"] == paths["/b"]


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("../outside.yaml", "leaves the folder"),
        ("link.yaml", "the file is outside of the folder"),
        ("linked/outside.yaml", "the file is outside of the folder"),
        ("round.yaml", "does not exist"),
        ("missing.yaml", "does not exist"),
        ("sub.yaml", "not a file"),
        ("broken.yaml", "broken.yaml:"),
        ("large.yaml", "bytes at most"),
    ],
)
def test_nothing_outside_of_the_folder_is_read(tmp_path: Path, reference: str, told: str) -> None:
    (tmp_path / "outside.yaml").write_text("{}")
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    (folder / "linked").symlink_to(tmp_path)
    (folder / "round.yaml").symlink_to(folder / "round.yaml")
    (folder / "sub.yaml").mkdir()
    with (folder / "large.yaml").open("wb") as file:
        file.truncate(DOCUMENT_BYTES + 1)
    content = f"{HEAD}  /a: {{ get: {{ $ref: '{reference}' }} }}\n"
    (line,) = refusal(declare(folder, openapi=content, broken="a: [\n"))
    assert line.startswith(f"{folder / 'openapi.yaml'}:5:")
    assert told in line


def test_a_link_inside_of_the_folder_is_followed(tmp_path: Path) -> None:
    declare(tmp_path, openapi=HEAD + "  /a: { get: { $ref: link.yaml } }\n", ops="{}")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "ops.yaml")
    assert read_declarations(tmp_path)


def test_what_is_named_and_no_file_is_not_waited_for(tmp_path: Path) -> None:
    declare(tmp_path)
    for name in ("openapi.yaml", "z.durward.yaml"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(Misconfigured, match="not a file"):
            read_declarations(tmp_path)
        (tmp_path / name).unlink()


def test_a_number_that_no_json_can_hold_is_refused_with_its_file(tmp_path: Path) -> None:
    declare(tmp_path, openapi='{"openapi": "3.1.0", "x-a": 1e999, "paths": {"/a": {"get": {}}}}')
    with pytest.raises(Misconfigured, match=r"openapi\.yaml"):
        read_declarations(tmp_path)


def test_the_number_of_files_is_bounded(tmp_path: Path) -> None:
    names = [f"f{n}" for n in range(MAX_FILES + 1)]
    paths = "".join(f"  /{name}: {{ $ref: {name}.yaml }}\n" for name in names)
    declare(tmp_path, openapi=HEAD + paths, **dict.fromkeys(names, "get: {}\n"))
    (line,) = refusal(tmp_path)
    assert f"{MAX_FILES} files" in line


def test_servers_with_several_base_paths_are_read_by_the_declared_one(tmp_path: Path) -> None:
    """Where the file is checked, and by the commands that read policies."""
    servers = 'servers: [{ url: "https://o.example/v1" }, { url: "https://o.example/v2" }]\n'
    declare(tmp_path, openapi=HEAD + "  /a: { get: {} }\n" + servers)
    (line,) = refusal(tmp_path)
    assert line.startswith(f"{tmp_path}/openapi.yaml:6:51: /servers/1/url: has the base path `/v2`")
    declared = (API % "openapi.yaml").replace("{audience", "{base_path: /v2, audience")
    (tmp_path / "durward.yaml").write_text(declared)
    (found,) = read_declarations(tmp_path)
    assert found.body["base_path"] == "/v2"
    (operation,) = read_project([tmp_path]).catalogue.apis["o"]
    assert operation.path == "/a"


def test_a_document_in_place_is_read_alike(tmp_path: Path) -> None:
    (tmp_path / "ops.yaml").write_text("x-durward: { resource: a/b }")
    document = "\n".join(f"      {line}" for line in HEAD.splitlines())
    head = "apis:\n  o:\n    audience: http://o\n    upstream: 127.0.0.1:1\n"
    content = f"{head}    openapi:\n{document}\n"
    file = tmp_path / "durward.yaml"
    file.write_text(f"{content}        /a: {{ get: {{ $ref: ops.yaml }} }}\n")
    (found,) = read_declarations(file)
    assert "secret" not in json.dumps(found.body)
    assert '"resource": "a/b"' in json.dumps(found.body)
    file.write_text(f"{content}        /a: {{ get: {{ security: null }} }}\n")
    (line,) = refusal(tmp_path)
    assert line.startswith(f"{file}:10:32: /paths/~1a/get/security: ")


def test_documents_may_be_larger_and_deeper_than_declarations(tmp_path: Path) -> None:
    deep = "[" * 60 + "]" * 60
    paths = f"  /a: {{ get: {{ responses: {deep} }} }}\n"
    text = f"{HEAD}{paths}info: {{ description: {'x' * 8_000_000} }}\n"
    assert read_declarations(declare(tmp_path, openapi=text))
    (tmp_path / "openapi.yaml").write_text(text + "#" * DOCUMENT_BYTES)
    with pytest.raises(Misconfigured, match=f"larger than {DOCUMENT_BYTES} bytes"):
        read_declarations(tmp_path)


OVERLAY = """\
overlay: 1.0.0
info: { title: Ours, version: "1" }
extends: openapi.yaml
actions:
  - target: $.paths['/a'].get
    update: { %s }
"""
OVERLAID = API.replace("%s}", "%s, overlays: [ours.yaml]}")


def overlay(folder: Path, update: str, *, document: str = "  /a: { get: {} }\n") -> Path:
    declare(folder, openapi=HEAD + document, ours=OVERLAY % update)
    (folder / "durward.yaml").write_text(OVERLAID % "openapi.yaml")
    return folder


def test_an_overlay_is_applied_and_only_its_result_is_declared(tmp_path: Path) -> None:
    overlay(tmp_path, "x-durward: { resource: thing/one }")
    (found,) = read_declarations(tmp_path)
    assert "overlays" not in found.body
    document: Any = found.body["openapi"]
    assert document["paths"]["/a"]["get"] == {"x-durward": {"resource": "thing/one"}}


def test_a_fault_is_told_with_the_file_that_it_is_in(tmp_path: Path) -> None:
    """Of the overlay where that wrote it, else of the document."""
    document = "  /a: { get: {} }\n  /b: { get: { security: null } }\n"
    overlay(tmp_path, "x-durward: { resource: 'thing/{id}' }", document=document)
    assert [line.split(" ")[:2] for line in refusal(tmp_path)] == [
        [f"{tmp_path / 'ours.yaml'}:6:38:", "/paths/~1a/get/x-durward/resource:"],
        [f"{tmp_path / 'openapi.yaml'}:6:26:", "/paths/~1b/get/security:"],
    ]


@pytest.mark.parametrize(
    ("update", "old", "new", "told"),
    [
        ("", "'/a'", "'/c'", "5:13: /actions/0/target: selects nothing"),
        ("", "extends: openapi", "extends: other", "3:10: /extends: names another document"),
        ("", "overlay: 1.0.0", "overlay: 2.0.0", "1:10: /overlay:"),
        ("security: []", "", "", ""),
    ],
)
def test_what_is_wrong_with_an_overlay_is_told_with_its_place(
    tmp_path: Path, update: str, old: str, new: str, told: str
) -> None:
    file = overlay(tmp_path, update) / "ours.yaml"
    file.write_text(file.read_text().replace(old, new) if old else file.read_text())
    if not told:
        assert read_declarations(tmp_path)
        return
    with pytest.raises(Misconfigured) as caught:
        read_declarations(tmp_path)
    head, line = caught.value.problem.splitlines()
    assert head == "the overlay is refused:"
    assert line.strip().startswith(f"{file}:{told}")


def test_a_document_is_read_once_more_for_the_places_of_all_its_faults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = "".join(f"  /{n}: {{ get: {{ security: null }} }}\n" for n in range(20))
    declare(tmp_path, openapi=HEAD + paths)
    read: list[Path] = []

    def counted(file: Path, limit_bytes: int) -> bytes:
        read.append(file)
        return read_bytes(file, limit_bytes)

    monkeypatch.setattr(document_faults, "read_bytes", counted)
    assert len(refusal(tmp_path)) == 20
    assert len(read) == 1


def test_overlays_are_files_and_each_is_read(tmp_path: Path) -> None:
    overlay(tmp_path, "")
    for wrong in ("ours.yaml", "[7]", "[missing.yaml]", "[.]"):
        (tmp_path / "durward.yaml").write_text(
            OVERLAID.replace("[ours.yaml]", wrong) % "openapi.yaml"
        )
        with pytest.raises(Misconfigured):
            read_declarations(tmp_path)


def test_a_document_in_a_sub_folder_may_refer_to_the_folder_of_the_declaration(
    tmp_path: Path,
) -> None:
    content = f"{HEAD}  /a: {{ get: {{ $ref: '../shared/get.yaml' }} }}\n"
    declare(tmp_path, sub__openapi=content, shared__get="{ summary: shared }")
    (tmp_path / "durward.yaml").write_text(API % "sub/openapi.yaml")
    (found,) = read_declarations(tmp_path)
    document: Any = found.body["openapi"]
    assert document["paths"]["/a"]["get"] == {"summary": "shared"}
    (tmp_path / "sub/openapi.yaml").write_text(content.replace("../shared", "../../shared"))
    (line,) = refusal(tmp_path)
    assert "leaves the folder of the declaration" in line
