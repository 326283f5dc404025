"""Two replicas of one control plane, in the order that a test wants: no verb is replaced for it.

The second one runs in a thread of its own, with its own connections. So it goes on, as far as the
database lets it, while a transaction of the first has done its work and is not committed.
"""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from tests.issuer import ENVOY, ISSUER, Issuer

from durward.settings import ServeSettings
from durward.store.database import Database
from durward.wiring import ControlPlane

T = TypeVar("T")
HELD_SECONDS = 0.5
"""What does not wait for the first transaction is done by then, many times over."""


class Replica:
    """Another replica, in its thread."""

    def __init__(self, issuer: Issuer, database: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        folder = issuer.plane.settings.state
        settings = ServeSettings(issuer=ISSUER, runtime=folder, state=folder, database=database)
        self.plane: ControlPlane = self.begin(
            ControlPlane.open(settings, issuer.clock, envoy=ENVOY)
        ).result()

    def begin(self, doing: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(doing, self._loop)

    def close(self) -> None:
        self.begin(self.plane.close()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _Meanwhile(Database):
    """A store in which the others begin something before the first transaction of a kind ends."""

    def __init__(
        self,
        inner: Database,
        meanwhile: Callable[[], Future[Any]],
        after: Callable[[Any], bool],
    ) -> None:
        self.inner, self._meanwhile, self._after = inner, meanwhile, after
        self.begun: Future[Any] | None = None

    async def read(self, use: Callable[[Any], T]) -> T:
        return await self.inner.read(use)

    async def write(self, use: Callable[[Any], T], *, apart: bool = False) -> T:
        def held(connection: Any) -> T:
            done = use(connection)
            if self.begun is None and self._after(done):
                self.begun = self._meanwhile()
                wait([self.begun], HELD_SECONDS)
            return done

        return await self.inner.write(held, apart=apart)

    async def close(self) -> None:
        await self.inner.close()


@contextlib.contextmanager
def _store(issuer: Issuer, store: _Meanwhile) -> Iterator[None]:
    issuer.plane.transactions.database = store
    try:
        yield
    finally:
        issuer.plane.transactions.database = store.inner


async def beside(
    issuer: Issuer,
    first: Callable[[], Awaitable[T]],
    second: Callable[[], Future[Any]],
    *,
    after: Callable[[Any], bool] = lambda _: True,
) -> tuple[T, Any]:
    """Do the first thing, and begin the second one just before its transaction is committed.

    `after` says by its outcome which transaction that is.
    """
    store = _Meanwhile(issuer.plane.transactions.database, second, after)
    with _store(issuer, store):
        outcome = await first()
    assert store.begun is not None
    return outcome, await asyncio.wrap_future(store.begun)
