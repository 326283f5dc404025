"""Documents as generators wrote them, of small services: read, and proposed for."""

import json
from pathlib import Path

import pytest

from durward.core.openapi.operations import read_inventory
from durward.core.openapi.proposal import proposed

DOCUMENTS = Path(__file__).parents[2] / "documents"
ACTIONS = {
    "drf-spectacular": ["TasksList", "TasksRetrieve", "TasksDestroy"],
    "fastapi": ["Health", "ListBooks", "ReadBook", "DeleteBook"],
    "springdoc": [
        *("List", "Create", "Receipt", "Get", "Change", "Status", "Download", "Report"),
        *("Any", "Any1"),
    ],
    "swag-converted": ["GetBooks", "PostBooks", "GetBook", "PutBooksIdCover", "GetHealth"],
    "swagger-jsdoc": ["ListNotes", "GetNote", "DeleteNote"],
}


@pytest.mark.parametrize("generator", ACTIONS)
def test_a_document_of_a_generator_is_taken(generator: str) -> None:
    document = json.loads((DOCUMENTS / f"{generator}.json").read_text())
    found = read_inventory(document, "api").operations
    assert [each.action for each in proposed("api", "api", found)] == [
        f"api:{name}" for name in ACTIONS[generator]
    ]
    assert not any(each.public for each in found)


def test_every_document_is_tested() -> None:
    assert {path.stem for path in DOCUMENTS.iterdir()} == {*ACTIONS}
