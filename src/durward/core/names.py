"""Names in policies and in questions: each is one of an API's, or of a key that a request has."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from durward.core.configuration.configuration import Configuration
from durward.core.errors import Misconfigured
from durward.core.policy.analysis.checks.view import API_SEGMENT
from durward.core.policy.analysis.lint import check
from durward.core.policy.engine.bundle import kinds_of
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
        for name, kind in kinds_of(configuration.bundle).items()
        for problem in _unknown(configuration.bundle.documents[name], name, kind, catalogue)
    ]
    hint = "`durward policy check` tells the places, where the files of the APIs are named too"
    _refuse("policies", wrong, f"{hint}; keys that a service tells are declared by its API")


def check_never(configuration: Configuration, statements: Json, name: str) -> None:
    """Refuse statements about what must never be, where they name what there is not.

    Nothing that is misspelled is ever allowed: it would be proven in vain. Raises Misconfigured,
    PolicyError.
    """
    document: Json = {"Version": VERSION, "Statement": statements}
    wrong = [*_unknown(document, name, PolicyKind.IDENTITY, names_of_configuration(configuration))]
    _refuse(name, wrong, "nothing that is misspelled is ever allowed")


def check_action(
    configuration: Configuration, action: str, where: str, *, one: bool = False
) -> None:
    """Refuse a question about an action that is no operation's; `one`: about several.

    Raises Misconfigured, ValueError.
    """
    known = [found.action for api in configuration.apis.values() for found in api.operations]
    pattern = parse_action(action)
    if one and pattern.template.literal is None:
        raise Misconfigured(where, f"`{action}` is no action: nobody asks for several at once")
    if known and not any(pattern.matches(each.lower()) for each in known):
        raise Misconfigured(where, f"`{action}` is no operation's{did_you_mean(action, known)}")


def check_asked_resource(configuration: Configuration, resource: str, where: str) -> None:
    """Refuse a request for what is no resource, or of an API that there is not.

    Raises Misconfigured.
    """
    segments = resource.split(":", ARN_SEGMENTS - 1)
    if len(segments) != ARN_SEGMENTS or segments[:2] != ["arn", "durward"]:
        hint = "arn:durward:<api>:<stage>:<tenant>:<type>/<id>"
        raise Misconfigured(where, f"`{resource}` is not a resource", hint=hint)
    api = segments[API_SEGMENT]
    if configuration.apis and api not in configuration.apis:
        close = did_you_mean(api, configuration.apis)
        raise Misconfigured(where, f"`{resource}`: there is no api `{api}`{close}")


def check_declared(names: Iterable[str], known: Collection[str], where: str) -> None:
    """Refuse names that nobody declared. Raises Misconfigured."""
    for name in names:
        if name not in known:
            raise Misconfigured(where, f"`{name}` is not declared{did_you_mean(name, known)}")


def check_scopes(configuration: Configuration, scopes: Iterable[str], where: str) -> None:
    """Refuse scopes that no API has. Raises Misconfigured."""
    known = {scope for api in configuration.apis.values() for scope in api.scopes}
    for scope in sorted(filter(None, scopes)):
        if known and scope not in known:
            raise Misconfigured(where, f"`{scope}` is no API's scope{did_you_mean(scope, known)}")


def check_pattern(configuration: Configuration, resource: str, where: str) -> None:
    """Refuse a question about resources of an API or a type that there is not.

    Raises Misconfigured.
    """
    statement: Json = {"Effect": "Allow", "Action": "*", "Resource": resource}
    document: Json = {"Version": VERSION, "Statement": statement}
    try:
        problems = check(
            read_document(document, where, PolicyKind.IDENTITY),
            names_of_configuration(configuration),
        )
    except PolicyError as error:
        problems = [*error.problems]
    for problem in problems:
        raise Misconfigured(where, problem.message)


def check_context(catalogue: Catalogue, context: Mapping[str, object], where: str) -> None:
    """Refuse a context that no request has: what it says of such a key is never read.

    Raises Misconfigured.
    """
    for name, value in context.items():
        key = catalogue.key(name)
        if key is None:
            spelled = {each.name for each in catalogue.keys.values()}
            hint = "keys that a service tells are declared by its API"
            problem = f"`{name}` is not a key{did_you_mean(name, spelled)}"
            raise Misconfigured(where, problem, hint=hint)
        if name.lower() in OF_THE_TOKEN:
            hint = "say who asks: their name, client, roles, groups, scopes"
            raise Misconfigured(where, f"`{name}` is told by the token alone", hint=hint)
        if key.many and not isinstance(value, list | None):
            raise Misconfigured(where, f"`{name}` has several values", hint="write a list")


def names_of_configuration(configuration: Configuration) -> Catalogue:
    """The operations and keys of everything that is declared."""
    operations = {name: api.operations for name, api in configuration.apis.items()}
    return catalogue_of(operations, configuration.keys, configuration.evaluated)


def _unknown(document: Json, name: str, kind: PolicyKind, catalogue: Catalogue) -> Iterator[str]:
    for problem in check(read_document(document, name, kind), catalogue):
        yield f"{problem.pointer}: {problem.message}"


def _refuse(where: str, wrong: Sequence[str], hint: str) -> None:
    if wrong:
        more = [f"and {len(wrong) - MAX_TOLD} more"] if len(wrong) > MAX_TOLD else []
        told = "\n  ".join(["", *wrong[:MAX_TOLD], *more])
        raise Misconfigured(where, f"name what there is not:{told}", hint=hint)
