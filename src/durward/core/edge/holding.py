"""The holding of a node: the parts in force, the refused parts, and the signed lists.

A part is in force only if a signed list names it. If a part is refused, the former one of its name
stays in force, and the list that it came with is kept as its proof.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

import msgspec

from durward.core.edge.parts import Listing, Part, assemble, digest_of, read_part
from durward.core.edge.report import Refused
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import Misconfigured

Verify = Callable[[str], Listing]
"""Verifies a signed list. Raises Misconfigured if the pinned key did not sign it."""


class StoredHolding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A holding in its form on the node's disk."""

    lists: list[str]
    """Signed lists, the newest first."""
    parts: dict[str, str]
    vouchers: dict[str, int]
    """The index of the list that names a part, for parts that the newest list does not name."""
    refused: dict[str, Refused]


@dataclass(frozen=True)
class Holding:
    """The holding of a node; without a list it is empty, and every request is denied."""

    signed: str = field(default="", repr=False)
    listing: Listing | None = None
    parts: Mapping[str, Part] = field(default_factory=dict)
    vouchers: Mapping[str, str] = field(default_factory=dict, repr=False)
    refused: Mapping[str, Refused] = field(default_factory=dict)

    @property
    def version(self) -> int:
        """The version of the newest accepted list; 0 if there is none."""
        return self.listing.version if self.listing else 0

    @property
    def digest(self) -> str:
        """The digest by which the control plane knows the list."""
        return digest_of(self.signed.encode()) if self.signed else ""

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot of the parts in force."""
        return assemble(self.version, self.parts.values())

    @property
    def closed(self) -> dict[str, str]:
        """The parts that this version cannot enforce, with the reasons."""
        return {name: part.closed for name, part in self.parts.items() if part.content is None}

    @property
    def missing(self) -> tuple[str, ...]:
        """The names on the list whose parts were not received: neither held nor refused."""
        held = {name: part.digest for name, part in self.parts.items()}
        refused = {name: one.digest for name, one in self.refused.items()}
        listed = self.listing.parts if self.listing else {}
        return tuple(
            name
            for name, digest in listed.items()
            if digest not in (held.get(name), refused.get(name))
        )

    def lacking(self, listing: Listing) -> dict[str, str]:
        """The parts of a list that are not in force here: digests by name.

        Raises Misconfigured if the list is not newer, or comes from another database.
        """
        if (held := self.listing) is not None:
            if listing.database != held.database:
                hint = "if this node is to follow that one: `durward edge join --anew`"
                raise Misconfigured("snapshot", "it comes from another database", hint=hint)
            again = listing == held
            if not again and (listing.version <= held.version or listing.epoch < held.epoch):
                problem = f"{listing.version} is not newer than {held.version}"
                raise Misconfigured("snapshot", problem)
        return {
            name: digest
            for name, digest in listing.parts.items()
            if name not in self.parts or self.parts[name].digest != digest
        }

    def moved(
        self,
        signed: str,
        listing: Listing,
        parts: Mapping[str, Part],
        refused: Mapping[str, Refused],
    ) -> Self:
        """The holding after an accepted list, with the parts that were accepted."""
        former = {
            name: self.vouchers.get(name, self.signed)
            for name, part in parts.items()
            if listing.parts.get(name) != part.digest
        }
        return type(self)(signed, listing, parts, former, refused)

    def to_wire(self) -> bytes:
        """The bytes for the disk."""
        texts = {name: part.data.decode() for name, part in self.parts.items()}
        lists = list(dict.fromkeys((self.signed, *self.vouchers.values())))
        vouchers = {name: lists.index(signed) for name, signed in self.vouchers.items()}
        kept = StoredHolding(lists, texts, vouchers, dict(self.refused))
        return msgspec.json.encode(kept)

    @classmethod
    def from_wire(cls, data: bytes, verify: Verify) -> Self:
        """Read a stored holding; only parts that a signed list proves. Raises Misconfigured."""
        try:
            kept = msgspec.json.decode(data, type=StoredHolding)
        except (msgspec.DecodeError, ValueError) as error:
            raise Misconfigured("parts", f"cannot be read: {error}") from error
        lists = [verify(signed) for signed in kept.lists]
        if not lists or any(not 0 <= index < len(lists) for index in kept.vouchers.values()):
            raise Misconfigured("parts", "the signed list is missing")
        parts = {}
        for name, text in kept.parts.items():
            content = text.encode()
            if lists[kept.vouchers.get(name, 0)].parts.get(name) != digest_of(content):
                raise Misconfigured("parts", f"no signed list names this `{name}`")
            parts[name] = read_part(name, content)
        vouchers = {name: kept.lists[index] for name, index in kept.vouchers.items()}
        return cls(kept.lists[0], lists[0], parts, vouchers, kept.refused)
