"""Publishing: what is declared and which keys are valid become the next signed snapshot.

Who publishes has read what they publish before their transaction began. They hold the version in it
and go on only where it is still the one that they read under (ADR 27).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self, TypeVar

from sqlalchemy import Connection

from durward.core.api import scopes_of
from durward.core.audit.event import AuditContext
from durward.core.configuration.configuration import Configuration, read_configuration
from durward.core.edge.parts import (
    ISSUERS,
    LIST_TYPE,
    POLICIES,
    IssuersPart,
    Listing,
    digest_of,
    parts_of_configuration,
    parts_of_issuer,
    read_part,
)
from durward.core.errors import Conflict, DurwardError, Misconfigured, Unavailable
from durward.core.invariants import PersonInvariants
from durward.core.policy.engine.bundle import compile_bundle
from durward.core.policy.engine.evaluate import PolicySet
from durward.core.wire import decode_base64url
from durward.entropy import new_id
from durward.keys.envelope import KeyFile
from durward.services.keyring import ACCESS, SNAPSHOT, KeyRing, load_ring
from durward.store.database import Database, announce
from durward.store.declarations import Stored, load_declarations
from durward.store.deployment import (
    Deployment,
    found_deployment,
    load_deployment,
    load_tokens_since,
)
from durward.store.history import record_version
from durward.store.parts import load_parts
from durward.store.snapshots import (
    Edition,
    hold_version,
    load_snapshot,
    newest_edition,
    publish_snapshot,
)

FURTHEST = 1_000_000
"""How far beyond what is published an operator may let the next version be: more is a typo, and
numbers of versions end."""
ON_THIS_MACHINE = ("http://", "https://localhost:")
"""What begins so is loopback alone (`check_issuer`)."""
T = TypeVar("T")
ATTEMPTS = 3
"""How often a change is tried anew where others publish meanwhile."""


@dataclass(frozen=True)
class Published:
    """What the control plane works from: one version of everything, replaced whole."""

    edition: Edition
    """By which it is told whether it is the newest."""
    configuration: Configuration
    ring: KeyRing
    signed: str
    """The list of parts that edges read."""
    tokens_since: int
    """Of before which edges take no token."""

    @property
    def version(self) -> int:
        """Its number."""
        return self.edition.version

    @cached_property
    def policies(self) -> PolicySet:
        """The policies, ready to decide; compiled when they are asked for first."""
        return compile_bundle(
            self.configuration.bundle, scopes_of(self.configuration.apis.values())
        )

    @cached_property
    def invariants(self) -> PersonInvariants:
        """The invariants, ready to be asked about one person; made for the first who changes."""
        return PersonInvariants(self.configuration)

    @cached_property
    def policies_digest(self) -> str:
        """By which decisions name these policies."""
        return (listed_parts(self.signed.encode()) or {}).get(POLICIES, "")


@dataclass(frozen=True)
class PreparedEdition:
    """What was declared under an edition: read, and made parts of, before it is published anew."""

    edition: Edition
    configuration: Configuration
    parts: Mapping[str, bytes]

    @classmethod
    def of(cls, edition: Edition, stored: Sequence[Stored], tokens_since: int) -> Self:
        """Seconds where it is much. Raises Misconfigured."""
        configuration = configuration_of(stored)
        return cls(edition, configuration, parts_of(configuration, tokens_since))

    def is_current(self, connection: Connection) -> bool:
        """Whether it is still what is declared; it stays so until this use case ends."""
        hold_version(connection)
        return newest_edition(connection) == self.edition


async def with_declared(
    database: Database, use: Callable[[PreparedEdition], Awaitable[T | None]], what: str
) -> T:
    """Publish what is declared already: it is read here, where nobody waits for the writer.

    `use` says by None that it was not current any more, and is run again then. Raises Conflict
    where that is so every time, Misconfigured, Unavailable.
    """

    def load(connection: Connection) -> tuple[Edition, list[Stored], int]:
        # The edition first: see `load_published`.
        edition, stored = newest_edition(connection), load_declarations(connection)
        return edition, stored, load_tokens_since(connection)

    for _ in range(ATTEMPTS):
        known = await database.read(load)
        done = await use(await asyncio.to_thread(PreparedEdition.of, *known))
        if done is not None:
            return done
    raise overtaken(what)


async def load_published(
    database: Database, key_file: KeyFile, known: PreparedEdition | None = None
) -> Published:
    """Everything as it is in the store now; what is `known` is not read again.

    Raises Unavailable.
    """

    def use(connection: Connection) -> tuple[Edition, str, list[Stored], KeyRing, int]:
        # The version first: where transactions see what others commit meanwhile, the rest is newer
        # than the version says, and read again; the other way round it would be taken for current.
        edition, found = newest_edition(connection), load_snapshot(connection)
        if found is None:
            raise Unavailable("no snapshot is published")
        stored, ring = load_declarations(connection), load_ring(connection, key_file)
        return edition, found[1].decode(), stored, ring, load_tokens_since(connection)

    edition, signed, stored, ring, since = await database.read(use)
    if known is not None and known.edition == edition:
        return Published(edition, known.configuration, ring, signed, since)
    configuration = await asyncio.to_thread(configuration_of, stored)
    return Published(edition, configuration, ring, signed, since)


def configuration_of(stored: Sequence[Stored]) -> Configuration:
    """What was declared, read as one value: seconds where it is much. Raises Misconfigured."""
    return read_configuration([one.read() for one in stored])


def publish(
    connection: Connection,
    configuration: Configuration,
    declared: Mapping[str, bytes],
    cause: str,
    issuer: str,
    key_file: KeyFile,
    audit: AuditContext,
    *,
    beyond: int = 0,
) -> Published:
    """Sign and publish the next snapshot, in the transaction that changed what it says.

    `configuration` is all that is declared now, read before by who holds the version, and
    `declared` its parts (`parts_of`), made before too: the writer is not held for it. `cause`
    stands in the history. The next version is greater than that one, and than `beyond`.
    """
    version = max(hold_version(connection), beyond) + 1
    ring = load_ring(connection, key_file)
    contents = {**declared, **parts_of_keys(ring, issuer, audit)}
    digests = {name: digest_of(data) for name, data in contents.items()}
    place = deployment_of(connection)
    listing = Listing(version, place.database, place.epoch, digests)
    signer = ring.signer(SNAPSHOT, audit.at)
    signed = signer.jws(LIST_TYPE, listing.to_wire(), signer.kid)
    bodies = {digests[name]: data for name, data in contents.items()}
    publish_snapshot(connection, version, signed.encode(), bodies, audit)
    record_version(connection, version, cause, audit)
    edition = Edition(place.epoch, version, audit.at)
    published = Published(edition, configuration, ring, signed, place.tokens_since)
    announce(connection, published)
    return published


def parts_of(configuration: Configuration, tokens_since: int) -> dict[str, bytes]:
    """What is declared, by part; tokens of before a second are good for none of it (ADR 24)."""
    apis, policies = configuration.apis.values(), configuration.bundle
    return parts_of_configuration(apis, policies, tokens_since)


def parts_of_keys(ring: KeyRing, issuer: str, audit: AuditContext) -> dict[str, bytes]:
    """Whose tokens are taken and by which keys, by part."""
    keys = ring.public((ACCESS,), audit.at)
    return parts_of_issuer(
        issuer, ({name: str(value) for name, value in key.items()} for key in keys)
    )


def deployment_of(connection: Connection) -> Deployment:
    """Which database this is; one that was never used gets its identity now."""
    if (found := load_deployment(connection)) is None:
        found_deployment(connection, new_id("db"))
        found = load_deployment(connection)
    assert found is not None  # noqa: S101 - it was just written
    return found


def publish_anew(
    connection: Connection,
    declared: PreparedEdition,
    issuer: str,
    key_file: KeyFile,
    audit: AuditContext,
    *,
    beyond: int,
) -> int:
    """After the database was put back: publish what is declared, by a version beyond another.

    Returns the version.
    """
    return publish(
        *(connection, declared.configuration, declared.parts, "put back"),
        *(issuer, key_file, audit),
        beyond=beyond,
    ).version


def check_beyond(connection: Connection, beyond: int) -> None:
    """Refuse what no node can have, as an operator may have typed it. Raises Misconfigured."""
    newest = hold_version(connection)
    if not 0 <= beyond <= newest + FURTHEST:
        problem = f"{beyond} is not from 0 to {newest + FURTHEST}"
        hint = f"version {newest} is published; `durward status` shows what nodes have"
        raise Misconfigured("beyond", problem, hint=hint)


def publish_if_changed(
    connection: Connection,
    declared: PreparedEdition,
    issuer: str,
    key_file: KeyFile,
    audit: AuditContext,
) -> None:
    """At start: publish where what there is to say is not what was said last.

    That is so where nothing was published, and where this code says it in other parts than the one
    before. Raises Misconfigured.
    """
    found = load_snapshot(connection)
    if found:
        _check_same_issuer(connection, found[1], issuer)
        contents = {
            **declared.parts,
            **parts_of_keys(load_ring(connection, key_file), issuer, audit),
        }
        digests = {name: digest_of(data) for name, data in contents.items()}
        if listed_parts(found[1]) == digests:
            return
    publish(
        *(connection, declared.configuration, declared.parts, "start"),
        *(issuer, key_file, audit),
    )


def _check_same_issuer(connection: Connection, signed: bytes, issuer: str) -> None:
    """A database is one issuer's: its tokens, its log and what people agreed to have that name.

    Another one that starts on it would take over its clients and people. A demo may move to other
    ports of its machine, and to TLS. Raises Misconfigured.
    """
    digest = (listed_parts(signed) or {}).get(ISSUERS)
    content = load_parts(connection, [digest]).get(digest) if digest else None
    part = read_part(ISSUERS, content).content if content else None
    former = part.own if isinstance(part, IssuersPart) else issuer
    is_demo = all(each.startswith(ON_THIS_MACHINE) for each in (former, issuer))
    if former != issuer and not is_demo:
        hint = "a new issuer needs a new database: `durward export` there, `durward apply` here"
        raise Misconfigured("serve.issuer", f"the database is that of {former}", hint=hint)


def listed_parts(signed: bytes) -> dict[str, str] | None:
    """The parts on a list of our own; None where it is none, as before there were parts."""
    try:
        payload = decode_base64url(signed.decode().split(".")[1])
        return Listing.from_wire(payload).parts
    except (ValueError, IndexError, DurwardError):
        return None


def overtaken(what: str) -> Conflict:
    """What is told where others published in every attempt: nothing was changed."""
    problem = f"{what}: others published meanwhile, {ATTEMPTS} times; nothing is changed"
    return Conflict(problem, hint="do it again")
