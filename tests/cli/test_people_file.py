"""Files of people: what is something else than it should be is told with its place."""

from pathlib import Path

import pytest

from durward.core.errors import Misconfigured
from durward.entrypoints.people_file import MAX_LINE_BYTES, FileLine, PeopleFile

HEADER = "login,email,email_verified,name,tenant,roles,groups,id,password_hash,disabled,locale\n"


def read(folder: Path, name: str, content: str | bytes) -> list[FileLine]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(PeopleFile(path).lines())


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("cp1252.csv", HEADER.encode() + "Müller\n".encode("cp1252"), ":2: invalid UTF-8"),
        ("utf16.csv", HEADER.encode("utf-16"), ":1: the file is UTF-16"),
        ("nul.csv", HEADER.encode() + b"a\0b,,,,,,,,,,\n", ":2: NUL character"),
        ("column.csv", "login,password\nx,y\n", ":1: unknown column `password`"),
        ("twice.csv", "login,login\nx,y\n", ":1: duplicate column"),
        ("semicolons.csv", "login;email\nx;y\n", ":1: columns must be separated by commas"),
        ("short.csv", HEADER + "a,b\n", ":2: 2 columns, but the header has 11"),
        ("truth.csv", "login,disabled\nx,perhaps\n", ":2: disabled is true or false"),
        ("quote.csv", 'login,name\nx,"y\n', "unexpected end of data"),
        ("long.csv", "login,name\nx," + "y" * 70_000, ":2: longer than 64 KiB"),
        ("name.csv", "login,name\nx," + "y" * 300, ":2: Expected `str` of length <= 200"),
        ("list.jsonl", '[{"login": "a"}]\n', ":1: a JSON array"),
        ("deep.jsonl", "[" * 10_000 + "\n", ":1: a JSON array"),
        ("people.xlsx", "PK", "unknown format"),
    ],
)
def test_a_file_that_is_something_else_is_told_what_it_is(
    tmp_path: Path, name: str, content: str | bytes, problem: str
) -> None:
    try:
        found = read(tmp_path, name, content)
    except Misconfigured as error:
        told = str(error)
    else:
        told = "".join(f"{name}:{one.number}: {one.problem}" for one in found)
    assert problem in told


def test_lines_with_nothing_in_them_are_passed_over_and_the_others_keep_their_numbers(
    tmp_path: Path,
) -> None:
    found = read(tmp_path, "a.csv", "\ufefflogin , name\r\na,A\r\n\r\n,\r\nb, B \r\n")
    assert [(one.number, one.line and one.line.name) for one in found] == [(2, "A"), (5, "B")]
    found = read(tmp_path, "a.jsonl", '\ufeff{"login": "a"}\r\n\n{"login": ["b"]}')
    assert [one.number for one in found] == [1, 3]
    assert not any(one.problem for one in found)
    assert read(tmp_path, "empty.csv", "") == read(tmp_path, "empty.jsonl", "") == []


def test_a_line_that_never_ends_is_not_read_to_its_end(tmp_path: Path) -> None:
    """An open quotation mark does not take the rest of the file into memory either."""
    with pytest.raises(Misconfigured, match="longer than"):
        read(tmp_path, "a.jsonl", b"x" * (MAX_LINE_BYTES + 1))
    with pytest.raises(Misconfigured, match="field larger"):
        read(tmp_path, "a.csv", 'login,name\na,"' + "b,c\n" * 50_000)


def test_a_file_that_is_changed_meanwhile_is_not_read_on(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("login\na\n")
    file = PeopleFile(path)
    assert len(list(file.lines())) == len(list(file.lines())) == 1
    path.write_text("login\na\nb\n")
    with pytest.raises(Misconfigured, match="changed during"):
        list(file.lines())


def test_a_format_may_be_named(tmp_path: Path) -> None:
    path = tmp_path / "export.txt"
    path.write_text("login\na\n")
    assert len(list(PeopleFile(path, "csv").lines())) == 1
    with pytest.raises(Misconfigured, match="No such file"):
        list(PeopleFile(tmp_path / "gone.csv").lines())
