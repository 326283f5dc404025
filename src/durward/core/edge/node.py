"""What is particular to one node of the edge: where it listens, what it reaches, its limits."""

from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from durward.core.address import Address

Positive = Annotated[int, msgspec.Meta(ge=1)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Bounds that hold before anything is looked at (OWASP API4:2023)."""

    header_kib: Annotated[int, msgspec.Meta(ge=1, le=96)] = 16
    header_count: Positive = 100
    body_bytes: Positive = 1_048_576
    connections: Positive = 10_000
    headers_seconds: Positive = 5
    request_seconds: Positive = 30
    idle_seconds: Positive = 60
    decision_seconds: Positive = 2


@dataclass(frozen=True)
class Node:
    """One node: an Envoy, its decision points, the listeners it owns."""

    id: str
    admin: Address
    apis: Address
    decision_points: tuple[Address, ...]
    access_log: str
    issuer: Address | None = None
    control_plane: Address | None = None
    limits: Limits = field(default_factory=Limits)
