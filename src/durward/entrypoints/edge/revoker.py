"""The revocations of a node: followed, kept on its disk, put into Envoy's maps."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

from durward.clock import now
from durward.core.edge.envoy.revocation_maps import files
from durward.core.edge.revocation import RevokedTokens
from durward.core.errors import DurwardError, Misconfigured, Unavailable
from durward.core.wire import JsonLike
from durward.entrypoints.edge.heartbeat import Heartbeat
from durward.entrypoints.edge.link import Link, Revocations
from durward.entrypoints.edge.xds import replace

FIRST_WITHIN_SECONDS = 2.0
RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 2.0


Push = Callable[[Mapping[str, JsonLike]], Awaitable[None]]
"""Puts the maps in force and proves it by canaries. Raises Unavailable or Misconfigured."""


class Revoker:
    """What this node knows is revoked.

    `known` says whether that is all of it, up to some moment: it is kept on the disk, or the
    control plane told it from the beginning. Until then no token is good here.

    To ask, to keep and to put in force are three steps, and none waits for another that fails:
    each is tried again until it is done, and as long there is a trouble.
    """

    def __init__(self, state: Path, link: Link | None, news: asyncio.Event) -> None:
        """`news` is set where what is settled, or the trouble, is not what it was."""
        self._path = state / "revocations.json"
        self._heartbeat = Heartbeat(state / "heartbeat")
        self._link = link
        self._news = news
        self._revoked = RevokedTokens()
        self._kept: RevokedTokens | None = None
        self._in_force: RevokedTokens | None = None
        self.settled = RevokedTokens()
        """What was known last of which all is kept, and was proven to be in force."""
        self.trouble = ""
        """What fails now; empty where nothing does."""
        self._heard = False
        self.known = link is None
        with contextlib.suppress(OSError, Misconfigured):
            self._revoked = self._kept = RevokedTokens.from_wire(self._path.read_bytes())
            self.known = True

    @property
    def files(self) -> dict[str, dict[str, JsonLike]]:
        """The maps as resource files."""
        return files(self._revoked if self.known else None)

    async def catch_up(self) -> None:
        """Learn what was revoked while this node was off; without the control plane, go on.

        What is on the disk may be old: what was revoked since is not refused before the control
        plane answers again, or those tokens expire, minutes after they were issued. Where nothing
        can be read from the disk no token is good until then.
        """
        answer: Revocations | None = None
        with contextlib.suppress(DurwardError, TimeoutError):
            async with asyncio.timeout(FIRST_WITHIN_SECONDS):
                while answer is None or answer.entries:  # long lists come in parts
                    answer = await self._ask(wait=False)
                    self._learn(answer)
        with contextlib.suppress(DurwardError):  # it is tried again, and told, by `follow`
            await self._keep()

    async def follow(self, push: Push, report: Callable[[str], None]) -> None:
        """Learn, keep and push, for ever. What was not done is done again."""
        pause = RETRY_SECONDS
        while True:
            failed: list[str] = []
            for step in (self._listen, self._keep, partial(self._enforce, push)):
                try:
                    await step()
                except (DurwardError, OSError) as error:
                    failed.append(str(error))
            self._tell(f"revocations: {'; '.join(failed)}" if failed else "", report)
            if failed:
                await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_RETRY_SECONDS) if failed else RETRY_SECONDS

    def prove_again(self) -> None:
        """What proved the maps is not in force any more: at the next answer of the feed."""
        self._in_force = None

    def _tell(self, trouble: str, report: Callable[[str], None]) -> None:
        """What is settled, and what fails, where that is not what it was."""
        if self.known and self._kept is self._in_force is self._revoked is not self.settled:
            self.settled = self._revoked
            self._news.set()
        if trouble != self.trouble:
            self.trouble = trouble
            self._news.set()
            if trouble:
                report(trouble)

    async def _listen(self) -> None:
        """Hear what was revoked; wait for it only where nothing is left to do. Raises Unavailable.

        Where nothing was known only the whole list counts: an answer without entries ends it.
        """
        self._heard = False
        while not (self._heard and self.known):
            self._learn(await self._ask(wait=self.settled is self._revoked and not self.trouble))
            self._heard = True

    def _learn(self, answer: Revocations) -> None:
        """What was told is known from now on, whether it can be kept or not."""
        here = (self._revoked.sequence, self._revoked.at)
        if answer.entries or (answer.sequence, answer.at) != here:
            self._revoked = self._revoked.learn(answer.entries, answer.sequence, answer.at, now())
        self.known = self.known or not answer.entries

    async def _keep(self) -> None:
        """On the disk: a node that restarts knows it too. Raises Unavailable."""
        revoked = self._revoked
        if self.known and self._kept is not revoked:
            await asyncio.to_thread(lambda: replace(self._path, revoked.to_wire()))
            self._kept = revoked

    async def _enforce(self, push: Push) -> None:
        """In Envoy's maps, and proven. Raises Unavailable, Misconfigured, or OSError."""
        revoked = self._revoked
        if not self.known:
            return
        if self._in_force is not revoked:
            await push(self.files)
            self._in_force = revoked
        if self._heard:
            self._heartbeat.made()

    async def _ask(self, *, wait: bool) -> Revocations:
        if self._link is None:
            raise Unavailable("this node has no `control_plane` in its settings")
        return await self._link.revocations(self._revoked.sequence, self._revoked.at, wait=wait)
