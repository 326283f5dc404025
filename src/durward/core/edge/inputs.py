"""The inputs of a decision: the keys of a request that the policies read, recorded and read back.

With the policies of the recorded hash they suffice to decide again and to explain. The context has
only keys that could matter, so that a record has no more personal data than needed.
"""

from typing import Final

import msgspec

from durward.core.policy.engine.evaluate import PolicySet
from durward.core.policy.engine.request import AccessRequest, Principal

MAX_CHARACTERS: Final = 8_192
"""The largest record of a request: a client must not choose the size of records."""
PRINCIPAL: Final = "principal"
UNREADABLE: Final = object()


class Inputs(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The inputs beside action, resource, subject, client and tenant, which every record has.

    A context key with a malformed value is None; a missing key was absent.
    """

    policies: str
    """The hash of the deciding policies part."""
    kind: str = ""
    """The principal's type; empty for an anonymous request."""
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    own_policies: tuple[str, ...] = ()
    own_boundary: tuple[str, ...] = ()
    """The documents that the token named as the person's own."""
    scopes: tuple[str, ...] | None = None
    """The scopes of the token; None if scopes do not restrict the request."""
    scopes_needed: tuple[str, ...] = ()
    """The scopes that cover the action; APIs define them, not policies."""
    context: dict[str, str | tuple[str, ...] | None] = {}
    left_out: tuple[str, ...] = ()
    """Keys that were too long, or not text: with any, the request cannot be decided again."""


def inputs_of(policies: PolicySet, digest: str, request: AccessRequest, *, allowed: bool) -> Inputs:
    """The inputs to record. A denial also has the keys that a nearest miss needs."""
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
    """The recorded principal."""
    if not inputs.kind:
        return None
    scopes = None if inputs.scopes is None else frozenset(inputs.scopes)
    return Principal(
        *(subject, inputs.kind, tenant, inputs.roles, inputs.groups, client, scopes),
        *(inputs.own_policies, inputs.own_boundary),
    )


def context_of(inputs: Inputs) -> dict[str, object]:
    """The recorded context; a malformed value becomes a malformed one again."""
    return {key: UNREADABLE if value is None else value for key, value in inputs.context.items()}


def is_text(value: str) -> bool:
    """Whether a string can be encoded in UTF-8; half of a surrogate pair cannot."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
