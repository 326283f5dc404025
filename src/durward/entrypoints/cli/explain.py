"""`durward explain`: why a request was decided as it was."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from durward.core.edge.decision import END, Decision
from durward.core.errors import Misconfigured, Unavailable
from durward.core.values import MICROSECONDS
from durward.entrypoints.command import DEMO_DIR
from durward.entrypoints.control import Control, NotRunning, path_of, settings_in
from durward.entrypoints.edge.decisions import find_decisions
from durward.entrypoints.terminal import field, say

WHERE = "`durward logs` shows ids, d_…; every answer has one in its header Durward-Decision"


def explain(decision: str, *, dir: Path = DEMO_DIR, json: bool = False) -> int:  # noqa: A002
    """Show what decided a request, from what was recorded when it was decided.

    Args:
        decision: The id in the header Durward-Decision: d_…
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print one JSON object.
    """
    settings = settings_in(dir)
    if settings.edge is None and settings.serve is None:
        raise Misconfigured(str(dir / "durward.toml"), "has no part [edge] or [serve]")
    if not decision.startswith("d_"):
        raise Misconfigured(decision, "not a decision id", hint=WHERE)
    found = find_decisions(Path(settings.edge.state), decision) if settings.edge else []
    plane = settings.serve.runtime if settings.serve else None
    plane = plane or (settings.edge.control_plane if settings.edge else None)
    if not found and plane:
        found = in_the_log(Control(Path(plane), dir), decision)
    if not found:
        hint = "the node that made it keeps it, later the control plane; name the folder: --dir DIR"
        raise Misconfigured(decision, "no such decision on this node", hint=hint)
    if json:
        say(in_json(found))
    else:
        first, *others = map(told, found)
        say(*first, *(line for lines in others for line in ("", *lines)))
    return 0


def in_the_log(control: Control, id: str) -> list[Decision]:
    """A decision of another node, an older one, or one that an enforcement point asked for.

    The last first, where the request was refused after it had been allowed. Raises NotRunning.
    """
    found = []
    for known in (f"{id.removesuffix(END)}{END}", id.removesuffix(END)):
        try:
            event = control.get(path_of("events", known))
            facts = {**event["facts"], "id": known, "at": event["at"]}
            found.append(msgspec.convert(facts, Decision))
        except NotRunning:
            raise
        except (Unavailable, Misconfigured, msgspec.ValidationError):
            continue
    return found


def in_json(found: Sequence[Decision]) -> str:
    """How it ended, with the decision before that where there was one."""
    last, *earlier = map(msgspec.to_builtins, found)
    return msgspec.json.encode(last | ({"earlier": earlier[0]} if earlier else {})).decode()


def told(decision: Decision) -> list[str]:
    """A decision for people, in lines. Names are the caller's: none looks like several."""
    at = datetime.fromtimestamp(decision.at / MICROSECONDS, UTC).isoformat(timespec="milliseconds")
    who = field(decision.subject or "nobody")
    who += f" of {field(decision.tenant)}" if decision.tenant else ""
    rows = {
        "decided by": decision.stage.value,
        "because": decision.reason,
        "principal": who + (f", by client {field(decision.client)}" if decision.client else ""),
        "action": decision.action and field(decision.action),
        "resource": decision.resource and field(decision.resource),
        "request": f"{field(decision.method)} {field(decision.path)}"
        + (f" from {field(decision.source)}" if decision.source else ""),
        "asked by": decision.asked_by and field(decision.asked_by),
        "after": decision.after and f"{decision.after} had allowed it",
        "at": at,
        "snapshot": decision.snapshot,
    }
    lines = [f"{decision.id}  {'allow' if decision.allowed else 'deny'} ({decision.status})"]
    lines += [f"  {name:11} {value}" for name, value in rows.items() if value is not None]
    if decision.explanation:
        lines += ["", *(f"  {line}" for line in decision.explanation.lines())]
    return lines
