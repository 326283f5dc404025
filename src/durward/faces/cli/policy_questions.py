"""`durward policy diff|who-can|what-can|prove`: questions about all requests at once.

They read declarations, as `apply` does, or a single policy; nothing needs to run.
"""

import json as jsonlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from durward.core.access import ANONYMOUSLY, Access, Known, changes, names_of
from durward.core.errors import Misconfigured
from durward.core.estate import read_estate
from durward.core.names import check_action, check_never, check_pattern
from durward.core.policy.document import Document, parse_document
from durward.core.policy.find import Side, Witness, differences
from durward.core.policy.predicate import Some, compile_statement
from durward.core.policy.source import PolicyError
from durward.core.policy.written import kind_of
from durward.core.wire import Json
from durward.faces.declarations import is_policy, read, read_declarations

FINDINGS = 1
FailOn = Literal["any", "widen", "never"]


def diff(old: Path, new: Path, *, fail_on: FailOn = "any", json: bool = False) -> int:
    """Show what would be allowed anew, and what no longer, with a request for each.

    Exit code 1 when there is something that --fail-on names.

    Args:
        old: Declarations (a file or a folder) or a single policy, as it is.
        new: The same as it is to be.
        fail_on: Fail on any difference, on one that widens, or never.
        json: Print one JSON object.
    """
    found = list(compared(old, new))
    widened = any(each["gained"] for each in found)
    if json:
        print(jsonlib.dumps({"differences": found}))
    else:
        told = [line for each in found for line in told_difference(each)]
        print("\n".join(told) if told else "nothing is allowed anew, and nothing no longer")
    fails = {"any": bool(found), "widen": widened, "never": False}
    return FINDINGS if fails[fail_on] else 0


def who_can(action: str, path: Path, *, resource: str = "*", json: bool = False) -> int:
    """Show everybody who can do it, each with a request that shows how.

    Args:
        action: An action such as orders:GetOrder, with wildcards.
        path: Declarations: a file or a folder.
        resource: A resource pattern; any by default.
        json: Print one JSON object.
    """
    try:
        access = access_of(path)
        check_action(access.estate, action, "who-can")
        check_pattern(access.estate, resource, "who-can")
        found = list(access.who_can(action, resource))
    except ValueError as error:
        raise Misconfigured("who-can", str(error), hint="who-can orders:GetOrder .") from error
    return tell(found, json=json, nobody=f"nobody can do `{action}`")


def what_can(name: str, path: Path, *, json: bool = False) -> int:
    """Show each operation that somebody can do, with a request that shows how.

    Args:
        name: A user or a client, as declared, or `anonymous` for who has no token.
        path: Declarations: a file or a folder.
        json: Print one JSON object.
    """
    access = access_of(path)
    known = {each for principal in access.principals for each in names_of(principal)}
    if name not in {*known, ANONYMOUSLY}:
        hint = f"declared are {', '.join(sorted(p.attachments[0] for p in access.principals))}"
        raise Misconfigured("what-can", f"`{name}` is not declared", hint=hint)
    found = list(access.what_can(name))
    if json:
        print(jsonlib.dumps({action: witness.to_wire() for action, witness in found}))
    for action, witness in () if json else found:
        print(action)
        print(indented(witness, skip=("action", "principal")))
    if not found and not json:
        print(f"`{name}` can do nothing")
    return 0


def prove(path: Path, *, never: Path, json: bool = False) -> int:
    """Prove that nobody is allowed what must never be; exit code 1 with a request that shows it.

    Args:
        path: Declarations: a file or a folder.
        never: A policy whose statements describe what must never be allowed.
        json: Print one JSON object.
    """
    content = read(never)
    document, access = policy_in(never, content), access_of(path)
    statements = content.get("Statement") if isinstance(content, dict) else None
    if not document.statements:
        hint = "what it describes is what nobody may be allowed"
        raise Misconfigured(str(never), "has no statements: there is nothing to prove", hint=hint)
    check_never(access.estate, statements, str(never))
    forbidden = Some(tuple(map(compile_statement, document.statements)))
    found = list(access.breaches(forbidden))
    tell(found, json=json, nobody="proven: no request of anybody declared is allowed")
    return FINDINGS if found else 0


def access_of(path: Path) -> Access:
    """The declarations of a file or a folder. Raises Misconfigured."""
    return Access(read_estate(read_declarations(path)))


def policy_in(path: Path, content: Json) -> Document:
    """A single policy. Raises PolicyError, with the file's name."""
    try:
        return parse_document(path.read_bytes(), path.stem, kind_of(content))
    except PolicyError as error:
        raise PolicyError(str(path), error.problems) from error


def compared(old: Path, new: Path) -> Iterator[dict[str, Any]]:
    """The differences of two files or folders."""
    policies = [single(path) for path in (old, new)]
    if policies[0] and policies[1]:
        old_side, new_side = (Side([each], crossing=True) for each in policies if each)
        gained, lost = differences(old_side, new_side)
        if gained or lost:
            yield difference(None, gained, lost)
        return
    for change in changes(access_of(old), access_of(new)):
        yield difference(names_of(change.principal)[0], change.gained, change.lost)


def single(path: Path) -> Document | None:
    """A policy, where the file is one and declares nothing."""
    if path.is_dir():
        return None
    content = read(path)
    if not is_policy(content):
        return None
    return policy_in(path, content)


def difference(who: str | None, gained: Witness | None, lost: Witness | None) -> dict[str, Any]:
    """A difference for machines; its lines are for people."""
    return {
        "principal": who,
        "gained": gained.to_wire() if gained else None,
        "lost": lost.to_wire() if lost else None,
    }


def told_difference(found: dict[str, Any]) -> Iterator[str]:
    """A difference for people."""
    if found["principal"]:
        yield str(found["principal"])
    for sign, name, title in (("+", "gained", "allowed anew"), ("-", "lost", "allowed no longer")):
        if witness := found[name]:
            yield f"{sign} {title}: {witness['action']} on {witness['resource']}"
            for key, value in witness["context"].items():
                yield f"    where {key} = {', '.join(value) if isinstance(value, list) else value}"


def tell(found: list[Known], *, json: bool, nobody: str) -> int:
    """Print who was found."""
    if json:
        wire = {names_of(each.principal)[0]: each.witness.to_wire() for each in found}
        print(jsonlib.dumps(wire))
        return 0
    for each in found:
        print(names_of(each.principal)[0])
        print(indented(each.witness, skip=("principal",)))
    if not found:
        print(nobody)
    return 0


def indented(witness: Witness, *, skip: tuple[str, ...]) -> str:
    """The request below a title."""
    lines = (line for line in witness.lines() if not line.startswith(skip))
    return "\n".join(f"  {line}" for line in lines)
