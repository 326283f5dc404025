"""Tenants."""

from durward.core.configuration.declaration import Body


class Tenant(Body, frozen=True):
    """An organization; users and clients belong to one."""
