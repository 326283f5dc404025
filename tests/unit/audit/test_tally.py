"""What is counted instead of recorded."""

import pytest

from durward.core.audit import tally
from durward.core.audit.tally import Tally


def test_what_was_counted_is_told_with_the_source_that_did_most() -> None:
    counted = Tally()
    assert counted.facts() == {}
    for source in ("b", "a", "b"):
        counted.refuse("token", source)
    counted.refuse("pages", "a")
    counted.leave_out("token refused", "c")
    assert counted.facts() == {
        "refused": {"token": 3, "pages": 1},
        "not_recorded": {"token refused": 1},
        "sources": 3,
        "most": {"source": "a", "count": 2},  # of those that did as much, one by its name
    }


def test_of_too_many_sources_the_others_count_without_their_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tally, "MAX_SOURCES", 2)
    counted = Tally()
    for source in ("a", "b", "c", "c", "b"):
        counted.refuse("token", source)
    facts = counted.facts()
    assert facts["refused"] == {"token": 5}
    assert (facts["sources"], facts["most"]) == (2, {"source": "b", "count": 2})
