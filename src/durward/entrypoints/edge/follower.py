"""Follow the publications of the control plane, and put them in force by parts (ADR 21)."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path

from durward.core.edge.holding import Holding
from durward.core.edge.parts import API_PREFIX, POLICIES, Part, assemble, digest_of, read_part
from durward.core.edge.report import Refused
from durward.core.edge.snapshot import Snapshot
from durward.core.errors import Conflict, DurwardError, Misconfigured, Unavailable
from durward.entrypoints.edge.feed import ListVerifier
from durward.entrypoints.edge.link import Link
from durward.entrypoints.edge.xds import replace

RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 2.0
CATCH_UP_WITHIN_SECONDS = 2.0

Push = Callable[[Snapshot], Awaitable[None]]
"""Puts a snapshot in force and verifies it. Raises Misconfigured if it is refused, and Unavailable
if a retry may help; the former snapshot stays in force then."""

Report = Callable[[str], None]


class Follower:
    """Updates the holding of a node to the published version."""

    def __init__(
        self, state: Path, feed: ListVerifier, link: Link, push: Push, news: asyncio.Event
    ) -> None:
        """`news` is set when the parts in force, the stored version or a trouble change."""
        self._path = state / "parts.json"
        self._feed = feed
        self._link = link
        self._push = push
        self._news = news
        self._unsaved = asyncio.Event()
        self._look = asyncio.Event()
        self.holding = Holding()
        self.kept = 0
        """The version that is complete on the disk."""
        self.push_seconds = 0.0
        self.trouble = ""
        """Why the published version cannot be put in force now; empty if it is."""
        self.unkept = ""
        """Why the parts in force cannot be stored now; empty if they are."""

    def load(self) -> None:
        """Load the stored holding. If it cannot be read, it is empty, with a trouble."""
        try:
            self.holding = Holding.from_wire(self._path.read_bytes(), self._feed.read)
            self.kept = self.holding.version
        except FileNotFoundError:
            self.trouble = "this node has not received anything yet"
        except (OSError, DurwardError) as error:
            self.trouble = f"what this node held cannot be read: {error}"

    async def catch_up(self) -> None:
        """Take what was published while this node was off; go on without a control plane.

        So a node that is ready has in force what was applied before its start.
        """
        signed = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_WITHIN_SECONDS):
                signed = await self._tried(self._newer(wait=False))
        if signed:
            await self._tried(self._take(signed))

    async def follow(self, report: Report) -> None:
        """Take every newer list, for ever; without the control plane the holding stays in force."""
        told, pause = "", RETRY_SECONDS
        while True:
            if signed := await self._tried(self._newer(wait=not self.trouble)):
                await self._tried(self._take(signed))
            if self.trouble and self.trouble != told:
                report(self.trouble)
            told = self.trouble
            if self.trouble:
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_RETRY_SECONDS)
            else:
                pause = RETRY_SECONDS

    async def keep_saving(self, report: Report) -> None:
        """Store the holding on disk, for a start without the control plane."""
        while True:
            await self._unsaved.wait()
            self._unsaved.clear()  # first: a change during this write is written next
            held, unkept = self.holding, ""
            try:
                await asyncio.to_thread(lambda held=held: replace(self._path, held.to_wire()))  # type: ignore[misc]
                self.kept = held.version
            except Unavailable as error:
                unkept = f"what is in force is not kept: {error}"
                self._unsaved.set()
            if unkept and unkept != self.unkept:
                report(unkept)
            self.unkept = unkept
            self._news.set()
            if unkept:
                await asyncio.sleep(RETRY_SECONDS)

    def look(self) -> None:
        """Ask again at once, since a newer list is known to exist."""
        self._look.set()

    async def _tried(self, step: Awaitable[str | None]) -> str | None:
        """The result of a step; a failure becomes the trouble.

        A list that arrived is not in force yet: the trouble lasts until it is.
        """
        try:
            found = await step
        except DurwardError as error:
            self._is_in_trouble(str(error))
            return None
        if found is None:
            self._is_in_trouble("")
        return found

    def _is_in_trouble(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            self._news.set()

    async def _newer(self, *, wait: bool) -> str | None:
        """The next signed list; the present one again if parts of it are missing.

        If the control plane never published the present list, its database was restored: then the
        node sends the list, and the next version is beyond it.
        """
        held = self.holding
        version = held.version if held.listing and not held.missing else 0
        try:
            asked = self._link.newer(version, held.digest if version else "", wait=wait)
            return await self._unless_told(asked)
        except Conflict:
            await self._link.overtake(held.signed)
            return await self._link.newer(version, held.digest, wait=False)

    async def _unless_told(self, asked: Coroutine[None, None, str | None]) -> str | None:
        """The response; None if it must be requested again."""
        answer = asyncio.create_task(asked)
        told = asyncio.create_task(self._look.wait())
        try:
            await asyncio.wait((answer, told), return_when=asyncio.FIRST_COMPLETED)
            return await answer if answer.done() else None
        finally:
            self._look.clear()
            answer.cancel()
            told.cancel()

    async def _take(self, signed: str) -> None:
        """Put the parts of a list in force, as far as possible.

        Raises Misconfigured for a list that this node must not take, Unavailable if a retry may
        help.
        """
        arrived = asyncio.get_running_loop().time()
        listing = self._feed.read(signed)
        held = self.holding
        lacking = held.lacking(listing)
        bodies = await self._link.parts(set(lacking.values()))
        fresh, refused = read_parts(lacking, bodies)
        stay = {name: part for name, part in held.parts.items() if name in listing.parts}
        late: Unavailable | None = None
        try:
            parts, more = await self._put_in_force(listing.version, stay, fresh)
        except Unavailable as error:
            late = error
            parts, more = await self._put_in_force_without_routes(listing.version, fresh, error)
        self.holding = held.moved(signed, listing, parts, {**refused, **more})
        self.kept = min(self.kept, listing.version - 1)  # the stored version differs now
        self.push_seconds = asyncio.get_running_loop().time() - arrived
        self._unsaved.set()
        self._news.set()
        if late is not None:
            raise late
        if self.holding.missing:
            missing = ", ".join(self.holding.missing)
            raise Unavailable(f"the control plane has no content for {missing}")

    async def _put_in_force_without_routes(
        self, version: int, fresh: Sequence[Part], error: Unavailable
    ) -> tuple[dict[str, Part], dict[str, Refused]]:
        """Put the parts other than APIs in force, each by itself.

        Routes that Envoy cannot load now do not delay keys and Denies. Policies come first, since
        they do not need Envoy. Raises the error if none of these parts can be put in force either.
        """
        parts, refused, is_any = dict(self.holding.parts), dict[str, Refused](), False
        others = (part for part in fresh if not part.name.startswith(API_PREFIX))
        for part in sorted(others, key=lambda part: part.name != POLICIES):
            with contextlib.suppress(Unavailable):
                parts, more = await self._put_in_force(version, parts, [part])
                refused |= more
                is_any = True
        if not is_any:
            raise error
        return parts, refused

    async def _put_in_force(
        self, version: int, stay: Mapping[str, Part], fresh: Sequence[Part]
    ) -> tuple[dict[str, Part], dict[str, Refused]]:
        """Put fresh parts in force beside those that stay; return them, and the refused ones.

        All at once, as `apply` checked them; if that is refused, by halves, so that a faulty part
        delays no other. Raises Unavailable, and Misconfigured if not even the parts that stay can
        be put in force.
        """
        pushed: dict[str, Part] | None = None

        async def accept(
            base: dict[str, Part], some: Sequence[Part]
        ) -> tuple[dict[str, Part], dict[str, Refused]]:
            nonlocal pushed
            wanted = {**base, **{part.name: part for part in some}}
            try:
                await self._push(assemble(version, wanted.values()))
            except Misconfigured as error:
                if not some:
                    raise
                if len(some) == 1:
                    return base, {some[0].name: Refused(some[0].digest, error.problem)}
            else:
                pushed = wanted
                return wanted, {}
            middle = len(some) // 2
            first, refused = await accept(base, some[:middle])
            second, more = await accept(first, some[middle:])
            return second, {**refused, **more}

        parts, refused = await accept(dict(stay), fresh)
        if pushed != parts:  # no fresh part came into force, but some may have been removed
            await self._push(assemble(version, parts.values()))
        return parts, refused


def read_parts(
    lacking: Mapping[str, str], bodies: Mapping[str, bytes]
) -> tuple[list[Part], dict[str, Refused]]:
    """Parse received parts; return them, and the refused ones with reasons.

    Keys and policies come first, so that they do not wait for a route table.
    """
    fresh, refused = [], dict[str, Refused]()
    for name, digest in sorted(lacking.items(), key=lambda item: item[0].startswith(API_PREFIX)):
        data = bodies.get(digest)
        if data is None or digest_of(data) != digest:
            continue
        try:
            fresh.append(read_part(name, data))
        except Misconfigured as error:
            refused[name] = Refused(digest, error.problem)
    return fresh, refused


def lines(holding: Holding) -> Iterable[str]:
    """The parts of a holding that are not in force, a line each."""
    for name, refused in holding.refused.items():
        yield f"{name} is refused, and the former one stays: {refused.why}"
    for name, why in holding.closed.items():
        yield f"{name} is closed: {why}"
    for name in holding.missing:
        yield f"{name} is missing"
