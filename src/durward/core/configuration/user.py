"""People."""

from collections.abc import Mapping
from typing import ClassVar

from durward.core.configuration.declaration import Body, DeclarationKind, Names, Text


class User(Body, frozen=True):
    """A person."""

    REFERENCES: ClassVar[Mapping[str, DeclarationKind]] = {
        "tenant": DeclarationKind.TENANT,
        "roles": DeclarationKind.ROLE,
        "policies": DeclarationKind.POLICY,
        "boundary": DeclarationKind.POLICY,
    }

    tenant: Text
    email: Text = ""
    roles: Names = ()
    groups: Names = ()
    policies: Names = ()
    boundary: Names = ()
    disabled: bool = False
