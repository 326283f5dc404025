"""People."""

from collections.abc import Mapping
from typing import ClassVar

from durward.core.configuration.declaration import Body, Kind, Names, Text


class User(Body, frozen=True):
    """A person."""

    REFERENCES: ClassVar[Mapping[str, Kind]] = {
        "tenant": Kind.TENANT,
        "roles": Kind.ROLE,
        "policies": Kind.POLICY,
        "boundary": Kind.POLICY,
    }

    tenant: Text
    email: Text = ""
    roles: Names = ()
    groups: Names = ()
    policies: Names = ()
    boundary: Names = ()
    disabled: bool = False
