"""The version that is in force in this replica, and who waits for the next one."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence

from durward.core.errors import Conflict, Unavailable
from durward.keys.envelope import KeyFile
from durward.services import nodes, passwords
from durward.services.publish import Published, load_published
from durward.services.transactions import Transactions
from durward.store.database import News
from durward.store.passwords import load_hash_kinds
from durward.store.revocations import last_revocation
from durward.store.snapshots import Edition, newest_edition, newest_writable

READY_SECONDS = 2.0


class Publication:
    """What is published, as this replica has it in force; replaced whole."""

    def __init__(self, transactions: Transactions, key_file: KeyFile, published: Published) -> None:
        self.published = published
        self.key_file = key_file
        self.hash_kinds: Mapping[str, Mapping[str, int]] = {}
        """How many passwords are hashed how, by the kind of hash that they had at first."""
        self.revoked = (-1, 0)
        """The last revocation that is known here: its number and when it was made."""
        self._transactions = transactions
        self._reading = asyncio.Lock()
        self._news = asyncio.Event()
        self._ending = False
        transactions.database.listen(self._hear)

    def _hear(self, news: Sequence[object]) -> None:
        for one in news:
            if isinstance(one, Published):
                self.take(one)
        if News.NODE in news:
            self.notify()

    def take(self, fresh: Published) -> None:
        """Have it in force. What is older than what is here is not taken: it was read slowly."""
        if fresh.edition >= self.published.edition:
            self.published = fresh
        self.notify()

    async def refresh(self) -> None:
        """Read what is published, and take it. Raises Unavailable."""
        self.take(await load_published(self._transactions.database, self.key_file))
        await self.count_hashes()

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of hash that decoys are drawn from."""
        return passwords.kinds_of(self.hash_kinds).kinds

    async def count_hashes(self) -> None:
        """Count the kinds of hash anew. Raises Unavailable."""
        self.hash_kinds = await self._transactions.read(
            lambda c: load_hash_kinds(c, passwords.CURRENT_KIND)
        )

    async def catch_up(self, newest: Edition) -> None:
        """Have in force what was published; of many who wait for it one reads it.

        Raises Unavailable.
        """
        async with self._reading:
            if self.published.edition < newest:
                await self.refresh()

    async def follow(self) -> None:
        """Take what others published and revoked. Raises Unavailable."""
        newest, revoked = await self._transactions.read(
            lambda c: (newest_edition(c), last_revocation(c))
        )
        if revoked != self.revoked:
            self.revoked = revoked
            self.notify()
        if newest > self.published.edition:
            await self.catch_up(newest)

    async def check(self) -> None:
        """Ask the store something, and let it write where it could not.

        Raises Unavailable where it does not answer soon, or not from what is in force here.
        """
        try:
            async with asyncio.timeout(READY_SECONDS):
                known = self.published.edition
                if await self._transactions.read(newest_writable) < known:
                    raise put_back()
                await self._transactions.database.check_writes()
        except TimeoutError:
            raise Unavailable(f"the store: no answer in {READY_SECONDS} s") from None

    async def newer(self, version: int, digest: str, wait: float) -> str | None:
        """The signed list of parts once it is newer than `version`; None after `wait` seconds.

        Raises Conflict where whoever asks has a list that this database did not publish.
        """
        if await self._transactions.read(lambda c: nodes.is_ahead(c, version, digest)):
            raise Conflict("the list comes from another database")
        await self.wait_until(lambda: self.published.version > version, wait)
        return self.published.signed if self.published.version > version else None

    async def wait_until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Return when it is so, when nobody is to wait any more, or after that time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._ending and not condition():
                    await self._news.wait()

    async def wait_for_news(self, seconds: float) -> None:
        """Return when anything was published, revoked or told by a node, or after that time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    def notify(self) -> None:
        """Wake everybody who waits."""
        self._news.set()
        self._news = asyncio.Event()

    def release(self) -> None:
        """Let everybody go who waits: the process ends."""
        self._ending = True
        self.notify()


def put_back() -> Unavailable:
    """The database has an older edition than is in force here: what happened since it forgot."""
    problem = "the database was restored to an earlier state"
    return Unavailable(problem, hint="durward restored")
