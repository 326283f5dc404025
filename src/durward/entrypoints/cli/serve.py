"""`durward serve`: a replica of the control plane."""

from pathlib import Path

import uvloop

from durward.core.errors import Misconfigured
from durward.entrypoints.folders import lock_folders
from durward.entrypoints.process import keep_private, one_error
from durward.entrypoints.server import run
from durward.settings import load_settings


def serve(*, config: Path = Path("durward.toml")) -> int:
    """Run the control plane: the authorization server, the admin API, the audit log.

    Args:
        config: The settings file; its sections [serve] and [mail] are used.
    """
    found = load_settings(config)
    settings = found.serve
    if settings is None:
        hint = "it needs `issuer`, `runtime` and `state`"
        raise Misconfigured(str(config), "has no section [serve]", hint=hint)
    keep_private(Path(settings.state))
    with one_error(), lock_folders("serve", Path(settings.state), Path(settings.runtime)):
        uvloop.run(run(settings, found.mail))
    return 0
