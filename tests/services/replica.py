"""One replica of the control plane for tests of use cases: its store is real, its clock the test's.

The store is SQLite with the schema of the migrations, in memory: a file below `/dev/shm`, where
there is one. SQLite's own `:memory:` has one connection and no WAL, and the store's writer and
readers have their own. Keys are made and the sample is applied once for each process of tests; each
test begins with a copy of that, in milliseconds. No password is hashed: whoever signs in here has
the hash that a verified password had.
"""

import asyncio
import base64
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple, Unpack
from urllib.parse import parse_qs, urlencode, urlsplit

from sqlalchemy import Connection
from tests.issuer import ENVOY, ISSUER, VERIFIER, Clock, asked, sample

from durward.core.audit.event import AuditContext
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.oauth.authorize import Answer, Consent, Reply
from durward.core.people.person import Person
from durward.core.values import Secret, UserId
from durward.entropy import new_secret
from durward.services import authorize, passwords, sessions, token
from durward.services.client_authentication import ClientRequest
from durward.services.context import Context
from durward.settings import MailSettings, ServeSettings
from durward.store.people import find_declared, load_person
from durward.wiring import ControlPlane

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of a fresh name is made there
PHC = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA"
"""A hash that nobody looks at: that a password fits is what a test says."""
Args = TypeVarTuple("Args")
T = TypeVar("T")


@dataclass
class SignIn:
    """A browser at which somebody signed in."""

    session: Secret
    known: Secret
    browser: Secret = field(default_factory=lambda: new_secret("dwb"))


@dataclass
class Replica:
    """Runs use cases, each in a transaction as endpoints run it."""

    plane: ControlPlane
    clock: Clock
    secrets: dict[str, Secret]
    source: str = "192.0.2.1"

    async def write(
        self,
        use: Callable[[Connection, Context, Unpack[Args], AuditContext], T],
        *args: *Args,
    ) -> T:
        """Run a use case that ends with the context of its audit events."""

        def run(connection: Connection, context: Context, audit: AuditContext) -> T:
            return use(connection, context, *args, audit)

        return await self.plane.use_cases.write(run, "test", self.source)

    async def read(self, use: Callable[[Connection], T]) -> T:
        return await self.plane.transactions.read(use)

    async def apply(self, *declared: Declaration, prune: bool = False) -> int:
        applied = await self.plane.administration.apply(declared, prune=prune)
        self.secrets |= {str(name): secret for name, secret in applied.secrets}
        return applied.version

    async def id_of(self, name: str) -> UserId:
        """The id of somebody whom files declare."""
        return (await self.read(lambda c: find_declared(c, [name])))[name]

    async def person(self, id: str) -> Person:
        """Somebody as the store has them."""
        found = await self.read(lambda c: load_person(c, id))
        assert found is not None
        return found

    async def change(self, kind: DeclarationKind, name: str, /, **changes: Any) -> int:
        """Declare something anew, with changes; None leaves a field out."""
        found = {(one.kind, one.name): one for one in await self.plane.administration.export()}
        body = {**found[kind, name].body, **changes}
        left = {key: value for key, value in body.items() if value is not None}
        return await self.apply(Declaration(kind, name, left))

    async def remove(self, kind: DeclarationKind, name: str) -> None:
        found = await self.plane.administration.export()
        left = [one for one in found if (one.kind, one.name) != (kind, name)]
        await self.apply(*left, prune=True)

    async def give_password(self, account: str, phc: str = PHC) -> None:
        await self.write(passwords.set_password, UserId(account), phc)

    async def sign_in(self, account: str = "ann", before: SignIn | None = None) -> SignIn:
        """Sign somebody in whose password fits."""
        known = before.known if before else None
        admitted = await self.write(sessions.admit, account, known)
        assert isinstance(admitted, sessions.Admitted), admitted
        secrets = sessions.BrowserSecrets(before.session if before else None, known)
        begun = await self.write(sessions.sign_in, admitted, None, secrets, "a browser")
        assert isinstance(begun, sessions.Begun), begun
        return SignIn(begun.session, begun.known)

    async def begin(self, here: SignIn | None, **changes: str | None) -> authorize.Outcome:
        """A client's request arrives at somebody's browser."""
        form = urlencode(asked(**changes)).encode()
        browser = here.browser if here else Secret("dwb_none")
        return await self.write(authorize.begin, form, browser, here.session if here else None)

    async def proceed(self, here: SignIn, id: str, reply: Reply | None) -> authorize.Outcome:
        return await self.write(authorize.proceed, id, here.browser, here.session, reply)

    async def code(self, here: SignIn, account: str = "ann", /, **changes: str | None) -> str:
        """A code, agreed to where that is asked."""
        step = await self.begin(here, **changes)
        if isinstance(step, authorize.InteractionRequired):
            step = await self.proceed(
                here, step.interaction, Consent(UserId(account), Answer.ALLOW)
            )
        return told(step)["code"]

    async def exchange(self, client: str = "desk", **form: str) -> token.TokenAnswer:
        """A request at the token endpoint, by the secret that the client has, or by none."""
        body = form if client in self.secrets else {"client_id": client, **form}
        request = ClientRequest(self.basic(client), urlencode(body).encode())
        return await self.write(token.exchange, request)

    def basic(self, client: str) -> str | None:
        if client not in self.secrets:
            return None
        pair = f"{client}:{self.secrets[client].reveal()}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"

    async def redeem(self, code: str, client: str = "desk", **more: str) -> token.TokenAnswer:
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
        return await self.exchange(client, **{**form, **more})

    async def refresh(self, value: str, client: str = "desk", **more: str) -> token.TokenAnswer:
        form = {"grant_type": "refresh_token", "refresh_token": value}
        return await self.exchange(client, **{**form, **more})

    async def tokens(self, here: SignIn, **changes: str | None) -> dict[str, str]:
        """The tokens of a code that was just given."""
        client = str(changes.get("client_id") or "desk")
        return given(await self.redeem(await self.code(here, "ann", **changes), client))

    async def events(self) -> list[str]:
        """The audit log."""
        await self.plane.upkeep.sequence()
        return [body.decode() for _, body in await self.plane.log.leaves(0, 10_000)]

    async def count(self, kind: str) -> int:
        """How many events of a kind the log has."""
        return sum(f'"{kind}"' in event for event in await self.events())


def told(outcome: authorize.Outcome) -> dict[str, str]:
    """What the client is told by a redirect."""
    assert isinstance(outcome, authorize.Redirect), outcome
    return {
        name: values[0] for name, values in parse_qs(urlsplit(outcome.answer.uri).query).items()
    }


def given(answer: token.TokenAnswer) -> dict[str, str]:
    """The tokens of an answer."""
    assert answer.error is None, answer.error
    assert answer.body is not None
    return {name: str(value) for name, value in answer.body.items()}


def refused(answer: token.TokenAnswer) -> str:
    """The code of the error that a client is told."""
    assert answer.body is None
    assert answer.error is not None
    return answer.error.code.value


@dataclass(frozen=True)
class Template:
    """A folder with keys and the sample, and the secrets of its clients."""

    folder: Path
    secrets: Mapping[str, Secret]


@contextlib.contextmanager
def template() -> Iterator[Template]:
    """What replicas are copies of, made once; outside of any event loop."""
    memory = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="dw-", dir=memory) as folder:
        yield Template(Path(folder), asyncio.run(_prepare(folder)))


async def _prepare(folder: str) -> Mapping[str, Secret]:
    plane = await ControlPlane.open(_settings(folder), Clock(), None, ENVOY)
    try:
        applied = await plane.administration.apply(sample(), prune=False)
    finally:
        await plane.close()
    return {str(client): secret for client, secret in applied.secrets}


def _settings(folder: str) -> ServeSettings:
    return ServeSettings(issuer=ISSUER, runtime=folder, state=folder)


@contextlib.asynccontextmanager
async def replica(made: Template, mail: MailSettings | None = None) -> AsyncIterator[Replica]:
    """A copy of what was made, with a clock of its own."""
    with tempfile.TemporaryDirectory(prefix="dw-", dir=made.folder.parent) as folder:
        for name in ("durward.db", "durward.key"):
            shutil.copy(made.folder / name, folder)
        clock = Clock()
        plane = await ControlPlane.open(_settings(folder), clock, None, ENVOY, mail)
        try:
            yield Replica(plane, clock, dict(made.secrets))
        finally:
            await plane.close()
