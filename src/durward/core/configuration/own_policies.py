"""What a person has of their own: policies that grant, and a boundary of documents that cap.

Their names travel in each of the person's tokens, so there are few of them (ADR 24).
"""

from collections.abc import Iterator, Mapping, Sequence

from durward.core.policy.language.document import PolicyKind
from durward.core.sizes import OWN_POLICIES


def own_problems(
    policies: Sequence[str], boundary: Sequence[str], kinds: Mapping[str, PolicyKind]
) -> Iterator[str]:
    """Why somebody cannot have these; `kinds` says what each document is read as."""
    number = len(policies) + len(boundary)
    if number > OWN_POLICIES:
        yield (
            f"{number} policies of their own, those of the boundary among them, "
            f"and {OWN_POLICIES} are served"
        )
    for name in dict.fromkeys((*policies, *boundary)):
        if kinds.get(name) is PolicyKind.RESOURCE:
            yield f"policy `{name}` is one of an API: it names principals, or is attached to one"
