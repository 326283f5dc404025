"""Group commit: many records, one wait for the disk, and the loop waits for none.

A record is written at once, and counts when the disk has it. While one sync runs in its thread the
next group gathers: nobody waits for a timer, and the busier the disk the larger a group. Whoever is
answered before its sync has ended would be answered without a record; so nobody is.

A disk that fails tells it once, and forgets what it could not write: then whoever waits is told so,
also where a record was written while that sync ran and the next one succeeds.
"""

import asyncio
import errno
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from durward.core.edge.decision_record import DecisionRecord
from durward.entrypoints.edge.spool import Spool

MAX_WAITING: Final = 1_024
"""How many may wait; Envoy has no more connections to its decision points."""
SLOW_SECONDS: Final = 1.5
"""For a sync that takes longer nobody begins to wait: Envoy waits two seconds for a decision."""
STUCK_SECONDS: Final = 5.0
"""A disk that takes longer is not there: this process cannot refuse, and is not alive."""


class GroupCommit:
    """Brings records to the disk, for as many at once as there are."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sync")
        self._waiting: list[tuple[asyncio.Future[None], int]] = []
        """Each with how often the disk had failed when its record was written."""
        self._syncing: asyncio.Task[None] | None = None
        self._count = 0
        self._began: float | None = None

    @property
    def seconds(self) -> float:
        """For how long the disk has been waited for; 0 where nobody waits."""
        return 0.0 if self._began is None else asyncio.get_running_loop().time() - self._began

    @property
    def is_full(self) -> bool:
        """Whether another one would wait in vain: it is told so at once."""
        return self._count >= MAX_WAITING or self.seconds > SLOW_SECONDS

    async def append(self, record: DecisionRecord) -> None:
        """Write one record; it is on the disk when this returns. Raises OSError.

        Where the disk fails, it fails for all that was written: of none is known that it is there.
        """
        self._spool.append(record, durable=False)
        loop = asyncio.get_running_loop()
        mine: asyncio.Future[None] = loop.create_future()
        self._waiting.append((mine, self._spool.failures))
        if self._syncing is None:
            self._syncing = loop.create_task(self._sync())
        self._count += 1
        try:
            await mine
        finally:
            self._count -= 1

    async def settle(self) -> None:
        """Wait until nobody waits any more."""
        if self._syncing:
            await self._syncing

    def close(self) -> None:
        """End the thread; what it is in the middle of is waited for by nobody."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _sync(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting, []
            self._began = loop.time()
            try:
                # A handle of its own: the spool may go on in another file meanwhile.
                await loop.run_in_executor(self._thread, sync, self._spool.handle())
            except OSError:
                self._spool.failures += 1
            self._began = None
            for one, failures in group:
                if one.done():  # whoever asked is gone
                    continue
                if failures != self._spool.failures:
                    one.set_exception(OSError(errno.EIO, "the disk failed"))
                else:
                    one.set_result(None)
        self._syncing = None


def sync(handle: int) -> None:
    """Bring a file to the disk, and close the handle. Raises OSError."""
    try:
        os.fdatasync(handle)
    finally:
        os.close(handle)
