"""Publishing: what is declared and which keys are valid become the next signed snapshot."""

from dataclasses import dataclass
from functools import cached_property

import msgspec
from sqlalchemy import Connection

from durward.core.api import scopes_of
from durward.core.audit.event import Trail
from durward.core.edge.snapshot import Snapshot
from durward.core.estate.estate import Estate, read_estate
from durward.core.policy.bundle import compile_bundle
from durward.core.policy.evaluate import PolicySet
from durward.keys.envelope import KeyFile
from durward.services.keyring import ACCESS, SNAPSHOT, KeyRing, load_ring
from durward.store.declarations import load_declarations
from durward.store.snapshots import newest_version, publish_snapshot

SNAPSHOT_TYPE = "durward-snapshot+jwt"


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


def load_published(connection: Connection, key_file: KeyFile) -> Published:
    """Everything as it is in the store now."""
    estate = read_estate(load_declarations(connection))
    return Published(newest_version(connection), estate, load_ring(connection, key_file))


def publish(connection: Connection, issuer: str, key_file: KeyFile, trail: Trail) -> Published:
    """Sign and publish the next snapshot, in the transaction that changed what it says.

    Raises Misconfigured where what is declared does not fit together.
    """
    now = load_published(connection, key_file)
    version = now.version + 1
    keys = now.ring.public((ACCESS,), trail.at)
    snapshot = Snapshot(
        version=version,
        issuer=issuer,
        keys=tuple({name: str(value) for name, value in key.items()} for key in keys),
        apis=tuple(now.estate.apis.values()),
        policies=now.estate.bundle,
    )
    signer = now.ring.signer(SNAPSHOT, trail.at)
    signed = signer.jws(SNAPSHOT_TYPE, msgspec.json.encode(snapshot), signer.kid)
    publish_snapshot(connection, version, signed.encode(), trail)
    return Published(version, now.estate, now.ring)
