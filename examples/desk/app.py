"""The order desk: a web application that signs people in and calls the orders API for them.

A confidential client on the server's side: the browser never sees a token. Run by hand:

    python app.py --port 8490 --issuer http://localhost:8470 --api http://127.0.0.1:8480 \
        --client desk --credentials .durward/demo/credentials
"""

import argparse
import base64
import hashlib
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from ssl import SSLContext
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx2
import uvicorn
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

COOKIE = "desk"
SEE_OTHER = 303
FORM_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "form-action 'self' {issuer}; frame-ancestors 'none'; base-uri 'none'",
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
}


@dataclass
class Visit:
    """What the desk knows of one browser; kept in memory, so it is gone with the process."""

    state: str = ""
    nonce: str = ""
    verifier: str = ""
    tokens: Mapping[str, Any] = field(default_factory=dict)
    claims: Mapping[str, Any] = field(default_factory=dict)
    old_tokens: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Desk:
    """The application and what it was told at its start."""

    here: str
    issuer: str
    api: str
    client: str
    secret: str
    ca: Path | None = None
    visits: dict[str, Visit] = field(default_factory=dict)

    @property
    def callback(self) -> str:
        """Where the issuer sends the code."""
        return f"{self.here}/callback"

    def http(self) -> httpx2.AsyncClient:
        """For calls to the issuer and to the API."""
        return httpx2.AsyncClient(timeout=10, trust_env=False, verify=self.trusted)

    @cached_property
    def trusted(self) -> SSLContext:
        """Made once: it reads every CA of the system."""
        return httpx2.create_ssl_context(str(self.ca) if self.ca else True, trust_env=False)

    def visit(self, request: Request) -> tuple[str, Visit]:
        """The visit of this browser, a new one where it has none."""
        key = request.cookies.get(COOKIE, "")
        if key not in self.visits:
            key = secrets.token_urlsafe(32)
            self.visits[key] = Visit()
        return key, self.visits[key]

    def send(self, key: str, response: Response) -> Response:
        """Answer, and keep the visit."""
        response.set_cookie(COOKIE, key, path="/", httponly=True, samesite="lax")
        return response

    def page(self, body: str, status: int = 200) -> HTMLResponse:
        """A page."""
        headers = {name: value.format(issuer=self.issuer) for name, value in FORM_HEADERS.items()}
        style = "body{font:1rem/1.5 system-ui;max-width:40rem;margin:3rem auto;padding:0 1rem}"
        return HTMLResponse(
            f"<!doctype html><html lang=en><meta charset=utf-8><title>Order desk</title>"
            f"<style>{style}</style><h1>Order desk</h1>{body}",
            status,
            headers,
        )

    async def home(self, request: Request) -> Response:
        """The orders of whoever is signed in."""
        key, visit = self.visit(request)
        if not visit.tokens:
            old = button("try-old-token", "Try the old token") if visit.old_tokens else ""
            body = f"<p id=state>Nobody is signed in.</p>{button('sign-in', 'Sign in')}{old}"
            return self.send(key, self.page(body))
        tenant = visit.claims["tenant"]
        status, found = await self.call(visit, f"/v1/{tenant}/orders")
        rows = "".join(
            f"<li>{escape(order['id'])}: {order['quantity']} x {escape(order['item'])}</li>"
            for order in found.get("orders", [])
        )
        body = (
            f"<p id=state>Signed in as <strong id=user>{escape(visit.claims['sub'])}</strong>.</p>"
            f"<p id=answer>The API answers {status}.</p><ul id=orders>{rows}</ul>"
            f"{button('sign-out', 'Sign out')}"
        )
        return self.send(key, self.page(body))

    async def call(self, visit: Visit, path: str) -> tuple[int, dict[str, Any]]:
        """Call the API; an expired token is replaced once."""
        async with self.http() as http:
            for _ in range(2):
                bearer = {"authorization": f"Bearer {visit.tokens['access_token']}"}
                reply = await http.get(self.api + path, headers=bearer)
                if reply.status_code != 401 or not await self.refresh(visit):  # noqa: PLR2004
                    break
        return reply.status_code, reply.json()

    async def refresh(self, visit: Visit) -> bool:
        """Get new tokens for the visit, if the issuer still gives any."""
        token = visit.tokens.get("refresh_token")
        if not token:
            return False
        reply = await self.token({"grant_type": "refresh_token", "refresh_token": token})
        if reply.is_success:
            visit.tokens = {**visit.tokens, **reply.json()}
        return reply.is_success

    async def token(self, form: dict[str, str]) -> httpx2.Response:
        """A request to the token endpoint, signed in as this client (RFC 6749 §2.3.1)."""
        pair = f"{quote_plus(self.client)}:{quote_plus(self.secret)}".encode()
        basic = {"authorization": f"Basic {base64.b64encode(pair).decode()}"}
        async with self.http() as http:
            return await http.post(f"{self.issuer}/token", data=form, headers=basic)

    async def sign_in(self, request: Request) -> Response:
        """Send the browser to the issuer."""
        key, visit = self.visit(request)
        visit.state, visit.nonce, visit.verifier = (secrets.token_urlsafe(32) for _ in range(3))
        digest = hashlib.sha256(visit.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.client,
            "redirect_uri": self.callback,
            "scope": "openid profile orders:read",
            "resource": self.api,
            "state": visit.state,
            "nonce": visit.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        uri = f"{self.issuer}/authorize?{urlencode(asked)}"
        return self.send(key, RedirectResponse(uri, SEE_OTHER))

    async def back(self, request: Request) -> Response:
        """The browser comes back with a code; ours only by state and issuer (RFC 9207)."""
        _, visit = self.visit(request)
        given, expected = request.query_params, visit.state
        visit.state = ""
        if not expected or not secrets.compare_digest(given.get("state", ""), expected):
            return self.page("<p id=problem>This answer belongs to no question of ours.</p>", 400)
        if given.get("iss") != self.issuer:
            return self.page("<p id=problem>This answer is from another issuer.</p>", 400)
        if "code" not in given:
            told = escape(given.get("error_description", given.get("error", "")))
            return self.page(f"<p id=problem>Not signed in: {told}.</p><a href=/>Back</a>", 403)
        reply = await self.token(
            {
                "grant_type": "authorization_code",
                "code": given["code"],
                "code_verifier": visit.verifier,
            }
        )
        if not reply.is_success:
            return self.page(f"<p id=problem>The issuer says {escape(reply.text)}</p>", 502)
        tokens = reply.json()
        try:
            claims = await self.identity(tokens["id_token"], visit.nonce)
        except (JoseError, ValueError) as error:
            return self.page(f"<p id=problem>Bad ID token: {escape(str(error))}</p>", 502)
        # A new visit: one that was planted before the sign-in is worth nothing.
        key = secrets.token_urlsafe(32)
        self.visits[key] = Visit(tokens=tokens, claims=claims)
        return self.send(key, RedirectResponse("/", SEE_OTHER))

    async def identity(self, token: str, nonce: str) -> Mapping[str, Any]:
        """The claims of an ID token for us, for this very sign-in (OIDC Core §3.1.3.7)."""
        async with self.http() as http:
            keys = KeySet.import_key_set((await http.get(f"{self.issuer}/jwks")).json())
        claims = jwt.decode(token, keys, algorithms=["RS256"]).claims
        jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.client},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(claims)
        return claims

    async def sign_out(self, request: Request) -> Response:
        """Forget the tokens, and end the session at the issuer."""
        _, visit = self.visit(request)
        key = secrets.token_urlsafe(32)
        self.visits[key] = Visit(old_tokens=visit.tokens)
        asked = {
            "id_token_hint": visit.tokens.get("id_token", ""),
            "post_logout_redirect_uri": f"{self.here}/",
        }
        uri = f"{self.issuer}/logout?{urlencode(asked)}"
        return self.send(key, RedirectResponse(uri, SEE_OTHER))

    async def try_old_token(self, request: Request) -> Response:
        """What the tokens from before the sign-out are still good for: nothing."""
        key, visit = self.visit(request)
        old = visit.old_tokens
        async with self.http() as http:
            bearer = {"authorization": f"Bearer {old.get('access_token', '')}"}
            reply = await http.get(f"{self.api}/v1/acme/orders", headers=bearer)
        form = {"grant_type": "refresh_token", "refresh_token": old.get("refresh_token", "")}
        refreshed = await self.token(form)
        body = (
            f"<p>With the old access token the API answers <strong id=access>{reply.status_code}"
            f"</strong>.</p><p>For the old refresh token the issuer answers <strong id=refresh>"
            f"{refreshed.status_code}</strong>.</p><a href=/>Back</a>"
        )
        return self.send(key, self.page(body))


def button(path: str, text: str) -> str:
    """A form with one button."""
    return f"<form method=post action=/{path}><button id={path}>{text}</button></form>"


def application(desk: Desk) -> Starlette:
    """The routes. What changes something is posted; the cookie does not come from other sites."""
    return Starlette(
        routes=[
            Route("/", desk.home),
            Route("/callback", desk.back),
            Route("/sign-in", desk.sign_in, methods=["POST"]),
            Route("/sign-out", desk.sign_out, methods=["POST"]),
            Route("/try-old-token", desk.try_old_token, methods=["POST"]),
        ]
    )


def main() -> None:
    """Serve on loopback."""
    parser = argparse.ArgumentParser(description="The order desk")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--issuer", required=True)
    parser.add_argument("--api", required=True)
    parser.add_argument("--client", required=True)
    parser.add_argument("--credentials", type=Path, required=True)
    parser.add_argument(
        "--ca", type=Path, help="the CA of the issuer and of the API, if not public"
    )
    told = parser.parse_args()
    secret = tomllib.loads(told.credentials.read_text())["clients"][told.client]
    desk = Desk(
        f"http://127.0.0.1:{told.port}", told.issuer, told.api, told.client, secret, told.ca
    )
    uvicorn.run(
        application(desk), host="127.0.0.1", port=told.port, log_level="warning", lifespan="off"
    )


if __name__ == "__main__":
    main()
