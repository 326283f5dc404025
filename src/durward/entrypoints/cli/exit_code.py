"""Exit codes, the same for every command.

A finding (1) differs from a failure (2): a gate that sees 1 knows that there is something, and one
that sees 2 has no answer.
"""

from typing import Final

DONE: Final = 0
FOUND: Final = 1
"""The command's help says of what: a finding, a difference, a refusal."""
FAILED: Final = 2
"""The command failed or has no answer: a wrong call, a missing file, a server that is down."""
INTERRUPTED: Final = 130
"""As shells have it: 128 and the number of the signal."""

IN_SHORT: Final = (
    "Exit codes: 0 done, 1 a finding or a refusal (the command's help says which),\n"
    "2 failed or no answer, 130 interrupted."
)
