"""OpenAPI Overlay 1.0: changes to a document that others own, kept beside it.

An overlay is a list of actions; each has a target (`json_path`) and updates or removes what that
selects, after the actions before it (Overlay 1.0.0 §Overlay Object, §Action Object). Where 1.0 says
less than 1.1 about how values are merged, the rules of 1.1 hold.

Stricter than the specification, so that a change of the vendor's document loses no restriction:

- An action that selects nothing is refused, unless it says `x-durward-optional: true`.
- A list `security` is not lengthened by a merge: one more alternative is one more way in. Whoever
  means that selects the list itself.
- A merge adds an operation only if that has `responses`: else its path is probably misspelled.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from jsonpath import JSONPath

from durward.core.difference import excerpt
from durward.core.errors import Misconfigured
from durward.core.openapi.faults import Fault, Findings, TooMany, pointed
from durward.core.openapi.json_path import (
    CountedList,
    CountedObject,
    Path,
    QueryRefused,
    Steps,
    read_query,
    selected,
)
from durward.core.openapi.members import METHODS, REF
from durward.core.sizes import DECLARATION_BYTES, DOCUMENT_DEPTH, OPERATIONS
from durward.core.wire import Json, compact_json

MAX_OVERLAYS: Final = 20
MAX_ACTIONS: Final = OPERATIONS
OPTIONAL: Final = "x-durward-optional"
VERSION: Final = "1.0."
ROOT_MEMBERS: Final = ("overlay", "info", "extends", "actions")
ACTION_MEMBERS: Final = ("target", "description", "update", "remove")
_ADDS: Final = "to add it, write it whole, with `responses`"


@dataclass(frozen=True, slots=True)
class OverlayAction:
    """One action: its target, and its change."""

    query: JSONPath
    update: Json
    remove: bool
    optional: bool
    place: str


@dataclass(frozen=True, slots=True)
class Overlay:
    """The actions of an overlay, and the document that it was written for."""

    actions: tuple[OverlayAction, ...]
    extends: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a part of the result was written: 0 is the document, 1 the first overlay."""

    number: int
    pointer: str


class OverlayRefused(Exception):  # noqa: N818 - reported with its file by whoever read it
    """An overlay is refused, with all its faults; `number` is its place in the list, from 1."""

    def __init__(self, number: int, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.number = number
        self.faults = tuple(faults)


def read_overlay(value: Json, found: Findings) -> Overlay | None:
    """Read an overlay; None if it is refused."""
    before = len(found.faults)
    if not isinstance(value, dict):
        found.refuse("", "not an overlay: not an object; begin with `overlay: 1.0.0`")
        return None
    version = value.get("overlay")
    text = f"{version}." if isinstance(version, float) else version  # YAML's 1.0 is a number
    if not isinstance(text, str) or not text.startswith(VERSION):
        found.refuse("/overlay", "overlays of version 1.0 are read; write `overlay: 1.0.0`")
    info = value.get("info")
    if not isinstance(info, dict) or not all(
        isinstance(info.get(name), str) for name in ("title", "version")
    ):
        found.refuse("/info", "an object with `title` and `version`, which are text")
    extends = value.get("extends")
    if not isinstance(extends, str | None):
        found.refuse("/extends", "the path of the document, as text")
    _check_members(value, "", ROOT_MEMBERS, (), found)
    actions = _read_actions(value.get("actions"), found)
    if len(found.faults) > before:
        return None
    return Overlay(tuple(actions), extends if isinstance(extends, str) else None)


def _read_actions(value: Json, found: Findings) -> list[OverlayAction]:
    if not isinstance(value, list) or not value:
        found.refuse("/actions", "a list of actions, at least one")
        return []
    if len(value) > MAX_ACTIONS:
        found.refuse("/actions", f"more than {MAX_ACTIONS} actions")
        return []
    read = (_read_action(one, f"/actions/{number}", found) for number, one in enumerate(value))
    return [action for action in read if action is not None]


def _read_action(value: Json, place: str, found: Findings) -> OverlayAction | None:
    if not isinstance(value, dict):
        found.refuse(place, "not an object; write `{target: …, update: …}`")
        return None
    before = len(found.faults)
    _check_members(value, place, ACTION_MEMBERS, (OPTIONAL,), found)
    remove, optional = value.get("remove", False), value.get(OPTIONAL, False)
    for name, flag in (("remove", remove), (OPTIONAL, optional)):
        if not isinstance(flag, bool):
            found.refuse(f"{place}/{name}", "write `true` or `false`")
    if remove is not True and "update" not in value:
        found.refuse(place, "changes nothing; write `update`, or `remove: true`")
    target = value.get("target")
    if not isinstance(target, str):
        found.refuse(f"{place}/target", "a JSONPath, as in `$.paths['/a'].get`")
        return None
    try:
        query = read_query(target)
    except QueryRefused as error:
        found.refuse(f"{place}/target", str(error))
        return None
    if len(found.faults) > before:
        return None
    return OverlayAction(query, value.get("update"), remove is True, optional is True, place)


def _check_members(
    value: Mapping[str, Json],
    place: str,
    known: Sequence[str],
    ours: Sequence[str],
    found: Findings,
) -> None:
    """Check that other members begin with `x-`, and that none of ours is misspelled."""
    for name in value:
        if name in known or name in ours:
            continue
        if not name.startswith("x-"):
            found.refuse(pointed(place, name), f"no such member; write {', '.join(known)}")
        elif "durward" in name.lower():
            meant = f"write `{ours[0]}`" if ours else "remove it"
            found.refuse(pointed(place, name), f"no such member; {meant}")


class _Object(CountedObject):
    """An object that knows where it was written, and which members were written elsewhere."""

    __slots__ = ("elsewhere", "origin")

    def __init__(self, steps: Steps, origin: Origin) -> None:
        super().__init__(steps)
        self.origin = origin
        self.elsewhere: dict[str, Origin] = {}


class _List(CountedList):
    """A list that knows where it was written, and whether its items are still those."""

    __slots__ = ("changed", "origin")

    def __init__(self, steps: Steps, origin: Origin) -> None:
        super().__init__(steps)
        self.origin = origin
        self.changed = False


@dataclass
class OverlaidDocument:
    """A document to which overlays are applied, one after the other."""

    content: Json
    notes: list[Fault] = field(default_factory=list)
    """The skipped optional actions, with their places in the last overlay."""
    _steps: Steps = field(default_factory=Steps)
    _bytes: int = 0
    _overlays: int = 0

    def __post_init__(self) -> None:
        """Copy the document: a part that it holds at several places becomes several parts.

        Raises Misconfigured if these are too many.
        """
        try:
            self._root = _copied(self.content, Origin(0, ""), self._steps, 0)
        except QueryRefused as error:
            raise Misconfigured("the OpenAPI document", str(error)) from error

    def apply(self, value: Json) -> Overlay:
        """Apply an overlay. Raises OverlayRefused with all its faults."""
        self._overlays += 1
        self.notes = []
        found = Findings()
        try:
            overlay = read_overlay(value, found)
            for action in overlay.actions if overlay else ():
                self._act(action, found)
        except TooMany:
            overlay = None
        if overlay is None or found.faults:
            raise OverlayRefused(self._overlays, found.faults)
        return overlay

    def result(self) -> Json:
        """The present document."""
        return _plain(self._root)

    def origin(self, pointer: str) -> Origin:
        """The origin of the part at a JSON pointer of the result, or of its nearest parent."""
        part, origin = self._root, Origin(0, "")
        if isinstance(part, _Object | _List):
            origin = part.origin
        for name in pointer.split("/")[1:]:
            plain = name.replace("~1", "/").replace("~0", "~")
            if isinstance(part, _Object):
                origin = part.elsewhere.get(
                    plain, Origin(origin.number, f"{origin.pointer}/{name}")
                )
                part = dict.get(part, plain)
            elif isinstance(part, _List):
                if not part.changed:
                    origin = Origin(origin.number, f"{origin.pointer}/{name}")
                part = list.__getitem__(part, int(name)) if _is_place(name, part) else None
            else:
                break
            if isinstance(part, _Object | _List):
                origin = part.origin
        return origin

    def _act(self, action: OverlayAction, found: Findings) -> None:
        place = f"{action.place}/target"
        if not isinstance(self._root, _Object | _List):
            found.refuse(place, "the document is no object")
            return
        try:
            parts = selected(action.query, self._root)
            if plain := next(
                (p for p, part in parts if not isinstance(part, _Object | _List)), None
            ):
                problem = f"selects text, a number or nothing at {_named(plain)}"
                found.refuse(place, f"{problem}; select the object that holds it")
            elif not parts and action.optional:
                self.notes.append(Fault(place, "selects nothing"))
            elif not parts:
                hint = f"correct it; if it may be missing, write `{OPTIONAL}: true` beside it"
                found.refuse(place, f"selects nothing, so the action would be lost; {hint}")
            elif action.remove:
                self._remove([path for path, _ in parts], place, found)
            else:
                self._update(parts, action, found)
        except QueryRefused as error:
            found.refuse(place, str(error))

    def _remove(self, paths: Iterable[Path], place: str, found: Findings) -> None:
        """Remove the deepest parts first, and the last items of a list: other places stay valid."""
        order = sorted(paths, key=lambda path: (len(path), _numbers(path)), reverse=True)
        for path in order:
            if not path:
                found.refuse(place, "selects the whole document, which is not removed")
                return
            above = self._root
            for name in path[:-1]:
                above = _part(above, name)
            if isinstance(above, _Object):
                dict.pop(above, str(path[-1]))
            elif isinstance(above, _List):
                list.pop(above, int(path[-1]))
                above.changed = True

    def _update(
        self, parts: Iterable[tuple[Path, Json]], action: OverlayAction, found: Findings
    ) -> None:
        place, size = f"{action.place}/update", len(compact_json(action.update))
        for path, part in parts:
            self._bytes += size
            if self._bytes > DECLARATION_BYTES:
                problem = f"with the overlay the document has more than {DECLARATION_BYTES} bytes"
                found.refuse(place, problem)
                return
            if isinstance(part, _List) and not isinstance(action.update, list):
                part.append(self._new(action.update, place, len(path) + 1))
                part.changed = True
            elif isinstance(part, _List):
                hint = "write one action for each entry"
                found.refuse(place, f"a list is appended to a list in another version; {hint}")
                return
            elif not isinstance(action.update, dict):
                found.refuse(place, f"not an object, and {_named(path)} is one")
                return
            elif isinstance(part, _Object) and not self._merge(
                part, action.update, path, place, found
            ):
                return

    def _merge(
        self, part: _Object, update: dict[str, Json], path: Path, place: str, found: Findings
    ) -> bool:
        """Merge an object into a part of the document; False if that is refused."""
        before = len(found.faults)
        for name, value in update.items():
            where, below = pointed(place, name), (*path, name)
            old = dict.get(part, name)
            if not dict.__contains__(part, name):
                if problem := _adds(below, value):
                    found.refuse(where, problem)
                    continue
                dict.__setitem__(part, name, self._new(value, where, len(below)))
                part.elsewhere[name] = Origin(self._overlays, where)
            elif isinstance(old, _Object) and isinstance(value, dict):
                self._merge(old, value, below, where, found)
            elif isinstance(old, _List) and isinstance(value, list):
                if name == "security":
                    problem = f"{_named(below)} exists, and another alternative is a way in"
                    hint = "remove it by an action before this one"
                    found.refuse(where, f"{problem}; {hint}")
                    continue
                for number, one in enumerate(value):
                    old.append(self._new(one, f"{where}/{number}", len(below) + 1))
                old.changed = True
            elif isinstance(old, _Object | _List) or isinstance(value, dict | list):
                found.refuse(where, f"{_named(below)} is {_kind(old)}, and this is {_kind(value)}")
            else:
                dict.__setitem__(part, name, value)
                part.elsewhere[name] = Origin(self._overlays, where)
        return len(found.faults) == before

    def _new(self, value: Json, place: str, depth: int) -> Json:
        return _copied(value, Origin(self._overlays, place), self._steps, depth)


def _adds(path: Path, value: Json) -> str:
    """The reason why a merge may not add a path or an operation; empty if it may, or adds none."""
    match path:
        case ("paths", str(name)) if not name.startswith("x-"):
            item = value if isinstance(value, dict) else {}
            added = [item[each] for each in METHODS if each in item]
            if REF not in item and (not added or not all(map(_is_whole, added))):
                return f"the document has no path `{excerpt(name)}`; {_ADDS}"
        case ("paths", str(name), str(method)) if method in METHODS and not _is_whole(value):
            return f"the document has no `{method}` of `{excerpt(name)}`; {_ADDS}"
    return ""


def _is_whole(value: Json) -> bool:
    return isinstance(value, dict) and ("responses" in value or REF in value)


def _copied(value: Json, origin: Origin, steps: Steps, depth: int) -> Json:
    steps.keep()
    if depth > 2 * DOCUMENT_DEPTH:
        raise QueryRefused(f"nests deeper than {2 * DOCUMENT_DEPTH} levels")
    number, above = origin.number, origin.pointer
    if isinstance(value, dict):
        part = _Object(steps, origin)
        for name, one in value.items():
            below = Origin(number, pointed(above, name))
            dict.__setitem__(part, name, _copied(one, below, steps, depth + 1))
        return part
    if isinstance(value, list):
        items = _List(steps, origin)
        items.extend(
            _copied(one, Origin(number, f"{above}/{place}"), steps, depth + 1)
            for place, one in enumerate(value)
        )
        return items
    return value


def _plain(value: Json) -> Json:
    if isinstance(value, _Object):
        return {name: _plain(one) for name, one in dict.items(value)}
    if isinstance(value, _List):
        return [_plain(one) for one in list.__iter__(value)]
    return value


def _part(value: Json, name: str | int) -> Json:
    if isinstance(value, _Object):
        return dict.get(value, str(name))
    return list.__getitem__(value, int(name)) if isinstance(value, _List) else None


def _is_place(name: str, items: _List) -> bool:
    return name.isdecimal() and int(name) < len(items)


def _numbers(path: Path) -> tuple[tuple[int, str], ...]:
    """A sort key by which list items are in the order of their numbers."""
    return tuple((one, "") if isinstance(one, int) else (-1, one) for one in path)


def _named(path: Path) -> str:
    return f"`{excerpt(pointed('', *map(str, path)) or '/')}`"


def _kind(value: Json) -> str:
    kinds = ((dict, "an object"), (list, "a list"), (str, "text"), (type(None), "nothing"))
    return next((word for kind, word in kinds if isinstance(value, kind)), "a number")
