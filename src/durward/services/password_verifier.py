"""The password verifier: a bounded queue in front of a deliberately expensive function.

A verification takes a processor and memory, and any client can request one. So a few run at once, a
few wait, for a short time; further requests are told to retry. A browser that has signed in before
has its own places in the queue, ahead of unknown ones: a flood of guesses does not lock its owner
out.
"""

import asyncio
import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

from durward.core.errors import Unavailable
from durward.core.values import Secret
from durward.services.passwords import goes_alone, hashed, verifies

PLACES: Final = 32
"""The number of waiting requests, of unknown and of known browsers each."""

PATIENCE_SECONDS: Final = 5.0
"""The time that a caller waits, for a place and for the outcome: a person would retry by then."""

RETRY_AFTER_SECONDS: Final = 2
NICENESS: Final = 5
"""The niceness of hashing threads: requests without a password go first."""

T = TypeVar("T")


class Places:
    """The running slots and the queue: known browsers first, each in their order."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: dict[bool, deque[asyncio.Future[None]]] = {True: deque(), False: deque()}

    def is_full(self, *, known: bool) -> bool:
        """Whether the queue is full."""
        return len(self._waiting[known]) >= PLACES

    async def take(self, *, known: bool) -> None:
        """Wait for a slot. Raises Unavailable at once if too many requests wait."""
        if self._free:
            self._free -= 1
            return
        if self.is_full(known=known):
            raise busy()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[known].append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # both at once: pass the slot on
                self.give_back()
            else:
                self._waiting[known].remove(turn)
            raise

    def give_back(self) -> None:
        """Give the slot to the next request."""
        for known in (True, False):
            if self._waiting[known]:
                self._waiting[known].popleft().set_result(None)
                return
        self._free += 1


class PasswordVerifier:
    """Runs at most `at_once` derivations in threads; all callers use one event loop."""

    def __init__(
        self,
        at_once: int | None = None,
        verify: Callable[[Secret, str], bool] = verifies,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        at_once = at_once or len(os.sched_getaffinity(0))
        self._verify = verify
        self._patience_seconds = patience_seconds
        self._places = Places(at_once)
        self._alone = Places(1)
        self._running: dict[object, float] = {}

    async def fits(self, password: Secret, phc: str, *, known: bool = False) -> bool:
        """Whether the password matches the hash; `known`: the browser has signed in before.

        If the caller is cancelled before it has a slot, nothing is computed. Raises Unavailable if
        too many requests wait, or the wait was too long.
        """
        return await self._run(
            lambda: self._verify(password, phc), alone=goes_alone(phc), known=known
        )

    async def hash(self, password: Secret) -> str:
        """The hash of a new password. Raises Unavailable."""
        return await self._run(lambda: hashed(password), alone=False, known=True)

    def check_room(self) -> None:
        """Refuse early if the queue is full. Raises Unavailable."""
        if self._places.is_full(known=False) and self._places.is_full(known=True):
            raise busy()

    def check(self, within_seconds: float) -> None:
        """Refuse if a verification has run for longer than this. Raises Unavailable."""
        if (seconds := self.oldest_seconds()) >= within_seconds:
            raise Unavailable(f"passwords: a verification has run for {seconds:.0f} s")

    def oldest_seconds(self) -> float:
        """The seconds for which the oldest derivation has run; 0 if none runs."""
        if not self._running:
            return 0.0
        return asyncio.get_running_loop().time() - min(self._running.values())

    async def _run(self, derive: Callable[[], T], *, alone: bool, known: bool) -> T:
        # Costly hashes run one at a time, each in a slot of the others too.
        needed = (self._alone, self._places) if alone else (self._places,)
        try:
            with contextlib.ExitStack() as taken:
                async with asyncio.timeout(self._patience_seconds):
                    for places in needed:
                        await places.take(known=known)
                        taken.callback(places.give_back)
                    derived = self._begin(derive, taken)
                    # It cannot be interrupted: if the caller leaves, it keeps its slot.
                    return await asyncio.shield(derived)
        except (TimeoutError, MemoryError):
            raise busy() from None

    def _begin(self, derive: Callable[[], T], taken: contextlib.ExitStack) -> asyncio.Future[T]:
        """Derive in a thread; its slots are given back when it ends."""
        derived = in_thread(derive)
        places = taken.pop_all()
        self._running[derived] = asyncio.get_running_loop().time()

        def ended(_: object) -> None:
            del self._running[derived]
            places.close()

        derived.add_done_callback(ended)
        return derived


def in_thread(derive: Callable[[], T]) -> asyncio.Future[T]:
    """Run a function in its own thread, which does not prevent the process from ending.

    Raises Unavailable if the system has no thread left.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        _give_way()
        try:
            outcome.set_result(derive())
        except Exception as error:  # noqa: BLE001 - whoever awaits the outcome is told
            outcome.set_exception(error)

    try:
        threading.Thread(target=run, name="password", daemon=True).start()
    except RuntimeError:
        raise busy() from None
    return asyncio.wrap_future(outcome)


def busy() -> Unavailable:
    """The error when no verification is possible now."""
    return Unavailable("too many passwords wait to be verified", retry_after=RETRY_AFTER_SECONDS)


def _give_way() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
