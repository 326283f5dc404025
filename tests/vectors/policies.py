"""What the outside vectors about policies have in common: how they are read, and asked."""

import json
import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from durward.core.policy.engine.evaluate import Policies, PolicySet
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.language.dialect import AWS, ROOT, AttachmentPoint, imported
from durward.core.policy.language.document import Document, PolicyKind, read_document

FOLDER = os.environ.get("DURWARD_VECTORS")  # noqa: TID251 - where the vectors of others lie
ACCOUNT = "123456789012"
NO_RESOURCE = "arn:*:*:*::*"
"""Stands for the resource of an action that is about none: what names any names it, and no more."""


@cache
def cases() -> list[dict[str, Any]]:
    """Every case; none where there are no vectors, which the tests then say aloud."""
    found: list[dict[str, Any]] = []
    for path in sorted(Path(FOLDER or "/nowhere").glob("policy/*.json")):
        read = json.loads(path.read_text())
        found += read["cases"] if isinstance(read, dict) else read
    return [case for case in found if case.get("agree") is not False]


def parameters(*kinds: str) -> list[Any]:
    """The cases of some kinds, each under its own id; one that skips where there are none."""
    chosen = [case for case in cases() if case["kind"] in kinds]
    if not chosen:
        skip = pytest.mark.skip(reason="DURWARD_VECTORS does not name the outside vectors")
        return [pytest.param({"id": "none"}, marks=skip)]
    return [pytest.param(case, id=case["id"]) for case in chosen]


def read(
    documents: Any,
    name: str,
    place: AttachmentPoint = AttachmentPoint.IDENTITY,
    kind: PolicyKind = PolicyKind.IDENTITY,
) -> list[Document]:
    """Documents of a layer, one or several, in import mode."""
    listed = documents if isinstance(documents, list) else [documents]
    return [
        read_document(document, f"{name}{at}", kind, imported(place))
        for at, document in enumerate(listed)
    ]


@dataclass(frozen=True)
class Caller:
    """A principal's ARN, taken apart."""

    account: str
    kind: str
    name: str
    roles: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, arn: str) -> "Caller | None":
        """`arn:aws:iam::ACCOUNT:user/NAME`; a session carries its role. None for who has no ARN."""
        if not arn.startswith("arn:"):
            return None
        account, _, last = arn.split(":", 4)[4].partition(":")
        kind, _, name = last.partition("/")
        if kind == "assumed-role":
            return cls(account, "session", name, (name.partition("/")[0],))
        return cls(account, kind, name.rpartition("/")[2] if kind == "role" else name)

    @property
    def principal(self) -> Principal:
        """As the engine knows them."""
        return Principal(self.name, self.kind, self.account, self.roles)


def policies_of(layers: dict[str, Any], caller: Caller | None, service: str) -> PolicySet:
    """The layers of a case as Durward's: whatever caps is a ceiling."""
    named = f"{caller.kind}/{caller.name}" if caller else "nobody"
    levels = [(place, level) for place in AttachmentPoint for level in levels_of(layers, place)]
    resource = layers.get("resource")
    return PolicySet(
        Policies(
            identity={named: read(layers.get("identity") or [], "identity")},
            resources={
                service: read(resource, "resource", AttachmentPoint.RESOURCE, PolicyKind.RESOURCE)
            }
            if resource
            else {},
            guardrails=[
                read(level, f"ceiling{at}.", place) for at, (place, level) in enumerate(levels)
            ],
        )
    )


def levels_of(layers: dict[str, Any], place: AttachmentPoint) -> list[Any]:
    """The levels of what caps, each a document or several: each level must allow."""
    found = layers.get(place.value)
    if not found or place in {AttachmentPoint.IDENTITY, AttachmentPoint.RESOURCE}:
        return []
    return (
        list(found)
        if place in {AttachmentPoint.SERVICE_CONTROL, AttachmentPoint.RESOURCE_CONTROL}
        else [found]
    )


def context_of(context: dict[str, Any] | None) -> dict[str, Any]:
    """The context by the names that imported documents use."""
    return {AWS.key_of(key): value for key, value in (context or {}).items()}


def request_of(asked: dict[str, Any]) -> AccessRequest:
    """The request of a case."""
    caller = Caller.of(asked["principal"])
    return AccessRequest(
        caller.principal if caller else None,
        asked["action"],
        NO_RESOURCE if asked["resource"] == "*" else asked["resource"],
        context_of(asked.get("context")),
        owner=asked.get("resource_account") or "",
    )


def names_of(arn: str) -> list[str]:
    """By which names a policy of AWS can mean a caller."""
    caller = Caller.of(arn)
    if caller is None:
        return []
    account = f"arn:aws:iam::{caller.account}"
    roles = [f"{account}:role/{role}" for role in caller.roles]
    return [arn, *roles, f"{account}:{ROOT}"]
