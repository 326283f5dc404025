"""The revocations of a node: followed, kept on its disk, put into Envoy's maps."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from durward.clock import now
from durward.core.edge.envoy.revocation import files
from durward.core.edge.revocation import Revoked
from durward.core.errors import DurwardError, Misconfigured, Unavailable
from durward.core.wire import JsonLike
from durward.faces.edge.contact import Contact
from durward.faces.edge.link import Link, Told
from durward.faces.edge.xds import replace

FIRST_WITHIN_SECONDS = 2.0
RETRY_SECONDS = 0.5


Push = Callable[[Mapping[str, JsonLike], Mapping[str, str]], Awaitable[None]]
"""Puts the maps in force and proves it by the canaries. Raises Unavailable or Misconfigured."""


class Revoker:
    """What this node knows is revoked.

    `known` says whether that is all of it, up to some moment: it is kept on the disk, or the
    control plane told it from the beginning. Until then no token is good here.
    """

    def __init__(self, state: Path, link: Link | None) -> None:
        self._path = state / "revocations.json"
        self._contact = Contact(state / "contact")
        self._link = link
        self._revoked = Revoked()
        self.known = link is None
        with contextlib.suppress(OSError, Misconfigured):
            self._revoked = Revoked.from_wire(self._path.read_bytes())
            self.known = True

    @property
    def sequence(self) -> int:
        """The sequence number up to which every revocation is known."""
        return self._revoked.sequence if self.known else 0

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
        told: Told | None = None
        with contextlib.suppress(DurwardError, TimeoutError):
            async with asyncio.timeout(FIRST_WITHIN_SECONDS):
                while told is None or told.entries:  # long lists come in parts
                    told = await self._ask(wait=False)
                    self._learn(told)

    async def follow(self, push: Push, report: Callable[[str], None]) -> None:
        """Learn and push, for ever. What was not put in force is pushed again."""
        told: Told | None = None
        while True:
            try:
                if told is None:
                    told = await self._ask(wait=self.known)
                    here = (self._revoked.sequence, self._revoked.at)
                    news = told.entries or (told.sequence, told.at) != here
                    if self.known and not news:
                        self._contact.made()
                        told = None
                        continue
                self._learn(told)
                if self.known:
                    await push(self.files, told.canaries)
                    self._contact.made()
                told = None
            except (DurwardError, OSError) as error:
                report(f"revocations: {error}")
                await asyncio.sleep(RETRY_SECONDS)

    def _learn(self, told: Told) -> None:
        """On the disk first: a node that restarts now knows it too. Raises Unavailable.

        Where nothing was known only the whole list is kept: an answer without entries ends it.
        """
        revoked = self._revoked.learn(told.entries, told.sequence, told.at, now())
        known = self.known or not told.entries
        if known:
            replace(self._path, revoked.to_wire())
        self._revoked, self.known = revoked, known

    async def _ask(self, *, wait: bool) -> Told:
        if self._link is None:
            raise Unavailable("this node follows no control plane")
        return await self._link.revocations(self._revoked.sequence, self._revoked.at, wait=wait)
