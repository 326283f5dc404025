"""The OpenAPI document of the decision point names what it serves, and refers to what it has."""

import json
import re

from durward.core.authzen import pdp_metadata as metadata
from durward.core.authzen.api_description import openapi_document

DOCUMENT = openapi_document("https://id.example", "1.2.3")


def test_every_endpoint_is_one_operation_with_a_name_of_its_own() -> None:
    found = DOCUMENT["paths"]
    assert set(found) == {
        metadata.EVALUATION_PATH,
        metadata.EVALUATIONS_PATH,
        metadata.SUBJECT_PATH,
        metadata.RESOURCE_PATH,
        metadata.ACTION_PATH,
    }
    assert all(list(each) == ["post"] for each in found.values())
    names = [each["post"]["operationId"] for each in found.values()]
    assert len(set(names)) == len(names)


def test_every_schema_that_is_referred_to_is_there() -> None:
    wanted = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(DOCUMENT)))
    assert wanted
    assert wanted <= set(DOCUMENT["components"]["schemas"])


def test_nobody_is_answered_who_does_not_prove_who_it_is() -> None:
    assert DOCUMENT["security"] == [{"token": []}]
    assert DOCUMENT["servers"] == [{"url": "https://id.example"}]
    assert not [each for path in DOCUMENT["paths"].values() for each in path if "security" in each]
