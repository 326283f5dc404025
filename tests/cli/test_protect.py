"""`durward protect`: proposals, their way into files, and what people edited since."""

import contextlib
import json
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from durward.core.errors import Misconfigured
from durward.entrypoints.cli.app import run
from durward.entrypoints.cli.protect import protect
from durward.entrypoints.declarations import read_declarations
from durward.entrypoints.merged_text import MergeConflict, merged

DOCUMENT = """\
openapi: 3.1.0
info: { title: Shop of Ours, version: "1" }
components:
  securitySchemes:
    oauth: { type: oauth2, flows: {} }
paths:
  /status: { get: { security: [] } }
  /hook: { post: { security: [] } }
  /orders/{id}: { get: { security: [{ oauth: ["orders:read"] }] } }
"""
AUDIENCE = "http://127.0.0.1:8490/shop"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "vendor.yaml").write_text(DOCUMENT)
    return tmp_path


def propose(folder: Path, *, yes: bool = True, **options: Any) -> int:
    return protect(
        "http://127.0.0.1:9000",
        openapi=folder / "vendor.yaml",
        audience=AUDIENCE,
        yes=yes,
        **{"name": "shop", "into": folder, **options},
    )


def declared(folder: Path) -> dict[str, Any]:
    return {f"{each.kind}/{each.name}": each.body for each in read_declarations(folder)}


def edit(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))


def test_what_is_proposed_is_what_plan_and_lint_take(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert propose(folder) == 0
    told = capsys.readouterr().out
    assert "denied: no rule allows them:\n  POST /hook  shop:PostHook" in told
    assert "durward plan" in told
    found = declared(folder)
    assert found["policies/shop-orders-read"]["Statement"][0]["Action"] == ["shop:GetOrdersId"]
    document = found["apis/shop"]["openapi"]
    assert document["paths"]["/orders/{id}"]["get"]["x-durward"] == {
        "action": "shop:GetOrdersId",
        "resource": "order/{id}",
        "tenant": "shop",
    }
    assert run(["policy", "lint", str(folder)]) == 0


def test_the_path_of_a_url_is_where_the_service_serves(folder: Path) -> None:
    edit(
        folder,
        "vendor.yaml",
        "paths:",
        "servers: [{ url: https://a/v1 }, { url: https://a/v2 }]\npaths:",
    )
    edit(folder, "vendor.yaml", "security: [] }", "security: [], parameters: [] }")
    arguments: dict[str, Any] = {"openapi": folder / "vendor.yaml", "audience": AUDIENCE}
    options = {**arguments, "into": folder, "name": "shop", "yes": True}
    with pytest.raises(Misconfigured, match="/servers"):
        protect("http://127.0.0.1:9000", **options)
    assert protect("http://127.0.0.1:9000/v2/", **options) == 0
    found = declared(folder)["apis/shop"]
    assert (found["upstream"], found["base_path"]) == ("http://127.0.0.1:9000", "/v2")


def test_hosts_and_a_prefix_are_declared(folder: Path) -> None:
    assert propose(folder, host=("shop.example.com",), prefix="/shop") == 0
    found = declared(folder)["apis/shop"]
    assert (found["hosts"], found["prefix"]) == (["shop.example.com"], "/shop")


def test_a_style_that_changes_a_path_changes_no_target(folder: Path) -> None:
    label = "parameters: [{ name: id, in: path, style: label, required: true }], security: [{"
    edit(folder, "vendor.yaml", "security: [{", label)
    assert propose(folder) == 0
    assert "$.paths['/orders/{id}'].get" in (folder / "shop.overlay.yaml").read_text()


def test_nothing_is_written_that_nobody_accepted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {*folder.iterdir()}
    assert propose(folder, yes=False) == 1
    assert "+  shop-orders-read: { policies: [shop-orders-read] }" in capsys.readouterr().out
    assert {*folder.iterdir()} == before
    assert propose(folder) == 0
    assert propose(folder, yes=False) == 0, "there is nothing left to accept"
    assert "nothing to change" in capsys.readouterr().out


def test_a_newer_document_changes_what_it_changed_and_nothing_else(folder: Path) -> None:
    propose(folder)
    edit(folder, "shop.overlay.yaml", '"order/{id}"', '"sale/{id}"')
    edit(folder, "shop.durward.yaml", "upstream: ", "stage: prod\n    upstream: ")
    edit(folder, "vendor.yaml", "  /hook:", "  /orders: { delete: {} }\n  /hook:")
    assert propose(folder) == 0
    found = declared(folder)
    paths = found["apis/shop"]["openapi"]["paths"]
    assert paths["/orders/{id}"]["get"]["x-durward"]["resource"] == "sale/{id}"
    assert paths["/orders"]["delete"]["x-durward"]["action"] == "shop:DeleteOrders"
    assert found["apis/shop"]["stage"] == "prod"
    assert "roles/shop-orders-write" in found
    edit(folder, "vendor.yaml", "  /orders: { delete: {} }\n", "")
    assert propose(folder) == 0
    assert "roles/shop-orders-write" not in declared(folder)


def test_where_both_changed_the_same_nothing_is_overwritten(folder: Path) -> None:
    propose(folder)
    edit(folder, "shop.overlay.yaml", '"order/{id}"', '"sale/{id}"')
    edited = (folder / "shop.overlay.yaml").read_text()
    edit(folder, "vendor.yaml", "/orders/{id}", "/orders/{order_id}")
    with pytest.raises(Misconfigured, match="was edited where the new proposal differs"):
        propose(folder)
    assert (folder / "shop.overlay.yaml").read_text() == edited
    with pytest.raises(Misconfigured, match="selects nothing"):
        propose(folder, keep=True)
    edit(folder, "shop.overlay.yaml", "/orders/{id}", "/orders/{order_id}")
    edit(folder, "shop.overlay.yaml", "sale/{id}", "sale/{order_id}")
    edit(folder, "shop.overlay.yaml", "shop:GetOrdersId", "shop:GetSale")
    edit(folder, "shop.durward.yaml", "shop:GetOrdersId", "shop:GetSale")
    assert propose(folder, keep=True) == 0
    assert propose(folder, yes=False) == 0
    assert run(["policy", "lint", str(folder)]) == 0


def test_a_file_of_somebody_else_is_left_alone(folder: Path) -> None:
    (folder / "shop.durward.yaml").write_text("tenants: {}\n")
    with pytest.raises(Misconfigured, match="`protect` did not write it"):
        propose(folder)
    assert (folder / "shop.durward.yaml").read_text() == "tenants: {}\n"


def test_what_cannot_be_read_is_not_served_and_listed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = "  /up<load>: { get: {} }\n  /list: { get: { security: null }, put: {} }\n"
    (folder / "vendor.yaml").write_text(DOCUMENT + wrong)
    assert propose(folder, json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["target"] for each in told["removed"]] == [
        "$.paths['/list'].get",
        "$.paths['/up<load>']",
    ]
    assert {*declared(folder)["apis/shop"]["openapi"]["paths"]["/list"]} == {"put"}


def test_a_dot_that_is_written_is_not_one_of_a_label(folder: Path) -> None:
    more = "  /orders/.{id}: { get: { security: [] } }\n"
    (folder / "vendor.yaml").write_text(DOCUMENT + more)
    assert propose(folder) == 0
    paths = declared(folder)["apis/shop"]["openapi"]["paths"]
    assert all("x-durward" in paths[path]["get"] for path in ("/orders/{id}", "/orders/.{id}"))


def test_it_is_told_which_operation_answers_for_one_that_is_not_served(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`/orders/all` demands what nobody understands; `/orders/{id}` may demand less."""
    wrong = "  /orders/all: { get: { security: null } }\n  /lone: { get: { security: null } }\n"
    (folder / "vendor.yaml").write_text(DOCUMENT + wrong)
    assert propose(folder, json=True) == 0
    lone, shadowed = json.loads(capsys.readouterr().out)["removed"]
    assert shadowed["target"] == "$.paths['/orders/all'].get"
    assert shadowed["reason"].endswith("; `GET /orders/{id}` answers its requests")
    assert "answers" not in lone["reason"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"name": "Shop"}, "no name of an API"),
        ({"tenant": "a b"}, "no name of a tenant"),
        ({"into": Path("/nowhere")}, "not a folder"),
        ({"host": ("a b",)}, "hosts"),
        ({"prefix": "shop"}, "prefix"),
    ],
)
def test_what_is_no_name_is_refused(folder: Path, options: dict[str, Any], told: str) -> None:
    with pytest.raises(Misconfigured, match=told):
        propose(folder, **options)


def test_a_document_that_is_wrong_as_a_whole_is_refused_with_its_place(folder: Path) -> None:
    (folder / "vendor.yaml").write_text(f"{DOCUMENT}security: null\n")
    with pytest.raises(Misconfigured, match=r"vendor\.yaml:10:\d+: /security"):
        propose(folder)


def test_the_name_is_made_of_the_title_and_a_terminal_is_not_needed(folder: Path) -> None:
    arguments = ["protect", "http://127.0.0.1:9000", "--openapi", str(folder / "vendor.yaml")]
    arguments += ["--into", str(folder), "--audience", AUDIENCE]
    command = [sys.executable, "-m", "durward", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "shop-of-ours.durward.yaml" in done.stdout
    assert "--yes accepts this" in done.stderr


@pytest.mark.parametrize(
    ("mine", "theirs", "result"),
    [
        ("abc", "abc", "abc"),
        ("aXc", "abc", "aXc"),
        ("abc", "abYc", "abYc"),
        ("aXc", "abcd", "aXcd"),
        ("aXc", "abYc", "aXYc"),
        ("aXc", "aYbc", "aYXc"),
        ("ac", "abcd", "acd"),
        ("aXc", "aXc", "aXc"),
        ("aXcd", "aXc", "aXcd"),
        ("aXc", "aYc", None),
        ("abcX", "abcY", None),
        ("ac", "aYc", None),
    ],
)
def test_two_changes_of_one_text_are_brought_together(
    mine: str, theirs: str, result: str | None
) -> None:
    base, left, right = ("".join(f"{each}\n" for each in text) for text in ("abc", mine, theirs))
    if result is None:
        with pytest.raises(MergeConflict):
            merged(base, left, right)
    else:
        assert merged(base, left, right) == "".join(f"{each}\n" for each in result)


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("y\n", True),
        ("Yes\n", True),
        ("\n", False),
        ("n\n", False),
        ("yy\n", False),
        ("\x04", False),
    ],
)
def test_what_a_person_types_at_a_terminal_decides(
    folder: Path, monkeypatch: pytest.MonkeyPatch, typed: str, *, written: bool
) -> None:
    """A real terminal (pty): Ctrl-D, which ends the input, is no answer."""
    ours, theirs = pty.openpty()
    shown = bytearray()

    def show() -> None:
        with contextlib.suppress(OSError):  # the other side is closed
            while some := os.read(ours, 4_096):
                shown.extend(some)

    showing = threading.Thread(target=show)
    with os.fdopen(theirs) as read, os.fdopen(os.dup(theirs), "w") as write:
        monkeypatch.setattr(sys, "stdin", read)
        monkeypatch.setattr(sys, "stdout", write)
        showing.start()
        os.write(ours, typed.encode())
        propose(folder, yes=False)
    showing.join()
    os.close(ours)
    assert b"Write these files? [y/N] " in shown
    assert (folder / "shop.durward.yaml").exists() is written
