"""Tenants."""

from durward.core.estate.declaration import Body


class Tenant(Body, frozen=True):
    """An organization; users and clients belong to one."""
