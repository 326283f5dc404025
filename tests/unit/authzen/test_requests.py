"""What an enforcement point asks: read as it is meant, or refused with what is wrong."""

import json
from typing import Any

import pytest

from durward.core.authzen.page import paged
from durward.core.authzen.requests import (
    MAX_BODY_BYTES,
    MAX_EVALUATIONS,
    Evaluation,
    Page,
    ResourceSearch,
    Semantic,
    SubjectSearch,
    read_batch,
    read_body,
)
from durward.core.errors import ErrorCode, ProtocolError

ANN = {"type": "user", "id": "ann"}
READ = {"name": "read"}
FIRST = {"type": "record", "id": "1"}
SECOND = {"type": "record", "id": "2"}
ASKED = {"subject": ANN, "action": READ, "resource": FIRST}


def sent(body: Any) -> bytes:
    return json.dumps(body).encode()


def test_a_question_has_a_subject_an_action_a_resource_and_circumstances() -> None:
    asked = {**ASKED, "context": {"a": 1}, "later": True}
    found = read_body(sent(asked), Evaluation)
    assert (found.subject.id, found.action.name, found.resource.id) == ("ann", "read", "1")
    assert found.context == {"a": 1}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"subject": ',
        b'{"subject": {"type": "user", "id": "ann"}, "subject": {"type": "user", "id": "bob"}}',
        sent({**ASKED, "subject": "ann"}),
        sent({**ASKED, "subject": {"type": "user", "id": ""}}),
        sent({**ASKED, "subject": {"type": "user", "id": 7}}),
        sent({**ASKED, "resource": {**FIRST, "properties": []}}),
        sent({**ASKED, "context": None}),
        sent({"subject": ANN, "action": READ}),
        b" " * (MAX_BODY_BYTES + 1),
        b'{"subject":' * 20_000,
    ],
)
def test_what_is_missing_double_or_of_another_type_is_refused(body: bytes) -> None:
    for shape in (Evaluation, ResourceSearch):
        with pytest.raises(ProtocolError) as caught:
            read_body(body, shape)
        assert caught.value.code is ErrorCode.INVALID_REQUEST


def test_an_evaluation_says_otherwise_as_a_whole() -> None:
    shared = {**ASKED, "context": {"a": 1, "b": 2}}
    own = [{}, {"context": {"a": 3}}, {"resource": SECOND}]
    _, (first, second, third) = read_batch(sent({**shared, "evaluations": own}))
    assert isinstance(first, Evaluation)
    assert first.context == {"a": 1, "b": 2}
    assert isinstance(second, Evaluation)
    assert second.context == {"a": 3}
    assert isinstance(third, Evaluation)
    assert third.resource.id == "2"


def test_an_evaluation_that_cannot_be_read_leaves_the_others() -> None:
    own = [{"resource": FIRST}, {}, {"resource": {"type": "record"}}]
    asked = {"subject": ANN, "action": READ, "evaluations": own}
    _, found = read_batch(sent(asked))
    assert [type(one) for one in found] == [Evaluation, ProtocolError, ProtocolError]


def test_a_batch_is_bounded_and_says_when_it_ends() -> None:
    batch, _ = read_batch(
        sent({**ASKED, "options": {"evaluations_semantic": "deny_on_first_deny", "x": 1}})
    )
    assert batch.options.evaluations_semantic is Semantic.UNTIL_DENY
    for wrong in (
        {**ASKED, "evaluations": [{}] * (MAX_EVALUATIONS + 1)},
        {**ASKED, "evaluations": {}},
        {**ASKED, "evaluations": [1]},
        {**ASKED, "options": {"evaluations_semantic": "sometimes"}},
    ):
        with pytest.raises(ProtocolError):
            read_batch(sent(wrong))


def test_what_is_searched_for_needs_no_id() -> None:
    found = read_body(sent({**ASKED, "subject": {"type": "user", "id": 7}}), SubjectSearch)
    assert found.subject.type == "user"
    wrong: list[Any] = [{"limit": 0}, {"limit": "1"}, {"token": 1}, []]
    for page in wrong:
        with pytest.raises(ProtocolError):
            read_body(sent({**ASKED, "page": page}), SubjectSearch)


def test_pages_together_are_all_results_once() -> None:
    names = [f"n{place:02}" for place in range(20)]
    looked: list[str] = []

    def is_found(name: str) -> bool:
        looked.append(name)
        return int(name[1:]) % 3 == 0

    token, pages = "", []
    while True:
        found, token = paged(names, Page(limit=2, token=token), is_found)
        pages.append(found)
        if not token:
            break
    assert [name for page in pages for name in page] == [
        name for name in names if int(name[1:]) % 3 == 0
    ]
    assert [len(page) for page in pages] == [2, 2, 2, 1]
    assert looked.count("n00") == 1, "what stands before a page is not asked again"


@pytest.mark.parametrize("token", ["<next_token>", "=", "_w", "é"])
def test_a_token_that_is_none_of_ours_begins_anew(token: str) -> None:
    assert paged(["a"], Page(token=token), lambda _: True) == (["a"], "")
