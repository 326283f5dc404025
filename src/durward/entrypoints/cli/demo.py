"""`durward demo`: start, show and stop a demo on loopback."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from cyclopts import App

from durward.core.errors import Misconfigured, Unavailable
from durward.entrypoints.cli.exit_code import FOUND
from durward.entrypoints.command import DEMO_DIR
from durward.entrypoints.credentials import read_credentials
from durward.entrypoints.demo.claim import check_ports, lock_demo, running
from durward.entrypoints.demo.instance import MAX_BASE_PORT, DemoInstance
from durward.entrypoints.demo.run import run
from durward.entrypoints.demo.state import demo_of
from durward.entrypoints.demo.words import LAST_LINE, ends, page, runs_elsewhere, runs_on
from durward.entrypoints.logs import bound
from durward.entrypoints.operator_messages import STDOUT, report
from durward.entrypoints.process import keep_private, one_error
from durward.entrypoints.terminal import say, say_text

DEFAULT_PORT = 8470
STOP_WITHIN_SECONDS = 20
POLL_SECONDS = 0.02

demo = App(
    name="demo",
    help="Start everything on loopback, with a sample API behind the edge.",
    result_action="return_value",
)


@demo.default
def start(
    *,
    dir: Path = DEMO_DIR,  # noqa: A002 - the option is called --dir
    base_port: int = DEFAULT_PORT,
    detach: bool = False,
    tls: bool = False,
) -> int:
    """Start everything on loopback, with a sample API behind the edge. Ctrl-C ends it.

    Args:
        dir: Where the demo keeps its files.
        base_port: The issuer's port; the APIs take +10, the sample app +20, the mails +30.
        tls: Serve the issuer and the APIs over TLS, by a CA that the demo makes in its folder.
        detach: Return when everything is ready; `durward demo stop` ends it.
    """
    if not 0 < base_port <= MAX_BASE_PORT:
        hint = f"choose one from 1024 to {MAX_BASE_PORT}"
        problem = (
            f"`{base_port}` is out of range: the demo takes four ports, N, N+10, N+20 and N+30"
        )
        raise Misconfigured("--base-port", problem, hint=hint)
    place = DemoInstance(dir.resolve(), base_port, tls)
    if running(place.folder) is None:  # else it holds the ports, and is reported below
        check_ports(place)
    keep_private(place.folder / "logs")
    if detach:
        return start_detached(place)
    with one_error(), lock_demo(place.folder):
        check_ports(place)
        asyncio.run(run(place, print_step, lambda: report(page(place) + ends(place), STDOUT)))
    return 0


@demo.command
def stop(*, dir: Path = DEMO_DIR) -> int:  # noqa: A002
    """End a demo that runs in the background.

    Args:
        dir: Where the demo keeps its files.
    """
    state = running(dir.resolve())
    if state is None:
        say(f"no demo runs in {dir}")
        return 0
    os.kill(int(str(state["pid"])), signal.SIGTERM)
    deadline = time.monotonic() + STOP_WITHIN_SECONDS
    while running(dir.resolve()) is not None:
        if time.monotonic() > deadline:
            problem = f"the demo (pid {state['pid']}) did not end in {STOP_WITHIN_SECONDS} s"
            raise Unavailable(problem)
        time.sleep(0.05)
    say("the demo has ended")
    return 0


@demo.command
def status(*, dir: Path = DEMO_DIR) -> int:  # noqa: A002
    """Show the addresses and credentials of a running demo. Exit code 1 when none runs.

    Args:
        dir: Where the demo keeps its files.
    """
    state = running(dir.resolve())
    if state is None:
        say(f"no demo runs in {dir}")
        return FOUND
    place = demo_of(dir.resolve(), state)
    say_text(page(place) + (runs_on(place) if leads_its_session(state) else runs_elsewhere(place)))
    for part, secrets in read_credentials(dir / "credentials").items():
        say("", f"  {part}", *(f"    {name:12} {secret}" for name, secret in secrets.items()))
    return 0


def start_detached(place: DemoInstance) -> int:
    """Start the demo in its own session, its output in a file; return when it is ready."""
    command = [sys.executable, "-m", "durward", "demo", "--dir", str(place.folder)]
    command += ["--base-port", str(place.base_port), *(["--tls"] if place.tls else [])]
    log = place.folder / "logs" / "demo.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        bound(log)
        written = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        hint = "choose another folder: --dir DIR"
        raise Misconfigured(str(log), error.strerror or "cannot be written", hint=hint) from error
    with log.open() as words:
        words.seek(written)
        while True:
            line = words.readline()
            if line.startswith(LAST_LINE):
                say_text(runs_on(place))
                return 0
            if line:
                say_text(line)
            elif process.poll() is not None:
                return process.returncode
            else:
                time.sleep(POLL_SECONDS)


def print_step(name: str, seconds: float) -> None:
    """One step done."""
    report(f"✓ {name:14} {seconds:5.1f} s", STDOUT)


def leads_its_session(state: dict[str, object]) -> bool:
    """Whether a demo was started with --detach: in a session of its own."""
    pid = int(str(state["pid"]))
    try:
        return os.getsid(pid) == pid
    except OSError:
        return False
