"""`durward call`: a request to a protected API, with a token got by the real flows."""

from pathlib import Path

import httpx2

from durward.core.errors import Misconfigured
from durward.faces.client.cache import cached, keep
from durward.faces.client.flows import by_refresh, of_service, server_of
from durward.faces.client.native import sign_in
from durward.faces.client.wire import step
from durward.faces.credentials import read_credentials
from durward.settings import load_settings

DEFAULT_DIR = Path(".durward/demo")
REFUSED = 400


def call(
    method: str,
    path: str,
    *,
    as_: str | None = None,
    data: str | None = None,
    client: str = "durward-cli",
    dir: Path = DEFAULT_DIR,  # noqa: A002 - the option is called --dir
) -> int:
    """Call a protected API. Steps go to standard error, the answer to standard output.

    Exit code 1 when the answer is a refusal.

    Args:
        method: GET, POST and so on.
        path: The path at the edge, with its query.
        as_: The person or the service of `credentials` that calls, or `browser` to sign in there;
            without it no token is sent.
        data: The body, in JSON.
        client: The public client through which a person signs in.
        dir: The folder that holds durward.toml and credentials, such as the demo's.
    """
    settings = load_settings(dir / "durward.toml").edge
    if settings is None:
        raise Misconfigured(str(dir / "durward.toml"), "has no part [edge]")
    apis = f"http://{settings.apis}"
    headers = {"content-type": "application/json"} if data else {}
    with httpx2.Client(timeout=30, trust_env=False) as http:
        if as_:
            headers["authorization"] = f"Bearer {token(http, dir, apis, as_, client)}"
        reply = step(http, method, apis + path, headers=headers, content=data)
    print(f"{reply.http_version} {reply.status_code} {reply.reason_phrase}")
    for name in ("www-authenticate", "durward-decision"):
        if name in reply.headers:
            print(f"{name}: {reply.headers[name]}")
    print()
    print(reply.text)
    return int(reply.status_code >= REFUSED)


def token(http: httpx2.Client, folder: Path, apis: str, name: str, client: str) -> str:
    """An access token: a kept one, one for a refresh token, or that of a new sign-in."""
    known = cached(folder, name)
    if known and known.is_fresh:
        return known.access_token
    credentials = read_credentials(folder / "credentials")
    server = server_of(http, apis)
    if secret := credentials.get("clients", {}).get(name):
        answer = of_service(http, server, name, secret)
    else:
        password = credentials.get("users", {}).get(name)
        if password is None and name != "browser":
            problem = f"has no person and no service `{name}`"
            hint = "--as browser signs you in with your browser"
            raise Misconfigured(str(folder / "credentials"), problem, hint=hint)
        renewed = by_refresh(http, server, client, known.refresh_token if known else None)
        answer = renewed or sign_in(http, server, client, name if password else None, password)
    keep(folder, name, answer)
    return str(answer["access_token"])
