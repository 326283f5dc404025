"""The revocations of a node: follow the feed, store them on disk, push Envoy's maps."""

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
"""Puts the maps in force, proven by canaries. Raises Unavailable or Misconfigured."""


class Revoker:
    """The revocations of this node.

    `known`: they are complete up to some moment, from the disk or from the start of the feed. Until
    then every token is refused here.

    Loading, storing and pushing are three steps, and none waits for another that fails: each is
    retried until it succeeds, and until then there is a trouble.
    """

    def __init__(self, state: Path, link: Link | None, news: asyncio.Event) -> None:
        """`news` is set when the settled revocations or the trouble change."""
        self._path = state / "revocations.json"
        self._heartbeat = Heartbeat(state / "heartbeat")
        self._link = link
        self._news = news
        self._revoked = RevokedTokens()
        self._kept: RevokedTokens | None = None
        self._in_force: RevokedTokens | None = None
        self.settled = RevokedTokens()
        """The last revocations that are stored as a whole and proven to be in force."""
        self.trouble = ""
        """The present failure; empty if there is none."""
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
        """Load what was revoked while this node was off; go on without a control plane.

        The file on disk may be old: tokens revoked since are accepted until the control plane
        answers, or they expire, minutes after they were issued. If the file cannot be read, every
        token is refused until the control plane answers.
        """
        answer: Revocations | None = None
        with contextlib.suppress(DurwardError, TimeoutError):
            async with asyncio.timeout(FIRST_WITHIN_SECONDS):
                while answer is None or answer.entries:  # long lists come in parts
                    answer = await self._ask(wait=False)
                    self._learn(answer)
        with contextlib.suppress(DurwardError):  # `follow` retries and reports it
            await self._keep()

    async def follow(self, push: Push, report: Callable[[str], None]) -> None:
        """Load, store and push, for ever; failed steps are retried."""
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
        """Prove the maps again at the next response of the feed: their proof is out of date."""
        self._in_force = None

    def _tell(self, trouble: str, report: Callable[[str], None]) -> None:
        """Report changes of the settled revocations and of the trouble."""
        if self.known and self._kept is self._in_force is self._revoked is not self.settled:
            self.settled = self._revoked
            self._news.set()
        if trouble != self.trouble:
            self.trouble = trouble
            self._news.set()
            if trouble:
                report(trouble)

    async def _listen(self) -> None:
        """Ask the feed; wait for news only if no other step is left. Raises Unavailable.

        If revocations are not known yet, only the whole list counts: an empty response ends it.
        """
        self._heard = False
        while not (self._heard and self.known):
            self._learn(await self._ask(wait=self.settled is self._revoked and not self.trouble))
            self._heard = True

    def _learn(self, answer: Revocations) -> None:
        """Add the revocations of a response, whether they can be stored or not."""
        here = (self._revoked.sequence, self._revoked.at)
        if answer.entries or (answer.sequence, answer.at) != here:
            self._revoked = self._revoked.learn(answer.entries, answer.sequence, answer.at, now())
        self.known = self.known or not answer.entries

    async def _keep(self) -> None:
        """Store the revocations on disk, for a restart. Raises Unavailable."""
        revoked = self._revoked
        if self.known and self._kept is not revoked:
            await asyncio.to_thread(lambda: replace(self._path, revoked.to_wire()))
            self._kept = revoked

    async def _enforce(self, push: Push) -> None:
        """Push and prove Envoy's maps. Raises Unavailable, Misconfigured, or OSError."""
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
