"""Anything at all as an overlay over anything: a refusal with places, or a document of JSON."""

import contextlib
import json

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.depth import depth

from durward.core.openapi.faults import Fault
from durward.core.openapi.json_path import QueryRefused, read_query
from durward.core.openapi.overlay import OPTIONAL, OverlaidDocument, OverlayRefused
from durward.core.wire import Json

NAMES = ("paths", "/a", "/b/{id}", "get", "put", "security", "tags", "x-durward", "responses", "a")
SEGMENTS = (
    *("$", ".paths", ".*", "..*", "['/a']", ".get", "[0]", "[-1]", "[1:]", "[?@.a]", "[?@ == 1]"),
    *("['security']", "..get", "[?count(@.*) > 1]", "[?length(@.a) < 3]", "[", "]", "@", "?", "|"),
    *("[?match(@.a, 'a')]", "~", "^", " ", "'", "[0, 0]", "['get', 'put']", "\\ud800", "[?$..*]"),
)
leaves = (
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(NAMES) | st.text(max_size=3)
)
values: st.SearchStrategy[Json] = st.recursive(
    leaves,
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inside, max_size=4)
    ),
    max_leaves=15,
)
targets = st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=5).map("".join)
actions = st.fixed_dictionaries(
    {"target": targets | st.sampled_from(["$", "$.paths.*", "$.*", "$..*"]) | values},
    optional={"update": values, "remove": st.booleans() | values, OPTIONAL: st.booleans()},
)
overlays = st.fixed_dictionaries(
    {
        "overlay": st.just("1.0.0") | values,
        "info": st.just({"title": "t", "version": "v"}) | values,
        "actions": st.lists(actions, min_size=1, max_size=4) | values,
    },
    optional={"extends": values, "x-a": values},
)


def refusal_of(overlaid: OverlaidDocument, overlay: Json) -> tuple[Fault, ...] | None:
    try:
        overlaid.apply(overlay)
    except OverlayRefused as error:
        return error.faults
    return None


@settings(max_examples=depth(200, long=5_000))
@given(document=values, overlay=overlays | values)
def test_any_overlay_is_refused_with_places_or_gives_json(document: Json, overlay: Json) -> None:
    before = json.dumps(document)
    overlaid = OverlaidDocument(document)
    faults = refusal_of(overlaid, overlay)
    if faults is None:
        assert json.loads(json.dumps(overlaid.result())) == overlaid.result()
        for pointer in ("", "/paths/~1a/get/security/0", "/a/0", "/0"):
            assert overlaid.origin(pointer).number in {0, 1}
    else:
        assert faults
        assert all(str(fault).isprintable() for fault in faults)
    assert json.dumps(document) == before


@settings(max_examples=depth(200, long=5_000))
@given(query=targets | st.text(max_size=20) | st.text(alphabet="$.[]?@*'()!&|<=:,0a", max_size=20))
def test_any_query_is_read_or_refused(query: str) -> None:
    with contextlib.suppress(QueryRefused):
        read_query(query)
