"""Anything at all as a question: an error that says what is wrong, or a decision."""

import contextlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.people import people_of
from tests.records import configuration

from durward.core.api import scopes_of
from durward.core.authzen.question import Directory, UnknownEntity
from durward.core.authzen.requests import ActionSearch, Batch, Evaluation, read_batch, read_body
from durward.core.errors import ProtocolError
from durward.core.policy.engine.bundle import compile_bundle
from durward.core.values import Instant

CONFIGURATION = configuration()
POLICIES = compile_bundle(CONFIGURATION.bundle, scopes_of(CONFIGURATION.apis.values()))
DIRECTORY = Directory(
    CONFIGURATION, ("records",), Instant(1_800_000_000_000_000), people_of(CONFIGURATION)
)
NAMES = [
    *("subject", "action", "resource", "context", "evaluations", "type", "id", "name"),
    *("properties", "tenant", "status", "durward:Scopes", "durward:ClientId", "page", "options"),
]
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["user", "record", "read", "bob", "record-1", "acme", "*", "..", "archived"])
)
values: st.SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)
properties = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), values, max_size=4)


@given(st.binary() | values.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_a_question_or_refused(body: bytes) -> None:
    for shape in (Evaluation, Batch, ActionSearch):
        with contextlib.suppress(ProtocolError):
            assert isinstance(read_body(body, shape), shape)
    with contextlib.suppress(ProtocolError):
        read_batch(body)


@given(
    id=st.text(min_size=1) | st.sampled_from(["record-1", "record-2"]),
    told=properties,
    person=properties,
    context=properties,
)
def test_nothing_that_is_told_lets_bob_write_what_is_not_archived(
    id: str, told: dict[str, Any], person: dict[str, Any], context: dict[str, Any]
) -> None:
    body = json.dumps(
        {
            "subject": {"type": "user", "id": "bob", "properties": person},
            "action": {"name": "write"},
            "resource": {"type": "record", "id": id, "properties": told},
            "context": context,
        }
    ).encode()
    with contextlib.suppress(ProtocolError):
        request = DIRECTORY.request(read_body(body, Evaluation))
        if isinstance(request, UnknownEntity) or not POLICIES.evaluate(request).allowed:
            return
        declared = CONFIGURATION.objects["records"].get(f"record/{id}")
        facts = declared.attributes if declared else told
        assert facts["status"] == "archived"
        assert (declared.tenant if declared else told["tenant"]) == "acme"
