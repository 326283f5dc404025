"""How much is served: the sizes that are measured and promised (ADR 31).

Whoever publishes and whoever takes import the same bounds, so that nothing is published that an
edge refuses for its size.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from durward.core.errors import Misconfigured

APIS: Final = 1_000
OPERATIONS: Final = 20_000
"""Of all APIs together."""
POLICIES: Final = 10_000
NODES: Final = 50
"""Of the edge."""
GROUPS: Final = 10_000
"""Of people, as operators add them."""
OWN_POLICIES: Final = 20
"""Names in a token of what is its person's own: policies, and the documents of the boundary."""

OPERATION_BYTES: Final = 1_600
POLICY_BYTES: Final = 3_200
"""What one may take in what is published, on an average: measured are 230, and 120 with its role
for a policy of one line."""
PUBLISHED_BYTES: Final = OPERATIONS * OPERATION_BYTES + POLICIES * POLICY_BYTES
"""All that is published together, before it is signed: 64 MB."""
PATTERN_BYTES: Final = 8_000_000
"""The patterns of all paths together, as Envoy compiles them on its main thread: 100 bytes are
usual for a path, and 20,000 of those 2 MB; of 26 MB an Envoy did not answer for half a minute."""
LIST_BYTES: Final = 1_048_576
"""The signed list of the parts: of 1,000 APIs with long names it is a tenth of it."""
DOCUMENT_BYTES: Final = 16_777_216
"""An OpenAPI document as a file; what it refers to in other files has as much."""
DOCUMENT_DEPTH: Final = 100
"""How deep it is nested: 32, as for what else is read, ends at schemas that people write."""
DECLARATION_BYTES: Final = 33_554_432
"""One declaration as it is kept: an API with a document of YAML, which is longer as JSON."""
DECLARATION_DEPTH: Final = DOCUMENT_DEPTH + 1
"""A document is a member of its declaration."""


class Size(StrEnum):
    """What is counted, in words."""

    APIS = "APIs"
    OPERATIONS = "operations"
    POLICIES = "policies"
    ROUTES = "operations, each as often as sets of hosts differ that serve it"
    BYTES = "bytes to publish"
    PATTERNS = "bytes of patterns for paths (long paths with many variables)"


BOUNDS: Final[Mapping[Size, int]] = {
    Size.APIS: APIS,
    Size.OPERATIONS: OPERATIONS,
    Size.ROUTES: OPERATIONS,
    Size.POLICIES: POLICIES,
    Size.BYTES: PUBLISHED_BYTES,
    Size.PATTERNS: PATTERN_BYTES,
}


def check_sizes(found: Mapping[Size, int]) -> None:
    """Refuse what exceeds a bound. Raises Misconfigured with each number found and allowed."""
    over = [
        f"{number} {size}, and {BOUNDS[size]} are served"
        for size, number in found.items()
        if number > BOUNDS[size]
    ]
    if over:
        hint = "split the installation; the sizes are in docs/control-plane.md"
        raise Misconfigured("declarations", "; ".join(over), hint=hint)
