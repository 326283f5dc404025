"""The snapshot: all that a node needs to decide, one immutable value, replaced whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import msgspec

from durward.core.api import Api
from durward.core.errors import Misconfigured
from durward.core.policy.bundle import Bundle


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
