"""`durward call`: a request to a protected API, with a token got by the real flows."""

import base64
import json
import os
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import httpx2

from durward.core.errors import Misconfigured, Unavailable
from durward.faces.credentials import read_credentials
from durward.settings import load_settings

DEFAULT_DIR = Path(".durward/demo")
PROTECTED_RESOURCE = "/.well-known/oauth-protected-resource"
AUTHORIZATION_SERVER = "/.well-known/oauth-authorization-server"
EARLY_SECONDS = 10
REFUSED = 400


def call(
    method: str,
    path: str,
    *,
    as_: str | None = None,
    data: str | None = None,
    dir: Path = DEFAULT_DIR,  # noqa: A002 - the option is called --dir
) -> int:
    """Call a protected API. Steps go to standard error, the answer to standard output.

    Exit code 1 when the answer is a refusal.

    Args:
        method: GET, POST and so on.
        path: The path at the edge, with its query.
        as_: The service of `credentials` that calls; without it no token is sent.
        data: The body, in JSON.
        dir: The folder that holds durward.toml and credentials, such as the demo's.
    """
    settings = load_settings(dir / "durward.toml").edge
    if settings is None:
        raise Misconfigured(str(dir / "durward.toml"), "has no part [edge]")
    apis = f"http://{settings.apis}"
    headers = {"content-type": "application/json"} if data else {}
    with httpx2.Client(timeout=30, trust_env=False) as client:
        if as_:
            token = cached(dir, as_) or fresh(client, dir, apis, as_)
            headers["authorization"] = f"Bearer {token}"
        reply = step(client, method, apis + path, headers=headers, content=data)
    version, phrase = reply.http_version, reply.reason_phrase
    print(f"{version} {reply.status_code} {phrase}")
    for name in ("www-authenticate", "durward-decision"):
        if name in reply.headers:
            print(f"{name}: {reply.headers[name]}")
    print()
    print(reply.text)
    return int(reply.status_code >= REFUSED)


def fresh(client: httpx2.Client, folder: Path, apis: str, name: str) -> str:
    """A token for the API: from what the API says of itself to the token endpoint (RFC 9728)."""
    secret = read_credentials(folder / "credentials").get("clients", {}).get(name)
    if secret is None:
        raise Misconfigured(str(folder / "credentials"), f"has no service `{name}`")
    resource = understood(step(client, "GET", apis + PROTECTED_RESOURCE))
    issuer = resource["authorization_servers"][0]
    server = understood(step(client, "GET", issuer + AUTHORIZATION_SERVER))
    if server["issuer"] != issuer:  # RFC 8414 §3.3
        raise Misconfigured(issuer, "the metadata is of another issuer")
    joined = f"{quote_plus(name)}:{quote_plus(secret)}".encode()
    basic = {"authorization": f"Basic {base64.b64encode(joined).decode()}"}
    form = {"grant_type": "client_credentials", "resource": resource["resource"]}
    answer = understood(step(client, "POST", server["token_endpoint"], headers=basic, data=form))
    keep(folder, name, answer)
    return str(answer["access_token"])


def step(client: httpx2.Client, method: str, url: str, **content: Any) -> httpx2.Response:
    """One request, and a line about it on standard error. Raises Unavailable."""
    started = time.perf_counter()
    try:
        reply = client.request(method, url, **content)
    except httpx2.HTTPError as error:
        raise Unavailable(f"{url} does not answer: {error}") from error
    took = (time.perf_counter() - started) * 1000
    print(f"{method:4} {url}  {reply.status_code}  {took:.0f} ms", file=sys.stderr)
    return reply


def understood(reply: httpx2.Response) -> dict[str, Any]:
    """The JSON of a good answer. Raises Misconfigured that says what was answered."""
    if not reply.is_success:
        raise Misconfigured(str(reply.url), f"answers {reply.status_code}: {reply.text[:300]}")
    found: dict[str, Any] = reply.json()
    return found


def cached(folder: Path, name: str) -> str | None:
    """A token that was got before and is still good."""
    try:
        found = json.loads((folder / "tokens.json").read_text())[name]
    except (OSError, ValueError, KeyError):
        return None
    good = found["expires_at"] > time.time() + EARLY_SECONDS  # noqa: TID251 - a client's cache
    return str(found["access_token"]) if good else None


def keep(folder: Path, name: str, answer: dict[str, Any]) -> None:
    """Keep a token for the next call, readable by its owner alone."""
    path = folder / "tokens.json"
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        known = {}
    expires = time.time() + answer["expires_in"]  # noqa: TID251 - a client's cache
    known[name] = {"access_token": answer["access_token"], "expires_at": expires}
    aside = path.with_name(".tokens.new")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(known, file)
    aside.rename(path)
