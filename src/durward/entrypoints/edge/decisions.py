"""Find decisions of a node: in the spools of its decision points, and in Envoy's log."""

import contextlib
import mmap
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from durward.core.edge.decision_record import END, DecisionRecord, EnvoyLine
from durward.core.errors import Misconfigured
from durward.entrypoints.edge.decision_log import rotated, streams

_ID = re.compile(r"d_[0-9A-Za-z_-]{1,64}\Z")


def find_decisions(state: Path, id: str) -> list[DecisionRecord]:
    """The decisions with an id, the last first: a refusal by Envoy, then the decision before it.

    Raises Misconfigured if it cannot be an id.
    """
    if not _ID.match(id):
        raise Misconfigured(id, "not a decision id", hint="header Durward-Decision: d_…")
    id = id.removesuffix(END)
    found: list[DecisionRecord] = []
    files: list[Path] = []
    while not found and (now_there := records(state)) != files:  # else one was rotated meanwhile
        files = now_there
        found = [decision for file in files for decision in recorded(file, id)]
    return [decision for decision in found if decision.id in {id, f"{id}{END}"}]


def records(state: Path) -> list[Path]:
    """The files of records, with rotated ones; refusals first."""
    return [path for stream in reversed(streams(state)) for path in (*rotated(stream), stream)]


def recorded(file: Path, id: str) -> Iterator[DecisionRecord]:
    """The decisions of a file with that id."""
    with contextlib.suppress(FileNotFoundError):  # it was removed meanwhile
        if file.parent.name == "spool":
            yield from map(DecisionRecord.from_wire, lines_with(file, f'"{id}"'.encode()))
        else:
            for line in lines_with(file, f'"{id.removeprefix("d_")}"'.encode()):
                yield known_here(EnvoyLine.from_wire(line))


def known_here(line: EnvoyLine) -> DecisionRecord:
    """A refusal with its real path; a shipped record has the template instead."""
    decision = line.decision()
    return msgspec.structs.replace(decision, path=line.path or decision.path)


def lines_with(path: Path, text: bytes) -> Iterator[bytes]:
    """The complete lines of a file that contain a string, the last first."""
    if not path.exists() or not path.stat().st_size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        place = whole.rfind(text)
        while place >= 0:
            start = whole.rfind(b"\n", 0, place) + 1
            end = whole.find(b"\n", place)
            line = whole[start:end] if end > 0 else b""
            try:
                msgspec.json.decode(line)
            except (msgspec.DecodeError, ValueError):  # cut short by a crash: not a record
                pass
            else:
                yield line
            place = whole.rfind(text, 0, start) if start else -1
