"""`durward explain`: why a request was allowed or denied."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import msgspec

from durward.core.edge.decision_record import END, DecisionRecord
from durward.core.edge.explained import Unexplained, explained
from durward.core.errors import Misconfigured, Unavailable
from durward.core.policy.analysis.explain import Explanation
from durward.core.values import MICROSECONDS
from durward.entrypoints.command import DEMO_DIR
from durward.entrypoints.control import Control, NotRunning, path_of, settings_in
from durward.entrypoints.edge.decisions import find_decisions
from durward.entrypoints.edge.kept_policies import KeptPolicies
from durward.entrypoints.terminal import field, say

Why: TypeAlias = Explanation | Unexplained | None

WHERE = "`durward logs` shows ids, d_…; each response has one in its header Durward-Decision"


def explain(decision: str, *, dir: Path = DEMO_DIR, json: bool = False) -> int:  # noqa: A002
    """Explain a decision from its record and the policies that were in force then.

    Args:
        decision: The id in the response header Durward-Decision: d_…
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print one JSON object.
    """
    settings = settings_in(dir)
    if settings.edge is None and settings.serve is None:
        raise Misconfigured(str(dir / "durward.toml"), "has no section [edge] or [serve]")
    if not decision.startswith("d_"):
        raise Misconfigured(decision, "not a decision id", hint=WHERE)
    state = Path(settings.edge.state) if settings.edge else None
    plane = settings.serve.runtime if settings.serve else None
    plane = plane or (settings.edge.control_plane if settings.edge else None)
    control = Control(Path(plane), dir) if plane else None
    found = find_decisions(state, decision) if state else []
    if not found and control:
        found = in_the_log(control, decision)
    if not found:
        hint = (
            "first its node has it, later the control plane; name the folder of either: --dir DIR"
        )
        raise Misconfigured(decision, "no such decision on this node", hint=hint)
    whys = [explained(each, policies_of(each, state, control)) for each in found]
    if json:
        say(in_json(found, whys))
    else:
        first, *others = map(render_decision, found, whys)
        say(*first, *(line for lines in others for line in ("", *lines)))
    return 0


def policies_of(
    decision: DecisionRecord, state: Path | None, control: Control | None
) -> bytes | None:
    """The policies of a decision, from this node or the control plane; None if neither has them."""
    if decision.inputs is None:
        return None
    digest = decision.inputs.policies
    if state and (part := KeptPolicies(state).load(digest)) is not None:
        return part
    if control is None:
        return None
    try:
        texts = control.ask("/edge/v1/parts", [digest])
    except (Unavailable, Misconfigured):
        return None
    return texts[digest].encode() if digest in texts else None


def in_the_log(control: Control, id: str) -> list[DecisionRecord]:
    """The records in the audit log: of another node, of an older decision, or of AuthZEN.

    The last is first, where a request was refused after it had been allowed. Raises NotRunning.
    """
    found = []
    for known in (f"{id.removesuffix(END)}{END}", id.removesuffix(END)):
        try:
            event = control.get(path_of("events", known))
            facts = {**event["facts"], "id": known, "at": event["at"]}
            found.append(msgspec.convert(facts, DecisionRecord))
        except NotRunning:
            raise
        except (Unavailable, Misconfigured, msgspec.ValidationError):
            continue
    return found


def in_json(found: Sequence[DecisionRecord], whys: Sequence[Why]) -> str:
    """The final decision in JSON, with the earlier one if there was one."""
    last, *earlier = map(explained_json, found, whys)
    return msgspec.json.encode(last | ({"earlier": earlier[0]} if earlier else {})).decode()


def explained_json(decision: DecisionRecord, why: Why) -> dict[str, object]:
    """A decision with its explanation, or the reason why none is possible."""
    if isinstance(why, Unexplained):
        return {**msgspec.to_builtins(decision), "unexplained": why.why}
    fields: dict[str, object] = msgspec.to_builtins(
        msgspec.structs.replace(decision, explanation=why)
    )
    return fields


def render_decision(decision: DecisionRecord, why: Why) -> list[str]:
    """A decision for people, in lines. A name that could look like several is quoted."""
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
        + (f" at {field(decision.host)}" if decision.host else "")
        + (f" from {field(decision.source)}" if decision.source else ""),
        "asked by": decision.asked_by and field(decision.asked_by),
        "after": decision.after and f"{decision.after} had allowed it",
        "at": at,
        "snapshot": decision.snapshot,
    }
    lines = [f"{decision.id}  {'allow' if decision.allowed else 'deny'} ({decision.status})"]
    lines += [f"  {name:11} {value}" for name, value in rows.items() if value is not None]
    more = [f"unexplained: {why.why}"] if isinstance(why, Unexplained) else []
    more = list(why.lines()) if isinstance(why, Explanation) else more
    if more:
        lines += ["", *(f"  {line}" for line in more)]
    return lines
