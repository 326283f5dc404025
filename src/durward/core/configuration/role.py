"""Roles."""

from collections.abc import Mapping
from typing import ClassVar

from durward.core.configuration.declaration import Body, Kind, Names


class Role(Body, frozen=True):
    """Policies that come with a role."""

    REFERENCES: ClassVar[Mapping[str, Kind]] = {"policies": Kind.POLICY, "boundary": Kind.POLICY}

    policies: Names = ()
    boundary: Names = ()
