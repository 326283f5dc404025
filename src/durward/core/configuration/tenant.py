"""Tenants."""

from collections.abc import Mapping
from typing import ClassVar

from durward.core.configuration.declaration import Body, DeclarationKind, Names


class Tenant(Body, frozen=True):
    """An organization; users and clients belong to one.

    Each of its guardrails must allow what one of them asks for, whatever else grants it.
    """

    REFERENCES: ClassVar[Mapping[str, DeclarationKind]] = {"guardrails": DeclarationKind.POLICY}

    guardrails: Names = ()
    """Policies that cap the access of all its users and clients."""
