"""`durward policy diff|equivalent|who-can|what-can|public|prove`: questions about all requests.

They read declarations, as `apply` does, or a single policy; no server needs to run. Findings are
certain. Where the rest of a question cannot be decided, it is reported so, and never as a "no".
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from durward.core.access import (
    ANONYMOUSLY,
    Access,
    PrincipalWitness,
    access_changes,
    names_of_principal,
)
from durward.core.configuration.configuration import read_configuration
from durward.core.errors import Misconfigured
from durward.core.names import check_action, check_never, check_pattern
from durward.core.policy.analysis.asking import Asking
from durward.core.policy.analysis.find import Witness, find
from durward.core.policy.analysis.policy_stack import PolicyStack
from durward.core.policy.engine.predicate import Or, compile_statement
from durward.core.policy.language.document import Document, document_kind, parse_document
from durward.core.policy.language.pattern import parse_action
from durward.core.policy.language.source import PolicyError
from durward.core.policy.symbolic.unknown import Unknown
from durward.core.wire import Json
from durward.entrypoints.cli.exit_code import DONE, FOUND
from durward.entrypoints.declarations import is_policy, read_declarations
from durward.entrypoints.files import read_file
from durward.entrypoints.terminal import say, say_json, warn

HERE = Path()
FailOn = Literal["any", "widen", "never"]
T = TypeVar("T")


def diff(old: Path, new: Path, *, fail_on: FailOn = "any", json: bool = False) -> int:
    """Show the access that a change adds and removes, with a request for each.

    Exit code 1 on a difference that --fail-on selects.

    Args:
        old: Declarations (a file or a folder) or a single policy, before the change.
        new: The same, after the change.
        fail_on: Fail on any difference, only on added access (widen), or never.
        json: Print one JSON object.
    """
    found, left_open = answered(compared(old, new))
    widened = any(each["gained"] for each in found)
    if json and (found or not left_open):
        say_json({"differences": found})
    elif found or not left_open:
        told = [line for each in found for line in told_difference(each)]
        say(*(told or ["no difference: both allow the same requests"]))
    fails = {"any": bool(found), "widen": widened, "never": False}
    return concluded(left_open, finds=fails[fail_on])


def equivalent(old: Path, new: Path, *, json: bool = False) -> int:
    """Check whether two versions allow the same. Exit code 1 with a request that only one allows.

    Args:
        old: Declarations (a file or a folder) or a single policy.
        new: The same in another version.
        json: Print one JSON object.
    """
    found, left_open = answered(compared(old, new))
    alone = {"old": first(found, "lost"), "new": first(found, "gained")}
    if json and (found or not left_open):
        say_json({"equivalent": not found, "allowed_by_one_alone": alone})
    elif found:
        say("not equivalent", *told_alone(alone))
    elif not left_open:
        say("equivalent: both allow the same requests")
    return concluded(left_open, finds=bool(found))


def who_can(action: str, path: Path, *, resource: str = "*", json: bool = False) -> int:
    """List the principals that can perform an action, each with an example request.

    Args:
        action: An action such as orders:GetOrder, with wildcards.
        path: Declarations: a file or a folder.
        resource: A resource pattern; any by default.
        json: Print one JSON object.
    """
    try:
        access = access_of(path)
        check_action(access.configuration, action, "who-can")
        check_pattern(access.configuration, resource, "who-can")
        found, left_open = answered(access.who_can(action, resource))
    except ValueError as error:
        raise Misconfigured("who-can", str(error), hint="who-can orders:GetOrder .") from error
    if found or not left_open:
        print_principals(found, json=json, nobody=f"no principal can perform `{action}`")
    return concluded(left_open, finds=False)


def what_can(name: str, path: Path, *, json: bool = False) -> int:
    """List the operations that a principal can perform, each with an example request.

    Args:
        name: A user or a client, as declared, or `anonymous` for requests without a token.
        path: Declarations: a file or a folder.
        json: Print one JSON object.
    """
    access = access_of(path)
    known = {each for principal in access.principals for each in names_of_principal(principal)}
    if name not in {*known, ANONYMOUSLY}:
        hint = f"declared are {', '.join(sorted(p.attachments[0] for p in access.principals))}"
        raise Misconfigured("what-can", f"`{name}` is not declared", hint=hint)
    found, left_open = answered(access.what_can(name))
    if found or not left_open:
        tell_actions(dict(found), json=json, nothing=f"`{name}` can perform no operation")
    return concluded(left_open, finds=False)


def public(
    path: Path = HERE,
    *,
    ignore: list[str] | None = None,
    json: bool = False,
) -> int:
    """List the operations that are allowed without signing in. Exit code 1 when there is one.

    Args:
        path: Declarations: a file or a folder.
        ignore: An action that is meant to be public, with wildcards; can be given several times.
        json: Print one JSON object.
    """
    access = access_of(path)
    try:
        for action in ignore or ():
            check_action(access.configuration, action, "--ignore")
        meant = [parse_action(action) for action in ignore or ()]
    except ValueError as error:
        raise Misconfigured("--ignore", str(error), hint="--ignore orders:GetStatus") from error
    found, left_open = answered(access.what_can(ANONYMOUSLY))
    told = {a: w for a, w in found if not any(each.matches(a.lower()) for each in meant)}
    if told or not left_open:
        more = " other" if meant else ""
        tell_actions(told, json=json, nothing=f"no{more} operation is allowed without signing in")
    return concluded(left_open, finds=bool(told))


def prove(path: Path, *, never: Path, json: bool = False) -> int:
    """Prove that no forbidden request is allowed. Exit code 1 with a request that is.

    Args:
        path: Declarations: a file or a folder.
        never: A policy whose statements describe what must never be allowed.
        json: Print one JSON object.
    """
    content = read_file(never)
    document, access = policy_in(never, content), access_of(path)
    statements = content.get("Statement") if isinstance(content, dict) else None
    if not document.statements:
        hint = "its statements describe the requests that must never be allowed"
        raise Misconfigured(str(never), "has no statements: nothing to prove", hint=hint)
    check_never(access.configuration, statements, str(never))
    forbidden = Or(tuple(map(compile_statement, document.statements)))
    found, left_open = answered(access.breaches(forbidden))
    if found or not left_open:
        print_principals(
            found, json=json, nobody="proven: no such request of a declared principal is allowed"
        )
    return concluded(left_open, finds=bool(found))


def answered(answers: Iterable[T]) -> tuple[list[T], Unknown | None]:
    """The findings, and the reason why others cannot be excluded, if there is one."""
    found: list[T] = []
    try:
        for each in answers:
            found.append(each)  # noqa: PERF402 - what came before an error stands
    except Unknown as error:
        return found, error
    return found, None


def concluded(left_open: Unknown | None, *, finds: bool) -> int:
    """The exit code. Raises Unknown if there is no finding and the question is open."""
    if left_open and not finds:
        raise Unknown(f"the question cannot be decided: {left_open}")
    if left_open:
        warn(f"there may be more; that cannot be decided: {left_open}")
    return FOUND if finds else DONE


def access_of(path: Path) -> Access:
    """The declarations of a file or a folder. Raises Misconfigured."""
    return Access(read_configuration(read_declarations(path)))


def policy_in(path: Path, content: Json) -> Document:
    """A single policy. Raises PolicyError, with the file's name."""
    try:
        return parse_document(path.read_bytes(), path.stem, document_kind(content))
    except PolicyError as error:
        raise PolicyError(str(path), error.problems) from error


def compared(old: Path, new: Path) -> Iterator[dict[str, Any]]:
    """The differences of two files or folders. Raises Unknown, after the differences found."""
    policies = [single(path) for path in (old, new)]
    if policies[0] and policies[1]:
        old_side, new_side = (PolicyStack([each], cross_tenant=True) for each in policies if each)
        asking = Asking()
        gained, lost = asking(find, new_side, old_side), asking(find, old_side, new_side)
        if gained or lost:
            yield difference(None, gained, lost)
        try:
            asking.end()
        except Unknown as error:
            raise Unknown(f"{error}; compare the statements about one action alone") from None
        return
    for change in access_changes(access_of(old), access_of(new)):
        yield difference(names_of_principal(change.principal)[0], change.gained, change.lost)


def single(path: Path) -> Document | None:
    """The policy in a file that is a single policy; None for declarations."""
    if path.is_dir():
        return None
    content = read_file(path)
    if not is_policy(content):
        return None
    return policy_in(path, content)


def difference(who: str | None, gained: Witness | None, lost: Witness | None) -> dict[str, Any]:
    """A difference as JSON."""
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
            yield from told_context(witness)


def first(found: Iterable[dict[str, Any]], name: str) -> dict[str, Any] | None:
    """The first request that was gained, or lost, with its principal."""
    told = ({"principal": each["principal"], "request": each[name]} for each in found if each[name])
    return next(told, None)


def told_alone(alone: Mapping[str, dict[str, Any] | None]) -> Iterator[str]:
    """Requests that only one of two versions allows, for people."""
    for sign, whose in (("-", "old"), ("+", "new")):
        if told := alone[whose]:
            by, request = told["principal"], told["request"]
            what = f"{request['action']} on {request['resource']}"
            yield f"{sign} only the {whose} one allows: {f'{by} may ' if by else ''}{what}"
            yield from told_context(request)


def told_context(request: Mapping[str, Any]) -> Iterator[str]:
    """The context of a request, in lines."""
    for key, value in request["context"].items():
        yield f"    where {key} = {', '.join(value) if isinstance(value, list) else value}"


def print_principals(found: list[PrincipalWitness], *, json: bool, nobody: str) -> None:
    """Print the principals that were found."""
    if json:
        wire = {names_of_principal(each.principal)[0]: each.witness.to_wire() for each in found}
        say_json(wire)
        return
    for each in found:
        say(names_of_principal(each.principal)[0], *indented(each.witness, skip=("principal",)))
    if not found:
        say(nobody)


def tell_actions(found: Mapping[str, Witness], *, json: bool, nothing: str) -> None:
    """Print the actions of a principal."""
    if json:
        say_json({action: witness.to_wire() for action, witness in found.items()})
        return
    for action, witness in found.items():
        say(action, *indented(witness, skip=("action", "principal")))
    if not found:
        say(nothing)


def indented(witness: Witness, *, skip: tuple[str, ...]) -> list[str]:
    """The lines of a request, indented below a title."""
    return [f"  {line}" for line in witness.lines() if not line.startswith(skip)]
