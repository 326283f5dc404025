"""The endpoints for decisions, and their metadata (Authorization API 1.0 §9, §10)."""

from typing import Final

from durward.core.wire import JsonLike

ACCESS_PATH: Final = "/access/v1"
"""The path below the issuer: the resource of the tokens of enforcement points."""
CONFIGURATION_PATH: Final = "/.well-known/authzen-configuration"
OPENAPI_PATH: Final = f"{ACCESS_PATH}/openapi.json"
EVALUATION_PATH: Final = f"{ACCESS_PATH}/evaluation"
EVALUATIONS_PATH: Final = f"{ACCESS_PATH}/evaluations"
SUBJECT_PATH: Final = f"{ACCESS_PATH}/search/subject"
RESOURCE_PATH: Final = f"{ACCESS_PATH}/search/resource"
ACTION_PATH: Final = f"{ACCESS_PATH}/search/action"
RESOURCE_METADATA_PATH: Final = f"/.well-known/oauth-protected-resource{ACCESS_PATH}"

DOCUMENTS: Final = (CONFIGURATION_PATH, RESOURCE_METADATA_PATH, OPENAPI_PATH)
"""What is in memory and public: it is answered to GET and HEAD, and has no budget."""

SURFACE: Final[tuple[tuple[str, str], ...]] = (
    *((method, path) for path in DOCUMENTS for method in ("GET", "HEAD")),
    ("POST", EVALUATION_PATH),
    ("POST", EVALUATIONS_PATH),
    ("POST", SUBJECT_PATH),
    ("POST", RESOURCE_PATH),
    ("POST", ACTION_PATH),
)
"""The method and path of every endpoint for enforcement points."""


def metadata(issuer: str) -> dict[str, JsonLike]:
    """The metadata of the decision point (§9.1): only endpoints that it has."""
    return {
        "policy_decision_point": issuer,
        "access_evaluation_endpoint": issuer + EVALUATION_PATH,
        "access_evaluations_endpoint": issuer + EVALUATIONS_PATH,
        "search_subject_endpoint": issuer + SUBJECT_PATH,
        "search_resource_endpoint": issuer + RESOURCE_PATH,
        "search_action_endpoint": issuer + ACTION_PATH,
    }
