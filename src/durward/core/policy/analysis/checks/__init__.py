"""The checks of lint, by subject; the table of them is `core.policy.lint`."""
