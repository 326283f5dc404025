"""Group commit: many records share one sync, and the event loop does not wait for the disk.

A record is written at once, and is durable after a sync. While one sync runs in its thread, the
next group gathers: no request waits for a timer, and a slower disk makes larger groups. No request
is answered before the sync of its record has ended.

The kernel reports a write error once, and forgets the data: then all waiting requests fail, also
those whose record was written during that sync, even if the next sync succeeds.
"""

import asyncio
import errno
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from durward.core.edge.decision_record import DecisionRecord
from durward.entrypoints.edge.spool import Spool

MAX_WAITING: Final = 1_024
"""The maximum of waiting requests; Envoy has no more connections to its decision points."""
SLOW_SECONDS: Final = 1.5
"""During a sync that takes longer new requests fail at once: Envoy waits two seconds."""
STUCK_SECONDS: Final = 5.0
"""After this time the disk counts as failed, and this process as not alive."""


class GroupCommit:
    """Writes records, with one sync for all that wait."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sync")
        self._waiting: list[tuple[asyncio.Future[None], int]] = []
        """The waiting requests, with the count of disk failures when the record was written."""
        self._syncing: asyncio.Task[None] | None = None
        self._count = 0
        self._began: float | None = None

    @property
    def seconds(self) -> float:
        """The seconds for which a sync has run; 0 if none runs."""
        return 0.0 if self._began is None else asyncio.get_running_loop().time() - self._began

    @property
    def is_full(self) -> bool:
        """Whether another request would wait in vain, so that it must fail at once."""
        return self._count >= MAX_WAITING or self.seconds > SLOW_SECONDS

    async def append(self, record: DecisionRecord) -> None:
        """Write one record; it is on the disk when this returns. Raises OSError.

        A failure of the disk fails all waiting records, since each may be lost.
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
        """Wait until no request waits."""
        if self._syncing:
            await self._syncing

    def close(self) -> None:
        """End the thread; do not wait for a running sync."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _sync(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting, []
            self._began = loop.time()
            try:
                # A separate handle: the spool may continue in another file meanwhile.
                await loop.run_in_executor(self._thread, sync, self._spool.handle())
            except OSError:
                self._spool.failures += 1
            self._began = None
            for one, failures in group:
                if one.done():  # the caller is gone
                    continue
                if failures != self._spool.failures:
                    one.set_exception(OSError(errno.EIO, "the disk failed"))
                else:
                    one.set_result(None)
        self._syncing = None


def sync(handle: int) -> None:
    """Sync a file to the disk, and close the handle. Raises OSError."""
    try:
        os.fdatasync(handle)
    finally:
        os.close(handle)
