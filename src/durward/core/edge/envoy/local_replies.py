"""Envoy's own responses: problem documents (RFC 9457) and challenges (RFC 6750 §3)."""

from durward.core.edge.envoy.routes import header
from durward.core.edge.envoy.types import Config, typed_extension
from durward.core.wire import JsonLike

DECISION = "%REQ(x-request-id)%"
"""A decision has the id of its request: unique, chosen by Envoy, known to the whole edge."""

EARLY = "%START_TIME(%s%6f)%-%CONNECTION_ID%"
"""The id of a refusal by the parser, before there is a request with an id."""

REVOKED = "the access token was revoked"
UNKNOWN = "it is not known which tokens are revoked"

METADATA = 'resource_metadata="%METADATA(ROUTE:durward:resource_metadata)%"'


def local_replies() -> Config:
    """The mappers of local replies; the first that matches writes the response."""
    return {
        "mappers": [
            {"filter": details("== 'ext_authz_denied'")},
            refusal(
                and_filter(without_request_id(), status(431)),
                431,
                "the headers are too large",
                decision=EARLY,
            ),
            refusal(
                details("== 'overload'"),
                503,
                "the edge is overloaded",
                retry_after=1,
                decision=EARLY,
            ),
            refusal(without_request_id(), None, "the request was refused", decision=EARLY),
            refusal(
                details(".startsWith('jwt_authn_access_denied{Jwt_is_missing}')"),
                401,
                "authentication required",
                challenge=f"Bearer {METADATA}",
            ),
            refusal(
                details(".startsWith('jwt_authn_access_denied{Jwt_is_expired}')"),
                401,
                "the access token expired",
                challenge=invalid_token("The access token expired"),
            ),
            refusal(
                and_filter(status(401), details(".startsWith('jwt_authn_access_denied')")),
                401,
                "the access token is not valid",
                challenge=invalid_token("The access token is not valid"),
            ),
            refusal(
                and_filter(status(403), details(".startsWith('jwt_authn_access_denied')")),
                401,
                "the access token is for another resource",
                challenge=invalid_token("The access token is for another resource"),
            ),
            refusal(
                details(".startsWith('rbac_access_denied_matched_policy[bad-scheme')"),
                401,
                "authentication required",
                challenge=f"Bearer {METADATA}",
            ),
            refusal(
                details(".startsWith('rbac_access_denied_matched_policy[bad-form')"),
                401,
                "the access token is not valid",
                challenge=invalid_token("The access token is not valid"),
            ),
            refusal(
                details(".startsWith('rbac_access_denied_matched_policy[bad-')"),
                401,
                "the token is not an access token of this issuer",
                challenge=invalid_token("The token is not an access token of this issuer"),
            ),
            refusal(
                details(".startsWith('rbac_access_denied_matched_policy[revoked-')"),
                401,
                REVOKED,
                challenge=invalid_token("The access token was revoked"),
            ),
            refusal(
                details(".startsWith('rbac_access_denied_matched_policy[unknown-revocations')"),
                503,
                UNKNOWN,
                retry_after=1,
            ),
            refusal(
                details(".startsWith('rbac_access_denied_matched_policy[our-cookie')"),
                431,
                "the cookies are too long",
            ),
            refusal(
                details(".startsWith('rbac_access_denied_matched_policy[not-one-host')"),
                400,
                "the request does not name one host",
            ),
            refusal(details("== 'upgrade_failed'"), 501, "WebSocket is not supported"),
            refusal(status(403), 403, "not allowed"),
            refusal(status(404), 404, "no such operation"),
            refusal(status(408), 408, "the request took too long to arrive"),
            refusal(status(413), 413, "the body is too large"),
            refusal(status(421), 421, "this connection is for another host"),
            refusal(status(429), 429, "too many requests", retry_after=1),
            refusal(details("== 'ext_authz_error'"), 503, "no decision can be made", retry_after=1),
            refusal(status(503), 503, "the service does not answer", retry_after=1),
            refusal(status(504), 504, "the service did not answer in time"),
            refusal(at_least(500), None, "something went wrong"),
            refusal(at_least(400), None, "the request was refused"),
        ]
    }


def refusal(
    condition: Config,
    code: int | None,
    title: str,
    *,
    challenge: str | None = None,
    retry_after: int | None = None,
    decision: str = DECISION,
) -> Config:
    """A problem document with the decision's id; `code` None keeps the status."""
    headers: list[JsonLike] = [
        header("durward-decision", f"d_{decision}"),
        header("cache-control", "no-store"),
    ]
    if challenge:
        headers.append(header("www-authenticate", challenge))
    if retry_after:
        headers.append(header("retry-after", str(retry_after)))
    mapper: Config = {
        "filter": condition,
        "headers_to_add": headers,
        "body_format_override": {
            "json_format": {
                "type": "about:blank",
                "title": title,
                "status": code or "%RESPONSE_CODE%",
                "decision": f"d_{decision}",
            },
            "content_type": "application/problem+json",
        },
    }
    return {**mapper, "status_code": code} if code else mapper


def invalid_token(description: str) -> str:
    """The challenge for a token that is not valid (RFC 6750 §3.1)."""
    return f'Bearer error="invalid_token", error_description="{description}", {METADATA}'


def without_request_id() -> Config:
    """The parser refused the request before it had an id."""
    present: Config = {"name": "x-request-id", "present_match": True, "invert_match": True}
    return {"header_filter": {"header": present}}


def and_filter(*conditions: Config) -> Config:
    """All conditions hold."""
    return {"and_filter": {"filters": list(conditions)}}


def status(code: int) -> Config:
    """The status of the response is `code`."""
    return compare("EQ", code)


def at_least(code: int) -> Config:
    """The status of the response is `code` or above."""
    return compare("GE", code)


def compare(operator: str, code: int) -> Config:
    """A comparison of the status. The runtime key names a switch that is never set."""
    value: Config = {"default_value": code, "runtime_key": "durward.unset"}
    return {"status_code_filter": {"comparison": {"op": operator, "value": value}}}


def details(condition: str) -> Config:
    """A condition on Envoy's response code details."""
    return {
        "extension_filter": typed_extension(
            "cel",
            "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
            {"expression": f"response.code_details{' ' if condition[0] == '=' else ''}{condition}"},
        )
    }
