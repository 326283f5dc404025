"""The snapshot: all that a node decides under, one immutable value, replaced whole.

It travels in parts (`parts.py`); as one value it lies on the node's disk, for its processes.
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
    """What a node decides under. `version` is that of the list it was made from, and only grows."""

    version: int
    issuer: str
    keys: tuple[Mapping[str, str], ...]
    apis: tuple[Api, ...]
    policies: Bundle = field(default_factory=Bundle)
    tokens_since: int = 0
    """The second (NumericDate) from which on tokens say what restricts their person."""

    @classmethod
    def nothing(cls) -> Self:
        """Where nothing is known: no operation is declared, no key signs, nothing is allowed."""
        return cls(0, "", (), ())

    def changed_since(self, former: Self) -> tuple[Api, ...]:
        """The APIs that are not as they were."""
        before = {api.id: api for api in former.apis}
        return tuple(api for api in self.apis if before.get(api.id) != api)

    def only_changed(self, former: Self) -> Self:
        """The same with those APIs alone that are not as they were; with one, where all are."""
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
