"""Laws of reading OpenAPI documents: nothing that is spelled wrong opens a door."""

import contextlib
import copy
import itertools
from collections.abc import Iterator

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.depth import depth

from durward.core.openapi.faults import DocumentRefused
from durward.core.openapi.operations import Operation, read_inventory
from durward.core.openapi.references import bundled
from durward.core.policy.language.source import _Bounds, _Builder, _events
from durward.core.wire import Json

SCOPES = ("read", "write", "admin")
HELD = [frozenset(some) for n in range(4) for some in itertools.combinations(SCOPES, n)]
TOKENS, OTHERS = ("oauth", "bearer"), ("key", "basic")
SCHEMES: dict[str, Json] = {
    "oauth": {"type": "oauth2", "flows": {"implicit": {"scopes": {"read": ""}}}},
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "name": "k", "in": "query"},
    "basic": {"type": "http", "scheme": "basic"},
}
GOOD: dict[str, Json] = {
    "openapi": "3.1.0",
    "security": [{"oauth": ["admin"]}],
    "components": {
        "securitySchemes": SCHEMES,
        "x": {"id": {"name": "id", "in": "path", "required": True}},
    },
    "x-get": {"security": [{"oauth": ["write"]}], "x-durward": {"resource": "thing/one"}},
    "paths": {
        "/default": {"get": {}},
        "/one/{id}": {
            "parameters": [{"$ref": "#/components/x/id"}],
            "get": {"security": [{"oauth": ["admin"]}], "x-durward": {"resource": "thing/{id}"}},
            "put": {"security": [{"oauth": ["read", "write"]}, {"bearer": ["admin"]}]},
            "post": {"security": [{"key": []}, {"oauth": ["admin"], "basic": []}]},
        },
        "/by-reference": {"get": {"$ref": "#/x-get"}},
        "/by-file": {"get": {"$ref": "ops.yaml"}},
    },
}
WATCHED = {"security", "x-durward", "$ref", "parameters", "securitySchemes"}

texts = st.sampled_from((*SCOPES, *TOKENS, *OTHERS, "", "other", "a b", "#/x-get", "#/paths"))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | texts,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(texts, inside, max_size=3),
    max_leaves=8,
)
likely = st.lists(
    st.dictionaries(
        st.sampled_from((*TOKENS, *OTHERS, "other")),
        st.lists(st.sampled_from(SCOPES), max_size=2),
        max_size=2,
    ),
    max_size=3,
)


def load(_: str) -> Json:
    return {"security": [{"bearer": ["read", "admin"]}]}


def read(document: Json) -> dict[tuple[str, str], Operation]:
    found = read_inventory(bundled(document, "openapi.yaml", load), "api").operations
    return {(each.method, each.path): each for each in found}


BEFORE = read(GOOD)


def is_as_specified(security: Json) -> bool:
    """OpenAPI 3.1.1 §4.8.30, written down once more and as plainly as can be."""
    return isinstance(security, list) and all(
        isinstance(one, dict)
        and all(
            name in SCHEMES
            and isinstance(listed, list)
            and all(isinstance(scope, str) and scope and " " not in scope for scope in listed)
            and (name in TOKENS or not listed)
            for name, listed in one.items()
        )
        for one in security
    )


def lets_in(security: Json, held: frozenset[str]) -> bool:
    """Whether a token gets in, by an alternative about tokens, or where there is none."""
    assert isinstance(security, list)
    alternatives = [one for one in security if isinstance(one, dict)]
    about_tokens = [one for one in alternatives if not one or set(one) & set(TOKENS)]
    return not about_tokens or any(
        {str(scope) for listed in one.values() if isinstance(listed, list) for scope in listed}
        <= held
        or not one
        for one in about_tokens
    )


@given(values | likely, st.booleans())
@settings(max_examples=depth(200, long=400))
def test_security_means_what_is_specified_or_is_refused(security: Json, of_all: bool) -> None:
    operation: Json = {} if of_all else {"security": security}
    document: dict[str, Json] = {**GOOD, "paths": {"/a": {"get": operation}}}
    if of_all:
        document["security"] = security
    try:
        (found,) = read(document).values()
    except DocumentRefused:
        assert not is_as_specified(security)
        return
    assert is_as_specified(security)
    assert isinstance(security, list)
    assert found.public == (not security or {} in security)
    for held in HELD:
        assert found.allows_scopes(held) == lets_in(security, held)


def places(
    value: Json, *, watched: bool = False, above: tuple[str | int, ...] = ()
) -> Iterator[tuple[str | int, ...]]:
    """Where a value stands below a member that restricts."""
    if watched:
        yield above
    if isinstance(value, dict):
        for name, inside in value.items():
            yield from places(inside, watched=watched or name in WATCHED, above=(*above, name))
    elif isinstance(value, list):
        for number, inside in enumerate(value):
            yield from places(inside, watched=watched, above=(*above, number))


PLACES = [*places(GOOD)]


@given(st.sampled_from(PLACES), values)
@settings(max_examples=depth(300, long=600))
def test_a_change_is_refused_or_as_specified_or_takes_nothing_away(
    place: tuple[str | int, ...], value: Json
) -> None:
    document = copy.deepcopy(GOOD)
    inside: Json = document
    for name in place[:-1]:
        inside = inside[name]  # type: ignore[index]
    inside[place[-1]] = value  # type: ignore[index]
    try:
        found = read(document)
    except DocumentRefused:
        return
    if "security" in place:  # it is as specified, and may say less than before
        above = place[: place.index("security") + 1]
        changed: Json = document
        for name in above:
            changed = changed[name]  # type: ignore[index]
        assert is_as_specified(changed)
        return
    if "$ref" in place:  # it leads to something else that is whole
        assert value == "#/x-get"
        return
    for key, before in BEFORE.items():
        after = found[key]
        assert before.public or not after.public
        for held in HELD:
            assert before.allows_scopes(held) or not after.allows_scopes(held)


@st.composite
def misspelled(draw: st.DrawFn, name: str) -> str:
    """A name with one letter more, less, another, or in another case."""
    place = draw(st.integers(0, len(name) - 1))
    letter = draw(st.sampled_from("abcdefsuwxyz-_ "))
    kind = draw(st.integers(0, 4))
    return {
        0: name[:place] + name[place + 1 :],
        1: name[:place] + letter + name[place:],
        2: name[:place] + letter + name[place + 1 :],
        3: name[:place] + name[place].swapcase() + name[place + 1 :],
        4: name.upper(),
    }[kind]


@given(
    st.sampled_from(["security", "x-durward"]).flatmap(
        lambda n: st.tuples(st.just(n), misspelled(n))
    )
)
def test_a_misspelled_member_of_an_operation_is_refused(names: tuple[str, str]) -> None:
    right, wrong = names
    if wrong == right:
        return
    operation: dict[str, Json] = {wrong: [{"oauth": ["admin"]}] if right == "security" else {}}
    try:
        read({**GOOD, "paths": {"/a": {"get": operation}}})
    except DocumentRefused:
        return
    assert wrong.startswith("x-"), wrong


@given(values)
@settings(max_examples=depth(150, long=300))
def test_whatever_a_document_is_it_is_read_or_refused(value: Json) -> None:
    documents: list[Json] = [
        value,
        {**GOOD, "paths": value},
        {**GOOD, "components": value},
        {**GOOD, "servers": value},
        {**GOOD, "paths": {"/a": value}},
        {**GOOD, "paths": {"/a": {"get": value}}},
        {**GOOD, "paths": {"/a": {"get": {"x-durward": value, "operationId": value}}}},
        {**GOOD, "paths": {"/a": {"get": {"parameters": [value], "servers": [value]}}}},
    ]
    for document in documents:
        with contextlib.suppress(DocumentRefused):
            assert read(document)


@given(st.text(st.sampled_from("ab:-[]{}, \n'\"#|>01.e!&*?~\t"), max_size=24))
@settings(max_examples=depth(300, long=600))
def test_what_both_readers_of_yaml_read_is_the_same(text: str) -> None:
    read_by: list[Json] = []
    for loader in (yaml.CSafeLoader, yaml.SafeLoader):
        try:
            read_by.append(_Builder(_Bounds(32, 1_000)).read(_events(text, loader)))
        except yaml.YAMLError:
            return
    assert read_by[0] == read_by[1]
