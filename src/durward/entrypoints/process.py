"""Child processes: started, watched, restarted, and ended with their parent."""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from durward.core.errors import DurwardError, Misconfigured, Unavailable
from durward.entrypoints.logs import bound, keep_bounded

PR_SET_PDEATHSIG = 1
FIRST_BACKOFF_SECONDS = 0.1
LONGEST_BACKOFF_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 2.0
STABLE_AFTER_SECONDS = 10.0
READY_POLL_SECONDS = 0.02
LEFT_SECONDS = 1.0
PEER = struct.Struct("3i")
ASK_SECONDS, ANSWER_SECONDS, HUNG_SECONDS = 2.0, 3.5, 13.0
"""The interval of probes, the time for an answer, and the time without any before a kill."""


@dataclass
class Child:
    """A child process: how to start it, to test that it is ready, and to end it."""

    name: str
    command: Sequence[str]
    log: Path
    is_ready: Callable[[], Awaitable[bool]]
    is_alive: Callable[[], Awaitable[bool]] | None = None
    """Whether it answers at all, if that differs from ready: a waiting process is alive."""
    ready_within: float = 15.0
    stop_within: float = 10.0
    before_start: Callable[[], None] | None = None
    before_stop: Callable[[], Awaitable[None]] | None = None
    on_death: int = signal.SIGTERM
    _process: asyncio.subprocess.Process | None = field(default=None, repr=False)
    _bounding: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        process = self._process
        return process.pid if process and process.returncode is None else None

    async def start(self, *, insist: bool = True) -> bool:
        """Start it and wait until it is ready; return whether it is.

        If it is not ready in time, it is ended; without `insist` it may also be alive and wait for
        something. Raises Unavailable with the end of its log, and OSError if it does not exist.
        """
        if self.before_start:
            self.before_start()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(bound, self.log)
        if self._bounding is None:
            self._bounding = asyncio.create_task(keep_bounded(self.log))
        written = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent(os.getpid(), self.on_death),
            )
        try:
            async with asyncio.timeout(self.ready_within):
                while not await self.is_ready():
                    if self._process.returncode is not None:
                        raise Unavailable(f"{self.name} ended at once: {tail(self.log, written)}")
                    await asyncio.sleep(READY_POLL_SECONDS)
        except TimeoutError:
            if not insist and await self.answers():
                return False
            await self.stop()
            problem = f"{self.name} is not ready after {self.ready_within:g} s"
            raise Unavailable(f"{problem}: {tail(self.log, written)}") from None

        return True

    async def answers(self) -> bool:
        """Whether it answers, in time."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await (self.is_alive or self.is_ready)()
        except (DurwardError, OSError):  # TimeoutError is an OSError
            return False

    def kill(self) -> None:
        """Kill it; a stopped process does not react to SIGTERM."""
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def wait(self) -> int:
        """Wait until it ends."""
        assert self._process is not None  # noqa: S101
        return await self._process.wait()

    async def stop(self) -> None:
        """Ask it to end, and kill it if it does not in time."""
        if self._bounding is not None:
            self._bounding.cancel()
            self._bounding = None
        process = self._process
        if process is None or process.returncode is not None:
            return
        if self.before_stop:
            with contextlib.suppress(Exception):
                await self.before_stop()
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(self.stop_within):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def keep_private(*folders: Path) -> None:
    """Make files of this process and its children private to the owner (umask 077).

    The folders are made if missing, and get mode 0700. Raises Misconfigured.
    """
    os.umask(0o077)
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        except OSError as error:
            problem = f"cannot be written by its owner alone: {error.strerror}"
            hint = "choose another folder, or one that is yours"
            raise Misconfigured(str(folder), problem, hint=hint) from error


@contextlib.contextmanager
def one_error() -> Iterator[None]:
    """Raise the first of several errors that ended tasks at once."""
    try:
        yield
    except* (DurwardError, OSError) as group:
        raise group.exceptions[0] from None


async def until_done(
    attempt: Callable[[], Awaitable[None]], ended: asyncio.Event, report: Callable[[str], None]
) -> bool:
    """Retry until an attempt succeeds, and report each new reason of a failure.

    False if asked to end meanwhile. A process that waits so is closed, and goes on by itself, for
    example when a disk has room again; if it ended, its supervisor would restart it in vain.
    """
    asked = asyncio.create_task(ended.wait())
    backoff, told = FIRST_BACKOFF_SECONDS, ""
    try:
        while not ended.is_set():
            trying = asyncio.ensure_future(attempt())
            await asyncio.wait({asked, trying}, return_when=asyncio.FIRST_COMPLETED)
            if not trying.done():
                trying.cancel()
                await asyncio.wait({trying})
                return False
            try:
                with one_error():
                    trying.result()
            except (DurwardError, OSError) as error:
                hint = getattr(error, "hint", "")
                problem = f"{error} (hint: {hint})" if hint else str(error)
                if problem != told:
                    report(f"{problem}; closed until this is over")
                told = problem
            else:
                return True
            await asyncio.wait({asked}, timeout=backoff)
            backoff = min(backoff * 2, LONGEST_PAUSE_SECONDS)
        return False
    finally:
        asked.cancel()


async def until_ended(ended: asyncio.Event, tasks: Iterable[asyncio.Task[None]]) -> None:
    """Wait until asked to end. A failing task ends all: half a process is of no use."""
    asked = asyncio.create_task(ended.wait())
    done, _ = await asyncio.wait({asked, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    for task in done - {asked}:
        task.result()


async def keep_running(child: Child, report: Callable[[str], None]) -> None:
    """Restart a child whenever it ends or hangs, each time after a longer pause."""
    backoff = FIRST_BACKOFF_SECONDS
    loop = asyncio.get_running_loop()
    while True:
        started = loop.time()
        watch = asyncio.create_task(end_when_hung(child, report))
        try:
            code = await child.wait()
        finally:
            watch.cancel()
        if loop.time() - started > STABLE_AFTER_SECONDS:
            backoff = FIRST_BACKOFF_SECONDS
        report(f"{child.name} ended ({outcome(code)}); starting it again in {backoff:g} s")
        await asyncio.sleep(backoff)
        backoff = min(backoff * 2, LONGEST_BACKOFF_SECONDS)
        try:
            ready = await child.start(insist=False)
        except (DurwardError, OSError) as error:
            report(str(error))
        else:
            report(f"{child.name} {'is ready again' if ready else 'runs, and is not ready yet'}")


async def end_when_hung(child: Child, report: Callable[[str], None]) -> None:
    """Kill a child that has not answered any probe for a while.

    A slow child answers some probes, and one is enough. Only time in which this process runs is
    counted, so that a pause of this process is not attributed to its children.
    """
    silent = 0.0
    while silent < HUNG_SECONDS:
        await asyncio.sleep(ASK_SECONDS)
        asked = asyncio.get_running_loop().time()
        if await child.answers():
            silent = 0
        else:
            took = asyncio.get_running_loop().time() - asked
            silent += ASK_SECONDS + min(took, ANSWER_SECONDS)
    report(f"{child.name} has not answered for {HUNG_SECONDS:g} s; it is killed")
    child.kill()


def outcome(code: int) -> str:
    """How a process ended, in words."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def tail(log: Path, start: int, lines: int = 5) -> str:
    """The last lines in a log after `start` bytes, or in the whole log if it was emptied."""
    with log.open("rb") as file:
        file.seek(start if start <= log.stat().st_size else 0)
        last = file.read().decode(errors="replace").strip().splitlines()[-lines:]
    return " | ".join(last) if last else f"nothing in {log}"


async def end_left(listener: Path) -> None:
    """End a process that still listens on our socket: a child of a parent that was killed.

    The kernel asked it to end, and it has a moment for it; a stopped process is killed.
    """
    loop = asyncio.get_running_loop()
    patient_until = loop.time() + LEFT_SECONDS
    while pid := listening(listener):
        if loop.time() > patient_until:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(READY_POLL_SECONDS)


def listening(path: Path) -> int | None:
    """The process that listens on a Unix socket, as the kernel knows it (SO_PEERCRED, unix(7))."""
    if sys.platform != "linux":
        return None
    with socket.socket(socket.AF_UNIX) as asking:
        asking.setblocking(False)
        try:
            asking.connect(str(path))
            told = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size)
        except OSError:
            return None
    pid: int = PEER.unpack(told)[0]
    return pid or None


def end_with_parent(parent: int, with_signal: int) -> Callable[[], None]:
    """A function for the child before exec: the kernel ends it when its parent dies (prctl(2))."""
    if sys.platform != "linux":
        return lambda: None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def arrange() -> None:
        prctl(PR_SET_PDEATHSIG, with_signal)
        if os.getppid() != parent:  # it died before we asked
            os.kill(os.getpid(), with_signal)

    return arrange
