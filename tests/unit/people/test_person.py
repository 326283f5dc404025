"""A person: what they are found by, and the class that decides about them."""

from dataclasses import replace

import pytest

from durward.core.people.change import DISABLED, MOVED, consequences
from durward.core.people.identifier import IdentifierKind
from durward.core.people.person import (
    MAX_GROUPS,
    MAX_IDENTIFIERS,
    Email,
    Entitlements,
    Person,
)
from durward.core.values import TenantId, UserId

ANN = Person(
    UserId("p_1"),
    Entitlements.of("acme", ["clerk"], ["night"], ["own"], ["cap"]),
    ("Ann", "a.archer"),
    (Email("Ann@Acme.example", verified=True), Email("ann@home.example")),
    name="Ann Archer",
)


def test_a_class_is_what_decides_in_whatever_order_it_was_written() -> None:
    one = Entitlements.of("acme", ["a", "b", "a"], ["x", "y"])
    assert one == Entitlements.of("acme", ["b", "a"], ["y", "x"])
    assert one.key == Entitlements.of("acme", ["b", "a"], ["y", "x"]).key
    assert replace(ANN, id=UserId("p_2"), name="Bob").class_key == ANN.class_key


@pytest.mark.parametrize(
    "other",
    [
        Entitlements.of("globex", ["clerk"], ["night"], ["own"], ["cap"]),
        Entitlements.of("acme", [], ["night"], ["own"], ["cap"]),
        Entitlements.of("acme", ["clerk", "night"], [], ["own"], ["cap"]),
        Entitlements.of("acme", ["clerk"], ["night"], ["cap"], ["own"]),
        Entitlements.of("acme", ["clerk"], ["night"], ["own"]),
    ],
)
def test_whoever_differs_in_what_decides_is_of_another_class(other: Entitlements) -> None:
    assert other.key != ANN.class_key


def test_a_person_is_what_their_class_says() -> None:
    assert (ANN.tenant, ANN.roles, ANN.groups) == ("acme", ("clerk",), ("night",))
    assert (ANN.policies, ANN.boundary) == (("own",), ("cap",))


def test_login_names_and_verified_addresses_sign_in_and_others_do_not() -> None:
    found = [(each.kind, each.canonical, each.signs_in) for each in ANN.identifiers()]
    assert found == [
        (IdentifierKind.LOGIN, "ann", True),
        (IdentifierKind.LOGIN, "a.archer", True),
        (IdentifierKind.EMAIL, "ann@acme.example", True),
        (IdentifierKind.EMAIL, "ann@home.example", False),
    ]


def test_a_person_is_called_by_login_name_else_address_else_id() -> None:
    assert (ANN.login, ANN.email, ANN.email_verified) == ("Ann", "Ann@Acme.example", True)
    assert replace(ANN, logins=()).login == "Ann@Acme.example"
    alone = replace(ANN, logins=(), emails=())
    assert (alone.login, alone.email, alone.email_verified) == ("p_1", "", False)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (replace(ANN, id=UserId("a b")), "an id is made of"),
        (replace(ANN, logins=("Ann", "ANN")), "occurs twice"),
        (replace(ANN, logins=("a b",)), "is no login name"),
        (replace(ANN, emails=(Email("ann"),)), "is no e-mail address"),
        (
            replace(ANN, logins=tuple(f"a{number}" for number in range(MAX_IDENTIFIERS + 1))),
            f"more than {MAX_IDENTIFIERS}",
        ),
        (
            replace(
                ANN,
                entitlements=Entitlements.of("acme", (), map(str, range(MAX_GROUPS + 1))),
            ),
            f"more than {MAX_GROUPS} groups",
        ),
    ],
)
def test_what_is_wrong_with_a_person_is_told(wrong: Person, why: str) -> None:
    assert any(why in problem for problem in wrong.problems())
    assert list(ANN.problems()) == []


def test_what_decides_about_nobody_takes_nothing_away() -> None:
    found = consequences(ANN, replace(ANN, name="Ann Baker", locale="de", logins=("ann",)))
    assert not found.revokes_tokens
    assert not found.ends_sessions
    assert not found.forgets_browsers
    assert not found.forgets_proofs


@pytest.mark.requirement("AS-104")
def test_whoever_is_disabled_loses_sessions_and_known_browsers_and_keeps_the_password() -> None:
    found = consequences(ANN, replace(ANN, disabled=True))
    assert (found.revokes_tokens, found.ends_sessions) == (True, DISABLED)
    assert found.forgets_browsers
    assert not found.forgets_proofs
    back = consequences(replace(ANN, disabled=True), ANN)
    assert (back.revokes_tokens, back.ends_sessions) == (True, "")


def test_whoever_moves_to_another_tenant_signs_in_again_there() -> None:
    moved = replace(ANN, entitlements=replace(ANN.entitlements, tenant=TenantId("globex")))
    found = consequences(ANN, moved)
    assert (found.revokes_tokens, found.ends_sessions) == (True, MOVED)
    assert not found.forgets_browsers


@pytest.mark.requirement("AS-104")
def test_of_whoever_is_deleted_nothing_is_left() -> None:
    found = consequences(ANN, None)
    assert (found.revokes_tokens, found.ends_sessions) == (True, DISABLED)
    assert found.forgets_browsers
    assert found.forgets_proofs


def test_whoever_gets_another_role_gets_another_token_and_keeps_the_session() -> None:
    found = consequences(ANN, replace(ANN, entitlements=Entitlements.of("acme", ["boss"])))
    assert found.revokes_tokens
    assert not found.ends_sessions
