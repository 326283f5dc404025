"""The inputs of a decision: what the policies read of a request, recorded and read back.

They are enough to decide again, and to explain, by the policies of that hash alone. The context is
restricted to the keys that could matter, so that a record has no more about anybody than it takes.
"""

from typing import Final

import msgspec

from durward.core.policy.engine.evaluate import PolicySet
from durward.core.policy.engine.request import AccessRequest, Principal

MAX_CHARACTERS: Final = 8_192
"""How much of a request is recorded: a client must not choose how large records are."""
PRINCIPAL: Final = "principal"
UNREADABLE: Final = object()


class Inputs(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Beside action, resource, subject, client and tenant, which every decision names.

    A context key whose value could not be read is None; one that is not there was absent.
    """

    policies: str
    """The hash of the policies part that decided."""
    kind: str = ""
    """The principal's type; empty where nobody asked."""
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    own_policies: tuple[str, ...] = ()
    own_boundary: tuple[str, ...] = ()
    """The documents that the token named as the person's own."""
    scopes: tuple[str, ...] | None = None
    """Those of the token; None where none narrows."""
    scopes_needed: tuple[str, ...] = ()
    """Which scopes cover the action: APIs say that, not policies."""
    context: dict[str, str | tuple[str, ...] | None] = {}
    left_out: tuple[str, ...] = ()
    """What was too long to be recorded, or is no text: then nothing can be decided again."""


def inputs_of(policies: PolicySet, digest: str, request: AccessRequest, *, allowed: bool) -> Inputs:
    """What to record of a request. A denial also has what a nearest miss would ask about."""
    context: dict[str, str | tuple[str, ...] | None] = {}
    left_out: list[str] = []
    room = MAX_CHARACTERS
    person, known = request.principal, request.facts
    if person:
        names = (*person.roles, *person.groups, *person.policies, *person.boundary)
        size = sum(map(len, (*names, *(person.scopes or ()))))
        if size > room:
            left_out.append(PRINCIPAL)
        room -= min(size, room)
    for key in policies.context_keys(request, as_member=not allowed):
        value = known.get(key)
        if value is None:
            continue
        texts = value if isinstance(value, tuple) else (value,) if isinstance(value, str) else ()
        size = len(key) + sum(map(len, texts))
        if size > room or not all(map(is_text, texts)):
            left_out.append(key)
            continue
        room -= size
        context[key] = value if isinstance(value, str | tuple) else None
    told = None if PRINCIPAL in left_out else person
    scopes = told.scopes if told else None
    return Inputs(
        policies=digest,
        kind=person.kind if person else "",
        roles=told.roles if told else (),
        groups=told.groups if told else (),
        own_policies=told.policies if told else (),
        own_boundary=told.boundary if told else (),
        scopes=None if scopes is None else tuple(sorted(scopes)),
        scopes_needed=tuple(sorted(policies.scopes_for(request.action))),
        context=context,
        left_out=tuple(left_out),
    )


def principal_of(inputs: Inputs, subject: str, client: str, tenant: str) -> Principal | None:
    """Who asked, as it was."""
    if not inputs.kind:
        return None
    scopes = None if inputs.scopes is None else frozenset(inputs.scopes)
    return Principal(
        *(subject, inputs.kind, tenant, inputs.roles, inputs.groups, client, scopes),
        *(inputs.own_policies, inputs.own_boundary),
    )


def context_of(inputs: Inputs) -> dict[str, object]:
    """The context as it was; a value that cannot be read is again one."""
    return {key: UNREADABLE if value is None else value for key, value in inputs.context.items()}


def is_text(value: str) -> bool:
    """Whether it can be written: half of a surrogate pair cannot."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
