"""The tree over the log (RFC 9162 §2.1): its root commits to every event and their order.

Only the frontier is kept to append: the roots of the perfect subtrees, the largest first.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """The hash of one event's bytes (RFC 9162 §2.1.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node (RFC 9162 §2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree of `size` leaves, as far as appending and its root need it."""

    size: int = 0
    frontier: tuple[bytes, ...] = ()

    def append(self, leaf: bytes) -> "Tree":
        """The tree with one more leaf hash."""
        frontier, size, node = list(self.frontier), self.size, leaf
        while size & 1:
            node = node_hash(frontier.pop(), node)
            size >>= 1
        return Tree(self.size + 1, (*frontier, node))

    def extend(self, leaves: Iterable[bytes]) -> "Tree":
        """The tree with more leaf hashes, in their order."""
        tree = self
        for leaf in leaves:
            tree = tree.append(leaf)
        return tree

    @property
    def root(self) -> bytes:
        """The root hash (RFC 9162 §2.1.1)."""
        if not self.frontier:
            return EMPTY_ROOT
        *rest, root = self.frontier
        for left in reversed(rest):
            root = node_hash(left, root)
        return root

    def is_whole(self) -> bool:
        """Whether the frontier has a root for each perfect subtree of the size."""
        return self.size >= 0 and len(self.frontier) == self.size.bit_count()
