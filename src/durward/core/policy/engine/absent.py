"""The substitute for a document that a token names and that is missing: a Deny of everything.

The document may be the only one that restricts its person, so no request is allowed without it
(ADR 24). Decisions, lists and explanations all see this statement.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from durward.core.policy.language.document import Document, read_document

NOT_HERE: Final = "(not here)"
"""The name of its statement, which is not a valid Sid."""
_DENY: Final = read_document(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"},
    },
    NOT_HERE,
)


def absent_document(name: str) -> Document:
    """The substitute for a missing document."""
    (statement,) = _DENY.statements
    return replace(_DENY, name=name, statements=(replace(statement, name=NOT_HERE),))


def names_absent(because: Sequence[str]) -> str | None:
    """The name of the missing document that caused a denial, if one did."""
    for statement in because:
        name, slash, last = statement.rpartition("/")
        if slash and last == NOT_HERE:
            return name
    return None
