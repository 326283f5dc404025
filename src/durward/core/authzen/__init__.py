"""Decisions for enforcement points of others: OpenID AuthZEN Authorization API 1.0."""
