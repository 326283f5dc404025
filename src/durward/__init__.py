"""Durward: zero-trust API security in one install."""

__version__ = "0.1.0.dev0"
