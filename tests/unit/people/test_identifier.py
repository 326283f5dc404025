"""Two spellings of a name are one name, and two names are never one."""

import pytest

from durward.core.people.identifier import (
    MAX_CHARACTERS,
    MAX_LOCAL_BYTES,
    canonical,
    canonical_email,
    canonical_or_none,
)


@pytest.mark.parametrize(
    ("spelled", "form"),
    [
        ("ann", "ann"),
        ("Ann", "ann"),
        ("ＡＮＮ", "ann"),  # noqa: RUF001 - full width, as an input method writes it
        ("A\u030angstrom", "\u00e5ngstrom"),  # composed
        ("stra\u00dfe", "stra\u00dfe"),
        ("Ann@Example.ORG", "ann@example.org"),
        ("ann@B\u00dcCHER.example", "ann@xn--bcher-kva.example"),
        ("ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
        ("ann+news@example.org", "ann+news@example.org"),
        ("ann＠example．org", "ann@example.org"),  # noqa: RUF001 - full width
        ("ann@example.org.", "ann@example.org"),
    ],
)
def test_what_is_the_same_name_has_one_form(spelled: str, form: str) -> None:
    assert canonical(spelled) == form
    assert canonical(form) == form, "the form of a form is itself"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ann", "\u0430nn"),  # Cyrillic
        ("strasse", "stra\u00dfe"),
        ("ann", "ann@example.org"),
        ("ann@example.org", "ann@example.com"),
    ],
)
def test_what_are_two_names_have_two_forms(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize(
    ("spelled", "why"),
    [
        ("", "it is empty"),
        ("a b", "at character 2"),
        ("a\nb", "at character 2"),
        ("a\u202eb", "at character 2"),  # writes from right to left
        ("\ufb01nn", "at character 1"),  # a ligature
        ("@example.org", "is no e-mail address"),
        ("ann@", "is no e-mail address"),
        ("ann@b@example.org", "is no e-mail address"),
        ('"a b"@example.org', "is no e-mail address"),
        ("ann@-example-.org", "is no domain name"),
        ("ann@[192.0.2.1]", "is no domain name"),
        ("a" * (MAX_LOCAL_BYTES + 1) + "@example.org", f"more than {MAX_LOCAL_BYTES} bytes"),
        ("a" * (MAX_CHARACTERS + 1), f"more than {MAX_CHARACTERS} characters"),
    ],
)
def test_what_has_no_form_is_refused_with_the_reason(spelled: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        canonical(spelled)
    assert canonical_or_none(spelled) is None


def test_an_address_is_no_address_without_a_domain() -> None:
    with pytest.raises(ValueError, match="is no e-mail address"):
        canonical_email("ann")
    assert canonical_or_none("ann") == "ann"
