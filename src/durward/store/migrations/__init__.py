"""Migrations: `pre` ones run at start, while the former version still runs."""
