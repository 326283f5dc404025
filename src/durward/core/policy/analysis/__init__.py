"""The analysis: find, lint, redundancy, changes, tests, and why a request was decided as it was."""
