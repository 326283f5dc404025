"""Redundant statements: those without which nothing changes."""

from typing import Any

import pytest
from tests.unit.policy.test_questions import MFA, OWN, allow, deny, documents

from durward.core.policy.analysis.asking import Asking
from durward.core.policy.analysis.redundancy import Redundant, redundant
from durward.core.policy.symbolic.unknown import Unknown

OPEN: dict[str, Any] = {
    "StringLike": {"app:X": "*T13:00"},
    "DateEquals": {"app:X": "2024-06-01T12:00:00Z"},
}


def found(*statements: dict[str, Any]) -> list[str]:
    return [each.statement for each in redundant(documents(*statements)) if not each.undecided]


def test_a_statement_that_changes_nothing_is_found() -> None:
    wide, narrow = {**allow(), "Sid": "All"}, allow("arn:durward:orders:*:acme:*")
    not_eve = {**deny(StringEquals={"durward:Subject": "eve"}), "Sid": "NotEve"}
    assert found(narrow, wide, not_eve) == ["p/#1"]
    assert found(wide, not_eve) == []


def test_of_two_equal_statements_the_first_stays() -> None:
    assert found(allow(), allow(), allow()) == ["p/#3", "p/#2"]


def test_an_allow_that_is_wholly_denied_goes_and_then_so_does_the_deny() -> None:
    assert found(allow(), deny(), deny()) == ["p/#1", "p/#3", "p/#2"]
    assert found(allow(), deny(Bool=MFA)) == []


def test_a_statement_about_other_tenants_is_not_redundant() -> None:
    handed = {**allow(), "NotResource": "arn:durward:orders:*:${durward:TenantId}:*"}
    del handed["Resource"]
    assert found(allow(OWN), handed) == []


def test_a_statement_about_which_nothing_can_be_proven_stays_and_is_told() -> None:
    told = list(redundant(documents(allow(**OPEN), allow(OWN), allow(OWN))))
    assert [each.statement for each in told] == ["p/#3", "p/#1"]
    assert told[0] == Redundant("p/#3")
    assert "several kinds" in told[1].undecided


def test_a_question_that_is_open_keeps_no_other_from_its_answer() -> None:
    def fails(why: str) -> str:
        raise Unknown(why)

    asking = Asking()
    asking.end()
    assert asking(fails, "first") is None
    assert asking(fails, "second") is None
    assert asking(str.upper, "a") == "A"
    with pytest.raises(Unknown, match="first"):
        asking.end()
