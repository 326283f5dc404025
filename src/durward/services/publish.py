"""Publishing: what is declared and which keys are valid become the next signed snapshot.

Who publishes has read what they publish before their transaction began. They hold the version in it
and go on only where it is still the one that they read under (ADR 27).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec
from sqlalchemy import Connection

from durward.core.api import scopes_of
from durward.core.audit.event import Trail
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import Conflict
from durward.core.estate.estate import Estate, read_estate
from durward.core.policy.bundle import compile_bundle
from durward.core.policy.evaluate import PolicySet
from durward.keys.envelope import KeyFile
from durward.services.keyring import ACCESS, SNAPSHOT, KeyRing, load_ring
from durward.store.database import Database
from durward.store.declarations import Stored, load_declarations
from durward.store.history import record_version
from durward.store.snapshots import hold_version, newest_version, publish_snapshot

SNAPSHOT_TYPE = "durward-snapshot+jwt"
ATTEMPTS = 3
"""How often a change is tried anew where others publish meanwhile."""


@dataclass(frozen=True)
class Published:
    """What the control plane works from: one version of everything, replaced whole."""

    version: int
    estate: Estate
    ring: KeyRing

    @cached_property
    def policies(self) -> PolicySet:
        """The policies, ready to decide; compiled when they are asked for first."""
        return compile_bundle(self.estate.bundle, scopes_of(self.estate.apis.values()))


async def load_published(database: Database, key_file: KeyFile) -> Published:
    """Everything as it is in the store now. Raises Unavailable."""

    def use(connection: Connection) -> tuple[int, list[Stored], KeyRing]:
        # The version first: where transactions see what others commit meanwhile, the rest is newer
        # than the version says, and read again; the other way round it would be taken for current.
        version = newest_version(connection)
        return version, load_declarations(connection), load_ring(connection, key_file)

    version, stored, ring = await database.read(use)
    return Published(version, await asyncio.to_thread(estate_of, stored), ring)


def estate_of(stored: Sequence[Stored]) -> Estate:
    """What was declared, read as one value: seconds where it is much. Raises Misconfigured."""
    return read_estate([one.read() for one in stored])


def publish(
    connection: Connection,
    estate: Estate,
    cause: str,
    issuer: str,
    key_file: KeyFile,
    trail: Trail,
) -> Published:
    """Sign and publish the next snapshot, in the transaction that changed what it says.

    `estate` is all that is declared now, read before by who holds the version; `cause` stands in
    the history.
    """
    version = hold_version(connection) + 1
    ring = load_ring(connection, key_file)
    keys = ring.public((ACCESS,), trail.at)
    snapshot = Snapshot(
        version=version,
        issuer=issuer,
        keys=tuple({name: str(value) for name, value in key.items()} for key in keys),
        apis=tuple(estate.apis.values()),
        policies=estate.bundle,
    )
    signer = ring.signer(SNAPSHOT, trail.at)
    signed = signer.jws(SNAPSHOT_TYPE, msgspec.json.encode(snapshot), signer.kid)
    publish_snapshot(connection, version, signed.encode(), trail)
    record_version(connection, version, cause, trail)
    return Published(version, estate, ring)


def overtaken(what: str) -> Conflict:
    """What is told where others published in every attempt: nothing was changed."""
    problem = f"{what}: others published meanwhile, {ATTEMPTS} times; nothing is changed"
    return Conflict(problem, hint="do it again")
