"""Envoy's own refusals as JSON lines; a decision point records its decisions in its own spool."""

from durward.core.edge.envoy.filters import CLAIM_HEADERS, SOURCE_ADDRESS
from durward.core.edge.envoy.local_replies import DECISION, EARLY
from durward.core.edge.envoy.types import Config, typed_extension
from durward.core.host import MAX_RECORDED_HOST_CHARACTERS

FIELDS: dict[str, str] = {
    "at": "%START_TIME(%s%6f)%",
    "id": DECISION,
    "early_id": EARLY,
    "allowed": "%REQ(durward-decision)%",
    "method": "%REQ(:method)%",
    "path": "%PATH(NQ)%",
    "host": f"%REQ(:authority):{MAX_RECORDED_HOST_CHARACTERS}%",
    "template": "%METADATA(ROUTE:durward:path)%",
    "api": "%METADATA(ROUTE:durward:api)%",
    "operation": "%METADATA(ROUTE:durward:operation)%",
    "action": "%METADATA(ROUTE:durward:action)%",
    "status": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "source": SOURCE_ADDRESS,
    **{claim: f"%REQ({header})%" for claim, header in CLAIM_HEADERS.items()},
}


def access_log(path: str) -> Config:
    """The log of refusals; paths without their query, no header that could hold a secret."""
    others = "['via_upstream', 'ext_authz_denied']"
    mine = f"response.code >= 400 && !(response.code_details in {others})"
    return {
        "filter": {
            "extension_filter": typed_extension(
                "cel",
                "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                {"expression": mine},
            )
        },
        **typed_extension(
            "envoy.access_loggers.file",
            "envoy.extensions.access_loggers.file.v3.FileAccessLog",
            {"path": path, "log_format": {"json_format": FIELDS}},
        ),
    }
