"""What operators do: declarations, secrets, keys, and a database that was put back."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from durward.core.audit.event import AuditContext
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.configuration.user import declaration_of
from durward.core.jose.life import MinimumTimes, Rotation
from durward.core.jose.life import published as published_keys
from durward.core.values import ClientId, Secret
from durward.core.wire import Json
from durward.services import apply as applying
from durward.services import client_secrets, keyring, nodes, publish
from durward.services.apply import OPERATOR
from durward.services.candidate import DesiredState
from durward.services.context import Context
from durward.services.envoy_check import EnvoyCheck
from durward.services.use_cases import T, UseCases
from durward.store.database import attempt
from durward.store.declarations import load_declarations
from durward.store.history import Recorded, Version, load_changes, load_versions
from durward.store.people import declared_people
from durward.store.snapshots import hold_version


@dataclass(frozen=True)
class Administration:
    """What a method changes is committed, and in force in this replica, when it returns.

    Where the store does not answer meanwhile, each raises Unavailable, which says whether it may
    have been done.
    """

    use_cases: UseCases
    envoy: EnvoyCheck
    key_times: MinimumTimes

    async def plan(
        self, declared: Sequence[Declaration] = (), *, prune: bool, version: int | None = None
    ) -> applying.Plan:
        """What `apply` would change. Raises Misconfigured."""
        return await applying.plan(
            self.use_cases, DesiredState(declared, prune, version), self.envoy
        )

    async def apply(
        self, declared: Sequence[Declaration] = (), *, prune: bool, version: int | None = None
    ) -> applying.Applied:
        """Apply declarations, or those of a version. Raises Misconfigured, Conflict."""
        return await applying.apply(
            self.use_cases, DesiredState(declared, prune, version), self.envoy
        )

    async def export(self) -> list[Declaration]:
        """Everything that is declared."""
        found, persons = await self.use_cases.transactions.read(
            lambda c: (load_declarations(c), declared_people(c))
        )
        users = [
            Declaration(DeclarationKind.USER, str(one.declared), declaration_of(one))
            for one in persons
        ]
        return [*await asyncio.to_thread(lambda: [one.read() for one in found]), *users]

    async def history(self) -> tuple[list[Version], list[Recorded]]:
        """Every version that is kept, and what each changed in what is declared."""
        return await self.use_cases.transactions.read(lambda c: (load_versions(c), load_changes(c)))

    async def new_client_secret(self, client: ClientId) -> Secret:
        """A new secret for a client: shown to its owner now or never. Raises Misconfigured."""
        return await self._alone(
            lambda c, x, audit: client_secrets.replace_secret(c, x, client, audit)
        )

    async def _alone(self, use: Callable[[Connection, Context, AuditContext], T]) -> T:
        with attempt() as made:
            return await self.use_cases.write(made.at(use), OPERATOR, alone=True)

    def keys(self) -> list[dict[str, Json]]:
        """The keys that are published, without what is secret."""
        ring, now = self.use_cases.publication.published.ring, self.use_cases.transactions.clock()
        return [
            {
                "kid": key.kid,
                "purpose": key.purpose,
                "algorithm": key.algorithm,
                "signs_from": key.signs_from,
                "retired_at": key.retired_at,
            }
            for key in published_keys(ring.keys, now)
        ]

    def plan_rotation(self, request: keyring.RotationRequest) -> Rotation:
        """What `rotate_keys` would do now. Raises Misconfigured."""
        return keyring.turn_of(request, self.key_times, self.use_cases.transactions.clock())

    async def rotate_keys(self, request: keyring.RotationRequest) -> tuple[Rotation, int]:
        """Publish the next signing keys: when they sign, and the version that they came with.

        Raises Misconfigured where tokens would be refused, Conflict where others publish meanwhile.
        """
        signers = await asyncio.to_thread(keyring.next_signers)
        publication, context = self.use_cases.publication, self.use_cases.context()
        for _ in range(publish.ATTEMPTS):
            known = publication.published
            told = known.configuration, known.tokens_since
            declared = await asyncio.to_thread(publish.parts_of, *told)

            def use(
                connection: Connection,
                audit: AuditContext,
                known: publish.Published = known,
                declared: dict[str, bytes] = declared,
            ) -> tuple[Rotation, int] | None:
                if hold_version(connection) != known.version:
                    return None
                turn = keyring.turn_of(request, self.key_times, audit.at)
                keyring.rotate_keys(connection, context.key_file, signers, turn, audit)
                published = publish.publish(
                    *(connection, known.configuration, declared, "keys rotate"),
                    *(context.issuer, context.key_file, audit),
                )
                return turn, published.version

            with attempt() as made:
                done = await self.use_cases.transactions.write(made.at(use), OPERATOR, alone=True)
            if done is not None:
                return done
            await publication.refresh()
        raise publish.overtaken("keys rotate")

    async def restored(self, beyond: int) -> tuple[int, int]:
        """The database was put back to an earlier state: the epoch that begins, and its version.

        Raises Misconfigured, Conflict.
        """
        context, transactions = self.use_cases.context(), self.use_cases.transactions

        async def publish_beyond(declared: publish.PreparedEdition) -> tuple[int, int] | None:
            def use(connection: Connection, audit: AuditContext) -> tuple[int, int] | None:
                return nodes.restored(
                    connection, declared, context.issuer, context.key_file, audit, beyond
                )

            with attempt() as made:
                return await transactions.write(made.at(use), OPERATOR, alone=True)

        return await publish.with_declared(transactions.database, publish_beyond, "restored")
