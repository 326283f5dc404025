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
    """What this node knows is revoked."""

    def __init__(self, state: Path, link: Link | None) -> None:
        self._path = state / "revocations.json"
        self._contact = Contact(state / "contact")
        self._link = link
        self._known = Revoked()
        with contextlib.suppress(OSError, Misconfigured):
            self._known = Revoked.from_wire(self._path.read_bytes())

    @property
    def sequence(self) -> int:
        """The sequence number of the last revocation that is known."""
        return self._known.sequence

    @property
    def files(self) -> dict[str, dict[str, JsonLike]]:
        """The maps as resource files."""
        return files(self._known)

    async def catch_up(self) -> None:
        """Learn what was revoked while this node was off; without the control plane, go on.

        What is not known then cannot be older than the tokens that it concerns: they live minutes.
        """
        with contextlib.suppress(DurwardError, TimeoutError):
            async with asyncio.timeout(FIRST_WITHIN_SECONDS):
                self._learn(await self._ask(wait=False))

    async def follow(self, push: Push, report: Callable[[str], None]) -> None:
        """Learn and push, for ever. What was not put in force is pushed again."""
        told: Told | None = None
        while True:
            try:
                if told is None:
                    told = await self._ask(wait=True)
                    if not told.entries and told.sequence == self.sequence:
                        self._contact.made()
                        told = None
                        continue
                self._learn(told)
                await push(self.files, told.canaries)
                self._contact.made()
                told = None
            except (DurwardError, OSError) as error:
                report(f"revocations: {error}")
                await asyncio.sleep(RETRY_SECONDS)

    def _learn(self, told: Told) -> None:
        """On the disk first: a node that restarts now knows it too. Raises Unavailable."""
        known = self._known.learn(told.entries, told.sequence, told.at, now())
        replace(self._path, known.to_wire())
        self._known = known

    async def _ask(self, *, wait: bool) -> Told:
        if self._link is None:
            raise Unavailable("this node follows no control plane")
        return await self._link.revocations(self._known.sequence, self._known.at, wait=wait)
