"""Overlays: the rules of Overlay 1.0, and where ours are stricter."""

import copy
from typing import Any

import pytest

from durward.core.errors import Misconfigured
from durward.core.openapi.json_path import MAX_PARTS, Steps
from durward.core.openapi.overlay import (
    MAX_ACTIONS,
    OPTIONAL,
    Origin,
    OverlaidDocument,
    OverlayRefused,
)
from durward.core.sizes import DECLARATION_BYTES, DOCUMENT_DEPTH
from durward.core.wire import Json

HEAD: dict[str, Json] = {"overlay": "1.0.0", "info": {"title": "Ours", "version": "1"}}
DOCUMENT: dict[str, Json] = {
    "openapi": "3.1.0",
    "paths": {
        "/pets": {
            "get": {"tags": ["a"], "responses": {}, "parameters": [{"name": "x"}, {"name": "y"}]},
            "post": {"security": [{"oauth": ["write"]}], "responses": {}},
        },
        "/admin": {"get": {"responses": {}}},
    },
}


def overlay(*actions: Json, **members: Json) -> dict[str, Json]:
    return {**HEAD, "actions": list(actions), **members}


def applied(*actions: Json, document: Json = DOCUMENT) -> Any:
    overlaid = OverlaidDocument(document)
    overlaid.apply(overlay(*actions))
    return overlaid.result()


def refusal(value: Json, document: Json = DOCUMENT) -> list[str]:
    with pytest.raises(OverlayRefused) as caught:
        OverlaidDocument(document).apply(value)
    return [str(fault) for fault in caught.value.faults]


def test_objects_are_merged_and_the_document_itself_stays() -> None:
    before = copy.deepcopy(DOCUMENT)
    done = applied(
        {"target": "$.paths['/pets'].get", "update": {"x-durward": {"resource": "pets/all"}}},
        {"target": "$.paths['/pets'].get", "update": {"x-durward": {"audit": "strict"}}},
    )
    assert done["paths"]["/pets"]["get"]["x-durward"] == {"resource": "pets/all", "audit": "strict"}
    assert before == DOCUMENT


def test_in_a_merge_lists_are_concatenated_and_plain_values_replaced() -> None:
    done = applied(
        {
            "target": "$",
            "update": {"openapi": "3.0.3", "paths": {"/pets": {"get": {"tags": ["b"]}}}},
        }
    )
    assert done["openapi"] == "3.0.3"
    assert done["paths"]["/pets"]["get"]["tags"] == ["a", "b"]


def test_what_is_selected_as_a_list_gets_one_entry_more() -> None:
    done = applied({"target": "$.paths.*.get.parameters", "update": {"name": "z"}})
    assert [one["name"] for one in done["paths"]["/pets"]["get"]["parameters"]] == ["x", "y", "z"]


def test_all_that_a_target_selects_is_removed() -> None:
    done = applied({"target": "$.paths.*.get.parameters.*", "remove": True})
    assert done["paths"]["/pets"]["get"]["parameters"] == []
    done = applied({"target": "$..*[?@.responses]", "remove": True})
    assert done["paths"] == {"/pets": {}, "/admin": {}}
    nested: Json = {"target": "$..['paths', '/pets']", "remove": True}  # one inside of the other
    assert applied(nested) == {"openapi": "3.1.0"}


def test_actions_follow_each_other() -> None:
    again: dict[str, Json] = {"security": [{"oauth": ["admin"]}]}
    done = applied(
        {"target": "$.paths['/pets'].post.security", "remove": True},
        {"target": "$.paths['/pets'].post", "update": again},
    )
    assert done["paths"]["/pets"]["post"]["security"] == again["security"]


def test_an_update_beside_remove_has_no_effect() -> None:
    done = applied({"target": "$.paths['/admin']", "remove": True, "update": {"get": {}}})
    assert "/admin" not in done["paths"]


def test_two_matches_share_no_part() -> None:
    overlaid = OverlaidDocument(DOCUMENT)
    overlaid.apply(
        overlay(
            {"target": "$.paths.*.get", "update": {"x-durward": {"resource": "a/b"}}},
            {"target": "$.paths['/admin'].get", "update": {"x-durward": {"fresh": True}}},
        )
    )
    done: Any = overlaid.result()
    assert done["paths"]["/pets"]["get"]["x-durward"] == {"resource": "a/b"}


@pytest.mark.parametrize(
    "action",
    [
        {"target": "$.paths['/pet'].get", "update": {"x-durward": {"resource": "a/b"}}},
        {"target": "$.paths['/gone']", "remove": True},
        {"target": "$.paths.*.patch", "update": {"description": "nothing that restricts"}},
    ],
)
def test_an_action_that_selects_nothing_is_refused_unless_it_is_optional(
    action: dict[str, Json],
) -> None:
    (told,) = refusal(overlay(action))
    assert told.startswith("/actions/0/target: selects nothing")
    assert OPTIONAL in told
    overlaid = OverlaidDocument(DOCUMENT)
    overlaid.apply(overlay({**action, OPTIONAL: True}))
    assert overlaid.result() == DOCUMENT
    assert [note.pointer for note in overlaid.notes] == ["/actions/0/target"]


def test_a_merge_does_not_add_another_way_in() -> None:
    """By 1.1 the lists would be concatenated: `write` would do where `admin` is demanded."""
    narrow: dict[str, Json] = {"security": [{"oauth": ["admin"]}]}
    (told,) = refusal(overlay({"target": "$.paths['/pets'].post", "update": narrow}))
    assert told.startswith("/actions/0/update/security: `/paths/~1pets/post/security` exists")
    (told,) = refusal(overlay({"target": "$.paths", "update": {"/pets": {"post": narrow}}}))
    assert "remove it by an action before this one" in told
    done = applied({"target": "$.paths['/pets'].post.security", "update": {"oauth": ["admin"]}})
    assert done["paths"]["/pets"]["post"]["security"] == [
        {"oauth": ["write"]},
        {"oauth": ["admin"]},
    ]


@pytest.mark.parametrize(
    ("target", "update"),
    [
        ("$", {"paths": {"/pet": {"get": {"security": [{"oauth": ["admin"]}]}}}}),
        ("$.paths", {"/pet": {"summary": "no operation"}}),
        ("$.paths", {"/pet": "no object"}),
        ("$.paths['/pets']", {"put": {"x-durward": {"resource": "a/b"}}}),
        ("$.paths", {"/pet": {"get": {"responses": {}}, "put": {}}}),
    ],
)
def test_a_misspelled_path_is_not_added_as_an_operation(target: str, update: Json) -> None:
    (told,) = refusal(overlay({"target": target, "update": update}))
    assert "the document has no" in told
    assert "with `responses`" in told


def test_an_operation_that_is_written_whole_is_added() -> None:
    whole: Json = {"operationId": "PutPet", "responses": {"200": {"description": "Done"}}}
    done = applied(
        {"target": "$.paths['/pets']", "update": {"put": whole}},
        {"target": "$.paths", "update": {"/cats": {"get": {"$ref": "#/paths/~1pets/get"}}}},
        {"target": "$.paths", "update": {"x-owner": "us"}},
    )
    assert done["paths"]["/pets"]["put"] == whole
    assert done["paths"]["/cats"]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (7, "not an overlay"),
        ({**HEAD, "actions": []}, "/actions: a list of actions"),
        ({**HEAD}, "/actions: a list of actions"),
        ({**HEAD, "overlay": "1.1.0", "actions": [{}]}, "/overlay: overlays of version 1.0"),
        ({**HEAD, "overlay": None, "actions": [{}]}, "/overlay:"),
        ({**HEAD, "info": {"title": "no version"}, "actions": [{}]}, "/info:"),
        (overlay({"target": "$", "update": {}}, extends=7), "/extends:"),
        (overlay({"target": "$", "update": {}}, action=[]), "/action: no such member"),
        (overlay({"target": "$", "updates": {}}), "/actions/0/updates: no such member"),
        (overlay({"target": "$", "copy": "$.a"}), "/actions/0/copy: no such member"),
        (overlay({"target": "$", "update": {}, "x-durward-optinal": True}), OPTIONAL),
        (overlay({"target": "$", "update": {}}, **{"x-durward": {}}), "/x-durward: no such member"),
        (overlay({"target": "$", "update": {}, OPTIONAL: 1}), f"/{OPTIONAL}: write `true`"),
        (overlay({"target": "$", "remove": "yes"}), "/actions/0/remove: write `true`"),
        (overlay({"target": "$"}), "/actions/0: changes nothing"),
        (overlay({"target": "$", "remove": False}), "/actions/0: changes nothing"),
        (overlay({"target": 7, "update": {}}), "/actions/0/target: a JSONPath"),
        (overlay({"target": "$[", "update": {}}), "/actions/0/target: not a JSONPath"),
        (overlay("$"), "/actions/0: not an object"),
        (overlay({"target": "$", "remove": True}), "the whole document"),
        (overlay({"target": "$.openapi", "remove": True}), "selects text"),
        (overlay({"target": "$.paths", "update": []}), "not an object"),
        (overlay({"target": "$.paths.*.get.tags", "update": ["b"]}), "one action for each entry"),
        (overlay({"target": "$", "update": {"paths": []}}), "is an object, and this is a list"),
        (overlay({"target": "$", "update": {"paths": None}}), "is an object, and this is nothing"),
        (overlay({"target": "$", "update": {"openapi": {}}}), "is text, and this is an object"),
    ],
)
def test_what_is_not_as_specified_is_refused_with_its_place(value: Json, told: str) -> None:
    assert any(told in line for line in refusal(value)), refusal(value)


def test_further_members_with_x_are_left_alone() -> None:
    action: Json = {"target": "$.paths['/admin']", "remove": True, "description": "", "x-by": "us"}
    OverlaidDocument(DOCUMENT).apply(overlay(action, extends="pets.yaml", **{"x-team": 1}))


def test_all_faults_are_told_and_nothing_of_a_number_too_large_is_read() -> None:
    assert len(refusal(overlay({"target": "$["}, {"target": "$.no", "remove": True}))) == 2
    many: list[Json] = [{"target": "$"}] * (MAX_ACTIONS + 1)
    assert refusal(overlay(*many)) == [f"/actions: more than {MAX_ACTIONS} actions"]


def test_depth_and_size_of_the_result_are_bounded() -> None:
    deep: Json = {}
    for _ in range(2 * DOCUMENT_DEPTH):
        deep = {"a": deep}
    (told,) = refusal(overlay({"target": "$.paths['/admin'].get", "update": {"x-a": deep}}))
    assert "nests deeper" in told
    long = "a" * (DECLARATION_BYTES // 10)
    many: Json = {"paths": {f"/{n}": {"get": {}} for n in range(12)}}
    (told,) = refusal(overlay({"target": "$.paths.*.get", "update": {"x-a": long}}), many)
    assert "bytes" in told


def test_the_parts_of_a_document_are_bounded_those_counted_that_aliases_repeat() -> None:
    repeated: Json = [[]] * 100
    few = Steps(parts_left=1_000)
    with pytest.raises(Misconfigured, match="parts, those that aliases repeat counted"):
        OverlaidDocument({"x": [repeated] * 10}, _steps=few)
    assert Steps().parts_left == MAX_PARTS


def test_each_part_of_the_result_is_known_by_where_it_was_written() -> None:
    overlaid = OverlaidDocument(DOCUMENT)
    overlaid.apply(overlay({"target": "$.paths.*.get.parameters[0]", "remove": True}))
    overlaid.apply(
        overlay(
            {
                "target": "$.paths.*.get",
                "update": {"x-durward": {"resource": "a/b"}, "tags": ["b"]},
            },
            {"target": "$.paths['/pets'].get", "update": {"summary": "s"}},
        )
    )
    get = "/paths/~1pets/get"
    assert [overlaid.origin(get + each) for each in ("", "/x-durward/resource", "/summary")] == [
        Origin(0, get),
        Origin(2, "/actions/0/update/x-durward/resource"),
        Origin(2, "/actions/1/update/summary"),
    ]
    assert overlaid.origin(f"{get}/parameters/0/name") == Origin(0, f"{get}/parameters/1/name")
    assert overlaid.origin(f"{get}/tags/1") == Origin(0, f"{get}/tags"), "the list is another"
    assert overlaid.origin("/paths/~1pets/post/security/0/oauth/0").pointer.endswith("/oauth/0")
    assert overlaid.origin("/nowhere/at/all") == Origin(0, "/nowhere")
    assert overlaid.origin("") == Origin(0, "")
