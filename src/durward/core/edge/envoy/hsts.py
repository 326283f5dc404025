"""HTTP Strict Transport Security (RFC 6797): browsers use TLS for this host from now on."""

from durward.core.edge.envoy.types import Config, typed_extension
from durward.core.wire import JsonLike

MAX_AGE_SECONDS = 31_536_000
LOOPBACK = r"(?i)(?:(?:.*\.)?localhost|127\.[0-9.]+|\[::1\])\.?(?::[0-9]*)?"
"""Hosts of this machine: what one program there asks for would hold for all others, whatever their
port (RFC 6797 §8.3)."""


def hsts() -> Config:
    """Every response has the header, except at hosts of this machine; one of a service stays.

    Not for subdomains: the edge does not know who has them (RFC 6797 §6.1.2). It is added where the
    host is seen to be another one: what is refused before that has none, as it may be for this
    machine.
    """
    header: Config = {
        "key": "strict-transport-security",
        "value": f"max-age={MAX_AGE_SECONDS}",
    }
    mutations: list[JsonLike] = [{"append": {"header": header, "append_action": "ADD_IF_ABSENT"}}]
    mutation = typed_extension(
        "envoy.filters.http.header_mutation",
        "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
        {"mutations": {"response_mutations": mutations}},
    )
    add = typed_extension(
        "add",
        "envoy.extensions.filters.http.composite.v3.ExecuteFilterAction",
        {"typed_config": mutation},
    )
    composite = typed_extension(
        "composite", "envoy.extensions.filters.http.composite.v3.Composite", {}
    )
    host = typed_extension(
        "host",
        "envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
        {"header_name": ":authority"},
    )
    of_this_machine: Config = {"safe_regex": {"google_re2": {}, "regex": LOOPBACK}}
    elsewhere: Config = {
        "not_matcher": {"single_predicate": {"input": host, "value_match": of_this_machine}}
    }
    matchers: list[JsonLike] = [{"predicate": elsewhere, "on_match": {"action": add}}]
    return typed_extension(
        "durward.hsts",
        "envoy.extensions.common.matching.v3.ExtensionWithMatcher",
        {
            "extension_config": composite,
            "xds_matcher": {"matcher_list": {"matchers": matchers}},
        },
    )
