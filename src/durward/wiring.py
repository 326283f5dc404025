"""The control plane, put together: the one place where use cases meet store and keys."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from sqlalchemy import Connection

from durward.clock import now
from durward.core.audit.event import AuditContext, AuditEvent
from durward.core.authn.session import SessionPolicy
from durward.core.configuration.declaration import Declaration
from durward.core.edge.report import Report as NodeReport
from durward.core.errors import Conflict, DurwardError, Unavailable
from durward.core.jose.life import MinimumTimes, Rotation
from durward.core.jose.life import published as published_keys
from durward.core.oauth.claims import TokenPolicy
from durward.core.oauth.grants.refresh_token import RefreshPolicy
from durward.core.values import ClientId, Instant, Seconds, Secret, UserId
from durward.core.wire import Json, sorted_json
from durward.entropy import new_id
from durward.keys.envelope import KeyFile
from durward.keys.signing import Signer
from durward.services import apply as applying
from durward.services import (
    client_secrets,
    housekeeping,
    keyring,
    nodes,
    passwords,
    publish,
    revocations,
    sequence,
)
from durward.services.candidate import Wanted
from durward.services.context import Context
from durward.services.envoy_check import EnvoyCheck
from durward.services.password_verifier import PasswordVerifier
from durward.services.rounds import Rounds
from durward.services.unrecorded import Unrecorded
from durward.settings import ServeSettings
from durward.store.audit import find_event, latest_checkpoint, load_leaves, load_tree
from durward.store.database import Database, attempt
from durward.store.declarations import load_declarations
from durward.store.engine import open_database
from durward.store.history import Recorded, Version, load_changes, load_versions
from durward.store.holds import hold_declared
from durward.store.migrate import migrate
from durward.store.nodes import load_history
from durward.store.parts import load_parts
from durward.store.people import share_of_hashes
from durward.store.revocations import last_revocation
from durward.store.snapshots import Edition, hold_version, newest_edition, newest_writable

USE_ATTEMPTS = 3
"""How often a use case begins again where others publish meanwhile."""
REFRESH_SECONDS = 0.2
TIDY_SECONDS = 60.0
SEQUENCE_SECONDS = 0.5
READY_SECONDS = 2.0
SLOW_SECONDS, STUCK_SECONDS = 10.0, 60.0
"""A verification takes a twentieth of a second, half of one under load. What takes two hundred
times as long is not ready for people; what takes a minute will not end, and a restart helps."""

Report = Callable[[str], None]
Clock = Callable[[], Instant]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Nothing was done: another edition was published than the use case was to stand on."""

    by: Edition


class ControlPlane:
    """Everything that a replica of `durward serve` does. What it holds can be read again."""

    def __init__(
        self,
        settings: ServeSettings,
        database: Database,
        key_file: KeyFile,
        clock: Clock,
        verifier: PasswordVerifier | None = None,
        envoy: EnvoyCheck | None = None,
    ) -> None:
        self.issuer = settings.issuer
        self._clock = clock
        self._settings = settings
        self._database = database
        self._key_file = key_file
        self.passwords = verifier or PasswordVerifier()
        self._envoy = envoy or EnvoyCheck()
        self._former_share = 1.0
        self._published: publish.Published
        self._reading = asyncio.Lock()
        self._not_taken = ""
        self._revoked = (-1, 0)
        self._signers: dict[str, Signer] = {}
        self._changed = asyncio.Condition()
        self._recorded = asyncio.Event()
        self._ending = False
        self._unrecorded = Unrecorded()

    @classmethod
    async def open(
        cls,
        settings: ServeSettings,
        clock: Clock = now,
        verifier: PasswordVerifier | None = None,
        envoy: EnvoyCheck | None = None,
    ) -> Self:
        """Open the store, bring it up to date, make the keys that are missing.

        Raises Misconfigured or Unavailable: a store or a key file that is spoiled heals by nothing
        that a process could do.
        """
        state = Path(settings.state)
        database = open_database(settings.database or f"sqlite:///{state}/durward.db")
        try:
            await database.upgrade(migrate)
            key_path = Path(settings.key_file or state / "durward.key")
            key_file = await database.read(lambda c: keyring.open_key_file(c, key_path))
            plane = cls(settings, database, key_file, clock, verifier, envoy)
            await database.write(plane._prepare)
            plane._published = await publish.load_published(database, key_file)
            await plane.refresh(plane._published)
            plane._write_public_keys(state)
        except BaseException:
            await database.close()
            raise
        return plane

    def _prepare(self, connection: Connection) -> None:
        hold_declared(connection, alone=True)  # of two replicas that start, one makes the keys
        keyring.ensure_keys(connection, self._key_file, self._audit("start"))
        audit = self._audit("start")
        publish.publish_if_changed(connection, self.issuer, self._key_file, audit)

    def _write_public_keys(self, state: Path) -> None:
        """What edges and auditors pin."""
        signer = self._signer(keyring.SNAPSHOT)
        put(state / "snapshot.jwk", sorted_json(signer.public_jwk))
        key = sequence.log_key(self.issuer, self._signer(keyring.AUDIT))
        put(state / "audit.pub", f"{key.to_wire()}\n".encode())

    async def close(self) -> None:
        """Record and sequence what waits and close the store."""
        with contextlib.suppress(DurwardError):
            await self._tell_unrecorded()
            await self.sequence()
        await self._database.close()

    @property
    def published(self) -> publish.Published:
        """The version in force; read once for each request."""
        return self._published

    async def refresh(self, known: publish.Published | None = None) -> None:
        """Take what is published and tell those who wait for it; read it, where it is not known.

        What is older than what is in force here is not taken: it was read slowly.
        """
        fresh = known or await publish.load_published(self._database, self._key_file)
        if fresh.edition >= self._published.edition:
            self._published = fresh
        await self._tell()
        if self._former_share:  # it only falls: new hashes have the parameters of now
            self._former_share = await self._database.read(
                lambda c: share_of_hashes(c, passwords.FORMER)
            )

    async def _catch_up(self, newest: Edition) -> None:
        """Have in force what was published; of many who wait for it one reads it."""
        async with self._reading:
            if self._published.edition < newest:
                await self.refresh()

    async def keep_fresh(self, report: Report) -> None:
        """Follow what is published and revoked, here and by other replicas."""
        rounds = Rounds("what is published", report)
        while True:
            await rounds.rest(REFRESH_SECONDS)
            if self._not_taken:
                report(self._not_taken)
                self._not_taken = ""
            with rounds.round():
                newest, revoked = await self._database.read(
                    lambda c: (newest_edition(c), last_revocation(c))
                )
                if revoked != self._revoked:
                    self._revoked = revoked
                    await self._tell()
                await self._catch_up(newest)

    async def keep_sequencing(self, report: Report) -> None:
        """Sequence events soon after they were recorded."""
        rounds = Rounds("the audit log", report)
        while True:
            await rounds.rest(0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SEQUENCE_SECONDS):
                    await self._recorded.wait()
            self._recorded.clear()
            with rounds.round():
                await self.sequence()

    async def sequence(self) -> None:
        """Sequence everything that waits."""
        await sequence.sequence(self._database, self.issuer, self._signer(keyring.AUDIT))

    async def keep_tidy(self, report: Report) -> None:
        """Tell what was refused, and delete what is over, once a minute."""
        rounds = Rounds("housekeeping", report)
        while True:
            await rounds.rest(TIDY_SECONDS)
            with rounds.round():
                await self.tidy()

    async def tidy(self) -> None:
        """One round of housekeeping. Raises Unavailable."""
        await self._tell_unrecorded()
        await housekeeping.sweep(self._database, self._clock(), self._sessions)

    async def _tell_unrecorded(self) -> None:
        audit = self._audit("serve")
        await housekeeping.tell_unrecorded(self._database, self._unrecorded, audit)
        self._recorded.set()

    def now(self) -> Instant:
        """What this replica's clock shows."""
        return self._clock()

    def count_refused(self, endpoint: str, source: str) -> None:
        """Count a request that was refused before it was looked at."""
        self._unrecorded.refuse(endpoint, source)

    async def check_store(self) -> None:
        """Ask the store something.

        Raises Unavailable where it does not answer soon, or not from what is in force here.
        """
        try:
            async with asyncio.timeout(READY_SECONDS):
                known = self._published.edition
                if await self._database.read(newest_writable) < known:
                    raise put_back()
        except TimeoutError:
            raise Unavailable(f"the store: no answer in {READY_SECONDS} s") from None

    async def list_after(self, version: int, digest: str, wait: float) -> str | None:
        """The signed list of parts once it is newer than `version`; None after `wait` seconds.

        Raises Conflict where whoever asks has a list that this database did not publish.
        """
        if await self._database.read(lambda c: nodes.is_ahead(c, version, digest)):
            raise Conflict("that list is not one of this database")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait), self._changed:
                await self._changed.wait_for(
                    lambda: self._ending or self._published.version > version
                )
        return self._published.signed if self._published.version > version else None

    async def parts(self, digests: Sequence[str]) -> dict[str, bytes]:
        """Those of the parts that there are, by digest."""
        return await self._database.read(lambda c: load_parts(c, digests))

    async def join(self, wish: str | None, place: str) -> str:
        """The id of the node at a place. Raises Conflict or Misconfigured."""
        audit = self._audit(f"nodes/{wish or place}")
        return await self._database.write(lambda c: nodes.join(c, wish, place, audit))

    async def leave(self, id: str, place: str) -> None:
        """A node ends in order."""
        audit = self._audit(f"nodes/{id}")
        await self._database.write(lambda c: nodes.leave(c, id, place, audit))
        self._recorded.set()

    async def hear(self, report: NodeReport) -> nodes.Heard:
        """Take down what a node tells. Raises Conflict where another process has its id."""
        audit = self._audit(f"nodes/{report.node}")
        heard = await self._database.write(lambda c: nodes.hear(c, report, audit))
        self._recorded.set()
        await self._tell()
        return heard

    async def overtake(self, signed: str) -> None:
        """Publish beyond what a node has. Raises Misconfigured or Conflict."""
        await self._alone(
            lambda c, by: nodes.overtake(c, signed, self.issuer, self._key_file, by), "nodes"
        )
        self._recorded.set()
        await self._take()

    async def restored(self, beyond: int) -> tuple[int, int]:
        """The database was put back to an earlier state: the epoch that begins, and its version."""
        with attempt() as made:
            done = await self._alone(
                made.at(lambda c, by: nodes.restored(c, self.issuer, self._key_file, by, beyond)),
                "operator",
            )
        self._recorded.set()
        await self._take()
        return done

    async def _take(self, known: publish.Published | None = None) -> None:
        """Take what was just committed. That it fails is no error of who had it committed.

        `keep_fresh` takes it then, as soon as it can, and tells the operator.
        """
        try:
            await self.refresh(known)
        except DurwardError as error:
            self._not_taken = f"what was published is taken later: {error}"

    async def forget_node(self, id: str) -> None:
        """Forget a node. Raises Misconfigured where there is none."""
        audit = self._audit("operator")
        await self._database.write(lambda c: nodes.forget(c, id, audit))
        self._recorded.set()

    async def fleet(self) -> nodes.Fleet:
        """Every node as it was heard of last, beside what is published."""
        return await self._database.read(nodes.load_fleet)

    async def node_history(self, id: str, limit: int) -> list[tuple[Instant, int, NodeReport]]:
        """What a node told when something changed, the newest last."""
        return await self._database.read(lambda c: load_history(c, id, limit))

    async def wait_for_nodes(self, wait: float) -> None:
        """Return when a node told something here, or after `wait` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait), self._changed:
                await self._changed.wait()

    async def revocations_after(self, sequence: int, at: int, wait: float) -> revocations.Feed:
        """What was revoked after a sequence number; waits until there is something, or in vain.

        `at` is when the revocation of that number was made, as whoever asks knows it.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait), self._changed:
                await self._changed.wait_for(
                    lambda: self._ending or self._revoked != (sequence, at)
                )
        moment = self._clock()
        return await self._database.read(lambda c: revocations.load_feed(c, sequence, at, moment))

    def canaries(self, audience: str) -> dict[str, str]:
        """Tokens for an API that every edge must refuse."""
        return revocations.canaries(self._context(), audience, self._clock())

    async def release(self) -> None:
        """Let everybody go who waits for a snapshot."""
        self._ending = True
        await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def use(
        self,
        use: Callable[[Connection, Context, AuditContext], T],
        actor: str,
        source: str = "",
        *,
        alone: bool = False,
    ) -> T:
        """Run a use case in one transaction, on the version that is published then.

        Nobody publishes until it ends: what was decided by one version is committed under it, and a
        change finds all that was issued before. `alone` no other use case runs beside it. Raises
        Unavailable where others publish in every attempt.
        """

        def run(connection: Connection, context: Context) -> T | Overtaken:
            hold_declared(connection, alone=alone)
            newest = newest_edition(connection)
            if newest != context.published.edition:
                return Overtaken(newest)
            return use(connection, context, self._audit(actor, source))

        for _ in range(USE_ATTEMPTS):
            context = self._context()
            done = await self._database.write(partial(run, context=context))
            if not isinstance(done, Overtaken):
                self._recorded.set()
                return done
            if done.by < context.published.edition:
                raise put_back()
            await self._catch_up(done.by)
        raise Unavailable("what is declared changes all the time")

    async def _alone(self, use: Callable[[Connection, AuditContext], T], actor: str) -> T:
        """Run what publishes anew: before it locks anything, all others have ended."""

        def run(connection: Connection) -> T:
            hold_declared(connection, alone=True)
            return use(connection, self._audit(actor))

        return await self._database.write(run)

    def check_passwords(self, within_seconds: float) -> None:
        """Refuse where a password is being verified for longer. Raises Unavailable."""
        if (seconds := self.passwords.oldest_seconds()) >= within_seconds:
            raise Unavailable(f"passwords: one is being verified for {seconds:.0f} s")

    async def people(self) -> dict[str, dict[str, bool]]:
        """Who is declared, and whether they can sign in by password."""
        users = self._published.configuration.users
        return await self._database.read(
            lambda c: {
                name: {"password": passwords.has_password(c, UserId(name))} for name in users
            }
        )

    async def new_password(self, user: UserId) -> Secret:
        """A new password for a person: shown to its owner now or never. Raises Misconfigured."""
        password = passwords.mint_password()
        phc = await self.passwords.hash(password)
        with attempt() as made:
            await self.use(
                made.at(lambda c, x, t: passwords.set_password(c, x, user, phc, t)),
                "operator",
                alone=True,
            )
        return password

    @property
    def keys_kept(self) -> Seconds:
        """How long others may keep the public keys: they have the next ones before those sign."""
        return Seconds(self._settings.keys_ahead_seconds // 2)

    async def new_client_secret(self, client: ClientId) -> Secret:
        """A new secret for a client: shown to its owner now or never. Raises Misconfigured."""
        with attempt() as made:
            return await self.use(
                made.at(lambda c, x, t: client_secrets.replace_secret(c, x, client, t)),
                "operator",
                alone=True,
            )

    def jwks(self) -> list[dict[str, Json]]:
        """The public keys of tokens."""
        return self._published.ring.public((keyring.ACCESS, keyring.IDENTITY), self._clock())

    def key_list(self) -> list[dict[str, Json]]:
        """The keys that are published, without what is secret."""
        return [
            {
                "kid": key.kid,
                "purpose": key.purpose,
                "algorithm": key.algorithm,
                "signs_from": key.signs_from,
                "retired_at": key.retired_at,
            }
            for key in published_keys(self._published.ring.keys, self._clock())
        ]

    async def plan(
        self, declared: Sequence[Declaration] = (), *, prune: bool, version: int | None = None
    ) -> applying.Plan:
        """What `apply` would change."""
        wanted = Wanted(declared, prune, version)
        return await applying.plan(self._database, wanted, self._known, self._envoy, self.issuer)

    async def apply(
        self, declared: Sequence[Declaration] = (), *, prune: bool, version: int | None = None
    ) -> applying.Applied:
        """Apply declarations, or those of a version; the next one is published when this returns.

        Raises Misconfigured, Conflict, Unavailable.
        """
        wanted = Wanted(declared, prune, version)
        applied = await applying.apply(
            self._database,
            wanted,
            self._known,
            self._envoy,
            issuer=self.issuer,
            key_file=self._key_file,
            new_audit=partial(self._audit, "operator"),
        )
        self._recorded.set()
        if applied.published:
            await self._take(applied.published)
        return applied

    def _known(self) -> publish.Published:
        return self._published

    async def export(self) -> list[Declaration]:
        """Everything that is declared."""
        found = await self._database.read(load_declarations)
        return await asyncio.to_thread(lambda: [one.read() for one in found])

    async def history(self) -> tuple[list[Version], list[Recorded]]:
        """Every version that is kept, and what each changed in what is declared."""
        return await self._database.read(lambda c: (load_versions(c), load_changes(c)))

    def plan_rotation(self, wish: keyring.RotationRequest) -> Rotation:
        """What `rotate_keys` would do now. Raises Misconfigured."""
        return keyring.turn_of(wish, self._least, self._clock())

    @property
    def _least(self) -> MinimumTimes:
        settings = self._settings
        ahead, lifetime = settings.keys_ahead_seconds, settings.access_lifetime_seconds
        return keyring.least(Seconds(ahead), Seconds(lifetime))

    async def rotate_keys(self, wish: keyring.RotationRequest) -> tuple[Rotation, int]:
        """Publish the next signing keys: when they sign, and the version that they came with.

        Raises Misconfigured where tokens would be refused, Conflict where others publish meanwhile.
        """
        signers = await asyncio.to_thread(keyring.next_signers)

        def use(
            connection: Connection, known: publish.Published, declared: dict[str, bytes]
        ) -> tuple[Rotation, publish.Published] | None:
            if hold_version(connection) != known.version:
                return None
            by = self._audit("operator")
            turn = keyring.turn_of(wish, self._least, by.at)
            keyring.rotate_keys(connection, self._key_file, signers, turn, by)
            return turn, publish.publish(
                *(connection, known.configuration, declared, "keys rotate"),
                *(self.issuer, self._key_file, by),
            )

        for _ in range(publish.ATTEMPTS):
            known = self._published
            declared = await asyncio.to_thread(publish.parts_of, known.configuration)
            with attempt() as made:
                done = await self._database.write(
                    made.at(partial(use, known=known, declared=declared))
                )
            if done is not None:
                self._recorded.set()
                await self._take(done[1])
                return done[0], done[1].version
            await self.refresh()
        raise publish.overtaken("keys rotate")

    async def ingest(self, events: Sequence[AuditEvent]) -> int:
        """Take events of an edge into the log."""
        taken = await sequence.ingest(self._database, events)
        self._recorded.set()
        return taken

    async def newest_leaves(self, limit: int) -> list[tuple[int, bytes]]:
        """The last events of the log."""
        return await self._database.read(
            lambda c: load_leaves(c, max(load_tree(c).size - limit, 0), limit)
        )

    async def leaves(self, start: int, limit: int) -> list[tuple[int, bytes]]:
        """Events of the log."""
        return await self._database.read(lambda c: load_leaves(c, start, limit))

    async def checkpoint(self) -> tuple[int, str] | None:
        """The newest signed checkpoint."""
        return await self._database.read(latest_checkpoint)

    async def event(self, event_id: str) -> AuditEvent | None:
        """One event."""
        return await self._database.read(lambda c: find_event(c, event_id))

    def _audit(self, actor: str, source: str = "") -> AuditContext:
        """Who acts, from where, and that it is now."""
        return AuditContext(actor, self._clock(), partial(new_id, "e"), source)

    def _context(self) -> Context:
        settings, published = self._settings, self._published
        return Context(
            self.issuer,
            published,
            self._key_file,
            self._clock,
            partial(self._signer, ring=published.ring),
            TokenPolicy(Seconds(settings.access_lifetime_seconds)),
            self._sessions,
            RefreshPolicy(Seconds(settings.refresh_lifetime_seconds)),
            self._former_share,
            self._unrecorded.has_room,
        )

    @property
    def _sessions(self) -> SessionPolicy:
        settings = self._settings
        return SessionPolicy(
            Seconds(settings.session_idle_seconds), Seconds(settings.session_lifetime_seconds)
        )

    def _signer(self, purpose: str, ring: keyring.KeyRing | None = None) -> Signer:
        """The key that signs now, opened once."""
        ring = ring or self._published.ring
        key = ring.signing_key(purpose, self._clock())
        if key.kid not in self._signers:
            self._signers[key.kid] = ring.open(key)
        return self._signers[key.kid]


def put_back() -> Unavailable:
    """The database has an older edition than is in force here: what happened since it forgot."""
    problem = "the database was put back to an earlier state"
    return Unavailable(problem, hint="durward restored")


def put(path: Path, content: bytes) -> None:
    """A file, whole or as it was: edges may read it at any moment. Raises Unavailable."""
    fresh = path.with_suffix(".new")
    try:
        fresh.write_bytes(content)
        fresh.rename(path)
    except OSError as error:
        hint = f"make room on the disk of {path.parent}, or let it be written"
        raise Unavailable(f"{path} cannot be written: {error.strerror}", hint=hint) from error
