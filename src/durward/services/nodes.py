"""The nodes of the edge: joining, reports, rollout status (ADR 22)."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection

from durward.core.audit.event import AuditContext
from durward.core.configuration.declaration import NAME, NAME_CHARACTERS
from durward.core.edge.parts import Listing, digest_of, read_listing
from durward.core.edge.report import IN_CONTACT, NodeReport, NodeState, ReportReply, lacks
from durward.core.errors import Conflict, Misconfigured
from durward.core.jose.jwk import KeySet
from durward.core.sizes import NODES
from durward.core.values import MICROSECONDS, Instant, later
from durward.keys.envelope import KeyFile
from durward.services.keyring import SNAPSHOT, load_ring
from durward.services.publish import PreparedEdition, check_beyond, deployment_of, publish_anew
from durward.store.deployment import Deployment, begin_epoch
from durward.store.history import published_first
from durward.store.nodes import (
    add_node,
    forget_node,
    leave_node,
    load_history,
    load_nodes,
    move_node,
    record_report,
)
from durward.store.revocations import newest_revocation, revoked_at, revoked_first
from durward.store.snapshots import load_digest, newest_version, published_at

LOOKED_BACK = 100
"""The number of reports to search for the time when a node began to refuse a part."""
LEFT = "left:"
"""The prefix of the place of a node that signed off; no other place has it."""


def join(connection: Connection, wish: str | None, place: str, audit: AuditContext) -> str:
    """The id of the node at a place: its former one, the wanted one, or the next free one.

    Raises Conflict if another place has the id and is in contact, Misconfigured if there are too
    many nodes, or the wanted id is not valid.
    """
    for name in (place,) if wish is None else (place, wish):
        if not NAME.match(name):
            hint = f"at most 128 characters of {NAME_CHARACTERS}, the first a letter or digit"
            raise Misconfigured("node", "not a valid name", hint=hint)
    known = {node.id: (node, at) for node, at in load_nodes(connection)}
    here = [id for id, (_, at) in known.items() if at.removeprefix(LEFT) == place]
    if wish is None:
        free = (id for number in range(1, len(known) + 2) if (id := f"edge-{number}") not in known)
        wish = here[0] if here else next(free)
    former = [id for id in here if id != wish]
    if wish in known:
        node, at = known[wish]
        if at != place:
            if is_in_contact(node, at, audit.at):
                raise Conflict(f"another process uses the node id `{wish}`, and is in contact")
            move_node(connection, wish, place, audit, moved=wish not in here)
    else:
        if len(known) - len(former) >= NODES:
            hint = "`durward edge forget ID` removes a decommissioned node"
            raise Misconfigured("nodes", f"there are {len(known)} nodes, the maximum", hint=hint)
        add_node(connection, wish, place, audit)
    for id in former:  # a place is one node: its former id will never be used again
        forget_node(connection, id, audit)
    return wish


def is_in_contact(node: NodeState, at: str, now: Instant) -> bool:
    """Whether a node is in contact, so that no other place can take its id."""
    return not at.startswith(LEFT) and later(node.heard_at, IN_CONTACT) >= now


def leave(connection: Connection, id: str, place: str, audit: AuditContext) -> None:
    """Sign off the node at a place: its id can be used at any place at once, as in a new container.

    Until then it counts as a silent node.
    """
    if any((node.id, at) == (id, place) for node, at in load_nodes(connection)):
        leave_node(connection, id, LEFT + place, audit)


def receive_report(connection: Connection, report: NodeReport, audit: AuditContext) -> ReportReply:
    """Record a node's report. Raises Conflict if another process has its id.

    A version, or the number of a revocation, that is not of this database counts as 0.
    """
    known = {node.id: (node, at) for node, at in load_nodes(connection)}
    ahead = is_ahead(connection, report.version, report.list)
    if report.node not in known:
        return ReportReply(known=False, is_ahead=ahead)
    node, at = known[report.node]
    if at != report.place:
        if not is_in_contact(
            node, at, audit.at
        ):  # it moved while it could not reach us, and joins now
            return ReportReply(known=False, is_ahead=ahead)
        raise Conflict(f"another process uses the node id `{report.node}`")
    if revoked_at(connection, report.revocations) != report.revocations_at:
        report = msgspec.structs.replace(report, revocations=0, revocations_at=0)
    record_report(connection, report, 0 if ahead else report.version, audit)
    return ReportReply(known=True, is_ahead=ahead)


def is_ahead(connection: Connection, version: int, digest: str) -> bool:
    """Whether a node has a list that this database never published."""
    if version > newest_version(connection):
        return True
    ours = load_digest(connection, version)
    return ours is not None and ours != digest


def shown_ahead(
    connection: Connection, signed: str, key_file: KeyFile, now: Instant
) -> Listing | None:
    """The list that a node sent, signed by our key; None if this database published it.

    Raises Misconfigured if our key did not sign it, Conflict if it comes from another database.
    """
    ring = load_ring(connection, key_file)
    keys = KeySet.parse({"keys": [dict(key) for key in ring.public((SNAPSHOT,), now)]})
    listing, digest = read_listing(signed, keys), digest_of(signed.encode())
    if listing.database != deployment_of(connection).database:
        raise Conflict("the list comes from another database")
    return listing if is_ahead(connection, listing.version, digest) else None


def overtake(
    connection: Connection,
    declared: PreparedEdition,
    signed: str,
    issuer: str,
    key_file: KeyFile,
    audit: AuditContext,
) -> bool | None:
    """Publish a version beyond the list of a node that is ahead.

    False if it is not ahead, None if the declarations have changed meanwhile. Raises Misconfigured
    or Conflict for a list that is not ours.
    """
    listing = shown_ahead(connection, signed, key_file, audit.at)
    if listing is None:
        return False  # another replica has done it, for this or another node
    if not declared.is_current(connection):
        return None
    reason = f"a node has version {listing.version}"
    begin_epoch(connection, reason, audit, beyond=listing.epoch)
    publish_anew(connection, declared, issuer, key_file, audit, beyond=listing.version)
    return True


def restored(
    connection: Connection,
    declared: PreparedEdition,
    issuer: str,
    key_file: KeyFile,
    audit: AuditContext,
    beyond: int = 0,
) -> tuple[int, int] | None:
    """Begin an epoch after a restore reported by an operator: return the epoch and its version.

    None if the declarations have changed meanwhile. Raises Misconfigured if `beyond` is out of
    range.
    """
    if not declared.is_current(connection):
        return None
    check_beyond(connection, beyond)
    epoch = begin_epoch(connection, "an operator says so", audit)
    return epoch, publish_anew(connection, declared, issuer, key_file, audit, beyond=beyond)


def forget(connection: Connection, id: str, audit: AuditContext) -> None:
    """Forget a node. Raises Misconfigured if there is none with that id."""
    if not forget_node(connection, id, audit):
        raise Misconfigured(f"nodes/{id}", "unknown node", hint="`durward status` lists the nodes")


@dataclass(frozen=True)
class FleetState:
    """All nodes, and the published version."""

    deployment: Deployment
    version: int
    published_at: Instant
    revocations: int
    nodes: tuple[NodeState, ...]
    lacking_since: Mapping[str, Instant]
    """The time since which each node lacks something of the newest version, if it does."""


def load_fleet(connection: Connection) -> FleetState:
    """Load all nodes with their last reports, and the published version."""
    # The nodes first: a version published meanwhile then counts as lacking, not as reported.
    found = tuple(node for node, _ in load_nodes(connection))
    place, version = deployment_of(connection), newest_version(connection)
    revoked = newest_revocation(connection)
    since = {
        node.id: at
        for node in found
        if (at := _lacking_since(connection, node, version, revoked)) is not None
    }
    return FleetState(place, version, published_at(connection), revoked, found, since)


def _lacking_since(
    connection: Connection, node: NodeState, version: int, revocations: int
) -> Instant | None:
    """The time since which this node lacks something; None if it lacks nothing.

    It comes from the store only, so that all replicas agree, even one that has just started: the
    time when the lacking version was published, or when the node first reported a refusal.
    """
    report = node.report
    if report is None:
        return node.joined_at
    began: list[Instant | None] = []
    if lacks(node, version, revocations):
        began.append(published_first(connection, min(node.version, report.kept)))
        began.append(revoked_first(connection, report.revocations))
    if report.troubles:
        began.append(Instant(node.heard_at - round(report.troubled_seconds * MICROSECONDS)))
    if not report.is_whole:
        began.append(node.heard_at)
        for at, _, told in reversed(load_history(connection, node.id, LOOKED_BACK)):
            if told.is_whole:
                break
            began.append(at)
    return min((at for at in began if at is not None), default=None)
