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


def test_a_wholly_denied_allow_is_redundant_and_then_the_deny_is_too() -> None:
    assert found(allow(), deny(), deny()) == ["p/#1", "p/#3", "p/#2"]
    assert found(allow(), deny(Bool=MFA)) == []


def test_a_statement_about_other_tenants_is_not_redundant() -> None:
    handed = {**allow(), "NotResource": "arn:durward:orders:*:${durward:TenantId}:*"}
    del handed["Resource"]
    assert found(allow(OWN), handed) == []


def test_a_statement_without_a_proof_is_kept_and_reported() -> None:
    told = list(redundant(documents(allow(**OPEN), allow(OWN), allow(OWN))))
    assert [each.statement for each in told] == ["p/#3", "p/#1"]
    assert told[0] == Redundant("p/#3")
    assert "several kinds" in told[1].undecided


def test_an_undecided_question_does_not_prevent_other_answers() -> None:
    def fails(why: str) -> str:
        raise Unknown(why)

    asking = Asking()
    asking.end()
    assert asking(fails, "first") is None
    assert asking(fails, "second") is None
    assert asking(str.upper, "a") == "A"
    with pytest.raises(Unknown, match="first"):
        asking.end()
