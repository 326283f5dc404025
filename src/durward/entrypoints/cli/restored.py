"""`durward restored`: report that the database was restored to an earlier state."""

from pathlib import Path

from durward.entrypoints.cli.exit_code import DONE
from durward.entrypoints.cli.rollout import wait_until_in_force
from durward.entrypoints.command import DEMO_DIR
from durward.entrypoints.control import control_of
from durward.entrypoints.outcome import stays
from durward.entrypoints.terminal import say


def restored(
    *,
    beyond: int = 0,
    wait: float | None = None,
    no_wait: bool = False,
    dir: Path = DEMO_DIR,  # noqa: A002 - the option is called --dir
) -> int:
    """Report that the database was restored to an earlier state, as from a backup.

    Every code and refresh token ends: it may have been used in the time that was lost. The next
    version is published, greater than that of any node. The same happens without this command
    when a node reports that it is ahead of its control plane.

    Exit code 0: in force on every node. 1: done, but not in force on every node (which, and why, is
    printed); or not known whether it was done. 2: not done.

    Args:
        beyond: A version that was published before the restore; the next one is greater.
        wait: Seconds to wait for the nodes; by default 20 plus twice the time of the last change.
        no_wait: Return once it is published, before nodes have it.
        dir: The folder that holds durward.toml, such as the demo's.
    """
    control = control_of(dir)
    left = "`durward status --json` shows the epoch, and the version"
    done = control.post("/admin/v1/restored", {"beyond": beyond}, left)
    with stays(f"epoch {done['epoch']} begins with version {done['version']}", "durward status"):
        say(f"epoch {done['epoch']} begins: every code and refresh token from before is ended")
        if no_wait:
            return DONE
        return wait_until_in_force(control, done["version"], wait, restored=True)
