"""Lines of an import: read, and refused for what is wrong with them whatever else there is."""

from typing import Any

import pytest

from durward.core.people.import_line import (
    UNMADE,
    ImportLine,
    KeycloakCredential,
    differing_members,
    header_problems,
    imported_person,
    line_of_json,
    line_of_row,
)
from durward.core.people.person import Email

HASH = "$2b$04$" + "." * 53


def test_json_has_lists_or_one_where_there_is_one() -> None:
    one = line_of_json(b'{"login": "a", "email": "a@x.example", "tenant": "acme"}')
    same = line_of_json(b'{"login": ["a"], "email": ["a@x.example"], "tenant": "acme"}')
    assert imported_person(one) == imported_person(same)
    assert imported_person(one).forms == ("a",)
    assert imported_person(one).person.id == UNMADE
    assert not imported_person(one).is_named


def test_csv_has_lists_parted_by_semicolons_or_spaces() -> None:
    row = {"login": " a; b", "groups": "x y;z", "roles": "", "disabled": "Yes", "name": " A B "}
    found = imported_person(line_of_row({**row, "id": "i-1"}), "acme")
    assert found.is_named
    assert (found.person.logins, found.person.groups) == (("a", "b"), ("x", "y", "z"))
    assert (found.person.name, found.person.disabled, found.person.tenant) == ("A B", True, "acme")


def test_only_a_verified_address_signs_in() -> None:
    verified = imported_person(
        ImportLine(email="Ann@Example.com", email_verified=True, tenant="acme")
    )
    assert verified.forms == ("ann@example.com",)
    assert verified.person.emails == (Email("Ann@Example.com", verified=True),)
    with pytest.raises(ValueError, match="is required"):
        imported_person(ImportLine(email="ann@example.com", tenant="acme"))


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"login": "a\x00"}, "login has a control character"),
        ({"name": "A\u202eB"}, "name has a control character"),
        ({"name": "A\nB"}, "name has a control character"),
        ({"groups": ("a", "b\x9f")}, "groups has a control character"),
        ({"groups": ("",)}, "groups has an empty entry"),
        ({"name": "=1+1"}, "spreadsheet formula"),
        ({"name": "@SUM(A1)"}, "spreadsheet formula"),
        ({"email_verified": True}, "email_verified without an email"),
        ({"login": "two words"}, "no login name"),
        ({"email": "nowhere"}, "no e-mail address"),
        ({"login": ("a", "A")}, "occurs twice"),
        ({"login": tuple(f"a{number}" for number in range(21))}, "more than 20"),
        ({"id": "../etc"}, "an id is made of"),
        ({"tenant": ""}, "no tenant"),
        ({"password_hash": "secret"}, "password_hash: unknown hash scheme"),
        ({"password_hash": KeycloakCredential()}, "password_hash: `secretData`"),
        ({"password_hash": KeycloakCredential(type="otp")}, "no password"),
    ],
)
def test_what_nobody_can_be_is_refused(members: dict[str, Any], problem: str) -> None:
    line = ImportLine(**{"login": "a", "tenant": "acme", **members})
    with pytest.raises(ValueError, match=r".") as told:
        imported_person(line)
    assert problem in str(told.value)
    assert str(told.value).isprintable()
    assert "secret" not in str(told.value).replace("`secretData`", "")


def test_names_of_people_are_theirs() -> None:
    """Joiners, spaces that do not break and marks are letters of somebody's name."""
    for name in (
        "\u0645\u06cc\u200c\u062e",
        "Anna\u00a0Maria",
        "O'Neil",
        'Ann ("Nan")',
        "X Æ A-12",
    ):
        found = imported_person(ImportLine(login="a", name=name, tenant="acme"))
        assert found.person.name == name


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"login": 1}',
        b'{"logins": "a"}',
        b'{"login": "a", "disabled": "yes"}',
        b'{"login": "' + b"a" * 201 + b'"}',
        b'{"login": "\\ud800"}',
        b'{"login": "\xff"}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_line_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        line_of_json(content)


def test_a_header_names_members_once() -> None:
    assert list(header_problems(["login", "groups"])) == []
    assert "separated by commas" in next(header_problems(["login;groups"]))
    assert "unknown column `x`" in next(header_problems(["login", "x"]))
    assert list(header_problems(["login", "login"])) == ["duplicate column"]
    with pytest.raises(ValueError, match="true or false"):
        line_of_row({"disabled": "perhaps"})
    with pytest.raises(ValueError, match="200"):
        line_of_row({"name": "x" * 201})


def test_nothing_of_a_hash_is_printed() -> None:
    line = ImportLine(login="a", tenant="acme", password_hash=HASH)
    credential = KeycloakCredential(secretData="s3cret")
    printed = f"{line!r} {credential!r} {imported_person(line)!r}"
    assert "$2b$" not in printed
    assert "s3cret" not in printed


def test_differences_are_told_by_member() -> None:
    one = imported_person(ImportLine(login="a", tenant="acme")).person
    other = imported_person(ImportLine(login="b", tenant="acme", name="B")).person
    assert differing_members(one, one) == []
    assert differing_members(one, other) == ["logins", "name"]
