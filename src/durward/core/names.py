"""Names in policies and in questions: each is one of an API's, or of a key that a request has."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from durward.core.configuration.configuration import Configuration
from durward.core.errors import Misconfigured
from durward.core.policy.analysis.checks.view import API_SEGMENT
from durward.core.policy.analysis.lint import unknown_names
from durward.core.policy.engine.bundle import document_kinds
from durward.core.policy.engine.request import NOBODY
from durward.core.policy.language.catalogue import Catalogue, catalogue_of, did_you_mean
from durward.core.policy.language.dialect import VERSION
from durward.core.policy.language.document import PolicyKind, read_document
from durward.core.policy.language.pattern import ARN_SEGMENTS, parse_action
from durward.core.policy.language.source import PolicyError
from durward.core.wire import Json

MAX_TOLD = 20
OF_THE_TOKEN = frozenset(NOBODY.facts)
"""Keys that a request has from its token alone, whatever its context says."""


def check_names(configuration: Configuration) -> None:
    """Refuse policies that speak of what there is not: a Deny that is misspelled denies nothing.

    Raises Misconfigured with every such name.
    """
    catalogue = names_of_configuration(configuration)
    wrong = [
        f"{name}{problem}"
        for name, kind in document_kinds(configuration.bundle).items()
        for problem in _unknown(configuration.bundle.documents[name], name, kind, catalogue)
    ]
    hint = "`durward policy check FILES` shows the places, if the files of the APIs are given too"
    _refuse("policies", wrong, f"{hint}; an API declares the keys that its service provides")


def check_never(configuration: Configuration, statements: Json, name: str) -> None:
    """Refuse unknown names in statements that describe what must never be allowed.

    A misspelled name is never allowed, so the proof would be void. Raises Misconfigured,
    PolicyError.
    """
    document: Json = {"Version": VERSION, "Statement": statements}
    wrong = [*_unknown(document, name, PolicyKind.IDENTITY, names_of_configuration(configuration))]
    _refuse(name, wrong, "nothing that is misspelled is ever allowed")


def check_action(
    configuration: Configuration, action: str, where: str, *, one: bool = False
) -> None:
    """Refuse an action that no operation has; with `one` also a pattern.

    Raises Misconfigured, ValueError.
    """
    known = [found.action for api in configuration.apis.values() for found in api.operations]
    pattern = parse_action(action)
    if one and pattern.template.literal is None:
        raise Misconfigured(where, f"`{action}` is a pattern: a request has one action")
    if known and not any(pattern.matches(each.lower()) for each in known):
        raise Misconfigured(where, f"no operation has `{action}`{did_you_mean(action, known)}")


def check_asked_resource(configuration: Configuration, resource: str, where: str) -> None:
    """Refuse a resource that is malformed or of an unknown API. Raises Misconfigured."""
    segments = resource.split(":", ARN_SEGMENTS - 1)
    if len(segments) != ARN_SEGMENTS or segments[:2] != ["arn", "durward"]:
        hint = "arn:durward:<api>:<stage>:<tenant>:<type>/<id>"
        raise Misconfigured(where, f"`{resource}` is not a resource", hint=hint)
    api = segments[API_SEGMENT]
    if configuration.apis and api not in configuration.apis:
        close = did_you_mean(api, configuration.apis)
        raise Misconfigured(where, f"`{resource}`: unknown API `{api}`{close}")


def check_declared(names: Iterable[str], known: Collection[str], where: str) -> None:
    """Refuse undeclared names. Raises Misconfigured."""
    for name in names:
        if name not in known:
            raise Misconfigured(where, f"`{name}` is not declared{did_you_mean(name, known)}")


def check_scopes(configuration: Configuration, scopes: Iterable[str], where: str) -> None:
    """Refuse scopes that no API has. Raises Misconfigured."""
    known = {scope for api in configuration.apis.values() for scope in api.scopes}
    for scope in sorted(filter(None, scopes)):
        if known and scope not in known:
            raise Misconfigured(
                where, f"no API has the scope `{scope}`{did_you_mean(scope, known)}"
            )


def check_pattern(configuration: Configuration, resource: str, where: str) -> None:
    """Refuse a resource pattern of an unknown API or type. Raises Misconfigured."""
    statement: Json = {"Effect": "Allow", "Action": "*", "Resource": resource}
    document: Json = {"Version": VERSION, "Statement": statement}
    try:
        problems = unknown_names(
            read_document(document, where, PolicyKind.IDENTITY),
            names_of_configuration(configuration),
        )
    except PolicyError as error:
        problems = [*error.problems]
    for problem in problems:
        raise Misconfigured(where, problem.message)


def check_context(catalogue: Catalogue, context: Mapping[str, object], where: str) -> None:
    """Refuse context keys that no request has, or that come from the token.

    Raises Misconfigured.
    """
    for name, value in context.items():
        key = catalogue.key(name)
        if key is None:
            spelled = {each.name for each in catalogue.keys.values()}
            hint = "an API declares the keys that its service provides"
            problem = f"unknown key `{name}`{did_you_mean(name, spelled)}"
            raise Misconfigured(where, problem, hint=hint)
        if name.lower() in OF_THE_TOKEN:
            hint = "name the principal instead: user or client, roles, groups, scopes"
            raise Misconfigured(where, f"`{name}` comes from the token only", hint=hint)
        if key.many and not isinstance(value, list | None):
            raise Misconfigured(where, f"`{name}` takes several values", hint="write a list")


def names_of_configuration(configuration: Configuration) -> Catalogue:
    """The declared operations and keys."""
    operations = {name: api.operations for name, api in configuration.apis.items()}
    return catalogue_of(operations, configuration.keys, configuration.evaluated)


def _unknown(document: Json, name: str, kind: PolicyKind, catalogue: Catalogue) -> Iterator[str]:
    for problem in unknown_names(read_document(document, name, kind), catalogue):
        yield f"{problem.pointer}: {problem.message}"


def _refuse(where: str, wrong: Sequence[str], hint: str) -> None:
    if wrong:
        more = [f"and {len(wrong) - MAX_TOLD} more"] if len(wrong) > MAX_TOLD else []
        told = "\n  ".join(["", *wrong[:MAX_TOLD], *more])
        raise Misconfigured(where, f"unknown names:{told}", hint=hint)
