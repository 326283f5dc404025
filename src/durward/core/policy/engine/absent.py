"""What stands for a document that a token names and that is not here: a Deny of everything.

The document may be all that keeps its person from something, so nobody goes on without it (ADR 24).
Everything that reads statements finds this one too: a decision, a list, an explanation.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from durward.core.policy.language.document import Document, read_document

NOT_HERE: Final = "(not here)"
"""The name of its statement, which no Sid can be."""
_DENY: Final = read_document(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"},
    },
    NOT_HERE,
)


def absent(name: str) -> Document:
    """The document that stands for one that is not here."""
    (statement,) = _DENY.statements
    return replace(_DENY, name=name, statements=(replace(statement, name=NOT_HERE),))


def names_absent(because: Sequence[str]) -> str | None:
    """The document that was named and is not here, where that is what denied."""
    for statement in because:
        name, slash, last = statement.rpartition("/")
        if slash and last == NOT_HERE:
            return name
    return None
