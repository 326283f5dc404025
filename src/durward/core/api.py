"""A protected API as everybody knows it: its audience, its operations, its scopes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from durward.core.cors import Cors
from durward.core.openapi.operations import Operation
from durward.core.upstream import Upstream
from durward.core.values import ApiId

METADATA = "/.well-known/oauth-protected-resource"
"""Below this path the edge itself answers for an API (RFC 9728 §3.1)."""
NO_SCOPE = ""
"""Stands for what a token may do whatever its scopes: operations that ask for none."""


@dataclass(frozen=True)
class Api:
    """A protected resource: its audience, its operations, the service behind it."""

    id: ApiId
    audience: str
    stage: str
    upstream: Upstream
    operations: tuple[Operation, ...]
    scopes: Mapping[str, str]
    headers: tuple[str, ...] | None = None
    """Which of a client's headers reach the service; None is all but those about its identity."""
    hosts: tuple[str, ...] = ()
    """The hosts that serve it; none is every host that no API names."""
    prefix: str = ""
    """What the paths of its operations begin with."""
    base_path: str = ""
    """What they begin with at the service, in place of the prefix."""
    cors: Cors | None = None
    """The pages of other origins that may call it; None is no page."""


def scopes_of(apis: Iterable[Api]) -> dict[str, frozenset[str]]:
    """Which actions each scope covers: those of the operations that ask for it."""
    covered: dict[str, set[str]] = {}
    for api in apis:
        for operation in api.operations:
            for scope in operation.asked_scopes or {NO_SCOPE}:
                covered.setdefault(scope, set()).add(operation.action)
    return {scope: frozenset(actions) for scope, actions in covered.items()}
