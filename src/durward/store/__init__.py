"""The store: domain verbs over SQLite and PostgreSQL, each a function of a connection."""
