"""`durward policy explain`: decide a request by the policies in files, and explain it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from durward.clock import now
from durward.core.access import Access
from durward.core.api import NO_SCOPE, scopes_of
from durward.core.configuration.configuration import Configuration, read_configuration
from durward.core.errors import Misconfigured
from durward.core.names import (
    check_action,
    check_asked_resource,
    check_context,
    check_declared,
    check_scopes,
    names_of_configuration,
)
from durward.core.policy.analysis.available_keys import Caller
from durward.core.policy.analysis.explain import explain
from durward.core.policy.analysis.suite import with_usual
from durward.core.policy.engine.bundle import compile_bundle
from durward.core.policy.engine.decision import Result
from durward.core.policy.engine.request import AccessRequest, Principal
from durward.core.policy.language.catalogue import Catalogue, Key
from durward.core.values import numeric_date
from durward.core.wire import Json
from durward.entrypoints.cli.exit_code import DONE, FOUND
from durward.entrypoints.declarations import read_declarations
from durward.entrypoints.terminal import say, say_json

NOBODY = ("anonymous", "nobody")
Listed = list[str] | None


def explain_request(
    path: Path,
    *,
    who: Annotated[str, Parameter(name="--as")],
    action: str,
    resource: str,
    client: str | None = None,
    role: Listed = None,
    group: Listed = None,
    scope: Listed = None,
    context: Listed = None,
    json: bool = False,
) -> int:
    """Decide a request by the policies in files, and explain why. Exit code 1 when it is denied.

    Args:
        path: Declarations: a file or a folder.
        who: The principal: a declared user or client, or `anonymous` for a request without token.
        action: The action, such as orders:GetOrder.
        resource: The resource, such as arn:durward:orders:demo:acme:order/1001.
        client: The client through which a user calls; its boundary caps the user too.
        role: A role, in place of the declared ones; can be given several times.
        group: A group, in place of the declared ones; can be given several times.
        scope: A scope of the token; can be given several times. Without any, scopes do not limit.
        context: A context key and its value, KEY=VALUE; give a key twice for several values. By
            default the resource's tenant and stage, and the time, are those of the edge.
        json: Print one JSON object.
    """
    configuration = read_configuration(read_declarations(path))
    try:
        check_action(configuration, action, "--action", one=True)
    except ValueError as error:
        raise Misconfigured("--action", str(error)) from error
    check_scopes(configuration, scope or (), "--scope")
    check_declared(role or (), configuration.roles, "--role")
    check_declared([client] if client else (), configuration.clients, "--client")
    check_asked_resource(configuration, resource, "--resource")
    catalogue = names_of_configuration(configuration)
    given = values_of(context or (), catalogue)
    check_context(catalogue, given, "--context")
    principal = principal_of(configuration, who, scope)
    if principal:
        principal = replace(
            principal,
            client=principal.client if client is None else client,
            roles=principal.roles if role is None else tuple(role),
            groups=principal.groups if group is None else tuple(group),
        )
    policies = compile_bundle(configuration.bundle, scopes_of(configuration.apis.values()))
    told = with_usual(resource, given)
    if not {"durward:currenttime", "durward:epochtime"} & {key.lower() for key in told}:
        second = str(numeric_date(now()))
        told |= {"durward:CurrentTime": second, "durward:EpochTime": second}
    is_evaluated = action.partition(":")[0] in configuration.evaluated or configuration.keys
    caller = Caller.ANY if is_evaluated else Caller.NOT_OTHERS
    found = explain(policies, AccessRequest(principal, action, resource, told), caller)
    if json:
        say_json(found.to_wire())
    else:
        say(f"{found.result}: {found.reason}", *(f"  {x}" for x in found.lines()))
    return DONE if found.result is Result.ALLOW else FOUND


def principal_of(
    configuration: Configuration, name: str, scopes: Sequence[str] | None
) -> Principal | None:
    """The principal declared by that name, with a token's scopes. Raises Misconfigured."""
    if name in NOBODY:
        return None
    access = Access(configuration)
    found, principals = access.named.get(name), access.principals
    if found is None:
        known = ", ".join([NOBODY[0], *sorted(each.attachments[0] for each in principals)])
        raise Misconfigured("--as", f"`{name}` is not declared", hint=f"declared are {known}")
    return found if scopes is None else replace(found, scopes=frozenset(scopes) | {NO_SCOPE})


def values_of(pairs: Sequence[str], catalogue: Catalogue) -> dict[str, Json]:
    """The context of `KEY=VALUE` pairs; a multivalued key has a list. Raises Misconfigured."""
    known: dict[str, list[str]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or ":" not in key:
            hint = "--context durward:SourceIp=192.0.2.1"
            raise Misconfigured("--context", f"`{pair}` is not KEY=VALUE", hint=hint)
        known.setdefault(key, []).append(value)
    return {
        key: [*values] if len(values) > 1 or _is_many(catalogue.key(key)) else values[0]
        for key, values in known.items()
    }


def _is_many(key: Key | None) -> bool:
    return key is not None and key.many
