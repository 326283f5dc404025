"""`durward edge`: run the agent of a node, register a node, remove one."""

import asyncio
from pathlib import Path

from cyclopts import App

from durward.core.configuration.declaration import NAME, NAME_CHARACTERS
from durward.core.difference import excerpt
from durward.core.errors import Conflict, Misconfigured
from durward.entrypoints.command import DEMO_DIR
from durward.entrypoints.control import control_of, path_of
from durward.entrypoints.edge.agent import Agent, link_of
from durward.entrypoints.edge.identity import load_id, place_of, save_id
from durward.entrypoints.folders import lock_folders
from durward.entrypoints.process import keep_private, one_error
from durward.entrypoints.terminal import field, say
from durward.settings import EdgeSettings, load_settings

CONFIG = Path("durward.toml")

edge = App(
    name="edge",
    help="Run the edge on this machine: Envoy, the decision points, their agent.",
    result_action="return_value",
)


@edge.default
def run(*, config: Path = CONFIG) -> int:
    """Run the edge on this machine: Envoy, the decision points, their agent.

    Args:
        config: The settings file; its section [edge] is used.
    """
    settings = edge_settings(config)
    keep_private(Path(settings.state))
    with one_error(), lock_folders("edge", Path(settings.state), Path(settings.runtime)):
        asyncio.run(start(settings))
    return 0


@edge.command
def join(*, config: Path = CONFIG, name: str | None = None, anew: bool = False) -> int:
    """Register this node and store its id. A node without an id does this when it starts.

    Args:
        config: The settings file; its section [edge] is used.
        name: The id for this node; without it the control plane chooses one.
        anew: Discard the id in this folder, and the parts from another control plane.
    """
    settings = edge_settings(config)
    check_name(name)
    link = link_of(settings)
    if link is None:
        hint = "set it to the runtime folder of `durward serve`"
        raise Misconfigured("edge", "`control_plane` is not set", hint=hint)
    state = Path(settings.state)
    keep_private(state)
    with lock_folders("edge", state):  # one that runs tells under the id that it began with
        former = None if anew else load_id(state)
        wish = name or former or settings.id
        try:
            id = asyncio.run(link.join(wish, place_of(state)))
        except Conflict as error:
            hint = "choose another --name, or --anew to get a free id"
            raise Misconfigured("edge", str(error), hint=hint) from error
        save_id(state, id)
        if anew:
            forget_parts(state)
    say(f"this node is {id}")
    return 0


@edge.command
def forget(node: str, *, dir: Path = DEMO_DIR) -> int:  # noqa: A002 - the option is called --dir
    """Remove a decommissioned node: `apply` does not wait for it, `status` does not show it.

    A node that still runs joins again.

    Args:
        node: The id of the node.
        dir: The folder that holds durward.toml, such as the demo's.
    """
    control_of(dir).post(path_of("nodes", node, "forget"), {}, "`durward status` shows it")
    say(f"{field(node)} is forgotten")
    return 0


def edge_settings(config: Path) -> EdgeSettings:
    """The section [edge] of a settings file. Raises Misconfigured."""
    settings = load_settings(config).edge
    if settings is None:
        hint = "it needs `apis`, `runtime` and `state`"
        raise Misconfigured(str(config), "has no section [edge]", hint=hint)
    check_name(settings.id)
    return settings


def check_name(id: str | None) -> None:
    """Refuse an id that the control plane would not accept. Raises Misconfigured."""
    if id is not None and not NAME.match(id):
        hint = f"at most 128 characters of {NAME_CHARACTERS}, the first a letter or digit"
        raise Misconfigured("edge", f"`{excerpt(id)}` is not a valid node id", hint=hint)


def forget_parts(state: Path) -> None:
    """Remove the parts from another control plane, once the node has an id from this one."""
    parts = state / "parts.json"
    try:
        parts.unlink(missing_ok=True)
    except OSError as error:
        hint = "remove it before this node starts"
        problem = f"cannot be removed: {error.strerror}"
        raise Misconfigured(str(parts), problem, hint=hint) from error


async def start(settings: EdgeSettings) -> None:
    """Run the agent inside its event loop."""
    await Agent(settings).run()
