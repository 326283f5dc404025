"""Exit codes, the same for every command.

What a command found is told apart from that it could not look: a gate that stops on 1 knows that
there is something, and one that sees 2 has no answer.
"""

from typing import Final

DONE: Final = 0
FOUND: Final = 1
"""There is what the command's help says: a finding, a difference, a refusal."""
FAILED: Final = 2
"""It could not be done, or not be answered: a wrong call, a missing file, nobody who answers."""
INTERRUPTED: Final = 130
"""As shells have it: 128 and the number of the signal."""

IN_SHORT: Final = (
    "Exit codes: 0 done, 1 there is what the command's help says (a finding, a refusal),\n"
    "2 it could not be done or answered, 130 interrupted."
)
