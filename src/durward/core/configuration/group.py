"""Groups."""

from collections.abc import Mapping
from typing import ClassVar

from durward.core.configuration.declaration import Body, DeclarationKind, Names


class Group(Body, frozen=True):
    """Policies that come with a group; a user's groups need not be declared."""

    REFERENCES: ClassVar[Mapping[str, DeclarationKind]] = {
        "policies": DeclarationKind.POLICY,
        "boundary": DeclarationKind.POLICY,
    }

    policies: Names = ()
    """Policies that grant access to its members."""
    boundary: Names = ()
    """Policies that cap the access of its members."""
