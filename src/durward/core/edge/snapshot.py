"""The snapshot: all that a node needs to decide, one immutable value, replaced whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import msgspec

from durward.core.edge.node import Address
from durward.core.errors import Misconfigured
from durward.core.openapi.operations import Operation
from durward.core.policy.bundle import Bundle
from durward.core.values import ApiId


@dataclass(frozen=True)
class Api:
    """A protected resource: its audience, its operations, the service behind it."""

    id: ApiId
    audience: str
    stage: str
    upstream: Address
    operations: tuple[Operation, ...]
    scopes: Mapping[str, str]


@dataclass(frozen=True)
class Snapshot:
    """What the control plane published last. `version` only grows."""

    version: int
    issuer: str
    keys: tuple[Mapping[str, str], ...]
    apis: tuple[Api, ...]
    policies: Bundle = field(default_factory=Bundle)

    def to_wire(self) -> bytes:
        """The snapshot as JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def from_wire(cls, data: bytes) -> Self:
        """Read a snapshot, its types checked. Raises Misconfigured."""
        try:
            return msgspec.json.decode(data, type=cls)
        except (msgspec.DecodeError, ValueError) as error:
            raise Misconfigured("snapshot", str(error)) from error
