"""The control plane, put together: the one place where use cases meet store and keys."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from sqlalchemy import Connection

from durward.clock import now
from durward.core.authn.session import SessionPolicy
from durward.core.configuration.profile import Profile
from durward.core.errors import Unavailable
from durward.core.oauth.claims import TokenPolicy
from durward.core.oauth.grants.refresh_token import RefreshPolicy
from durward.core.oauth.issuer import check_issuer
from durward.core.values import Instant, Seconds
from durward.core.wire import Json, sorted_json
from durward.keys.envelope import KeyFile
from durward.keys.signing import Signer
from durward.services import keyring, publish, sequence
from durward.services.administration import Administration
from durward.services.client_authentication import AssertionRoom
from durward.services.context import Context
from durward.services.envoy_check import EnvoyCheck
from durward.services.fleet import Fleet
from durward.services.groups import Groups
from durward.services.log import Log
from durward.services.mail import MailDelivery
from durward.services.password_verifier import PasswordVerifier
from durward.services.people_administration import PeopleAdministration
from durward.services.publication import Publication
from durward.services.recovery import Recovery
from durward.services.transactions import Transactions
from durward.services.upkeep import Upkeep
from durward.services.use_cases import UseCases
from durward.settings import MailSettings, ServeSettings
from durward.store.engine import open_database
from durward.store.migrate import migrate

Clock = Callable[[], Instant]


@dataclass(frozen=True)
class ControlPlane:
    """Everything that a replica of `durward serve` does. What it holds can be read again."""

    settings: ServeSettings
    keys: "Keys"
    transactions: Transactions
    publication: Publication
    use_cases: UseCases
    passwords: PasswordVerifier
    administration: Administration
    people: PeopleAdministration
    groups: Groups
    fleet: Fleet
    log: Log
    upkeep: Upkeep
    recovery: Recovery

    @classmethod
    async def open(
        cls,
        settings: ServeSettings,
        clock: Clock = now,
        verifier: PasswordVerifier | None = None,
        envoy: EnvoyCheck | None = None,
        mail: MailSettings | None = None,
    ) -> Self:
        """Open the store, bring it up to date, make the keys that are missing.

        Raises Misconfigured or Unavailable: a store or a key file that is spoiled heals by nothing
        that a process could do.
        """
        check_issuer(settings.issuer)
        floor, carrier = settings.floor, mail.carrier() if mail else None
        state = Path(settings.state)
        database = open_database(settings.database or f"sqlite:///{state}/durward.db")
        try:
            transactions = Transactions(database, clock)
            await database.upgrade(migrate)
            key_path = Path(settings.key_file or state / "durward.key")
            key_file = await database.read(lambda c: keyring.open_key_file(c, key_path))
            known = await publish.with_declared(
                database,
                lambda declared: database.write(
                    partial(prepare, settings.issuer, key_file, transactions, declared),
                    apart=True,
                ),
                "serve",
            )
            published = await publish.load_published(database, key_file, known)
            publication = Publication(transactions, key_file, published)
            await publication.count_hashes()
            delivery = (
                MailDelivery(transactions, lambda: publication.key_file, carrier, mail.sender)
                if mail and carrier
                else None
            )
            plane = cls._over(settings, floor, publication, transactions, verifier, envoy, delivery)
            plane.keys.write(state)
        except BaseException:
            await database.close()
            raise
        return plane

    @classmethod
    def _over(
        cls,
        settings: ServeSettings,
        floor: Profile,
        publication: Publication,
        transactions: Transactions,
        verifier: PasswordVerifier | None,
        envoy: EnvoyCheck | None,
        delivery: MailDelivery | None,
    ) -> Self:
        keys = Keys(settings, publication, transactions.clock)
        policy = SessionPolicy(
            Seconds(settings.session_idle_seconds), Seconds(settings.session_lifetime_seconds)
        )
        upkeep = Upkeep(
            transactions,
            publication,
            settings.issuer,
            partial(keys.signer, keyring.AUDIT),
            policy,
            delivery,
        )
        lifetime = Seconds(settings.access_lifetime_seconds)
        assertions = AssertionRoom()

        def context() -> Context:
            published = publication.published
            return Context(
                settings.issuer,
                published,
                publication.key_file,
                transactions.clock,
                partial(keys.signer, ring=published.ring),
                TokenPolicy(lifetime),
                policy,
                RefreshPolicy(Seconds(settings.refresh_lifetime_seconds)),
                publication.hash_kinds,
                upkeep.unrecorded.has_room,
                assertions.take,
                floor,
                settings.require_pushed_authorization_requests,
                sends_mail=delivery is not None,
            )

        use_cases = UseCases(transactions, publication, context)
        passwords = verifier or PasswordVerifier()
        least = keyring.least(Seconds(settings.keys_ahead_seconds), lifetime)
        return cls(
            settings,
            keys,
            transactions,
            publication,
            use_cases,
            passwords,
            Administration(use_cases, envoy or EnvoyCheck(), least),
            PeopleAdministration(use_cases, passwords),
            Groups(use_cases),
            Fleet(transactions, publication, context),
            Log(transactions),
            upkeep,
            Recovery(use_cases),
        )

    @property
    def issuer(self) -> str:
        """The issuer: the address under which clients reach the authorization server."""
        return self.settings.issuer

    @property
    def published(self) -> publish.Published:
        """The version in force; read once for each request."""
        return self.publication.published

    @property
    def sends_mail(self) -> bool:
        """Whether there is anything that takes mails."""
        return self.use_cases.context().sends_mail

    def now(self) -> Instant:
        """What this replica's clock shows."""
        return self.transactions.clock()

    async def close(self) -> None:
        """Record and sequence what waits and close the store."""
        await self.upkeep.finish()
        await self.transactions.database.close()


class Keys:
    """The keys of one replica: each is opened once."""

    def __init__(self, settings: ServeSettings, publication: Publication, clock: Clock) -> None:
        self._issuer = settings.issuer
        self.kept = Seconds(settings.keys_ahead_seconds // 2)
        """How long others may keep the public keys: they have the next ones before those sign."""
        self._publication = publication
        self._clock = clock
        self._signers: dict[str, Signer] = {}

    def signer(self, purpose: str, ring: keyring.KeyRing | None = None) -> Signer:
        """The key that signs for a purpose now. Raises Unavailable."""
        ring = ring or self._publication.published.ring
        key = ring.signing_key(purpose, self._clock())
        if key.kid not in self._signers:
            self._signers[key.kid] = ring.open(key)
        return self._signers[key.kid]

    def public(self) -> list[dict[str, Json]]:
        """The public keys of tokens."""
        ring = self._publication.published.ring
        return ring.public((keyring.ACCESS, keyring.IDENTITY), self._clock())

    def write(self, state: Path) -> None:
        """Write what edges and auditors pin. Raises Unavailable."""
        replace_file(state / "snapshot.jwk", sorted_json(self.signer(keyring.SNAPSHOT).public_jwk))
        key = sequence.log_key(self._issuer, self.signer(keyring.AUDIT))
        replace_file(state / "audit.pub", f"{key.to_wire()}\n".encode())


def prepare(
    issuer: str,
    key_file: KeyFile,
    transactions: Transactions,
    declared: publish.PreparedEdition,
    connection: Connection,
) -> publish.PreparedEdition | None:
    """Make the keys that are missing, and publish where there is something else to say.

    None where something else is declared by now.
    """
    if not declared.is_current(connection):  # of two replicas that start, one makes the keys
        return None
    audit = transactions.audit("start")
    keyring.ensure_keys(connection, key_file, audit)
    publish.publish_if_changed(connection, declared, issuer, key_file, audit)
    return declared


def replace_file(path: Path, content: bytes) -> None:
    """A file, whole or as it was: edges may read it at any moment. Raises Unavailable."""
    fresh = path.with_suffix(".new")
    try:
        fresh.write_bytes(content)
        fresh.rename(path)
    except OSError as error:
        hint = f"make room on the disk of {path.parent}, or let it be written"
        raise Unavailable(f"{path} cannot be written: {error.strerror}", hint=hint) from error
