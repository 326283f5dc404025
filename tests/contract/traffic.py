"""A real `durward serve` over a PostgreSQL, and those who go on asking while that comes and goes.

Everybody notes what they were told; what was answered 200 must be there afterwards, once.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from tests.issuer import API, ENVOY, ISSUER, Browser, Issuer, sample
from tests.live import kill

from durward.core.audit.event import AuditEvent, EventKind
from durward.core.edge.envoy.filters import SOURCE
from durward.core.values import Instant, UserId
from durward.core.wire import decode_base64url
from durward.entropy import new_id
from durward.settings import ServeSettings
from durward.wiring import ControlPlane

READY_WITHIN_SECONDS = 60.0
ACCEPTED = {200, 303, 503}


@dataclass
class Served:
    """`durward serve` as a process, asked on its sockets."""

    folder: Path
    database: str
    process: "subprocess.Popen[bytes]"
    passwords: dict[str, str]
    secrets: dict[str, str]
    wrong: list[str] = field(default_factory=list)
    """What was answered that must not be."""
    told: Counter[str] = field(default_factory=Counter)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def http(self, socket: str = "public", source: str = "192.0.2.1") -> httpx2.AsyncClient:
        transport = _Watched(self, str(self.folder / f"{socket}.sock"))
        headers = {SOURCE: source}
        return httpx2.AsyncClient(
            transport=transport, base_url=ISSUER, headers=headers, timeout=60, trust_env=False
        )

    async def status(self, path: str) -> int:
        """What the control socket answers; 0 where nobody does."""
        try:
            async with self.http("control") as http:
                return (await http.get(path)).status_code
        except httpx2.HTTPError:
            return 0

    async def until_ready(self) -> None:
        until = time.monotonic() + READY_WITHIN_SECONDS
        while await self.status("/readyz") != 200:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < until, self.log
            await asyncio.sleep(0.05)

    async def token(self) -> httpx2.Response:
        """What a service is told that asks for a token."""
        async with self.http() as http:
            form = {"grant_type": "client_credentials", "resource": API}
            auth = ("reporting", self.secrets["reporting"])
            return await http.post("/token", data=form, auth=auth)

    async def readiness(self) -> tuple[int, str]:
        """What a supervisor is told, and why."""
        async with self.http("control") as http:
            reply = await http.get("/readyz")
        return reply.status_code, reply.text

    async def leaves(self) -> list[dict[str, Any]]:
        """Every event of the log, once all that waits is in it."""
        found: list[dict[str, Any]] = []
        async with self.http("control") as http:
            await asyncio.sleep(1)  # sequenced twice a second
            while True:
                asked = f"/admin/v1/log?start={len(found)}&limit=1000"
                batch = (await http.get(asked)).json()["events"]
                if not batch:
                    return found
                found += [json.loads(leaf["event"]) for leaf in batch]

    async def versions(self) -> list[int]:
        async with self.http("control") as http:
            listed = (await http.get("/admin/v1/history")).json()["versions"]
        return [one["version"] for one in listed]

    def issuer(self) -> Issuer:
        """As tests that have it in their own process see it; its plane is not at hand."""
        transport = _Watched(self, str(self.folder / "public.sock"))
        nothing: ControlPlane = None  # type: ignore[assignment]
        return Issuer(nothing, None, self.passwords, self.secrets, transport)  # type: ignore[arg-type]


class _Watched(httpx2.AsyncHTTPTransport):
    """Every answer is one of those that may be, and what is unavailable says so in its form."""

    def __init__(self, served: Served, socket: str) -> None:
        super().__init__(uds=socket)
        self._served = served

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        # The edge ends TLS; cookies are those of the issuer's https address.
        plain = request.url.copy_with(scheme="http")
        sent = httpx2.Request(request.method, plain, headers=request.headers, stream=request.stream)
        sent.extensions = request.extensions
        reply = await super().handle_async_request(sent)
        await reply.aread()
        path, status = request.url.path, reply.status_code
        self._served.told[f"{path} {status}"] += 1
        # An attempt to sign in counts before the database goes, and several of them make wait.
        if status not in ACCEPTED and (path, status) != ("/interaction", 429):
            self._served.wrong.append(f"{path}: {status} {reply.text}")
        if status == 503:
            problem = form_of(path, reply)
            if problem:
                self._served.wrong.append(f"{path}: {problem}: {reply.headers} {reply.text}")
        return reply


def form_of(path: str, reply: httpx2.Response) -> str:
    """What is wrong with an answer that says that the database is away."""
    kind = reply.headers.get("content-type", "").partition(";")[0]
    unsettled = kind == "application/problem+json" and reply.json().get("unsettled")
    if not unsettled and not reply.headers.get("retry-after", "").isdigit():
        return "no Retry-After"
    expected = {
        "token": "application/json",
        "userinfo": "application/json",
        "access": "application/json",
        "revoke": "application/json",
        "admin": "application/problem+json",
        "edge": "text/plain",
        "readyz": "text/plain",
        "livez": "never",
    }.get(path.split("/")[1], "text/html")
    return "" if kind == expected else f"not {expected}"


@contextlib.contextmanager
def served(database: str) -> Iterator[Served]:
    """A control plane with the sample's declarations, in a process."""
    with tempfile.TemporaryDirectory(prefix="dw-") as name:
        folder = Path(name)
        secrets, passwords = asyncio.run(prepared(folder, database))
        running = Served(folder, database, begin(folder, database), passwords, secrets)
        try:
            asyncio.run(running.until_ready())
            yield running
        finally:
            kill(running.process.pid)
            running.process.wait()


async def prepared(folder: Path, database: str) -> tuple[dict[str, str], dict[str, str]]:
    """Declare the sample, before the process that is looked at begins."""
    home = str(folder)
    settings = ServeSettings(issuer=ISSUER, runtime=home, state=home, database=database)
    plane = await ControlPlane.open(settings, envoy=ENVOY)
    applied = await plane.administration.apply(sample(), prune=False)
    secrets = {str(client): secret.reveal() for client, secret in applied.secrets}
    passwords = {"ann": (await plane.people.new_password(UserId("ann"))).reveal()}
    await plane.close()
    return secrets, passwords


def begin(folder: Path, database: str) -> "subprocess.Popen[bytes]":
    """The process; it may not answer yet."""
    parts = {"issuer": ISSUER, "runtime": str(folder), "state": str(folder), "database": database}
    lines = "\n".join(f'{key} = "{value}"' for key, value in parts.items())
    (folder / "durward.toml").write_text(f"[serve]\n{lines}\n")
    command = [sys.executable, "-m", "durward", "serve", "--config", str(folder / "durward.toml")]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


@dataclass
class Traffic:
    """Those who ask, until they are told to end."""

    served: Served
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    tokens: set[str] = field(default_factory=set)
    events: list[str] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    signed_in: int = 0
    _sources: int = 0

    async def _again(self, ask: Callable[[], Awaitable[None]]) -> None:
        while not self.ending.is_set():
            with contextlib.suppress(httpx2.HTTPError):
                await ask()
            await asyncio.sleep(0.02)

    async def run(self, meanwhile: Awaitable[None]) -> None:
        """Ask while something is done, and for a moment after it; all must be answered then."""
        asking = [
            asyncio.create_task(self._again(ask))
            for ask in (self._token, self._sign_in, self._apply, self._ship, self._look)
        ]
        try:
            await meanwhile
            await self.served.until_ready()
            before = self.counts()
            until = time.monotonic() + READY_WITHIN_SECONDS
            while not all(now > then for now, then in zip(self.counts(), before, strict=True)):
                assert time.monotonic() < until, (self.served.told, self.served.log)
                await asyncio.sleep(0.05)
        finally:
            self.ending.set()
            for task in asking:
                await task

    async def settle(self) -> None:
        """Whatever was answered with success is there, and once."""
        listed = await self.served.leaves()
        ids = [event["id"] for event in listed]
        assert len(ids) == len(set(ids))
        assert set(self.events) <= set(ids)
        issued = [event["facts"]["jti"] for event in listed if event["kind"] == "token issued"]
        assert len(issued) == len(set(issued))
        assert self.tokens <= set(issued)
        assert len(self.versions) == len(set(self.versions))
        assert set(self.versions) <= set(await self.served.versions())

    def counts(self) -> tuple[int, ...]:
        return len(self.tokens), self.signed_in, len(self.versions), len(self.events)

    def _elsewhere(self) -> str:
        """Another source each time: budgets are not looked at here."""
        self._sources += 1
        return f"198.51.{self._sources // 250 % 250}.{self._sources % 250}"

    async def _token(self) -> None:
        reply = await self.served.token()
        if reply.status_code == 200:
            self.tokens.add(claims_of(reply.json()["access_token"])["jti"])

    async def _sign_in(self) -> None:
        """From the first page to a token, which is renewed once; pages that fail begin it anew."""
        issuer = self.served.issuer()
        browser = Browser(issuer, self.served.http(source=self._elsewhere()))
        with contextlib.suppress(AssertionError):  # a page that says 503, which is looked at
            async with browser.http:
                code = await browser.code(client_id="desk")
            reply = await issuer.redeem(code)
            if reply.status_code == 200:
                self.tokens.add(claims_of(reply.json()["access_token"])["jti"])
                self.signed_in += 1

    async def _apply(self) -> None:
        """Another text each time: what was answered is in the history."""
        body = {"name": f"Reporter {new_id('r')}", "policies": ["reports"]}
        asked = {"declarations": [{"kind": "roles", "name": "reporter", "body": body}]}
        async with self.served.http("control") as http:
            reply = await http.post("/admin/v1/apply", json=asked)
        if reply.status_code == 200:
            self.versions.append(reply.json()["version"])
        await asyncio.sleep(0.1)

    async def _ship(self) -> None:
        """What an edge sends until it is told that it arrived."""
        batch = [AuditEvent(new_id("e"), Instant(1), EventKind.DECISION, "ann", "x") for _ in "12"]
        sent = [json.loads(event.to_wire()) for event in batch]
        async with self.served.http("control") as http:
            while (await self._tried(http, sent)) != 200:
                if self.ending.is_set():
                    return
                await asyncio.sleep(0.05)
        self.events += [event.id for event in batch]

    async def _tried(self, http: httpx2.AsyncClient, sent: object) -> int:
        try:
            return (await http.post("/edge/v1/events", json=sent)).status_code
        except httpx2.HTTPError:
            return 0

    async def _look(self) -> None:
        """It lives, whatever is away."""
        async with self.served.http("control") as http:
            reply = await http.get("/livez")
            assert reply.status_code == 200
            await http.get("/readyz")
            await http.get("/admin/v1/history")
        async with self.served.http() as http:
            assert (await http.get("/jwks")).status_code == 200
        await asyncio.sleep(0.1)


def claims_of(token: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(decode_base64url(token.split(".")[1]))
    return found
