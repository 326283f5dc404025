"""The analysis of policies: find, lint, redundancy, changes, tests, explanations."""
