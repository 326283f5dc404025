"""Revocations as maps that Envoy looks up by the headers with verified claims.

A map over the token's metadata would validate, load, and never match. An entry that allows ends the
search, so only the last map of a filter may have such entries; subjects and clients both need them,
so each has a pair of filters, each in its own file: a `base` and a `delta`. Each has a canary that
is always revoked, so that a request that must be refused proves a push.
"""

from collections.abc import Iterable

from durward.core.edge.envoy.bootstrap import source
from durward.core.edge.envoy.filters import CLAIM_HEADERS
from durward.core.edge.envoy.types import JWT, Config, claim, discovery, message, typed_extension
from durward.core.edge.revocation import Revocation, RevocationKind, RevokedTokens
from durward.core.values import numeric_date

RBAC = "envoy.extensions.filters.http.rbac.v3.RBAC"
BASE, DELTA = "revoked-base", "revoked-delta"
CLIENTS_BASE, CLIENTS_DELTA = "revoked-clients-base", "revoked-clients-delta"
OF_ALL = (RevocationKind.SESSION, RevocationKind.GRANT, RevocationKind.SUBJECT)
OF_CLIENTS = (RevocationKind.SESSION, RevocationKind.CLIENT)
KINDS = {BASE: OF_ALL, DELTA: OF_ALL, CLIENTS_BASE: OF_CLIENTS, CLIENTS_DELTA: OF_CLIENTS}
"""The maps of each filter, in order. Filters of clients have sessions for the canary only."""

FILTERS = tuple(KINDS)
FOREVER = 1e15

REFUSED_BEFORE = {RevocationKind.SUBJECT: "revoked-before", RevocationKind.CLIENT: "revoked-client"}
"""Kinds for which only earlier tokens are refused, with the name in Envoy's response details."""

CLAIMS = {
    RevocationKind.SESSION: "sid",
    RevocationKind.GRANT: "grant",
    RevocationKind.SUBJECT: "sub",
    RevocationKind.CLIENT: "client_id",
}


def canary_session(name: str) -> str:
    """The session of the canary that this filter always refuses."""
    return f"canary-{name}"


def discovered(name: str, folder: str) -> Config:
    """The filter in the chain; its configuration is in its file."""
    return {
        "name": name,
        "config_discovery": {
            "config_source": source(folder, name),
            "type_urls": [f"type.googleapis.com/{RBAC}"],
        },
    }


def in_place(name: str) -> Config:
    """The filter with an empty configuration, for validation."""
    return typed_extension(name, RBAC, rules(name, ()))


def files(revoked: RevokedTokens | None) -> dict[str, Config]:
    """The resource files, bases first, so that an entry moving from a delta is never missing.

    If revocations are not known (None), the delta refuses every token. It is replaced last: when it
    lets tokens pass again, all others are in force.
    """
    known = RevokedTokens() if revoked is None else revoked
    found = {
        name: file(name, rules(name, entries))
        for names, entries in (
            ((BASE, CLIENTS_BASE), known.base),
            ((CLIENTS_DELTA, DELTA), known.delta),
        )
        for name in names
    }
    return found if revoked is not None else {**found, DELTA: file(DELTA, no_token())}


def file(name: str, content: Config) -> Config:
    """The resource file of a filter."""
    kind = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"
    resource: Config = {"@type": kind, **typed_extension(name, RBAC, content)}
    return discovery(resource)


def no_token() -> Config:
    """Refuse every request with a token; requests without one pass."""
    sent: Config = {
        "single_predicate": {
            "input": header_input("authorization"),
            "value_match": {"safe_regex": {"google_re2": {}, "regex": ".*"}},
        }
    }
    unknown: Config = {"predicate": sent, "on_match": action("unknown-revocations", "DENY")}
    return {
        "rules_stat_prefix": f"{DELTA}_",
        "matcher": {
            "matcher_list": {"matchers": [unknown]},
            "on_no_match": action("no-token", "ALLOW"),
        },
    }


def rules(name: str, entries: Iterable[Revocation]) -> Config:
    """One map for each kind of the filter, in order; a request that is in none passes.

    Only the last map may have entries that allow: an earlier one would skip the rest.
    """
    by_kind: dict[RevocationKind, dict[str, Config]] = {
        RevocationKind.SESSION: {canary_session(name): action("revoked-session", "DENY")}
    }
    of_clients = KINDS[name] is OF_CLIENTS
    for entry in entries:
        if entry.kind in KINDS[name] and not (of_clients and entry.kind is RevocationKind.SESSION):
            by_kind.setdefault(entry.kind, {})[entry.value] = verdict(entry)
    chain = action("not-revoked", "ALLOW")
    for kind in reversed(KINDS[name]):
        if kind in by_kind:
            chain = {
                "matcher": {
                    "matcher_tree": {
                        "input": header_input(CLAIM_HEADERS[CLAIMS[kind]]),
                        "exact_match_map": {"map": by_kind[kind]},
                    },
                    "on_no_match": chain,
                }
            }
    return {"rules_stat_prefix": f"{name}_", "matcher": chain["matcher"]}


def verdict(entry: Revocation) -> Config:
    """Denied for good, or unless the token was issued in a later second than the revocation."""
    if entry.kind not in REFUSED_BEFORE:
        return action(f"revoked-{entry.kind}", "DENY")
    later = {"range": {"start": numeric_date(entry.at) + 1, "end": FOREVER}}
    issued = message(
        "envoy.extensions.matching.common_inputs.network.v3.DynamicMetadataInput",
        {"filter": JWT, "path": claim("iat")},
    )
    number = message(
        "envoy.extensions.matching.input_matchers.metadata.v3.Metadata",
        {"value": {"double_match": later}},
    )
    return {
        "matcher": {
            "matcher_list": {
                "matchers": [
                    {
                        "predicate": {
                            "single_predicate": {
                                "input": {"name": "issued", "typed_config": issued},
                                "custom_match": {"name": "later", "typed_config": number},
                            }
                        },
                        "on_match": action("issued-later", "ALLOW"),
                    }
                ]
            },
            "on_no_match": action(REFUSED_BEFORE[entry.kind], "DENY"),
        }
    }


def action(name: str, what: str) -> Config:
    """An action with the name that appears in Envoy's response details."""
    return {
        "action": typed_extension(
            "action", "envoy.config.rbac.v3.Action", {"name": name, "action": what}
        )
    }


def header_input(name: str) -> Config:
    """The header that is the key of a map."""
    kind = "envoy.type.matcher.v3.HttpRequestHeaderMatchInput"
    return typed_extension("header", kind, {"header_name": name})
