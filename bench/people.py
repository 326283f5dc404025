"""What a sign-in, a token, a search, `apply` and a start cost beside many people.

Method: a control plane over SQLite in a temporary folder, in this process. It has 10 people at
first and `--people N` (100,000) in the end; each figure is the ratio of the medians of both. No
password is hashed: what Argon2id costs depends on nobody else. A sign-in is `admit` and `sign_in`,
a token the redemption of a code, a search a page of 20 by the beginning of a login name, each one
transaction; `apply` changes a tenant; a start is a second control plane on the same database.
`rows_of_N_s` is the time in which the rows are made, 500 in a transaction.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from sqlalchemy import Connection

from durward.core.audit.event import AuditContext
from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.oauth.authorize import Answer, Consent
from durward.core.oauth.pkce import challenge_of
from durward.core.people.person import Entitlements, Person
from durward.core.values import Secret, UserId
from durward.entropy import new_secret
from durward.entrypoints.declarations import read_declarations
from durward.services import authorize, passwords, sessions, token
from durward.services.client_authentication import ClientRequest
from durward.settings import ServeSettings
from durward.store.holds import hold_people
from durward.store.people import add_people, page_people
from durward.wiring import ControlPlane

ORDERS: Final = Path(__file__).parent.parent / "examples" / "orders" / "durward.yaml"
CALLBACK: Final = "http://127.0.0.1/callback"
CLIENT: Final = "durward-cli"
VERIFIER: Final = "a-verifier-of-more-than-forty-three-characters-1"
PHC: Final = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA"
FEW, MANY = 10, 100_000
BATCH, ROUNDS, RUNS = 500, 5, 40


def people(first: int, last: int) -> Iterator[list[Person]]:
    """People in batches, of 20 classes."""
    for begin in range(first, last, BATCH):
        yield [
            Person(
                UserId(f"p_{number:08}"),
                Entitlements.of("acme", ["clerk"], [f"team-{number % 20}"]),
                (f"person-{number:08}",),
                name=f"Person {number}",
            )
            for number in range(begin, min(begin + BATCH, last))
        ]


async def fill(plane: ControlPlane, first: int, last: int) -> float:
    """Make the rows; seconds."""
    began = time.perf_counter()
    for some in people(first, last):

        def use(connection: Connection, audit: AuditContext, some: list[Person] = some) -> None:
            hold_people(connection, *(one.id for one in some))
            add_people(connection, some, audit)

        await plane.transactions.write(use, "bench")
    return time.perf_counter() - began


class Bench:
    """One control plane, and somebody who signs in."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.account = "person-00000005"
        self.person = UserId("p_00000005")

    async def prepare(self) -> None:
        """Give them a password that nobody verifies."""
        await self.plane.use_cases.write(
            lambda c, x, t: passwords.set_password(c, x, self.person, PHC, t), "bench"
        )

    async def sign_in(self) -> Secret:
        """Sign in; the session."""
        write, nothing = self.plane.use_cases.write, sessions.BrowserSecrets()
        admitted = await write(
            lambda c, x, t: sessions.admit(c, x, self.account, None, t), "b", "192.0.2.1"
        )
        assert isinstance(admitted, sessions.Admitted)
        begun = await write(
            lambda c, x, t: sessions.sign_in(c, x, admitted, None, nothing, "bench", t), "b"
        )
        assert isinstance(begun, sessions.Begun)
        return begun.session

    async def code(self, session: Secret) -> bytes:
        """The form that redeems a code."""
        browser = new_secret("dwb")
        asked = {
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": CALLBACK,
            "scope": "openid",
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
        }
        form, write = urlencode(asked).encode(), self.plane.use_cases.write
        step = await write(lambda c, x, t: authorize.begin(c, x, form, browser, session, t), "b")
        if isinstance(step, authorize.InteractionRequired):
            reply, id = Consent(self.person, Answer.ALLOW), step.interaction
            step = await write(
                lambda c, x, t: authorize.proceed(c, x, id, browser, session, reply, t), "b"
            )
        assert isinstance(step, authorize.Redirect), step
        code = parse_qs(urlsplit(step.uri).query)["code"][0]
        redeemed = {
            "grant_type": "authorization_code",
            "client_id": CLIENT,
            "code": code,
            "code_verifier": VERIFIER,
            "redirect_uri": CALLBACK,
        }
        return urlencode(redeemed).encode()

    async def redeem(self, form: bytes) -> None:
        """Have the tokens of a code."""
        request = ClientRequest(None, form)
        answer = await self.plane.use_cases.write(
            lambda c, x, t: token.exchange(c, x, request, t), "b"
        )
        assert answer.error is None, answer.error

    async def search(self) -> None:
        """One page of a search."""
        found = await self.plane.transactions.read(
            lambda c: page_people(c, canonical="person-0000000", limit=20)
        )
        assert found

    async def apply(self, number: int) -> None:
        """Change something of the configuration."""
        tenant = Declaration(DeclarationKind.TENANT, "acme", {"name": f"Acme {number}"})
        await self.plane.administration.apply([tenant], prune=False)


async def median(run: Callable[[], Awaitable[Any]], times: int) -> float:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        await run()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


async def figures(bench: Bench, settings: ServeSettings) -> dict[str, float]:
    """Milliseconds of each."""
    session = await bench.sign_in()
    forms = iter([await bench.code(session) for _ in range(RUNS)])
    numbers = iter(range(1_000_000))
    start: list[float] = []
    for _ in range(3):
        began = time.perf_counter()
        other = await ControlPlane.open(settings)
        start.append(time.perf_counter() - began)
        await other.close()
    return {
        "sign_in": await median(bench.sign_in, RUNS) * 1_000,
        "token": await median(lambda: bench.redeem(next(forms)), RUNS) * 1_000,
        "search": await median(bench.search, RUNS) * 1_000,
        "apply_of_configuration": await median(lambda: bench.apply(next(numbers)), ROUNDS) * 1_000,
        "start": statistics.median(start) * 1_000,
    }


async def measure(many: int) -> dict[str, float]:
    """The figures beside few people and beside many, and their ratios."""
    with tempfile.TemporaryDirectory() as folder:
        settings = ServeSettings(issuer="https://issuer.example", runtime=folder, state=folder)
        plane = await ControlPlane.open(settings)
        try:
            await plane.administration.apply(read_declarations(ORDERS), prune=False)
            await fill(plane, 0, FEW)
            bench = Bench(plane)
            await bench.prepare()
            few = await figures(bench, settings)
            seconds = await fill(plane, FEW, many)
            await plane.upkeep.sequence()
            beside = await figures(bench, settings)
        finally:
            await plane.close()
    found = {f"{name}_ms_{FEW}": round(value, 2) for name, value in few.items()}
    found |= {f"{name}_ms_{many}": round(value, 2) for name, value in beside.items()}
    found |= {f"{name}_{many}_over_{FEW}": round(beside[name] / few[name], 2) for name in few}
    return found | {f"rows_of_{many}_s": round(seconds, 1)}


def main(arguments: list[str]) -> None:
    many = int(arguments[arguments.index("--people") + 1]) if "--people" in arguments else MANY
    found = asyncio.run(measure(many))
    if "--json" in arguments:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:40} {value}")


if __name__ == "__main__":
    main(sys.argv[1:])
