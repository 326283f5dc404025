"""`durward token`: an access token for tools such as `curl`, from the real OAuth flows."""

from collections.abc import Sequence
from pathlib import Path

from durward.core.api import Api
from durward.core.errors import Misconfigured
from durward.core.oauth.protected_resource import metadata_url
from durward.entrypoints.cli.call import ApiClient, Request, held_snapshot, own_edge
from durward.entrypoints.cli.exit_code import DONE
from durward.entrypoints.command import DEMO_DIR
from durward.entrypoints.terminal import say


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
    with own_edge(dir) as (found, settings, _, http):
        caller = ApiClient.known(Request(http, "GET", "", {}), found, dir, as_, client)
        say(caller.token(metadata_url(chosen(held_snapshot(settings).apis, api).audience)))
    return DONE


def chosen(apis: Sequence[Api], asked: str | None) -> Api:
    """The API of this name or audience, or the only one. Raises Misconfigured."""
    found = [api for api in apis if asked in {None, api.id, api.audience}]
    if len(found) == 1:
        return found[0]
    if not apis:
        raise Misconfigured("--api", "this edge serves no API", hint="durward apply declares one")
    problem = f"no API is called `{asked}`" if asked else f"there are {len(apis)} APIs"
    names = ", ".join(api.id for api in apis[:20])
    raise Misconfigured("--api", problem, hint=f"name one of: {names}")
