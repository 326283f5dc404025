"""What a sign-in, a token, searches, `apply` and a start cost beside many people.

Method: two control planes over SQLite in temporary folders, in this process, with one configuration
of 1,000 tenants: one has 10 people, the other `--people N` (1,000,000) in 10,000 groups and as many
classes. The rows of the many are written by SQL, as `add_people` writes them but without events.
The planes are asked by turns; a figure is the median of the CPU time that the process takes for one
request, in all its threads, and a ratio is that of the medians. No password is hashed: what
Argon2id costs depends on nobody else. A sign-in is `admit` and `sign_in`, a token the redemption of
a code, a search a page of 20 by the beginning of a login name; `search_all` is the same where it is
the beginning of everybody's, `search_tenant` a page of a tenant, `subjects` a page of AuthZEN's
search for who may read an order; `apply` changes a tenant; a start is a second control plane on the
same database.
"""

import asyncio
import base64
import contextlib
import functools
import itertools
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec

from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.oauth.authorize import Answer, Consent
from durward.core.oauth.pkce import challenge_of
from durward.core.people.import_line import ImportLine
from durward.core.people.person import Entitlements, Person
from durward.core.values import ClientId, Secret, UserId
from durward.entropy import new_secret
from durward.entrypoints.declarations import read_declarations
from durward.services import authorize, passwords, people_import, sessions, token
from durward.services.authzen import AuthzenService
from durward.services.client_authentication import ClientRequest
from durward.services.people_administration import PeopleQuery
from durward.settings import ServeSettings
from durward.wiring import ControlPlane

ORDERS: Final = Path(__file__).parent.parent / "examples" / "orders" / "durward.yaml"
CALLBACK: Final = "http://127.0.0.1/callback"
CLIENT: Final = "durward-cli"
VERIFIER: Final = "a-verifier-of-more-than-forty-three-characters-1"
PHC: Final = "$argon2id$v=19$m=19456,t=2,p=1$" + "c2FsdHNhbHRzYWx0c2FsdA$" + "aGFzaA" * 7 + "A"
ISSUER: Final = "https://issuer.example"
FEW, MANY, IMPORTED = 10, 1_000_000, 100_000
TENANTS, GROUPS = 1_000, 10_000
BATCH, ROUNDS, RUNS = 500, 7, 40


def tenant_of(number: int) -> str:
    return f"tenant-{number % TENANTS:04}"


def person(number: int) -> Person:
    """Somebody of one of 10,000 classes; those of all numbers have one role."""
    groups = [f"group-{number % GROUPS:05}"]
    return Person(
        UserId(f"p_{number:08}"),
        Entitlements.of(tenant_of(number), ["clerk"], groups),
        (f"person-{number:08}",),
        name=f"Person {number}",
    )


def write_rows(file: Path, first: int, last: int) -> None:
    """People as rows of SQLite, without events."""
    with contextlib.closing(sqlite3.connect(file)) as store, store:
        store.execute("PRAGMA cache_size=-400000")
        classes = {one.entitlements for one in map(person, range(first, min(last, GROUPS)))}
        store.executemany(
            "INSERT INTO people_classes (id, tenant, entitlements, used_at) VALUES (?, ?, ?, 1)",
            [(one.key, one.tenant, msgspec.json.encode(one)) for one in classes],
        )
        store.executemany(
            "INSERT INTO groups (name, description, made_at, made_by) VALUES (?, '', 1, 'bench')",
            [(f"group-{number:05}",) for number in range(min(last, GROUPS))],
        )
        keys = [person(number).class_key for number in range(GROUPS)]
        numbers = range(first, last)
        store.executemany(
            'INSERT INTO people (id, "class", tenant, name, folded_name, locale, disabled, made_at,'
            " made_by, changed_at, revision) VALUES (?, ?, ?, ?, ?, '', 0, 1, 'bench', 1, 1)",
            (
                (f"p_{n:08}", keys[n % GROUPS], tenant_of(n), f"Person {n}", f"person {n}")
                for n in numbers
            ),
        )
        store.executemany(
            "INSERT INTO identifiers (person, kind, canonical, place, spelled, verified, signs_in)"
            " VALUES (?, 'login', ?, 0, ?, 1, ?)",
            ((f"p_{n:08}", *[f"person-{n:08}"] * 3) for n in numbers),
        )
        store.executemany(
            'INSERT INTO group_members ("group", person) VALUES (?, ?)',
            ((f"group-{n % GROUPS:05}", f"p_{n:08}") for n in numbers),
        )


class Bench:
    """One control plane, and somebody who signs in."""

    def __init__(self, plane: ControlPlane, settings: ServeSettings) -> None:
        self.plane, self.settings = plane, settings
        self.account = "person-00000007"
        self.person = UserId("p_00000007")
        self.gateway = ""

    async def prepare(self, secret: Secret) -> None:
        """Give them a password that nobody verifies, and the gateway a token."""
        await self.plane.use_cases.write(
            lambda c, x, t: passwords.set_password(c, x, self.person, PHC, t), "bench"
        )
        form = {"grant_type": "client_credentials", "resource": f"{ISSUER}/access/v1"}
        basic = base64.b64encode(f"gateway:{secret.reveal()}".encode()).decode()
        request = ClientRequest(f"Basic {basic}", urlencode(form).encode())
        answer = await self.plane.use_cases.write(
            lambda c, x, t: token.exchange(c, x, request, t), "b"
        )
        assert answer.error is None, answer.error
        self.gateway = str(answer.body["access_token"])

    async def start(self) -> None:
        """Start another control plane on the same database."""
        await (await ControlPlane.open(self.settings)).close()

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
        await self.page(PeopleQuery(search="person-0000000", limit=20))

    async def search_all(self) -> None:
        """One page of a search that finds everybody."""
        await self.page(PeopleQuery(search="person", limit=10))

    async def search_tenant(self) -> None:
        """One page of a tenant."""
        await self.page(PeopleQuery(tenant=tenant_of(7), limit=1))

    async def page(self, asked: PeopleQuery) -> None:
        """One page; there is somebody on it."""
        assert (await self.plane.people.page(asked)).people

    async def subjects(self) -> None:
        """One page of those who may read an order."""
        body = {
            "subject": {"type": "user"},
            "action": {"name": "orders:GetOrder"},
            "resource": {"type": "order", "id": "1", "properties": {"tenant": tenant_of(7)}},
            "page": {"limit": 1},
        }
        found = await self.plane.use_cases.read(
            lambda c, x, t: AuthzenService(c, x, self.gateway, t).search_subjects(
                json.dumps(body).encode()
            ),
            "b",
        )
        assert found["results"]

    async def apply(self, number: int) -> None:
        """Change something of the configuration."""
        tenant = Declaration(DeclarationKind.TENANT, "acme", {"name": f"Acme {number}"})
        await self.plane.administration.apply([tenant], prune=False)


async def timed(run: Callable[[], Awaitable[Any]]) -> float:
    """The CPU milliseconds of the process."""
    began = time.process_time()
    await run()
    return (time.process_time() - began) * 1_000


async def figures(benches: list[Bench]) -> list[dict[str, float]]:
    """Milliseconds of each request, on each plane."""
    forms, numbers = [], itertools.count()
    for bench in benches:
        session = await bench.sign_in()
        forms.append([await bench.code(session) for _ in range(RUNS)])
    rounds: dict[str, tuple[int, Callable[[Bench, int], Awaitable[Any]]]] = {
        "sign_in": (RUNS, lambda bench, _: bench.sign_in()),
        "token": (RUNS, lambda bench, n: bench.redeem(forms[benches.index(bench)][n])),
        "search": (RUNS, lambda bench, _: bench.search()),
        "search_all": (RUNS, lambda bench, _: bench.search_all()),
        "search_tenant": (RUNS, lambda bench, _: bench.search_tenant()),
        "subjects": (RUNS, lambda bench, _: bench.subjects()),
        "apply_of_configuration": (ROUNDS, lambda bench, _: bench.apply(next(numbers))),
        "start": (ROUNDS, lambda bench, _: bench.start()),
    }
    found: list[dict[str, float]] = [{} for _ in benches]
    for name, (times, run) in rounds.items():
        taken: list[list[float]] = [[] for _ in benches]
        for n in range(times):
            for bench, listed in zip(benches, taken, strict=True):
                listed.append(await timed(functools.partial(run, bench, n)))
        for each, listed in zip(found, taken, strict=True):
            each[name] = statistics.median(listed)
    return found


async def prepared(folder: str, last: int) -> Bench:
    """A control plane with people."""
    settings = ServeSettings(issuer=ISSUER, runtime=folder, state=folder)
    plane = await ControlPlane.open(settings)
    tenants = [
        Declaration(DeclarationKind.TENANT, tenant_of(number), {}) for number in range(TENANTS)
    ]
    gateway: dict[str, Any] = {"tenant": "acme", "grants": ["client_credentials"]}
    gateway |= {"authzen_apis": ["orders"]}
    listed = [*tenants, Declaration(DeclarationKind.CLIENT, "gateway", gateway)]
    applied = await plane.administration.apply([*read_declarations(ORDERS), *listed], prune=False)
    await plane.close()
    await asyncio.to_thread(write_rows, Path(folder) / "durward.db", 0, last)
    bench = Bench(await ControlPlane.open(settings), settings)
    await bench.prepare(dict(applied.secrets)[ClientId("gateway")])
    return bench


async def imported(bench: Bench, number: int) -> float:
    """Seconds in which people with hashes are imported, 500 in a transaction."""
    began = time.perf_counter()
    for first in range(0, number, BATCH):
        lines = [
            ImportLine(
                login=f"imported-{n:08}",
                tenant=tenant_of(n),
                roles=("clerk",),
                groups=(f"group-{n % GROUPS:05}",),
                password_hash=PHC,
            )
            for n in range(first, min(first + BATCH, number))
        ]
        await people_import.import_people(bench.plane.use_cases, lines)
    return time.perf_counter() - began


async def measure(many: int, lines: int) -> dict[str, float]:
    """The figures beside few people and beside many, and their ratios."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        benches = [await prepared(one, FEW), await prepared(other, many)]
        try:
            few, beside = await figures(benches)
            seconds = await imported(benches[1], lines)
        finally:
            for bench in benches:
                await bench.plane.close()
    found = {f"{name}_ms_{FEW}": round(value, 2) for name, value in few.items()}
    found |= {f"{name}_ms_{many}": round(value, 2) for name, value in beside.items()}
    found |= {f"{name}_{many}_over_{FEW}": round(beside[name] / few[name], 2) for name in few}
    return found | ({f"import_{lines}_s": round(seconds, 1)} if lines else {})


def main(arguments: list[str]) -> None:
    given = dict(itertools.pairwise(arguments))
    many, lines = int(given.get("--people", MANY)), int(given.get("--import", IMPORTED))
    found = asyncio.run(measure(many, lines))
    if "--json" in arguments:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:40} {value}")


if __name__ == "__main__":
    main(sys.argv[1:])
