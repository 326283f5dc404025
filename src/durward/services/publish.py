"""Publishing: what is declared and which keys are valid become the next signed snapshot."""

from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Connection

from durward.core.api import scopes_of
from durward.core.audit.event import Trail
from durward.core.edge.parts import LIST_TYPE, Listing, digest_of, split
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import DurwardError
from durward.core.estate.estate import Estate, read_estate
from durward.core.policy.bundle import compile_bundle
from durward.core.policy.evaluate import PolicySet
from durward.core.wire import decode_base64url
from durward.entropy import new_id
from durward.keys.envelope import KeyFile
from durward.services.keyring import ACCESS, SNAPSHOT, KeyRing, load_ring
from durward.store.declarations import load_declarations
from durward.store.deployment import Deployment, found_deployment, load_deployment
from durward.store.snapshots import load_snapshot, newest_version, publish_snapshot


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


def publish(
    connection: Connection, issuer: str, key_file: KeyFile, trail: Trail, *, beyond: int = 0
) -> Published:
    """Sign and publish the next snapshot, in the transaction that changed what it says.

    Its version is greater than that of the one before, and than `beyond`. Raises Misconfigured
    where what is declared does not fit together.
    """
    now = load_published(connection, key_file)
    version = max(now.version, beyond) + 1
    contents = parts_of(now, issuer, trail)
    digests = {name: digest_of(data) for name, data in contents.items()}
    place = identity(connection)
    listing = Listing(version, place.database, place.epoch, digests)
    signer = now.ring.signer(SNAPSHOT, trail.at)
    signed = signer.jws(LIST_TYPE, listing.to_wire(), signer.kid)
    bodies = {digests[name]: data for name, data in contents.items()}
    publish_snapshot(connection, version, signed.encode(), bodies, trail)
    return Published(version, now.estate, now.ring)


def parts_of(now: Published, issuer: str, trail: Trail) -> dict[str, bytes]:
    """What there is to publish, by part."""
    keys = now.ring.public((ACCESS,), trail.at)
    return split(
        Snapshot(
            version=now.version,
            issuer=issuer,
            keys=tuple({name: str(value) for name, value in key.items()} for key in keys),
            apis=tuple(now.estate.apis.values()),
            policies=now.estate.bundle,
        )
    )


def identity(connection: Connection) -> Deployment:
    """Which database this is; one that was never used gets its identity now."""
    if (found := load_deployment(connection)) is None:
        found_deployment(connection, new_id("db"))
        found = load_deployment(connection)
    assert found is not None  # noqa: S101 - it was just written
    return found


def publish_if_changed(
    connection: Connection, issuer: str, key_file: KeyFile, trail: Trail
) -> None:
    """At start: publish where what there is to say is not what was said last.

    That is so where nothing was published, and where this code says it in other parts than the one
    before.
    """
    found = load_snapshot(connection)
    if found is not None:
        now = load_published(connection, key_file)
        digests = {name: digest_of(data) for name, data in parts_of(now, issuer, trail).items()}
        if listed(found[1]) == digests:
            return
    publish(connection, issuer, key_file, trail)


def listed(signed: bytes) -> dict[str, str] | None:
    """The parts on a list of our own; None where it is none, as before there were parts."""
    try:
        payload = decode_base64url(signed.decode().split(".")[1])
        return Listing.from_wire(payload).parts
    except (ValueError, IndexError, DurwardError):
        return None
