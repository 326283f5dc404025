"""What the outside vectors about policies have in common: how they are read, and asked."""

import json
import os
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from durward.core.policy.dialect import AWS
from durward.core.policy.document import Document, Kind, read_document
from durward.core.policy.evaluate import Policies, PolicySet
from durward.core.policy.request import AccessRequest, Principal

FOLDER = os.environ.get("DURWARD_VECTORS")  # noqa: TID251 - where the vectors of others lie
LENIENT = replace(AWS, lenient=True)
ROLE = "role/all"
ACCOUNT = "123456789012"


@cache
def cases(file: str) -> list[dict[str, Any]]:
    """The cases of a file; none where there are no vectors, which the tests then say aloud."""
    if FOLDER is None:
        return []
    found = json.loads((Path(FOLDER) / "policy" / f"{file}.json").read_text())
    listed: list[dict[str, Any]] = found["cases"] if isinstance(found, dict) else found
    return [case for case in listed if case.get("agree") is not False]


def parameters(*files: str, kinds: tuple[str, ...]) -> list[Any]:
    """The cases of some kinds, each under its own id; one that skips where there are none."""
    chosen = [case for file in files for case in cases(file) if case["kind"] in kinds]
    if not chosen:
        skip = pytest.mark.skip(reason="DURWARD_VECTORS does not name the outside vectors")
        return [pytest.param({"id": "none"}, marks=skip)]
    return [pytest.param(case, id=case["id"]) for case in chosen]


def read(documents: Any, name: str, kind: Kind = Kind.IDENTITY) -> list[Document]:
    """Documents of a layer, one or several, in import mode."""
    listed = documents if isinstance(documents, list) else [documents]
    return [
        read_document(document, f"{name}{place}", kind, LENIENT)
        for place, document in enumerate(listed)
    ]


@dataclass(frozen=True)
class Caller:
    """A principal's ARN, taken apart."""

    account: str
    kind: str
    name: str
    roles: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, arn: str) -> "Caller":
        """`arn:aws:iam::ACCOUNT:user/NAME`; a session carries its role."""
        account, _, last = arn.split(":", 4)[4].partition(":")
        kind, _, name = last.partition("/")
        if kind == "assumed-role":
            return cls(account, "session", name, (name.partition("/")[0],))
        return cls(account, kind, name)


def policies_of(layers: dict[str, Any], caller: Caller, service: str) -> PolicySet:
    """The layers of a case as Durward's: whatever caps is a ceiling."""
    named = f"{caller.kind}/{caller.name}"
    levels = [*(layers.get("scp") or []), *(layers.get("rcp") or [])]
    levels += [[layers[name]] for name in ("session", "endpoint") if layers.get(name)]
    ceilings = [level if isinstance(level, list) else [level] for level in levels]
    resource, boundary = layers.get("resource"), layers.get("boundary")
    return PolicySet(
        Policies(
            identity={named: read(layers.get("identity") or [], "identity")},
            resources={service: read(resource, "resource", Kind.RESOURCE)} if resource else {},
            boundaries={named: read(boundary, "boundary")} if boundary else {},
            guardrails=[read(level, f"ceiling{at}.") for at, level in enumerate(ceilings)],
        )
    )


def context_of(context: dict[str, Any] | None) -> dict[str, Any]:
    """The context by the names that imported documents use."""
    return {AWS.key_of(key): value for key, value in (context or {}).items()}


def request_of(asked: dict[str, Any]) -> AccessRequest:
    """The request of a case."""
    caller = Caller.of(asked["principal"])
    return AccessRequest(
        Principal(caller.name, caller.kind, caller.account, caller.roles),
        asked["action"],
        asked["resource"],
        context_of(asked.get("context")),
        owner=asked.get("resource_account") or "",
    )
