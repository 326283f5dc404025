"""Whatever stands in a line of an import or in a hash: it is read, or refused by ValueError."""

import json

from hypothesis import given
from hypothesis import strategies as st

from durward.core.people.import_line import COLUMNS, imported_person, line_of_json, line_of_row
from durward.core.people.password_hash import (
    MAX_MEMORY_BYTES,
    MAX_SECONDS,
    PasswordHash,
    parse_keycloak_credential,
    parse_password_hash,
)

NUMBERS = st.one_of(st.integers(-1, 40), st.integers(0, 10**12)).map(str) | st.just("")
PIECES = st.one_of(
    st.sampled_from(
        [
            *("argon2id", "argon2i", "argon2d", "2a", "2b", "2y", "scrypt", "pbkdf2", "argon2"),
            *("pbkdf2-sha256", "pbkdf2-sha512", "pbkdf2_sha256", "pbkdf2_sha1", "bcrypt", "v=19"),
            *("A" * 22, "A" * 43, "." * 53, "+/8", "a.b", "AA=="),
        ]
    ),
    NUMBERS,
    st.tuples(NUMBERS, NUMBERS, NUMBERS).map(lambda n: f"m={n[0]},t={n[1]},p={n[2]}"),
    st.tuples(NUMBERS, NUMBERS, NUMBERS).map(lambda n: f"ln={n[0]},r={n[1]},p={n[2]}"),
    st.text(max_size=5),
)
TEXTS = st.lists(PIECES, max_size=7).flatmap(
    lambda parts: st.sampled_from(["$" + "$".join(parts), "$".join(parts)])
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def check(found: PasswordHash) -> None:
    assert found.seconds <= MAX_SECONDS
    assert found.memory_bytes <= MAX_MEMORY_BYTES
    assert parse_password_hash(found.text) == found
    assert parse_password_hash(found.kind).kind == found.kind


@given(TEXTS | st.text())
def test_a_hash_is_read_within_bounds_or_refused(text: str) -> None:
    try:
        found = parse_password_hash(text)
    except ValueError:
        return
    check(found)


@given(
    st.sampled_from(["", "A" * 43 + "=", "AAAAAAAAAAAAAAAAAAAAAA==", "*"]),
    st.sampled_from(["argon2", "pbkdf2", "pbkdf2-sha256", "pbkdf2-sha512", "bcrypt"]),
    st.integers(-1, 10**11) | st.text(max_size=3) | st.none(),
    JSON
    | st.fixed_dictionaries(
        {"memory": st.lists(NUMBERS, max_size=2), "parallelism": st.lists(NUMBERS, max_size=2)}
    ),
)
def test_a_credential_of_keycloak_is_read_within_bounds_or_refused(
    value: str, algorithm: str, iterations: object, more: object
) -> None:
    told = {"algorithm": algorithm, "hashIterations": iterations, "additionalParameters": more}
    try:
        found = parse_keycloak_credential(
            json.dumps({"value": value, "salt": value}), json.dumps(told)
        )
    except ValueError:
        return
    check(found)


@given(st.dictionaries(st.sampled_from(COLUMNS) | st.text(max_size=4), JSON), st.text(max_size=3))
def test_a_line_of_json_is_a_person_or_refused(members: dict[str, object], tenant: str) -> None:
    try:
        found = imported_person(line_of_json(json.dumps(members).encode()), tenant)
    except ValueError:
        return
    assert list(found.person.problems()) == []
    assert found.person.tenant


@given(st.dictionaries(st.sampled_from(COLUMNS), TEXTS | st.text(max_size=12)))
def test_a_row_of_csv_is_a_person_or_refused(row: dict[str, str]) -> None:
    try:
        found = imported_person(line_of_row(row), "acme")
    except ValueError:
        return
    assert list(found.person.problems()) == []
