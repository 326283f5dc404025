"""Remove the issuer's cookies from requests to services, and join cookies in one header."""

import re

from durward.core.authn.known_browser import KNOWN_COOKIE
from durward.core.authn.session import BROWSER_COOKIE, COOKIE
from durward.core.edge.envoy.client_headers import MUTATION
from durward.core.edge.envoy.types import Config, typed_extension
from durward.core.wire import JsonLike

OURS = f"(?:{'|'.join(map(re.escape, (COOKIE, BROWSER_COOKIE, KNOWN_COOKIE)))})"
"""The whole names: a service may choose any others for its own cookies."""
OUR_COOKIE = rf"((?:^|[;,])[ \t]*){OURS}[ \t]*=[^;]*"
"""One of them, wherever a server might find it; `,` separates headers that were joined."""
HAS_OURS = rf"(?:.*[;,])?[ \t]*{OURS}[ \t]*=.*"
JOIN = """\
function envoy_on_request(handle)
  local headers = handle:headers()
  local count = headers:getNumValues("cookie")
  if count > 1 then
    local all = {}
    for place = 0, count - 1 do
      all[place + 1] = headers:getAtIndex("cookie", place)
    end
    headers:replace("cookie", table.concat(all, "; "))
  end
end
"""


def one_header() -> Config:
    """Join several cookie headers as RFC 9113 §8.2.3 says; Envoy would write a comma.

    It is no guard: the next filter removes our cookies even from headers that are not joined.
    """
    return typed_extension(
        "envoy.filters.http.lua",
        "envoy.extensions.filters.http.lua.v3.Lua",
        {"default_source_code": {"inline_string": JOIN}},
    )


def without_our_cookies() -> Config:
    """Replace our cookies in requests to a service; the service's own stay."""
    return typed_extension(
        "envoy.filters.http.header_to_metadata",
        "envoy.extensions.filters.http.header_to_metadata.v3.Config",
        {
            "request_rules": [
                {
                    "header": "cookie",
                    "on_header_present": {
                        "metadata_namespace": "durward",
                        "key": "cookie",
                        "type": "STRING",
                        "regex_value_rewrite": {
                            "pattern": {"regex": OUR_COOKIE},
                            # Never empty: an empty value would leave the header as it was.
                            "substitution": r"\1removed-by-durward=1",
                        },
                    },
                }
            ]
        },
    )


def replace_cookie() -> list[JsonLike]:
    """Replace the cookie header by the one without our cookies."""
    value = {"key": "cookie", "value": "%DYNAMIC_METADATA(durward:cookie)%"}
    mutation: Config = {"append": {"header": value, "append_action": "OVERWRITE_IF_EXISTS"}}
    return [
        typed_extension(
            MUTATION,
            "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
            {"mutations": {"request_mutations": [mutation]}},
        )
    ]
