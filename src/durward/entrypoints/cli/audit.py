"""`durward audit` and `durward logs`: verify and read the audit log."""

import json as jsonlib
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cyclopts import App

from durward.core.audit.checkpoint import Checkpoint, LogKey, verify_checkpoint
from durward.core.audit.verify import Verification, VerificationReport
from durward.core.difference import excerpt
from durward.core.errors import Misconfigured, ProtocolError
from durward.core.values import MICROSECONDS
from durward.entrypoints.cli.exit_code import DONE, FOUND
from durward.entrypoints.command import DEMO_DIR, with_script_name
from durward.entrypoints.control import Control, control_of
from durward.entrypoints.terminal import field, say, say_json, say_text

PAGE = 500
MAX_PROBLEMS = 20
LONGEST_LINE = 1_000
LONGEST_FIELD = 200
DECISION = "decision"
FOLLOW_SECONDS = 0.3

audit = App(name="audit", help="Verify the audit log.", result_action="return_value")


@audit.command
def checkpoint(*, dir: Path = DEMO_DIR) -> int:  # noqa: A002
    """Print the newest signed checkpoint. Keep it elsewhere: it proves the log from now on.

    Args:
        dir: The folder that holds durward.toml, such as the demo's.
    """
    say_text(control_of(dir).text("/admin/v1/log/checkpoint"))
    return 0


@audit.command
def verify(
    *,
    key: Path,
    since: Path | None = None,
    dir: Path = DEMO_DIR,  # noqa: A002
    json: bool = False,
) -> int:
    """Verify every event and the signed checkpoint. Exit code 1 when the log was changed.

    Args:
        key: The log's public key: audit.pub in the state folder of the control plane.
        since: An older checkpoint that you kept; only with it a rewritten log is detected.
        dir: The folder that holds durward.toml, such as the demo's.
        json: Print one JSON object.
    """
    control = control_of(dir)
    try:
        log_key = LogKey.from_wire(key.read_text())
        older = verify_checkpoint(since.read_text(), log_key) if since else None
        known = read_checkpoint(control, log_key)
    except OSError as error:
        raise Misconfigured(str(error.filename), error.strerror or "cannot be read") from error
    except UnicodeDecodeError as error:
        hint = "--key takes audit.pub, --since a checkpoint as `audit checkpoint` prints it"
        raise Misconfigured("audit", "a file is not UTF-8 text", hint=hint) from error
    except ProtocolError as error:
        raise Misconfigured("audit", error.public) from error
    verification = Verification(known, older)
    for event in events_from(control, 0):
        verification.take(event["event"].encode())
    newest = read_checkpoint(control, log_key)  # loaded now, it covers every event read above
    for event in events_from(control, verification.size):
        if event["index"] >= newest.size:
            break
        verification.take(event["event"].encode())
    report = verification.report(newest)
    if json:
        say_json(asdict(report))
    else:
        print_verification(report)
    return DONE if report.is_sound else FOUND


def read_checkpoint(control: Control, key: LogKey) -> Checkpoint:
    """The newest checkpoint of the log. Raises ProtocolError where the key did not sign it."""
    return verify_checkpoint(control.text("/admin/v1/log/checkpoint"), key)


def print_verification(report: VerificationReport) -> None:
    """Print a report for people."""
    say(f"{report.events} events; the newest checkpoint covers {report.covered}")
    for problem in report.problems[:MAX_PROBLEMS]:
        say(f"✗ {problem}")
    if len(report.problems) > MAX_PROBLEMS:
        say(f"✗ and {len(report.problems) - MAX_PROBLEMS} more; --json lists them")
    if report.is_sound:
        say("✓ the log matches its checkpoint")
    if report.set_aside:
        say(f"note: the tables of the log hold {report.set_aside} rows that Durward did not write")
    if any("the older checkpoint" in problem for problem in report.problems):
        restored = with_script_name("`durward restored`")
        say(f"hint: if the database was restored from a backup, report it: {restored}")
    if not report.older_checked:
        say("note: without --since FILE a log that was rewritten as a whole is not detected")


def logs(
    *,
    follow: bool = False,
    json: bool = False,
    last: int = 50,
    dir: Path = DEMO_DIR,  # noqa: A002
) -> int:
    """Show decisions, sign-ins and changes, the newest last.

    Args:
        follow: Print new events as they happen; Ctrl-C ends it.
        json: Print one JSON object per line.
        last: How many earlier events to print first, 1000 at most.
        dir: The folder that holds durward.toml, such as the demo's.
    """
    control = control_of(dir)
    newest = control.get("/admin/v1/log", last=max(last, 1))["events"]
    start = newest[-1]["index"] + 1 if newest else 0
    for event in newest if last > 0 else ():
        say(line(event, json=json))
    while follow:
        time.sleep(FOLLOW_SECONDS)
        for event in events_from(control, start):
            start = event["index"] + 1
            say(line(event, json=json))
    return 0


def events_from(control: Control, start: int) -> Iterator[dict[str, Any]]:
    """The events of the log from an index on."""
    while page := control.get("/admin/v1/log", start=start, limit=PAGE)["events"]:
        yield from page
        start = page[-1]["index"] + 1


def line(event: dict[str, Any], *, json: bool) -> str:
    """One event in one line."""
    if json:
        return str(event["event"])
    try:
        found = jsonlib.loads(event["event"])
        at = datetime.fromtimestamp(found["at"] / MICROSECONDS, UTC).strftime("%H:%M:%S")
        return f"{at} {of_decision(found) if found['kind'] == DECISION else of_event(found)}"
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError):
        return f"event {event['index']} cannot be read; --json shows it"


def of_decision(found: dict[str, Any]) -> str:
    """A decision in one line: the enforcement point comes first, before text of any length."""
    facts = found["facts"]
    outcome = "allow" if facts["allowed"] else "deny "
    asker = f"for {field(facts['asked_by'])}: " if facts.get("asked_by") else ""
    request = f"{facts['method']} {facts['path']}"
    what = field(facts["action"]) if facts.get("action") else excerpt(request, LONGEST_FIELD)
    reason = excerpt(facts["reason"], LONGEST_LINE)
    return f"{outcome} {asker}{field(found['actor']):12} {what}  {reason}  {field(found['id'])}"


def of_event(found: dict[str, Any]) -> str:
    """Any other event, in one line."""
    facts = found["facts"]
    told = str(facts.get("error") or facts.get("why") or " ".join(facts.get("scopes", ())))
    names = f"{field(found['actor'])}  {field(found['target'])}"
    return excerpt(f"{excerpt(found['kind'])}  {names}  {told}".rstrip(), LONGEST_LINE)
