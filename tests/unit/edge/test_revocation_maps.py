"""The maps of what is revoked: who is in one is found there, whatever the others allow."""

import json
from typing import Any

from durward.core.edge.envoy.revocation_maps import (
    BASE,
    CLIENTS_BASE,
    CLIENTS_DELTA,
    DELTA,
    FILTERS,
    canary_session,
    files,
    rules,
)
from durward.core.edge.revocation import Revocation, RevocationKind, RevokedTokens
from durward.core.values import Instant

AT = Instant(1_800_000_000_500_000)
EVERY = tuple(
    Revocation(number, kind, f"a {kind}", AT) for number, kind in enumerate(RevocationKind)
)


def maps(matcher: Any) -> list[tuple[str, dict[str, Any]]]:
    """The maps of a filter in the order in which they are asked, with their headers."""
    tree = matcher["matcher_tree"]
    header = tree["input"]["typed_config"]["header_name"]
    rest = matcher["on_no_match"]
    after = maps(rest["matcher"]) if "matcher" in rest else []
    return [(header, tree["exact_match_map"]["map"]), *after]


def test_each_kind_has_a_place_and_only_the_last_map_of_a_filter_allows() -> None:
    found = {name: maps(rules(name, EVERY)["matcher"]) for name in FILTERS}
    for name, listed in found.items():
        held = {one for one in FILTERS if canary_session(one) in listed[0][1]}
        assert held == {name}, "its canary is refused by no other filter"
        for _, entries in listed[:-1]:
            assert "ALLOW" not in json.dumps(entries), name
    for first, second in ((BASE, DELTA), (CLIENTS_BASE, CLIENTS_DELTA)):
        assert [header for header, _ in found[first]] == [header for header, _ in found[second]]
    assert [header for header, _ in found[BASE]] == [
        "durward-session",
        "durward-grant",
        "durward-subject",
    ]
    assert [header for header, _ in found[CLIENTS_BASE]] == ["durward-session", "durward-client"]
    everything = {value for name in (BASE, CLIENTS_BASE) for _, of in found[name] for value in of}
    assert {f"a {kind}" for kind in RevocationKind} <= everything


def test_of_a_client_what_was_issued_later_passes_as_it_does_of_a_subject() -> None:
    for name, kind in ((DELTA, RevocationKind.SUBJECT), (CLIENTS_DELTA, RevocationKind.CLIENT)):
        (_, entries) = maps(rules(name, EVERY)["matcher"])[-1]
        told = json.dumps(entries[f"a {kind}"])
        assert '"start": 1800000001' in told
        assert told.count("ALLOW") == 1
        assert told.count("DENY") == 1


def test_bases_are_in_force_before_what_moved_there_leaves_the_deltas() -> None:
    assert list(files(RevokedTokens(base=EVERY))) == [BASE, CLIENTS_BASE, CLIENTS_DELTA, DELTA]
    closed = files(None)
    assert list(closed)[-1] == DELTA
    assert "unknown-revocations" in json.dumps(closed[DELTA])
