"""`durward token`: an access token for tools such as `curl`, from the real OAuth flows."""

import contextlib
from functools import partial
from pathlib import Path

import httpx2

from durward.core.api import Api
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import DurwardError, Misconfigured, Unavailable
from durward.core.oauth.protected_resource import metadata_url
from durward.entrypoints.cli.call import SNAPSHOT_FILE, ApiClient, Request, names_at
from durward.entrypoints.cli.exit_code import DONE
from durward.entrypoints.client.own_edge import OwnEdge
from durward.entrypoints.command import DEMO_DIR
from durward.entrypoints.control import NotRunning, settings_in
from durward.entrypoints.terminal import say
from durward.settings import EdgeSettings


def token(
    *,
    as_: str,
    api: str | None = None,
    client: str = "durward-cli",
    dir: Path = DEMO_DIR,  # noqa: A002 - the option is called --dir
) -> int:
    """Print a new access token on standard output, on a terminal or into a pipe.

    It is valid for one API and for a few minutes, and whoever has it can use it. Steps go to
    standard error. In a command line:

    curl -H "Authorization: Bearer $(./durward token --as ann)" http://127.0.0.1:8480/v1/status

    Args:
        as_: A user or a client in the file `credentials`, or `browser` to sign in with your
            browser.
        api: The API that the token is for, by its name or audience; the only one by default.
        client: The public client through which a user signs in.
        dir: The folder that holds durward.toml and credentials, such as the demo's.
    """
    found = settings_in(dir)
    settings = found.edge
    if settings is None:
        raise Misconfigured(str(dir / "durward.toml"), "has no section [edge]")
    edge = OwnEdge(settings.apis, partial(names_at, settings, found.serve), settings.tls)
    with httpx2.Client(timeout=30, trust_env=False, transport=edge) as http:
        caller = ApiClient.known(Request(http, "GET", "", {}), found, dir, as_, client)
        place = metadata_url(chosen(served_at(settings), api).audience)
        try:
            say(caller.token(place))
        except Unavailable as error:
            if isinstance(error.__cause__, httpx2.ConnectError):
                raise NotRunning(str(error), dir) from error
            raise
    return DONE


def served_at(edge: EdgeSettings) -> tuple[Api, ...]:
    """The APIs that this edge serves; none where it never ran here."""
    with contextlib.suppress(OSError, DurwardError):
        return Snapshot.from_wire((Path(edge.state) / SNAPSHOT_FILE).read_bytes()).apis
    return ()


def chosen(apis: tuple[Api, ...], asked: str | None) -> Api:
    """The API of this name or audience, or the only one. Raises Misconfigured."""
    found = [api for api in apis if asked in {None, api.id, api.audience}]
    if len(found) == 1:
        return found[0]
    if not apis:
        raise Misconfigured("--api", "this edge serves no API", hint="durward apply declares one")
    problem = f"no API is called `{asked}`" if asked else f"there are {len(apis)} APIs"
    names = ", ".join(api.id for api in apis[:20])
    raise Misconfigured("--api", problem, hint=f"name one of: {names}")
