"""The OpenAPI document of the decision point, made from the types that parse its requests."""

from typing import Any

import msgspec

from durward.core.authzen import pdp_metadata
from durward.core.authzen.requests import (
    ActionSearch,
    Batch,
    Evaluation,
    ResourceSearch,
    SubjectSearch,
)

ENDPOINTS: dict[str, tuple[str, str, type, str]] = {
    pdp_metadata.EVALUATION_PATH: ("Evaluate", "Decide one request", Evaluation, "Decision"),
    pdp_metadata.EVALUATIONS_PATH: ("EvaluateMany", "Decide several requests", Batch, "Decisions"),
    pdp_metadata.SUBJECT_PATH: ("SearchSubjects", "Who may do it", SubjectSearch, "Results"),
    pdp_metadata.RESOURCE_PATH: ("SearchResources", "To what", ResourceSearch, "Results"),
    pdp_metadata.ACTION_PATH: ("SearchActions", "What may be done", ActionSearch, "Results"),
}
OBJECT: dict[str, Any] = {"type": "object"}
DECISION = {
    "type": "object",
    "required": ["decision"],
    "properties": {"decision": {"type": "boolean"}, "context": OBJECT},
}
ANSWERS: dict[str, Any] = {
    "Decision": DECISION,
    "Decisions": {
        "oneOf": [
            {"$ref": "#/components/schemas/Decision"},
            {
                "type": "object",
                "required": ["evaluations"],
                "properties": {
                    "evaluations": {
                        "type": "array",
                        "items": {"$ref": "#/components/schemas/Decision"},
                    }
                },
            },
        ]
    },
    "Results": {
        "type": "object",
        "required": ["results"],
        "properties": {
            "results": {"type": "array", "items": OBJECT},
            "page": {"type": "object", "properties": {"next_token": {"type": "string"}}},
        },
    },
}


def openapi_document(issuer: str, version: str) -> dict[str, Any]:
    """The document, in OpenAPI 3.1."""
    shapes = [shape for _, _, shape, _ in ENDPOINTS.values()]
    _, schemas = msgspec.json.schema_components(shapes, ref_template="#/components/schemas/{name}")
    return {
        "openapi": "3.1.0",
        "info": {"title": "Durward: decisions (AuthZEN 1.0)", "version": version},
        "servers": [{"url": issuer}],
        "security": [{"token": []}],
        "paths": {path: {"post": _operation(*told)} for path, told in ENDPOINTS.items()},
        "components": {
            "schemas": {**schemas, **ANSWERS},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(name: str, summary: str, shape: type, answer: str) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "requestBody": {"required": True, "content": _json(shape.__name__)},
        "responses": {
            "200": {"description": "the answer; a denial is one too", "content": _json(answer)},
            "400": {"description": "what was asked cannot be read"},
            "401": {"description": "the caller did not prove who it is"},
        },
    }


def _json(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
