"""`durward edge`: the agent of one node."""

import asyncio
from pathlib import Path

from durward.core.errors import Misconfigured
from durward.faces.edge.agent import Agent
from durward.faces.folders import held
from durward.faces.process import keep_private, one_error
from durward.settings import EdgeSettings, load_settings


def edge(*, config: Path = Path("durward.toml")) -> int:
    """Run the edge on this machine: Envoy, the decision points, their agent.

    Args:
        config: The settings file; its part [edge] counts.
    """
    settings = load_settings(config).edge
    if settings is None:
        raise Misconfigured(str(config), "has no part [edge]", hint="apis, runtime, state")
    keep_private(Path(settings.state))
    with one_error(), held("edge", Path(settings.state), Path(settings.runtime)):
        asyncio.run(start(settings))
    return 0


async def start(settings: EdgeSettings) -> None:
    """Run the agent inside its event loop."""
    await Agent(settings).run()
