"""The changes of a plan or an apply, for people: wider access first, in few lines."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

SIGNS: Final = {"add": "+", "change": "~", "remove": "-"}
MAX_STEPS: Final = 20
MAX_LINES: Final = 20
"""The changes within all declarations that are shown, together."""
MAX_NOTES: Final = 20
MAX_UNREAD: Final = 4
MAX_OPERATIONS: Final = 3
"""The operations without any allowing policy that are named."""
WIDER: Final = "!"
LEGEND: Final = f"{WIDER} may allow more than before"
NOTHING: Final = "nothing to change"
NO_LINES: Final[Mapping[str, Any]] = {"lines": (), "left_out": 0}

Answer = Mapping[str, Any]


def render_changes(answer: Answer, more: str = "") -> list[str]:
    """Each changed declaration, the numbers of an API, and the changes within it.

    `more` says where to find the changes that are not shown.
    """
    return [*_lines(answer, more)] or [NOTHING]


def _lines(answer: Answer, more: str) -> Iterator[str]:
    inside = {(one["kind"], one["name"]): one for one in answer["details"]}
    apis = {("apis", one["name"]): one for one in answer["apis"]}
    changes = [(change, (change["kind"], change["name"])) for change in answer["changes"]]
    changes.sort(key=lambda change: not _wider(inside.get(change[1], NO_LINES)))
    shown = changes[:MAX_STEPS]
    lines = [inside.get(key, NO_LINES)["lines"] for _, key in shown]
    rooms = _rooms(lines)
    for (change, key), found, room in zip(shown, lines, rooms, strict=True):
        numbers = f"  {in_numbers(apis[key])}" if key in apis else ""
        yield f"{SIGNS[change['step']]} {change['kind']}/{change['name']}{numbers}"
        yield from map(_line, found[:room])
    within = sum(len(one["lines"]) + one["left_out"] for one in answer["details"]) - sum(rooms)
    hidden = [
        f"{number} more {what}"
        for number, what in (
            (len(changes) - len(shown), "declarations"),
            (within, "changes within declarations"),
        )
        if number
    ]
    if len(changes) > len(shown) and len(apis) > 1:
        yield f"{len(apis)} APIs together: {in_numbers(_together(answer['apis']))}"
    if hidden:
        yield f"and {', and '.join(hidden)}{f' ({more})' if more else ''}"
    yield from _notes(answer["apis"])
    if any(map(_wider, answer["details"])):
        yield LEGEND


def _notes(apis: Sequence[Answer]) -> Iterator[str]:
    """Notes on unexpected readings, those about public access first, and the members not read."""
    listed = [
        (number >= api["opening"], f"apis/{api['name']}: {note}")
        for api in apis
        for number, note in enumerate(api["notes"])
    ]
    said = [note for _, note in sorted(listed, key=lambda each: each[0])]
    yield from said[:MAX_NOTES]
    hidden = len(said[MAX_NOTES:]) + sum(api["notes_left_out"] for api in apis)
    if hidden:
        yield f"and {hidden} more notes"
    unread = Counter[str]()
    for api in apis:
        unread.update(api["unread"])
    if unread:
        most = [f"{count} {name}" for name, count in unread.most_common(MAX_UNREAD)]
        more = [f"{len(unread) - MAX_UNREAD} other members"] if len(unread) > MAX_UNREAD else []
        yield f"not read, and kept: {', '.join([*most, *more])}"


def _wider(found: Answer) -> bool:
    return any(line["widens"] for line in found["lines"])


def _rooms(found: Sequence[Sequence[Answer]]) -> list[int]:
    """The number of lines shown of each: lines that may allow more have precedence."""
    first = [sum(line["widens"] for line in lines) for lines in found]
    rooms = [0] * len(found)
    left = MAX_LINES
    for wanted in (first, [*map(len, found)]):
        for place, number in enumerate(wanted):
            more = min(max(number - rooms[place], 0), left)
            rooms[place] += more
            left -= more
    return rooms


def _line(line: Answer) -> str:
    said = ": ".join(filter(None, (line["place"], line["text"])))
    return f"    {WIDER if line['widens'] else ' '} {line['sign']} {said}"


def in_numbers(api: Answer) -> str:
    """The numbers of an API, and where clients ask: those that no policy allows are named."""
    operations, shut = api["operations"], api["not_allowed"]
    said = [f"{operations} operation{'s' if operations != 1 else ''}", f"{api['public']} public"]
    if shut:
        named = ", ".join(api["not_allowed_first"][:MAX_OPERATIONS])
        more = ", …" if shut > MAX_OPERATIONS else ""
        said.append(f"{shut} that no policy allows{f': {named}{more}' if named else ''}")
    if api.get("hosts") or api.get("prefix"):
        first, *others = api["hosts"] or [""]
        more = f" and {len(others)} more hosts" if others else ""
        said.append(f"at {first}{api['prefix']}{more}")
    return ", ".join(said)


def _together(apis: Sequence[Answer]) -> Answer:
    counts = ("operations", "public", "not_allowed")
    return {"not_allowed_first": [], **{each: sum(api[each] for api in apis) for each in counts}}
