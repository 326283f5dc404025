"""The password verifier: a bounded queue in front of a function that is meant to be costly.

A verification takes a processor and memory, and anybody may ask for one. So a few run at once, a
few wait, and they wait for a short time; whoever finds no place is told to come back. A browser
that has signed in before waits at places of its own, and before strangers: a flood of guesses does
not keep its owner out.
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
from durward.services.passwords import hashed, takes_threads, verifies

PLACES: Final = 32
"""How many may wait, of strangers and of known browsers each."""

PATIENCE_SECONDS: Final = 5.0
"""How long a caller waits, for a place and for the outcome: a person would try again by then."""

RETRY_AFTER_SECONDS: Final = 2
NICENESS: Final = 5
"""Of the threads that derive: requests that need no password go first."""

T = TypeVar("T")


class Places:
    """How many may run, and who waits: known browsers first, each in their order."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: dict[bool, deque[asyncio.Future[None]]] = {True: deque(), False: deque()}

    def is_full(self, *, known: bool) -> bool:
        """Whether nobody more may wait."""
        return len(self._waiting[known]) >= PLACES

    async def take(self, *, known: bool) -> None:
        """Wait for a place. Raises Unavailable at once where too many do."""
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
            if turn.done() and not turn.cancelled():  # both at once: the place is another's
                self.give_back()
            else:
                self._waiting[known].remove(turn)
            raise

    def give_back(self) -> None:
        """Let the next one in."""
        for known in (True, False):
            if self._waiting[known]:
                self._waiting[known].popleft().set_result(None)
                return
        self._free += 1


class PasswordVerifier:
    """Runs derivations in threads, at most `at_once`; its caller's event loop is its only one."""

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
        self._old = Places(1)
        self._running: dict[object, float] = {}

    async def fits(self, password: Secret, phc: str, *, known: bool = False) -> bool:
        """Whether the password is the one of the hash; `known` is a browser that signed in before.

        A caller that is cancelled before it has a place is not computed.
        Raises Unavailable where too many wait, or the wait was too long.
        """
        return await self._run(
            lambda: self._verify(password, phc), takes_threads=takes_threads(phc), known=known
        )

    async def hash(self, password: Secret) -> str:
        """The hash of a password that is to be kept. Raises Unavailable."""
        return await self._run(lambda: hashed(password), takes_threads=False, known=True)

    def check_room(self) -> None:
        """Refuse early what would find no place. Raises Unavailable."""
        if self._places.is_full(known=False) and self._places.is_full(known=True):
            raise busy()

    def check(self, within_seconds: float) -> None:
        """Refuse where a password is being verified for longer. Raises Unavailable."""
        if (seconds := self.oldest_seconds()) >= within_seconds:
            raise Unavailable(f"passwords: a verification has run for {seconds:.0f} s")

    def oldest_seconds(self) -> float:
        """For how long the oldest derivation has run; 0 where none runs."""
        if not self._running:
            return 0.0
        return asyncio.get_running_loop().time() - min(self._running.values())

    async def _run(self, derive: Callable[[], T], *, takes_threads: bool, known: bool) -> T:
        # Those that take threads are taken one at a time, each at a place of the others too.
        needed = (self._old, self._places) if takes_threads else (self._places,)
        try:
            with contextlib.ExitStack() as taken:
                async with asyncio.timeout(self._patience_seconds):
                    for places in needed:
                        await places.take(known=known)
                        taken.callback(places.give_back)
                    derived = self._begin(derive, taken)
                    # It cannot be interrupted: whoever leaves meanwhile leaves it its place.
                    return await asyncio.shield(derived)
        except (TimeoutError, MemoryError):
            raise busy() from None

    def _begin(self, derive: Callable[[], T], taken: contextlib.ExitStack) -> asyncio.Future[T]:
        """Derive in a thread; the places that were taken are given back when it ends."""
        derived = in_thread(derive)
        places = taken.pop_all()
        self._running[derived] = asyncio.get_running_loop().time()

        def ended(_: object) -> None:
            del self._running[derived]
            places.close()

        derived.add_done_callback(ended)
        return derived


def in_thread(derive: Callable[[], T]) -> asyncio.Future[T]:
    """Run a function in a thread of its own, which does not keep the process from ending.

    Raises Unavailable where the system gives no thread.
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
    """Why nobody is told whether a password is right."""
    return Unavailable("too many passwords wait to be verified", retry_after=RETRY_AFTER_SECONDS)


def _give_way() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
