"""What paths and operations are called."""

import itertools

import pytest

from durward.core.openapi.faults import DocumentRefused
from durward.core.openapi.operation_ids import MAX_ID_CHARACTERS
from durward.core.openapi.operations import Operation, read_inventory
from durward.core.openapi.router import Route, Router
from durward.core.policy.language.pattern import parse_action
from durward.core.wire import Json


def read(paths: Json) -> tuple[Operation, ...]:
    return read_inventory({"openapi": "3.1.0", "paths": paths}, "api").operations


def named(*ids: str) -> Json:
    return {f"/{number}": {"get": {"operationId": each}} for number, each in enumerate(ids)}


def refusal(paths: Json) -> str:
    with pytest.raises(DocumentRefused) as caught:
        read(paths)
    (fault,) = caught.value.faults
    return str(fault)


@pytest.mark.parametrize(
    ("identity", "action"),
    [
        ("getPet", "api:GetPet"),
        ("GetPet", "api:GetPet"),
        ("read_items_items__item_id__get", "api:Read_items_items__item_id__get"),
        ("getPet_1", "api:GetPet_1"),
        ("repos/get", "api:Repos.get"),
        ("repos/get-content", "api:Repos.get-content"),
        ("com.acme:List", "api:Com.acme.List"),
        ("PetsController_findAll", "api:PetsController_findAll"),
        ("Find pets by status", "api:Find-pets-by-status"),
        ("list(all)", "api:List-all-"),
        ("pets*{all}?", "api:Pets--all--"),
        ("1get", "api:1get"),
        ("_list", "api:_list"),
    ],
)
def test_an_id_is_kept_and_its_action_can_be_named_in_policies(identity: str, action: str) -> None:
    (found,) = read(named(identity))
    assert (found.id, found.action) == (identity, action)
    assert parse_action(action).matches(found.action.lower())


@pytest.mark.parametrize("identity", ["", 1, [], {"$ref": "a"}, True])
def test_what_is_no_text_is_refused_as_an_id(identity: Json) -> None:
    told = refusal({"/a": {"get": {"operationId": identity}}})
    assert told.startswith("/paths/~1a/get/operationId: printable ASCII")


@pytest.mark.parametrize(
    "identity", [" a", "a ", "a\nb", "a\tb", "é", "--", "取得", "a" * (MAX_ID_CHARACTERS + 1), None]
)
def test_an_operation_whose_id_cannot_be_its_name_is_named_after_its_path(identity: Json) -> None:
    paths: Json = {"/a": {"get": {"operationId": identity}}}
    inventory = read_inventory({"openapi": "3.1.0", "paths": paths}, "api")
    assert [(each.id, each.action) for each in inventory.operations] == [("GetA", "api:GetA")]
    assert len(inventory.notes) == (identity is not None)
    assert all("named after its path" in note for note in inventory.notes)


@pytest.mark.parametrize(
    ("one", "other"), [("repos/get", "repos.get"), ("repos/get", "Repos:Get"), ("a b", "a(b")]
)
def test_two_ids_that_would_be_one_action_are_told_apart(one: str, other: str) -> None:
    """Else a statement about one of them would be about both."""
    inventory = read_inventory({"openapi": "3.1.0", "paths": named(one, other)}, "api")
    first, second = inventory.operations
    assert (first.id, second.id) == (one, other)
    assert first.action.lower() != second.action.lower()
    assert {a.id: a.action for a in read(named(other, one))} == {
        a.id: a.action for a in (first, second)
    }, "whatever their order"
    assert not {first.action, second.action} & {a.action for a in read(named(one))}
    assert len(inventory.notes) == 2
    assert "another id is the same action" in inventory.notes[0]


@pytest.mark.parametrize("ids", [("getPet", "getPet"), ("getPet", "GetPet", "getpet")])
def test_an_id_of_several_operations_is_the_id_of_none(ids: tuple[str, ...]) -> None:
    """Which of them a policy means that names it, nobody could say."""
    inventory = read_inventory({"openapi": "3.1.0", "paths": named(*ids)}, "api")
    found = inventory.operations
    assert len({each.id.lower() for each in found}) == len(ids)
    assert len({each.action.lower() for each in found}) == len(ids)
    assert not {each.id for each in found} & {*ids}
    (alone, *_) = read(named(ids[0]))
    assert alone.action not in {each.action for each in found}
    assert "is the id of several operations, so this one is" in inventory.notes[0]


def test_two_methods_of_a_path_with_one_id_are_told_apart() -> None:
    same: Json = {"operationId": "pets"}
    assert len({each.id for each in read({"/a": {"get": same, "put": same}})}) == 2


def test_an_operation_that_names_its_action_leaves_that_of_others_alone() -> None:
    own: Json = {"operationId": "repos.get", "x-durward": {"action": "api:Other"}}
    one, other = read({"/a": {"get": {"operationId": "repos/get"}}, "/b": {"get": own}})
    assert (one.action, other.action) == ("api:Repos.get", "api:Other")


def test_operations_may_share_the_action_that_they_name_themselves() -> None:
    shared: Json = {"x-durward": {"action": "api:Read"}}
    one, other = read({"/a": {"get": shared}, "/b": {"get": shared}})
    assert one.action == other.action == "api:Read"


def test_operations_without_an_id_get_one_that_does_not_depend_on_their_order() -> None:
    paths = ("/a-b", "/a/b", "/A/B", "/a/{b}", "/a/b/", "/c", "/", "/-", "/" + "x" * 900)
    made: set[tuple[tuple[str, str], ...]] = set()
    for order in itertools.islice(itertools.permutations(paths), 0, 5_000, 500):
        found = read({path: {"get": {}} for path in order})
        assert len({each.id.lower() for each in found}) == len(paths)
        made.add(tuple(sorted((each.path, each.id) for each in found)))
    (names,) = made
    assert dict(names)["/c"] == "GetC"
    assert dict(names)["/a/b"].startswith("GetAB-")


def test_an_id_that_is_written_is_not_taken_away() -> None:
    found = read({"/b": {"get": {}}, "/a": {"get": {"operationId": "getB"}}})
    assert {each.path: each.id.partition("-")[0] for each in found} == {"/a": "getB", "/b": "GetB"}
    assert len({each.action.lower() for each in found}) == 2


def test_a_path_that_ends_in_a_slash_is_its_own() -> None:
    operations = read({"/pets": {"get": {}}, "/pets/": {"get": {}}, "/pets/{id}/": {"get": {}}})
    router = Router(Route(each.method, each.path, each.id) for each in operations)
    for path in ("/pets", "/pets/", "/pets/1/"):
        found = router.match("GET", path)
        assert found is not None
        assert found[0].template == path.replace("1", "{id}")
    assert router.match("GET", "/pets//") is None
    assert router.match("GET", "/pets/1") is None


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("a", "write `/a`"),
        ("/a//b", "a `{variable}`, or variables with text between them, and never empty"),
        ("//", "never empty"),
        ("/a#b", "literal text"),
        ("/a?b", "literal text"),
        ("/a/{x}{y}", "no text is between two variables; write `{x}` alone, whose value is all"),
        ("/a/{x}to{y}", "letters are between variables; only a sign such as `-` or `,` separates"),
        ("/a/{x}.{y}2{z}", "letters are between variables"),
        ("/a/{x.json", "never empty"),
        ("/a/:id", "a variable is written `{id}`"),
        ("/a/:/b", "a variable is written `{name}`"),
        ("/é", "literal text"),
        ("/a/*", "literal text"),
        ("/a/..", "dot segment"),
        ("/{x}/{x}", "has a variable twice"),
        ("/{id}/{ID}", "differ by case alone"),
        ("/" + "a" * 1_000, "longer than 1000"),
    ],
)
def test_what_a_path_has_to_be_is_told(path: str, told: str) -> None:
    assert told in refusal({path: {"get": {}}})


@pytest.mark.parametrize("path", ["/", "/a/", "/{_id}", "/{pet.id}/x", "/a/{b_c}/", "/v1.2/a:b/~c"])
def test_paths_as_generators_write_them_are_taken(path: str) -> None:
    (found,) = read({path: {"get": {}}})
    assert found.path == path
