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

OPERATION_BYTES: Final = 1_600
POLICY_BYTES: Final = 3_200
"""What one may take in what is published, on an average: measured are 230, and 120 with its role
for a policy of one line."""
PUBLISHED_BYTES: Final = OPERATIONS * OPERATION_BYTES + POLICIES * POLICY_BYTES
"""All that is published together, before it is signed: 64 MB."""
LIST_BYTES: Final = 1_048_576
"""The signed list of the parts: of 1,000 APIs with long names it is a tenth of it."""
DECLARATION_BYTES: Final = 8_388_608
"""One declaration as it is kept: an API with all operations that there may be fits."""


class Size(StrEnum):
    """What is counted, in words."""

    APIS = "APIs"
    OPERATIONS = "operations"
    POLICIES = "policies"
    BYTES = "bytes to publish"


BOUNDS: Final[Mapping[Size, int]] = {
    Size.APIS: APIS,
    Size.OPERATIONS: OPERATIONS,
    Size.POLICIES: POLICIES,
    Size.BYTES: PUBLISHED_BYTES,
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
