"""Roles."""

from collections.abc import Mapping
from typing import ClassVar

from durward.core.configuration.declaration import Body, DeclarationKind, Names


class Role(Body, frozen=True):
    """Policies that come with a role."""

    REFERENCES: ClassVar[Mapping[str, DeclarationKind]] = {
        "policies": DeclarationKind.POLICY,
        "boundary": DeclarationKind.POLICY,
    }

    policies: Names = ()
    """Policies that grant access to whoever has the role."""
    boundary: Names = ()
    """Policies that cap the access of whoever has the role."""
