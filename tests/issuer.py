"""The authorization server in this process, over a real store: its clock is the test's."""

import asyncio
import contextlib
import re
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
from tests.live import example

from durward.core.configuration.declaration import Declaration, DeclarationKind
from durward.core.edge.envoy.filters import SOURCE
from durward.core.oauth.pkce import challenge_of
from durward.core.people.person import Person
from durward.core.values import Instant, Seconds, UserId, later
from durward.core.wire import Json
from durward.entrypoints.client.native import Form, Onward
from durward.entrypoints.server import public
from durward.services.envoy_check import EnvoyCheck
from durward.services.password_verifier import PasswordVerifier
from durward.settings import MailSettings, ServeSettings
from durward.store.people import load_person
from durward.wiring import ControlPlane

ISSUER = "https://issuer.example"
API = "https://orders.example"
VERIFIER = "a-verifier-of-more-than-forty-three-characters-1"
DESK = "http://127.0.0.1:8490/callback"
START = Instant(1_800_000_000_000_000)
ENVOY = EnvoyCheck()
"""It remembers what it was asked: the sample is checked once for all tests."""


@dataclass
class Clock:
    at: Instant = START

    def __call__(self) -> Instant:
        return self.at

    def forward(self, seconds: int) -> None:
        self.at = later(self.at, Seconds(seconds))


@dataclass
class Issuer:
    plane: ControlPlane
    clock: Clock
    passwords: dict[str, str]
    secrets: dict[str, str]
    transport: httpx2.ASGITransport = field(repr=False)

    def browser(self, source: str = "192.0.2.1") -> "Browser":
        return Browser(self, self.http(source))

    def http(self, source: str = "192.0.2.1") -> httpx2.AsyncClient:
        headers = {SOURCE: source}
        return httpx2.AsyncClient(transport=self.transport, base_url=ISSUER, headers=headers)

    async def token(self, client: str = "desk", **form: str) -> httpx2.Response:
        async with self.http() as http:
            if client in self.secrets:
                return await http.post("/token", data=form, auth=(client, self.secrets[client]))
            return await http.post("/token", data={"client_id": client, **form})

    async def redeem(self, code: str, client: str = "desk", **more: str) -> httpx2.Response:
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
        return await self.token(client, **{**form, **more})

    async def refresh(self, token: str, client: str = "desk", **more: str) -> httpx2.Response:
        return await self.token(client, grant_type="refresh_token", refresh_token=token, **more)

    async def revoke(self, token: str, client: str = "desk") -> httpx2.Response:
        async with self.http() as http:
            auth = (client, self.secrets[client])
            return await http.post("/revoke", data={"token": token}, auth=auth)

    async def userinfo(self, token: str) -> httpx2.Response:
        async with self.http() as http:
            return await http.get("/userinfo", headers={"authorization": f"Bearer {token}"})

    async def apply(self, *declared: Declaration) -> None:
        applied = await self.plane.administration.apply(declared, prune=False)
        self.secrets |= {str(client): secret.reveal() for client, secret in applied.secrets}

    async def person(self, id: str) -> Person:
        """Somebody as the store has them."""
        found = await self.plane.transactions.read(lambda c: load_person(c, id))
        assert found is not None
        return found

    async def own_token(self, client: str, resource: str) -> str:
        """The access token of a service."""
        reply = await self.token(client, grant_type="client_credentials", resource=resource)
        assert reply.status_code == 200, reply.text
        return str(reply.json()["access_token"])

    async def events(self) -> list[str]:
        await self.plane.upkeep.sequence()
        return [body.decode() for _, body in await self.plane.log.leaves(0, 10_000)]


@dataclass
class Browser:
    """One browser: cookies, pages, forms."""

    issuer: Issuer
    http: httpx2.AsyncClient

    async def authorize(self, **changes: str | None) -> httpx2.Response:
        return await self.http.get(f"/authorize?{urlencode(asked(**changes))}")

    async def follow(self, reply: httpx2.Response) -> httpx2.Response:
        """Go where our own redirects lead; one to elsewhere is returned."""
        while reply.is_redirect and reply.headers["location"].startswith("/"):
            reply = await self.http.get(reply.headers["location"])
        return reply

    async def submit(self, page: httpx2.Response, answer: str, **fields: str) -> httpx2.Response:
        form = Form.read(page.text)
        assert form is not None, page.text
        sent = {**form.fields, **fields, "answer": answer}
        return await self.follow(await self.http.post(form.action, data=sent))

    async def sign_in(
        self, page: httpx2.Response, account: str = "ann", password: str | None = None
    ) -> httpx2.Response:
        typed = self.issuer.passwords[account] if password is None else password
        return await self.submit(page, "sign-in", account=account, password=typed)

    async def code(self, account: str = "ann", **changes: str | None) -> str:
        """Everything up to the code: sign in where asked, agree where asked."""
        reply = await self.follow(await self.authorize(**changes))
        if 'id="sign-in"' in reply.text:
            reply = await self.sign_in(reply, account)
        if 'id="consent"' in reply.text:
            reply = await self.submit(reply, "allow")
        return answer_of(reply)["code"]

    async def tokens(self, account: str = "ann", **changes: str | None) -> dict[str, str]:
        code = await self.code(account, **changes)
        reply = await self.issuer.redeem(code, str(changes.get("client_id") or "desk"))
        found: dict[str, str] = reply.json()
        assert reply.status_code == 200, found
        return found


def asked(**changes: str | None) -> dict[str, str]:
    """A good request of the sample application, with changes; None leaves something out."""
    usual: dict[str, str | None] = {
        "response_type": "code",
        "client_id": "desk",
        "redirect_uri": DESK,
        "scope": "openid profile orders:read",
        "resource": API,
        "state": "st",
        "nonce": "n",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
        **changes,
    }
    return {name: value for name, value in usual.items() if value is not None}


def answer_of(reply: httpx2.Response) -> dict[str, str]:
    """The parameters of a redirect to the client, or of a page that goes on to it."""
    query = urlsplit(way_to_client(reply)).query
    return {name: values[0] for name, values in parse_qs(query).items()}


def way_to_client(reply: httpx2.Response) -> str:
    """Where a redirect, or a page that goes on by itself, leads."""
    if reply.status_code == 303:
        return str(reply.headers["location"])
    uri = Onward.read(reply.text)
    assert uri, reply.text
    return uri


def hidden(page: httpx2.Response, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(f'name="{name}" value="([^"]*)"', page.text)
    assert found, page.text
    return found[1]


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so, for twenty seconds at most."""
    for _ in range(2_000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


@contextlib.asynccontextmanager
async def issuer(
    database: str | None = None,
    verifier: PasswordVerifier | None = None,
    mail: MailSettings | None = None,
) -> AsyncIterator[Issuer]:
    """A fresh authorization server with the sample's declarations."""
    clock = Clock()
    with tempfile.TemporaryDirectory(prefix="dw-") as folder:
        settings = ServeSettings(issuer=ISSUER, runtime=folder, state=folder, database=database)
        plane = await ControlPlane.open(settings, clock, verifier, ENVOY, mail)
        try:
            applied = await plane.administration.apply(sample(), prune=False)
            secrets = {str(client): secret.reveal() for client, secret in applied.secrets}
            passwords = {
                name: (await plane.people.new_password(UserId(name))).reveal()
                for name in ("ann", "bob")
            }
            transport = httpx2.ASGITransport(app=public(plane), raise_app_exceptions=False)
            yield Issuer(plane, clock, passwords, secrets, transport)
        finally:
            await plane.close()


def sample() -> list[Declaration]:
    here: dict[str, Json] = {"audience": API, "upstream": "unix:/nowhere.sock"}
    found = [
        replace(one, body={**one.body, **here}) if one.kind is DeclarationKind.API else one
        for one in example()
    ]
    other: dict[str, Json] = {
        "tenant": "globex",
        "redirect_uris": ["https://other.example/callback"],
        "apis": ["orders"],
        "scopes": ["openid", "offline_access", "orders:read"],
    }
    return [*found, Declaration(DeclarationKind.CLIENT, "other", other)]
