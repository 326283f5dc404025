"""What a plan changes, for people: at most twenty lines of each kind, what may allow more first."""

from typing import Any

import pytest

from durward.entrypoints.cli.app import complain
from durward.entrypoints.cli.change_report import LEGEND, NOTHING, render_changes
from durward.entrypoints.terminal import say


def line(place: str, text: str = "", *, sign: str = "~", widens: bool = False) -> dict[str, Any]:
    return {"sign": sign, "place": place, "text": text, "widens": widens}


def change(kind: str, name: str, step: str = "change") -> dict[str, str]:
    return {"step": step, "kind": kind, "name": name}


def inside(kind: str, name: str, *lines: dict[str, Any], left_out: int = 0) -> dict[str, Any]:
    return {"kind": kind, "name": name, "lines": list(lines), "left_out": left_out}


def api(name: str, shut: int = 0, first: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "name": name,
        "operations": 12,
        "public": 1,
        "not_allowed": shut,
        "not_allowed_first": list(first),
        "unread": {"responses": 3},
        "notes": [],
        "opening": 0,
        "notes_left_out": 0,
    }


def answer(*changes: dict[str, str], **members: Any) -> dict[str, Any]:
    return {"changes": list(changes), "apis": [], "details": [], **members}


def test_nothing_to_change_is_said() -> None:
    assert render_changes(answer()) == [NOTHING] == ["nothing to change"]


def test_an_api_is_told_in_numbers_and_what_may_allow_more_comes_first() -> None:
    shut = "4 that no policy allows: DeleteOrder, Purge, Move, …"
    found = answer(
        change("tenants", "new", "add"),
        change("apis", "orders"),
        change("clients", "job"),
        apis=[api("orders", 4, ("DeleteOrder", "Purge", "Move", "Copy"))],
        details=[
            inside("apis", "orders", line("POST /o (CreateOrder)", sign="+")),
            inside("clients", "job", line("/scopes", "+ orders:write", widens=True)),
        ],
    )
    assert render_changes(found) == [
        "~ clients/job",
        "    ! ~ /scopes: + orders:write",
        "+ tenants/new",
        f"~ apis/orders  12 operations, 1 public, {shut}",
        "      + POST /o (CreateOrder)",
        "not read, and kept: 3 responses",
        LEGEND,
    ]


@pytest.mark.parametrize(
    ("hosts", "prefix", "told"),
    [
        ([], "", ""),
        ([], "/pets", ", at /pets"),
        (["a.example"], "", ", at a.example"),
        (["a.example", "b.example", "c.example"], "/v1", ", at a.example/v1 and 2 more hosts"),
    ],
)
def test_an_api_is_told_with_where_clients_ask(hosts: list[str], prefix: str, told: str) -> None:
    found = answer(
        change("apis", "o"), apis=[{**api("o", 0, ()), "hosts": hosts, "prefix": prefix}]
    )
    assert render_changes(found)[0] == f"~ apis/o  12 operations, 1 public{told}"


def test_many_declarations_are_twenty_lines() -> None:
    names = [f"a{number}" for number in range(990)]
    apis = [api(name, 1, ("Purge",)) for name in names]
    found = answer(*(change("apis", name, "add") for name in names), apis=apis)
    lines = render_changes(found, "more elsewhere")
    assert lines[19] == "+ apis/a19  12 operations, 1 public, 1 that no policy allows: Purge"
    assert lines[20:] == [
        "990 APIs together: 11880 operations, 990 public, 990 that no policy allows",
        "and 970 more declarations (more elsewhere)",
        "not read, and kept: 2970 responses",
    ]


def test_notes_about_documents_are_few_lines() -> None:
    noted = api("orders") | {"notes": [f"/servers/{number}: x" for number in range(30)]}
    lines = render_changes(answer(change("apis", "orders"), apis=[noted]))
    assert lines[1] == "apis/orders: /servers/0: x"
    assert lines[20:] == [
        "apis/orders: /servers/19: x",
        "and 10 more notes",
        "not read, and kept: 3 responses",
    ]


def test_notes_that_something_is_open_come_first_and_none_is_hidden_uncounted() -> None:
    many = api("a") | {"notes": [f"/{number}: x" for number in range(20)], "notes_left_out": 5}
    opened = api("b") | {"notes": ["/x: everybody may ask", "/y: z"], "opening": 1}
    lines = render_changes(answer(change("apis", "a"), apis=[many, opened]))
    assert lines[1] == "apis/b: /x: everybody may ask"
    assert lines[21] == "and 7 more notes"


def test_what_others_wrote_stays_a_line_and_cannot_speak_to_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    evil = "x\x1b[1A\x1b[2K\r+ apis/orders  1 operation, 0 public\n"
    found = answer(
        change("roles", evil),
        change("apis", "orders"),
        apis=[api("orders", 1, (evil,)) | {"notes": [evil], "unread": {evil: 1}}],
        details=[inside("apis", "orders", line(evil, evil))],
    )
    say(*render_changes(found))
    lines = capsys.readouterr().out.removesuffix("\n").split("\n")
    assert len(lines) == 5
    assert all(each.isprintable() for each in lines)


def test_no_line_of_an_error_looks_like_one_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    complain("apis/o: refused:\n  one\x1b[2K\nerror: forged\rx", hint="a\nhint: b")
    assert capsys.readouterr().err.split("\n") == [
        "error: apis/o: refused:",
        "  one\\u001b[2K",
        "  error: forged\\u000dx",
        "hint: a",
        "  hint: b",
        "",
    ]


@pytest.mark.parametrize("left_out", [0, 7])
def test_many_changes_in_a_declaration_are_twenty_lines(left_out: int) -> None:
    some = [line(f"/objects/{number}", "x", sign="+") for number in range(100)]
    wide = line("/policies", "+ all", widens=True)
    found = answer(
        change("apis", "orders"),
        change("roles", "clerk"),
        details=[
            inside("apis", "orders", *some, left_out=left_out),
            inside("roles", "clerk", wide, line("/name", "a → b")),
        ],
    )
    lines = render_changes(found)
    assert lines[:2] == ["~ roles/clerk", "    ! ~ /policies: + all"]
    assert "~ apis/orders" in lines
    assert sum(each.startswith("    ") for each in lines) == 20
    assert lines[-2:] == [f"and {82 + left_out} more changes within declarations", LEGEND]


def test_of_all_that_may_allow_more_the_first_twenty_are_shown() -> None:
    names = [f"r{number}" for number in range(60)]
    found = answer(
        *(change("roles", name) for name in names),
        details=[
            inside("roles", name, line("/policies", "+ x", widens=number >= 30))
            for number, name in enumerate(names)
        ],
    )
    lines = render_changes(found)
    assert lines[:2] == ["~ roles/r30", "    ! ~ /policies: + x"]
    assert sum("!" in each for each in lines) == 21
    assert lines[-2] == "and 40 more declarations, and 40 more changes within declarations"
