"""`durward restored`: what an operator says who put the database back to an earlier state."""

from pathlib import Path

from durward.entrypoints.cli.rollout import wait_until_in_force
from durward.entrypoints.command import DEMO_DIR
from durward.entrypoints.control import control_of
from durward.entrypoints.outcome import stays
from durward.entrypoints.terminal import say


def restored(
    *,
    beyond: int = 0,
    wait: float | None = None,
    dir: Path = DEMO_DIR,  # noqa: A002 - the option is called --dir
) -> int:
    """Say that the database was put back to an earlier state, as from a backup.

    What may have been used in the time that was lost is ended: every code and every refresh token.
    The next version is published, beyond all that nodes have. A node that is ahead of its control
    plane says so by itself, and the same happens then.

    Args:
        beyond: A version that was published before; the next one is greater.
        wait: How many seconds to wait until it is in force everywhere.
        dir: The folder that holds durward.toml, such as the demo's.
    """
    control = control_of(dir)
    left = "`durward status --json` shows the epoch, and the version"
    done = control.post("/admin/v1/restored", {"beyond": beyond}, left)
    with stays(f"epoch {done['epoch']} begins with version {done['version']}", "durward status"):
        say(f"epoch {done['epoch']} begins: every code and refresh token from before is ended")
        return wait_until_in_force(control, done["version"], wait)
