"""The files of records on a node: rotated when they are large, removed when that is allowed.

A stream is a file to which one process appends, and its rotated files: `pdp-0.jsonl`, and before
it `pdp-0.00000001.jsonl`. While `pdp-0.jsonl` exists, no process appends to the others.
"""

import asyncio
import contextlib
import hashlib
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from durward.clock import now
from durward.core.audit.event import AuditEvent, EventKind
from durward.core.edge.decision_record import DecisionRecord, EnvoyLine
from durward.core.errors import Unavailable
from durward.entrypoints.edge.kept_policies import KeptPolicies
from durward.entrypoints.edge.spool import Spool, sync_folder
from durward.entrypoints.edge.xds import replace
from durward.settings import EdgeSettings

BATCH_BYTES = 262_144
PAUSE_SECONDS = 0.2
RETRY_SECONDS = 1.0
REFUSALS = "refusals.jsonl"
OWN = "spool/agent.jsonl"
NUMBER = "[0-9]" * 8

MAX_FIRST_BYTES = 4_096
"""The part of the first line that identifies a file."""

POLICIES_NAMED = re.compile(rb'"policies":"([0-9a-f]{64})"')
"""The hash of the policies in a line of a decision."""

Reopen = Callable[[Path], Awaitable[None]]
"""Lets the writer of a file reopen it; raises Unavailable if it does not answer."""


class LogPosition(msgspec.Struct, frozen=True, array_like=True):
    """How far a file is shipped, and the beginning that identifies it.

    A removed file is replaced at once by another one, which may soon be as long.
    """

    at: int
    first: str


class DecisionLog:
    """The streams of a node; the positions of shipping are on disk, also of rotated files."""

    def __init__(
        self,
        settings: EdgeSettings,
        reopen: Reopen,
        node: Callable[[], str | None],
        policies: KeptPolicies,
    ) -> None:
        self._state = Path(settings.state)
        self._policies = policies
        self._node = node
        self._file_bytes = settings.record_file_bytes
        self._files = settings.record_files
        self._ships = settings.control_plane is not None
        self._reopen = reopen
        self._places_path = self._state / "shipped.json"
        self._places = read_places(self._places_path)
        self._is_saved = True

    async def keep(
        self, ship: Callable[[], Awaitable[bool]] | None, report: Callable[[str], None]
    ) -> None:
        """Tidy and ship for ever, in turn: no file is rotated while it is sent."""
        while True:
            pause = PAUSE_SECONDS
            for step in (self.tidy, ship) if ship else (self.tidy,):
                try:
                    if await step():
                        pause = 0
                except (Unavailable, OSError) as error:
                    report(str(error))
                    pause = RETRY_SECONDS
            await asyncio.sleep(pause)

    async def tidy(self) -> None:
        """Remove files that may be removed, then rotate large ones. Raises Unavailable."""
        try:
            for stream in streams(self._state):
                while len(aside := rotated(stream)) > 1 and await self._may_go(stream, aside):
                    aside[0].unlink()
                    self._places.pop(self._name(aside[0]), None)
            for stream in streams(self._state):
                if stream.exists() and stream.stat().st_size > self._file_bytes:
                    self._put_aside(stream)
                if not stream.exists():
                    with contextlib.suppress(Unavailable):  # a restarted writer opens it anyway
                        await self._reopen(stream)
            await asyncio.to_thread(self._policies.tidy, self._policies_unshipped)
        except OSError as error:
            problem = f"decision records cannot be rotated or removed: {error.strerror}"
            raise Unavailable(problem) from error
        if not self._is_saved:
            self._save(self._places)

    def unshipped(self, path: Path) -> tuple[list[bytes], int]:
        """The next complete lines of a file that are not shipped, and the position after them."""
        return read_lines(path, self._place(path))

    def shipped(self, path: Path, place: int) -> None:
        """Store how far a file is shipped. Raises Unavailable."""
        self._places[self._name(path)] = LogPosition(place, first_of(path))
        self._is_saved = False
        self._save(self._places)

    def _policies_unshipped(self) -> set[str]:
        """The hashes of policies of decisions that are not shipped yet."""
        found: set[str] = set()
        for stream in streams(self._state) if self._ships else ():
            for path in (*rotated(stream), stream):
                lines, place = self.unshipped(path)
                while lines:
                    found.update(map(bytes.decode, POLICIES_NAMED.findall(b"".join(lines))))
                    lines, place = read_lines(path, place)
        return found

    def waiting_bytes(self) -> int:
        """The bytes of records that are not shipped."""
        total = 0
        for stream in streams(self._state):
            for path in (*rotated(stream), stream):
                with contextlib.suppress(OSError):
                    total += max(path.stat().st_size - self._place(path), 0)
        return total

    async def _may_go(self, stream: Path, aside: list[Path]) -> bool:
        """Whether the oldest file may be removed; never the newest, which `explain` reads.

        It must be shipped as a whole. Only refusals are bounded without that.
        """
        too_many = len(aside) > self._files
        if not self._ships:
            return too_many
        if not self.unshipped(aside[0])[0]:
            return True
        if too_many and stream.name == REFUSALS:
            await asyncio.to_thread(self._record_drop, aside[0])
            return True
        return False

    def _put_aside(self, stream: Path) -> None:
        """Rotate a file, its position first: after a crash records are shipped twice at most."""
        last = rotated(stream)[-1:]
        number = int(last[0].suffixes[0][1:]) + 1 if last else 1
        aside = stream.with_name(f"{stream.stem}.{number:08}.jsonl")
        places = dict(self._places)
        if known := places.pop(self._name(stream), None):
            places[self._name(aside)] = known
        self._save(places)
        self._places = places
        stream.rename(aside)
        sync_folder(stream.parent)

    def _record_drop(self, path: Path) -> None:
        """Record the loss before a file of unshipped refusals is removed.

        Refusals with a verified token, or after an allow, are kept; anonymous ones are dropped.
        """
        lines, size = 0, 0
        first = last = None
        with Spool(self._state / OWN) as spool, path.open("rb") as file:
            file.seek(self._place(path))
            for line in file:
                refusal = read_refusal(line)
                if refusal is None:
                    continue
                if refusal.subject or refusal.after:
                    spool.append(refusal, durable=False)
                    continue
                lines, size = lines + 1, size + len(line)
                first, last = first or refusal, refusal
            if first and last:
                told = {"lines": lines, "bytes": size, "first_at": first.at, "last_at": last.at}
                event = AuditEvent(
                    # Repeated after a crash, it is the same event.
                    id=f"dropped_{first.id}",
                    at=now(),
                    kind=EventKind.REFUSALS_DROPPED,
                    actor=self._node() or "edge",
                    target=path.name,
                    facts=told,
                )
                spool.append(event, durable=True)

    def _place(self, path: Path) -> int:
        """How far this file is shipped; 0 if another file had its name."""
        known = self._places.get(self._name(path))
        return known.at if known and known.first == first_of(path) else 0

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self._state))

    def _save(self, places: dict[str, LogPosition]) -> None:
        replace(self._places_path, msgspec.json.encode(places))
        self._is_saved = True


def streams(state: Path) -> list[Path]:
    """The files that are appended to; after a rotation one may not exist yet."""
    spools = {
        path.with_name(f"{path.name.partition('.')[0]}.jsonl")
        for path in state.glob("spool/*.jsonl")
    }
    return [*sorted(spools), state / REFUSALS]


def rotated(stream: Path) -> list[Path]:
    """The rotated files of a stream, the oldest first."""
    return sorted(stream.parent.glob(f"{stream.stem}.{NUMBER}.jsonl"))


def read_places(path: Path) -> dict[str, LogPosition]:
    """How far each file is shipped; empty, so from the start, if that is not known."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, LogPosition])
    except (OSError, msgspec.DecodeError, ValueError):  # ValueError: it is no UTF-8
        return {}


def first_of(path: Path) -> str:
    """The beginning of a file's first line; it is unique, since each record has an id."""
    try:
        with path.open("rb") as file:
            return hashlib.sha256(file.readline(MAX_FIRST_BYTES)).hexdigest()
    except FileNotFoundError:
        return ""


def read_lines(path: Path, place: int) -> tuple[list[bytes], int]:
    """The complete lines after a position, and the position after them; 0 for an emptied file."""
    if not path.exists():
        return [], place
    place = place if 0 <= place <= path.stat().st_size else 0
    with path.open("rb") as file:
        file.seek(place)
        whole = file.read(BATCH_BYTES) + file.readline()
    whole = whole[: whole.rfind(b"\n") + 1]
    return whole.splitlines(), place + len(whole)


def read_refusal(line: bytes) -> DecisionRecord | None:
    """A refusal of Envoy; None for a line that a crash cut short."""
    try:
        return EnvoyLine.from_wire(line).decision()
    except (msgspec.DecodeError, ValueError):
        return None
