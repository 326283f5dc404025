"""The snapshot: the configuration of a node's decisions, immutable, replaced as a whole.

It is published in parts (`parts.py`), and stored as one value on the node's disk for its processes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import msgspec

from durward.core.api import Api
from durward.core.errors import Misconfigured
from durward.core.policy.engine.bundle import Bundle


@dataclass(frozen=True)
class Snapshot:
    """The snapshot. `version` is that of its list, and only grows."""

    version: int
    issuer: str
    keys: tuple[Mapping[str, str], ...]
    apis: tuple[Api, ...]
    policies: Bundle = field(default_factory=Bundle)
    tokens_since: int = 0
    """The second (NumericDate) since which tokens name their person's policies and boundary."""

    @classmethod
    def nothing(cls) -> Self:
        """The empty snapshot: no operation is declared, no key signs, no request is allowed."""
        return cls(0, "", (), ())

    def changed_since(self, former: Self) -> tuple[Api, ...]:
        """The APIs that differ from a former snapshot."""
        before = {api.id: api for api in former.apis}
        return tuple(api for api in self.apis if before.get(api.id) != api)

    def only_changed(self, former: Self) -> Self:
        """The snapshot with only the changed APIs, or with one API if none has changed."""
        return replace(self, apis=self.changed_since(former) or self.apis[:1])

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
