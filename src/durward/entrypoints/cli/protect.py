"""`durward protect`: from the OpenAPI document of a service to its declarations."""

import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from durward.core.configuration.upstream import read_upstream
from durward.core.openapi.proposal import ProposedOperation
from durward.entrypoints.cli.exit_code import DONE, FOUND
from durward.entrypoints.command import DEMO_DIR, durward
from durward.entrypoints.proposed_api import Proposal, check_file, propose, split_url
from durward.entrypoints.proposed_files import Change, ProposedApi, changes_in, write_proposal
from durward.entrypoints.terminal import say, say_json, warn

SHOWN: Final = 20
ANSWERS: Final = {"y", "yes"}


def protect(
    url: str,
    *,
    openapi: Path,
    overlay: tuple[Path, ...] = (),
    name: str | None = None,
    audience: str | None = None,
    tenant: str | None = None,
    host: tuple[str, ...] = (),
    prefix: str | None = None,
    into: Path = Path(),
    dir: Path = DEMO_DIR,  # noqa: A002 - the option is called --dir
    yes: bool = False,
    keep: bool = False,
    json: bool = False,
) -> int:
    """Propose the declarations that protect a service: API, operations, starter policies.

    Nobody gets access by them but to what the document calls public; the rest is for roles that
    you give. Run it again when the document changes: it proposes the differences, and what you
    edited stays. Exit code 1: there are changes, and they were not accepted.

    Args:
        url: Where the service is: http://127.0.0.1:9000, with the path below which it serves.
        openapi: Its OpenAPI document.
        overlay: An overlay that is applied to the document first; can be given several times.
        name: The name of the API; by default it is made of the title of the document.
        audience: The URL under which clients know the API; by default NAME at the edge of --dir.
        tenant: Whose the objects of the service are, a tenant that is declared elsewhere; by
            default one that is called as the API, and declared with it.
        host: A host by which clients reach it; can be given several times.
        prefix: Where clients ask for its paths, if not as the document says: /shop.
        into: The folder for the files.
        dir: The folder that holds durward.toml, such as the demo's.
        yes: Write the files without asking.
        keep: Keep the files as they are edited, and take them as the answer to this proposal.
        json: Print one JSON object.
    """
    read_upstream(split_url(url)[0])
    proposal = propose(url, openapi, overlay, name, audience, tenant, host, prefix, into, dir)
    changes = changes_in(into, proposal.api, keep=keep)
    for change in changes:
        check_file(proposal, change)
    differs = [each for each in changes if each.before != each.after]
    if not json:
        say(*(line for each in differs for line in each.lines), *remarks(proposal))
    accepted = keep or not differs or yes or (not json and confirmed())
    if accepted:
        write_proposal(into, proposal.api, changes)
    if json:
        say_json(to_wire(proposal, differs, written=accepted))
    elif accepted:
        what = ", ".join(str(each.path) for each in differs)
        done = f"written: {what}" if what else "nothing to change"
        say("", done, *next_commands(proposal.api, into, dir))
    else:
        warn("nothing is written; --yes accepts this")
    return DONE if accepted else FOUND


def remarks(proposal: Proposal) -> Iterator[str]:
    """What people should look at before they accept."""
    starter = proposal.api.starter
    held = sum(len(role.operations) for role in starter.roles)
    yield ""
    yield f"{len(proposal.api.operations)} operations; {len(starter.roles)} roles, given to nobody"
    yield from listed("for everybody, also without a token; decide", starter.public)
    yield from listed("denied: no rule allows them", starter.denied)
    if not held and not starter.public:
        yield "no operation is allowed by any rule yet"
    yield from first_items("not served, since they cannot be read", proposal.api.removed)
    yield from first_items("notes", ((note, "") for note in proposal.notes))


def listed(title: str, operations: Iterable[ProposedOperation]) -> Iterator[str]:
    """Some operations with their actions, one to a line."""
    return first_items(
        title,
        ((f"{each.operation.method} {each.operation.path}", each.action) for each in operations),
    )


def first_items(title: str, lines: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The first lines below a title, and the number of the others."""
    found = [f"  {first}  {second}".rstrip() for first, second in lines]
    if found:
        yield f"{title}:"
        yield from found[:SHOWN]
    if len(found) > SHOWN:
        yield f"  and {len(found) - SHOWN} more; --json lists them"


def confirmed() -> bool:
    """Whether the person at the terminal accepts; nobody does without a terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    sys.stdout.write("Write these files? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ANSWERS


def next_commands(api: ProposedApi, into: Path, folder: Path) -> Iterator[str]:
    """The commands that put the files in force."""
    file = shlex.quote(str(into / f"{api.name}.durward.yaml"))
    yield "next:"
    for verb in ("policy lint", "plan", "apply"):
        words = f"{verb} {file}"
        yield f"  {durward(words) if verb == 'policy lint' else durward(words, folder)}"


def to_wire(proposal: Proposal, changes: Sequence[Change], *, written: bool) -> dict[str, Any]:
    """The proposal for machines."""
    starter = proposal.api.starter
    return {
        "api": proposal.api.name,
        "written": written,
        "changes": [{"file": str(each.path), "diff": each.lines} for each in changes],
        "operations": [
            {**_operation(each), **each.extension()} for each in proposal.api.operations
        ],
        "roles": [
            {"name": role.name, "actions": [each.action for each in role.operations]}
            for role in starter.roles
        ],
        "public": [_operation(each) for each in starter.public],
        "denied": [_operation(each) for each in starter.denied],
        "removed": [{"target": target, "reason": why} for target, why in proposal.api.removed],
        "notes": list(proposal.notes),
    }


def _operation(each: ProposedOperation) -> dict[str, str]:
    return {"method": each.operation.method, "path": each.operation.path, "action": each.action}
