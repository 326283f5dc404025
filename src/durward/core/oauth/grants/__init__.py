"""Grants: one module each, facts in, decision out."""
