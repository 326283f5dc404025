"""A bundle: documents by name with their attachments, as published in a snapshot."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from durward.core.policy.engine.evaluate import Policies, PolicySet
from durward.core.policy.language.document import (
    Document,
    PolicyKind,
    document_kind,
    read_document,
)
from durward.core.policy.language.source import PolicyError, Problem

Attachments = Mapping[str, tuple[str, ...]]
"""Names of documents by attachment."""


@dataclass(frozen=True)
class Bundle:
    """Documents, and the names of those that are attached; never a person (ADR 24).

    `identity` and `boundaries` by `client/cli`, `role/clerk`, `group/staff`;
    `resources` by API; each guardrail is a level of its own,
    for everybody or for the principals of a tenant.
    """

    documents: Mapping[str, Any] = field(default_factory=dict)
    identity: Attachments = field(default_factory=dict)
    resources: Attachments = field(default_factory=dict)
    boundaries: Attachments = field(default_factory=dict)
    guardrails: tuple[str, ...] = ()
    tenant_guardrails: Attachments = field(default_factory=dict)


def compile_bundle(bundle: Bundle, scopes: Mapping[str, frozenset[str]]) -> PolicySet:
    """The policies of a bundle, ready to decide. Raises PolicyError with all problems."""
    kinds = document_kinds(bundle)
    read: dict[str, Document] = {}
    problems: list[Problem] = []
    for name, kind in kinds.items():
        if name not in bundle.documents:
            problems.append(Problem("", f"there is no policy `{name}`"))
            continue
        try:
            read[name] = read_document(bundle.documents[name], name, kind)
        except PolicyError as error:
            problems += [Problem(f"/{name}{p.pointer}", p.message) for p in error.problems]
    if problems:
        raise PolicyError("policies", problems)

    def attached(names: Iterable[str]) -> list[Document]:
        return [read[name] for name in names]

    return PolicySet(
        Policies(
            identity={to: attached(names) for to, names in bundle.identity.items()},
            resources={to: attached(names) for to, names in bundle.resources.items()},
            boundaries={to: attached(names) for to, names in bundle.boundaries.items()},
            guardrails=[attached([name]) for name in bundle.guardrails],
            tenant_guardrails={
                tenant: [attached([name]) for name in names]
                for tenant, names in bundle.tenant_guardrails.items()
            },
            scopes=scopes,
            documents={
                name: document
                for name, document in read.items()
                if document.kind is PolicyKind.IDENTITY
            },
        )
    )


def document_kinds(bundle: Bundle) -> dict[str, PolicyKind]:
    """The kind of each document: one that is attached to an API names principals.

    A document without an attachment here has the kind of its content: with principals it is that of
    an API, else it can be a person's own.
    """
    kinds = {name: document_kind(body) for name, body in bundle.documents.items()}
    kinds |= dict.fromkeys(bundle.guardrails, PolicyKind.IDENTITY)
    granting = (bundle.identity, bundle.boundaries, bundle.tenant_guardrails)
    for names in (each for attached in granting for each in attached.values()):
        kinds |= dict.fromkeys(names, PolicyKind.IDENTITY)
    for names in bundle.resources.values():
        kinds |= dict.fromkeys(names, PolicyKind.RESOURCE)
    return kinds
